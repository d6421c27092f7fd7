"""What is the same for a row in every epoch leaves the steps where that spares work, and nothing else does."""

from __future__ import annotations

from itertools import product
from math import inf

import numpy as np
import pytest

from nndsl.ir.program import TrainProgram
from nndsl.passes import optimise
from nndsl.plan import once, verify_plans, with_once
from nndsl.plan.cut import Network
from tests.check.programs import checked

PROGRAM = """
data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
}
model M {
  input image: [8, 8]
  Flatten
  BODY
  head: Dense(10)
}
train T on digits {
  epochs = EPOCHS
  scores = M(IMAGE)
  minimize cross_entropy(scores, label)
    over M.head using Adam
  metric accuracy(scores, label)
}
"""


def block(body: str, *, image: str = "image", over: str = "\n    over M.head", epochs: int = 5) -> TrainProgram:
    text = PROGRAM.replace("BODY", body).replace("IMAGE", image).replace("\n    over M.head", over)
    program = with_once(optimise(checked(text.replace("EPOCHS", str(epochs)))), 4)
    verify_plans(program)
    return program.trains[0]


def kept(train: TrainProgram) -> tuple[str, ...]:
    return () if train.once is None else train.once.places


WIDE = "wide: Dense(200, activation=relu)"


def test_what_follows_from_weights_that_are_not_trained_is_kept() -> None:
    train = block(WIDE)
    assert kept(train) == ("M/wide",)
    assert train.once is not None
    assert 0.7 < train.once.spared < 1


def test_the_narrowest_value_behind_the_work_is_kept() -> None:
    narrow = block(f"{WIDE}\n  narrow: Dense(4)")
    assert kept(narrow) == ("M/narrow",)


def test_where_all_weights_are_trained_nothing_is_kept() -> None:
    assert kept(block(WIDE, over="")) == ()


def test_a_single_epoch_keeps_nothing() -> None:
    assert kept(block(WIDE, epochs=1)) == ()


def test_a_mere_scale_is_not_worth_memory() -> None:
    assert kept(block("Rescaling(2.0)", over="")) == ()


@pytest.mark.parametrize("drawn", ["Dropout(0.5)", "GaussianNoise(0.1)"], ids=["dropout", "noise"])
def test_nothing_behind_a_random_draw_is_kept(drawn: str) -> None:
    assert kept(block(f"{drawn}\n  {WIDE}")) == ()


def test_nothing_behind_the_statistics_of_a_batch_is_kept() -> None:
    assert kept(block(f"BatchNormalization\n  {WIDE}")) == ()


def test_what_comes_before_a_random_draw_is_kept() -> None:
    assert kept(block(f"{WIDE}\n  Dropout(0.5)")) == ("M/wide",)


def test_much_memory_is_taken_only_for_much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide layer takes eight times the memory of the data, and spares a third of a step."""
    wide = ("wide: Dense(500, activation=relu)\n  more: Dense(64)", "\n    over M.more, M.head")
    assert kept(block(wide[0], over=wide[1])) == ()
    monkeypatch.setattr(once, "_LITTLE_MEMORY", 10)
    assert kept(block(wide[0], over=wide[1])) == ("M/wide",)


def brute_force(edges: list[tuple[str, str | None, float]], sources: set[str]) -> float:
    """The capacity of the cheapest cut, by trying all."""
    others = sorted({v for a, b, _ in edges for v in (a, b) if v is not None and v not in sources})
    least = inf
    for choice in product([False, True], repeat=len(others)):
        within = sources | {v for v, chosen in zip(others, choice, strict=True) if chosen}
        least = min(least, sum(c for a, b, c in edges if a in within and b not in within))
    return least


@pytest.mark.parametrize("seed", range(20))
def test_cuts_are_minimal(seed: int) -> None:
    generator = np.random.default_rng(seed)
    names = [f"v{i}" for i in range(8)]
    edges: list[tuple[str, str | None, float]] = []
    for _ in range(20):
        a, b = generator.choice(8, 2, replace=False)
        edges.append((names[a], names[b], float(generator.choice([1, 2, 5, inf], p=[0.4, 0.3, 0.2, 0.1]))))
    edges += [(name, None, float(generator.integers(1, 6))) for name in names]
    network = Network()
    for a, b, capacity in edges:
        network.edge(a, b, capacity)
    side = network.source_side(["v0", "v1"])
    assert {"v0", "v1"} <= side
    assert sum(c for a, b, c in edges if a in side and b not in side) == brute_force(edges, {"v0", "v1"})
