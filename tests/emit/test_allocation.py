"""A planned step works in memory that was made before it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nndsl.autodiff import differentiate
from nndsl.check import check
from nndsl.emit import emit
from nndsl.passes import optimise
from nndsl.source import SourceFile
from tests.emit.loading import load

EXAMPLES = Path(__file__).parents[2] / "examples"
N = 1 << 15
SMALLEST_ARRAY = 4 * N
"""One float for each sample. NumPy's own iterators take less: 8,192 elements an operand."""


@pytest.mark.parametrize("name", ["diabetes", "xor"])
def test_planned_step_allocates_no_array(name: str) -> None:
    path = EXAMPLES / f"{name}.nn"
    program = optimise(differentiate(check(SourceFile(path.name, path.read_text(encoding="utf-8"), path))))
    module = load(emit(program))
    memory = module.PROGRAM.memory(0)
    (train,) = module.PROGRAM.trains.values()
    memory.begin(train)
    for make in (train.training, train.evaluation, train.prediction):
        step = make(N, memory, 0)
        for buffer in step.inputs.values():
            buffer[...] = np.random.default_rng(0).integers(0, 2, buffer.shape)
        step.run(1, 1, 0)
        assert peak_of(lambda step=step: step.run(2, 1, 0)) < SMALLEST_ARRAY


def peak_of(work: Callable[[], None]) -> int:
    """The most memory that `work` held at once, in bytes."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
