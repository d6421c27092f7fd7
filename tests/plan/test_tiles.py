from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from nndsl.check import check
from nndsl.emit import emit
from nndsl.passes import optimise
from nndsl.plan import Machine, PlanOptions, meeting, obstacle, refusal, sharings_of, tiled, verify_plans
from nndsl.runtime.modules import Generated
from nndsl.runtime.standalone.shared import can_share
from nndsl.source import SourceFile

DATA = """data rows {
  x = [[0.5, -1.0, 0.25], [1.5, 0.5, -0.75], [0.1, 0.2, 0.3], [-1.0, 1.0, 0.0], [0.7, -0.2, 0.9]]
  y = [0, 1, 1, 0, 1]
}
"""

PLAIN = """
model Net { input x
  Dense(6, activation=tanh)
  Dropout(0.5)
  Dense(2) }

train Net on rows {
  batch_size = 5
  scores = Net(x)
  minimize cross_entropy(scores, y) using Adam(0.01)
  metric accuracy(scores, y)
  predict scores
}
"""


def program(text: str):
    return optimise(check(SourceFile("tiles.nn", DATA + text)))


def after_steps(text: str, plan: PlanOptions | None, steps: int = 4) -> list[np.ndarray]:
    """Weights and totals after some steps of training, then the totals and predictions of an evaluation."""
    made = program(text)
    sharings = None if plan is None else sharings_of(made, plan)
    generated = Generated(emit(made, sharings=sharings, precision="float64"), "<tiles>", {})
    block = generated.program.trains["Net"]
    memory = generated.memory(seed=3)
    memory.begin(block)
    fields = {"x": np.linspace(-1, 1, 15).reshape(5, 3), "y": np.array([0, 1, 1, 0, 1])}
    made = [block.training(5, memory, 3), block.evaluation(5, memory, 3)]
    made += [] if block.prediction is None else [block.prediction(5, memory, 3)]
    for workspace in made:
        for name, buffer in workspace.inputs.items():
            buffer[...] = fields[name]
    for step in range(1, steps + 1):
        made[0].run(step, 1, 0)
    for workspace in made[1:]:
        workspace.run(0, 0, 0)
    predicted = [values.copy() for workspace in made for values in workspace.outputs.values()]
    return [memory.weights, memory.states, *(workspace.totals for workspace in made), *predicted]


@pytest.mark.parametrize(
    "plan",
    [
        PlanOptions(tile=1),
        PlanOptions(threads=2),
        PlanOptions(tile=2),
        PlanOptions(tile=2, threads=2),
        PlanOptions(tile=3, threads=4),
        PlanOptions(tile=64),
    ],
)
def test_tiles_learn_what_whole_batches_learn(plan: PlanOptions) -> None:
    whole, divided = after_steps(PLAIN, None), after_steps(PLAIN, plan)
    assert "tiles.run(" in emit(program(PLAIN), sharings=sharings_of(program(PLAIN), plan))
    for mine, theirs in zip(divided, whole, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


def test_the_same_tiles_on_threads_give_the_same_bits_every_time() -> None:
    first, second = (after_steps(PLAIN, PlanOptions(tile=1, threads=3)) for _ in range(2))
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(first, second, strict=True))


@pytest.mark.skipif(not can_share(), reason="copies of a process can't work beside it here")
@pytest.mark.parametrize("tile", [None, 1])
@pytest.mark.parametrize("text", ["PLAIN", "WEIGHTED", "WITHOUT_STATISTICS"])
def test_processes_learn_the_same_bits_as_threads(text: str, tile: int | None) -> None:
    text = globals()[text]
    if text == WITHOUT_STATISTICS and tile is not None:
        pytest.skip("shares that meet have no tiles")
    plan = PlanOptions(Machine(2, 1 << 20, copies=True), tile=tile, threads=2)
    sharings = sharings_of(program(text), plan)
    assert "processes=True" in emit(program(text), sharings=sharings)
    threads = after_steps(text, replace(plan, without=("processes",)))
    processes = after_steps(text, plan)
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(processes, threads, strict=True))


PENALTY = PLAIN.replace("minimize cross_entropy(scores, y)", "minimize cross_entropy(scores, y) + l2(Net, 0.1)")


