"""What emitted modules look like: everything above the runtime, kept beside the tests for people to read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nndsl.autodiff import differentiate
from nndsl.check import check
from nndsl.emit import emit
from nndsl.passes import optimise
from nndsl.plan import PlanOptions, sharings_of
from nndsl.source import SourceFile
from tests.emit.loading import mathematics
from tests.programs import digits_mlp

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("level", [0, 1])
def test_hand_made_program_reads_as_kept(level: int, compare_with_snapshot: Callable[[Path, str], None]) -> None:
    compare_with_snapshot(GOLDEN / f"digits_mlp_O{level}.txt", mathematics(emit(digits_mlp(), level=level)))


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("name", ["custom_layer", "diabetes", "digits", "xor"])
def test_example_reads_as_kept(name: str, level: int, compare_with_snapshot: Callable[[Path, str], None]) -> None:
    path = EXAMPLES / f"{name}.nn"
    program = differentiate(check(SourceFile(path.name, path.read_text(encoding="utf-8"), path)))
    text = emit(optimise(program) if level else program, level=level)
    compare_with_snapshot(GOLDEN / f"{name}_O{level}.txt", mathematics(text))


SHARED_OUT = """data rows {
  x = [[0.5, -1.0], [1.5, 0.5], [0.1, 0.2], [-1.0, 1.0]]
  y = [0, 1, 1, 0]
}

model Net {
  input x
  Dense(8)
  BatchNormalization
  relu
  Dense(2)
}

train Net on rows {
  minimize cross_entropy(Net(x), y) using SGD
}
"""


def test_a_step_in_shares_reads_as_kept(compare_with_snapshot: Callable[[Path, str], None]) -> None:
    program = optimise(check(SourceFile("shares.nn", SHARED_OUT)))
    text = emit(program, sharings=sharings_of(program, PlanOptions(threads=2)))
    compare_with_snapshot(GOLDEN / "shares.txt", mathematics(text))


def test_the_same_program_gives_the_same_text() -> None:
    for level in (0, 1):
        assert emit(digits_mlp(), level=level) == emit(digits_mlp(), level=level)
