"""Source that tells its own time: the same lines, with readings of the clock between them."""

from __future__ import annotations

import re

import pytest

from nndsl.check import check
from nndsl.emit import Sites
from nndsl.plan import PlanOptions
from nndsl.runtime.load import generate
from nndsl.source import SourceFile

DENSE = """model Net {
  input x: [6]
  hidden: Dense(4, activation=tanh)
  Dropout(0.5)
  Dense(2)
}
train Net {
  steps = 3
  x = normal([6])
  minimize mse(Net(x), [1, 2]) using Adam
  metric size = mean(x * x)
}
"""
LOOP = """model Net {
  input x: [5, 3]
  SimpleRNN(2)
}
train Net {
  steps = 3
  x = normal([5, 3])
  minimize mse(Net(x), [1, 2]) using SGD(0.1)
}
"""
TWO = """model Maker {
  input z: [3]
  Dense(4)
}
model Judge {
  input x: [4]
  Dense(1)
}
train Both {
  steps = 3
  z = normal([3])
  made = Maker(z)
  minimize mse(Judge(made), [1]) over Judge using SGD(0.1)
  minimize mse(Judge(made), [0]) over Maker using SGD(0.1) every 3
}
"""
MARK = re.compile(r"^ *mark\(\d+\)\n", re.MULTILINE)


def source_of(text: str, train: str, **options: object) -> tuple[str, str, Sites]:
    """The plain source of a program, the same with its clock, and where that is read."""
    program = check(SourceFile("net.nn", text))
    sites = Sites(train, library=bool(options.pop("library", False)))
    plain = generate(program, **options)  # type: ignore[arg-type]
    return plain, generate(program, **options, sites=sites), sites  # type: ignore[arg-type]


@pytest.mark.parametrize("library", [False, True])
@pytest.mark.parametrize(
    "options", [{}, {"level": 0}, {"plan": PlanOptions(tile=2, threads=2)}], ids=["planned", "textbook", "tiles"]
)
def test_it_is_the_plain_source_but_for_readings_of_the_clock(options, library):
    plain, clocked, _ = source_of(DENSE, "Net", **options, library=library)
    assert "mark(1)\n" in clocked
    assert "mark(0)\n" in clocked
    assert MARK.sub("", clocked).replace("    mark = clock(n)\n\n", "") == plain


def test_only_the_training_step_of_the_wanted_block_reads_it():
    _, clocked, _ = source_of(TWO, "Both")
    assert clocked.count("= clock(n)") == 1
    _, clocked, sites = source_of(TWO, "Nobody")
    assert "mark(" not in clocked
    assert not sites.numbers


def test_sites_are_lines_in_phases_and_know_what_is_computed_there():
    _, _, sites = source_of(DENSE, "Net")
    found = {(site.place.line, site.phase) for site in sites.numbers if site.place is not None}
    assert {(3, "forward"), (3, "backward"), (4, "forward"), (5, "forward"), (5, "backward")} <= found
    assert {(10, "forward"), (10, "backward"), (10, "update"), (11, "forward")} <= found
    computed = {site.place.line: sites.work[number] for site, number in sites.numbers.items() if site.place}
    assert all(computed.values())


def test_the_library_behind_a_line_is_told_apart_where_that_is_wanted():
    _, _, sites = source_of(DENSE, "Net", library=True)
    behind = {site.library.text for site in sites.numbers if site.library is not None and site.place.line == 3}
    assert {"y = x @ kernel", "y = y + bias"} <= behind


def test_after_an_update_the_lines_go_forward_again():
    plain, _, sites = source_of(TWO, "Both")
    step = plain[plain.index("def both_training") :]
    later = step[step.index(" update\n") : step.rindex(" update\n")]
    assert "- forward\n" in later
    assert "\n        # dense: Dense(1)  (net.nn:7)\n" in later
    assert {site.every for site in sites.numbers if site.phase == "update"} == {1, 3}


@pytest.mark.parametrize("level", [0, 1])
def test_what_a_loop_computes_counts_for_every_time(level):
    _, clocked, sites = source_of(LOOP, "Net", level=level)
    (often,) = {
        times
        for site, number in sites.numbers.items()
        for node, times in sites.work[number]
        if site.phase == "forward" and node.op.name == "tanh"
    }
    assert often == 5
    loop = re.search(r"\n( +)for .*:\n((?:\1    .*\n)+)", clocked[clocked.index("def run(") :])
    assert loop is not None
    assert "mark(" in loop[2]
