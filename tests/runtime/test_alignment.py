"""Arrays from a line of the processor's cache on, and shapes that NumPy need not broadcast."""

from __future__ import annotations

import numpy as np
import pytest
from generated_digits import generated_digits

from nndsl.runtime.standalone.alignment import aligned, aligned_zeros


@pytest.mark.parametrize("shape", [7, 0, (3, 5), (2, 0), (), 100_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, bool])
def test_an_aligned_array_begins_at_a_line_of_the_cache(shape, dtype):
    array = aligned(shape, dtype)
    assert not array.size or array.ctypes.data % 64 == 0
    assert array.shape == np.empty(shape).shape
    assert array.dtype == dtype
    assert array.flags.c_contiguous
    assert array.flags.writeable


def test_an_aligned_vector_of_zeros_holds_nothing_else():
    assert not aligned_zeros(1000, np.float32).any()


def _prediction(samples):
    """The functions of the module, its memory and the step that predicts so many samples."""
    generated = generated_digits()[1]
    (train,) = generated.program.trains.values()
    memory = generated.memory(0)
    memory.begin(train)
    return generated, memory, train.prediction(samples, memory, 0)


def test_weights_slots_and_batches_begin_at_a_line_of_the_cache():
    _, memory, step = _prediction(5)
    twin = memory.twin()
    vectors = (memory.weights, memory.gradients, twin.gradients, *memory.slots.values(), *step.inputs.values())
    assert {vector.ctypes.data % 64 for vector in vectors if vector.size} == {0}


def test_for_one_sample_nothing_is_broadcast(monkeypatch):
    generated, _, step = _prediction(1)
    shapes = []

    def watched(function):
        def call(*operands, out):
            shapes.append({operand.shape for operand in (*operands, out) if operand.ndim})
            return function(*operands, out=out)

        return call

    for name in ("add", "maximum"):
        monkeypatch.setitem(generated.names, name, watched(generated.names[name]))
    step.run(0, 1, 0)
    assert len(shapes) >= 3
    assert all(len(each) == 1 for each in shapes)