def test_a_penalty_counts_once_however_many_tiles_there_are() -> None:
    for mine, theirs in zip(
        after_steps(PENALTY, PlanOptions(tile=1, threads=2)), after_steps(PENALTY, None), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


WEIGHTED = PLAIN.replace("using Adam(0.01)", "using Adam(0.01) clip_global_norm=0.1")


def test_clipping_sees_the_gradient_of_the_whole_batch() -> None:
    for mine, theirs in zip(after_steps(WEIGHTED, PlanOptions(tile=2)), after_steps(WEIGHTED, None), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12, atol=1e-14)


NORMALISED = PLAIN.replace("Dropout(0.5)", "BatchNormalization\n  Dropout(0.5)")

SEVERAL = """
model Maker { input z: [2]
  Dense(5)
  BatchNormalization
  relu
  Dense(3, activation=tanh) }

model Judge { input x: [3]
  Dense(4, activation=tanh)
  Dropout(0.2)
  Dense(1) }

train Net on rows {
  batch_size = 5
  fake = Maker(normal([2]))
  between = stop_gradient((x + fake) / 2)
  slope = grad(Judge(between), between)
  minimize mean(Judge(fake)) - mean(Judge(x)) + 3 * (norm(slope) - 1)^2 + l2(Judge, 0.01)
    over Judge using Adam(0.01)
  minimize -mean(Judge(fake)) over Maker using Adam(0.01) every 2
  metric caught = mean(Judge(fake) < 0)
}
"""

STAGES = {
    "states are made from the whole batch": NORMALISED,
    "samples depend on a sum over the batch": PLAIN.replace(
        "Dense(6, activation=tanh)", "s = x -> Dense(6)\n  tanh(s - batch_mean(s))"
    ),
    "a later loss sees the weights that an earlier one changed": SEVERAL,
    "something sees the weights after their update": PLAIN.replace(
        "  metric accuracy(scores, y)", "  metric accuracy(Net(x), y)"
    ),
}


@pytest.mark.parametrize("why", STAGES)
def test_what_needs_the_whole_batch_on_the_way_goes_through_in_stages(why: str) -> None:
    (block,) = program(STAGES[why]).trains
    parts = tiled(block.training)
    assert parts is not None
    assert parts.meets
    assert meeting(block.training) == why
    assert refusal(block.training, tile=True) == why


WITHOUT_STATISTICS = SEVERAL.replace("  BatchNormalization\n", "")


@pytest.mark.parametrize("why", STAGES)
@pytest.mark.parametrize("threads", [2, 3, 5])
def test_shares_that_meet_learn_what_whole_batches_learn(why: str, threads: int) -> None:
    text = STAGES[why]
    assert "Shares(" in emit(program(text), sharings=sharings_of(program(text), PlanOptions(threads=threads)))
    whole, divided = after_steps(text, None), after_steps(text, PlanOptions(threads=threads))
    for mine, theirs in zip(divided, whole, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("text", [NORMALISED, SEVERAL])
def test_the_same_shares_give_the_same_bits_every_time(text: str) -> None:
    first, second = (after_steps(text, PlanOptions(threads=3)) for _ in range(2))
    assert all(np.array_equal(mine, theirs) for mine, theirs in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            PLAIN.replace("using Adam(0.01)", "using LBFGS").replace("Dropout(0.5)", "").replace("batch_size = 5", ""),
            "a solver works on all samples at once",
        ),
        (
            PLAIN.replace(
                "cross_entropy(scores, y)", "cross_entropy(scores, y) + exp(batch_mean(scores[0]) + sum(Net.p))"
            ).replace("input x\n", "input x\n  weight p: [2] = ones\n"),
            "a gradient is not a sum over the samples",
        ),
        (
            PLAIN.replace(
                "Dense(6, activation=tanh)",
                "w = x -> Dense(6)\n"
                "  scan w_t in w with h = 0 { h = tanh(h + w_t - batch_mean(h + w_t)) }\n"
                "  reshape(last(h), [1]) -> Dense(6)",
            ),
            "samples meet inside of a loop",
        ),
    ],
)
def test_what_needs_the_whole_batch_at_once_is_not_divided(text: str, why: str) -> None:
    (block,) = program(text).trains
    assert obstacle(block.training) == why
    assert tiled(block.training) is None


def test_plans_of_both_parts_hold() -> None:
    for text in (PLAIN, PENALTY, WEIGHTED, *STAGES.values()):
        verify_plans(program(text))


def test_what_a_thread_raises_reaches_the_caller() -> None:
    made = program(PLAIN)
    sharings = sharings_of(made, PlanOptions(tile=1, threads=2))
    generated = Generated(emit(made, sharings=sharings), "<tiles>", {})
    make = generated.names["Step"]

    def fails(n: int, memory: object, seed: int, batch: int) -> object:
        def run(step: int, epoch: int, first: int) -> None:
            if first >= 3:
                raise FloatingPointError(f"tile {first}")

        return make(run, {"x": np.zeros((n, 3))}, {}, np.zeros(1))

    tiles = generated.names["Tiles"](fails, 5, generated.memory(seed=0), 0, tile=1, threads=2, trains=True)
    for _ in range(2):  # and the thread is there for the next step
        with pytest.raises(FloatingPointError, match="tile 3"):
            tiles.run(1, 1, 0)


def test_what_a_share_raises_reaches_the_caller_while_others_wait_for_it() -> None:
    generated = Generated(
        emit(program(NORMALISED), sharings=sharings_of(program(NORMALISED), PlanOptions(threads=3))), "<shares>"
    )
    make = generated.names["Step"]

    def fails(n: int, memory: object, seed: int, batch: int) -> object:
        def run(step: int, epoch: int, first: int) -> Iterator[list[np.ndarray] | None]:
            part = np.ones(2)
            yield [part]
            if first == step:
                raise FloatingPointError(f"share {first}")
            yield [part]
            assert part[0] == 9
            yield None

        return make(run, {"x": np.zeros((n, 3))}, {}, np.zeros(1))

    memory = generated.memory(seed=0)
    shares = generated.names["Shares"](fails, 6, memory, 0, size=2, threads=3, gradients=[[(0, memory.weights.size)]])
    for number in (0, 2, 4):
        with pytest.raises(FloatingPointError, match=f"share {number}"):
            shares.run(number, 1, 0)
        shares.run(1, 1, 0)  # and all of them are there for the next step
