"""Profiles: every line in its phases, sums that are the step, work that is the program's."""

from __future__ import annotations

import threading
from functools import cache

import numpy as np
import pytest

from nndsl.check import check
from nndsl.passes import optimise
from nndsl.plan import PlanOptions, plan_step, report
from nndsl.runtime.profiling import Peaks, profile
from nndsl.runtime.profiling.clock import Clocks
from nndsl.runtime.profiling.peaks import measured_peaks
from nndsl.source import SourceFile

PEAKS = Peaks(flops=100e9, copying=((1 << 19, 100e9), (1 << 27, 20e9)), call=3e-7, threads=1)
ROWS = """data rows {
  x = [[0.5, -1.0], [1.5, 0.5], [0.1, 0.2], [-1.0, 1.0], [0.7, -0.2], [0.3, 0.4], [1.0, 1.0], [0.2, 0.9]]
  y = [0.5, 1, 0.1, 0, 1, 0, 1, 0]
}
"""
NET = f"""{ROWS}
model Net {{
  input x
  hidden: Dense(8, activation=tanh)
  Dense(1) -> Reshape([])
}}
train Net on rows {{
  SETTINGS
  estimate = Net(x)
  minimize mse(estimate, y) using OPTIMIZER
  metric distance = mean(abs(estimate - y))
}}
"""
HIDDEN, LAST, LOSS, METRIC = 8, 9, 14, 15


@pytest.fixture(autouse=True)
def known_machine(monkeypatch):
    """Peaks that take no time to measure."""
    monkeypatch.setattr("nndsl.runtime.profiling.measuring.measured_peaks", lambda dtype, threads: PEAKS)


@cache
def profiled(text=NET, *, settings="batch_size = 4", optimizer="Adam(0.01)", steps=12, **options):
    text = text.replace("SETTINGS", settings).replace("OPTIMIZER", optimizer)
    return profile(check(SourceFile("net.nn", text)), steps=steps, **options)


def by_line(made):
    """The phases of each line, by its number; those of several steps on a line together."""
    found = {}
    for line in made.lines:
        found.setdefault(line.place.line, {}).update(line.phases)
    return found


def computed(made, phase):
    return sum(line.phases[phase].flops for line in made.lines if phase in line.phases)


@pytest.mark.parametrize("level", [0, 1])
def test_every_line_is_there_forward_and_backward_and_the_update(level):
    phases = by_line(profiled(level=level))
    assert {HIDDEN, LAST, LOSS, METRIC} <= set(phases)
    for line in (HIDDEN, LAST, LOSS):
        assert {"forward", "backward"} <= set(phases[line])
    assert set(phases[METRIC]) == {"forward"}
    assert [line for line, spent in phases.items() if "update" in spent] == [LOSS]
    assert all(spent.seconds > 0 for line in phases.values() for spent in line.values())


def test_the_rows_add_up_to_the_step():
    made = profiled()
    rows = sum(line.seconds for line in made.lines) + made.gathering + made.trainer + made.rest
    assert rows == pytest.approx(made.step)
    assert made.whole == made.step
    assert min(made.gathering, made.trainer, made.rest, made.plain) > 0
    assert made.waiting == 0


def test_arithmetic_is_that_of_the_plan():
    made = profiled()
    program = optimise(check(SourceFile("net.nn", NET.replace("SETTINGS", "").replace("OPTIMIZER", "Adam(0.01)"))))
    train = program.trains[0]
    planned = report(program, train, plan_step(train.training), 4)
    for phase in ("forward", "backward", "update"):  # but for numbers of the step, which the host computes
        assert computed(made, phase) == pytest.approx(getattr(planned, phase), rel=0.1)


def test_lines_are_held_to_the_peaks_of_the_machine():
    made = profiled()
    spent = by_line(made)[HIDDEN]["forward"]
    assert spent.best >= max(spent.bytes / 100e9, spent.flops / 100e9)  # all of it fits into the cache
    assert spent.bound == "calls"
    assert PEAKS.seconds(100e9, 8) == 1
    assert PEAKS.moving(1 << 19) == 100e9
    assert PEAKS.moving(1 << 20) == PEAKS.moving(1 << 30) == 20e9


