from __future__ import annotations

import numpy as np
import pytest

from nndsl.check import check
from nndsl.emit import emit
from nndsl.passes import optimise
from nndsl.plan import PlanOptions, obstacle, sharings_of, tiled, verify_plans
from nndsl.runtime.modules import Generated
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
    return [memory.weights, *(workspace.totals for workspace in made), *predicted]


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


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (PLAIN.replace("Dropout(0.5)", "BatchNormalization"), "states are made from the whole batch"),
        (
            PLAIN.replace("Dense(6, activation=tanh)", "s = x -> Dense(6)\n  tanh(s - batch_mean(s))"),
            "samples depend on a sum over the batch",
        ),
        (
            PLAIN.replace("  metric", "  minimize mse(Net(x), 0) over Net using SGD(0.1)\n  metric"),
            "a later loss sees the weights that an earlier one changed",
        ),
        (
            PLAIN.replace("  metric accuracy(scores, y)", "  metric accuracy(Net(x), y)"),
            "something sees the weights after their update",
        ),
        (
            PLAIN.replace("using Adam(0.01)", "using LBFGS").replace("Dropout(0.5)", "").replace("batch_size = 5", ""),
            "a solver works on all samples at once",
        ),
    ],
)
def test_what_needs_the_whole_batch_is_not_divided(text: str, why: str) -> None:
    (block,) = program(text).trains
    assert obstacle(block.training) == why
    assert tiled(block.training) is None


def test_plans_of_both_parts_hold() -> None:
    for text in (PLAIN, PENALTY, WEIGHTED):
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