def test_another_batch_size_is_that_of_the_whole_program():
    small, large = profiled(), profiled(batch_size=8)
    assert (small.samples, large.samples) == (4, 8)
    assert (small.epoch_steps, large.epoch_steps) == (2, 1)
    assert computed(large, "forward") == 2 * computed(small, "forward")


def test_batches_that_an_epochs_end_cuts_short_do_not_count():
    made = profiled(settings="batch_size = 5")
    assert made.samples == 5
    assert made.epoch_steps == 2
    assert made.epoch_end is not None


def test_an_update_of_several_batches_is_one():
    once = profiled()
    twice = profiled(settings="batch_size = 4\n  gradient_accumulation_steps = 2")
    assert twice.samples == 8
    assert computed(twice, "forward") == 2 * computed(once, "forward")
    assert computed(twice, "update") == computed(once, "update")


def test_of_an_update_at_every_third_step_a_step_has_a_third():
    seldom = profiled(optimizer="SGD(0.01) every 3")
    assert computed(seldom, "update") == pytest.approx(computed(profiled(optimizer="SGD(0.01)"), "update") / 3)
    assert seldom.steps % 3 == 0


def test_lines_of_the_library_are_told_apart():
    made = profiled(library=True)
    behind = {line.library.text for line in made.lines if line.library and line.place.line == HIDDEN}
    assert {"y = x @ kernel", "y = y + bias"} <= behind


def test_what_a_loop_computes_belongs_to_the_line_that_applies_the_layer():
    text = """model Net {
  input x: [30, 2]
  SimpleRNN(3)
}
train Net {
  batch_size = 4
  steps = 5
  x = normal([30, 2])
  minimize mse(Net(x), [0, 0, 0]) using SGD(0.1)
}
"""
    made = profiled(text, precision="float64")
    assert made.epoch_steps is None
    spent = by_line(made)[3]
    assert spent["forward"].flops >= 4 * 30 * 2 * (2 * 3 + 3 * 3)
    assert spent["forward"].calls >= 30


def test_times_of_threads_are_added_up():
    made = profiled(plan=PlanOptions(tile=2, threads=2))
    assert made.threads == 2
    rows = sum(line.seconds for line in made.lines) + made.gathering + made.trainer + made.waiting
    assert rows == pytest.approx(2 * made.step)
    assert computed(made, "forward") == computed(profiled(), "forward")


def test_tiles_on_one_thread_have_nothing_to_wait_for():
    made = profiled(plan=PlanOptions(tile=2))
    assert made.threads == 1
    assert made.waiting == 0


def test_a_solver_is_what_its_step_takes_besides():
    made = profiled(settings="epochs = 5", optimizer="Newton")
    assert made.solver
    assert made.gathering > 0
    assert {"forward", "backward"} <= set(by_line(made)[HIDDEN])


def test_of_several_blocks_only_the_one_that_is_asked_for_counts():
    text = NET + NET[NET.index("train") :].replace("train Net", "train Again")
    one = profiled(settings="batch_size = 4")
    both = profiled(text, train="Again")
    assert both.train == "Again"
    assert computed(both, "forward") == computed(one, "forward")


def test_a_clock_adds_up_what_lies_between_marks_and_counts_runs():
    clocks = Clocks(3)
    mark = clocks.clock(8)
    for site in (1, 2, 1, 0, 1, 0):
        mark(site)
    taken = clocks.take()
    assert taken.runs == [(8, 2, frozenset({1, 2}))]
    assert taken.times[0] == 0
    assert min(taken.times[1:]) > 0
    assert clocks.take().runs == []


def test_the_machine_is_measured():
    before = threading.active_count()
    peaks = measured_peaks("float32", 1)
    assert peaks.flops > 0
    assert peaks.call > 0
    rates = [rate for _, rate in peaks.copying]
    assert rates == sorted(rates, reverse=True)
    assert threading.active_count() == before
    assert peaks.better(PEAKS).flops == max(peaks.flops, PEAKS.flops)
    assert np.isfinite(peaks.seconds(1e6, 1e6))
