"""Loops on a device compute what a plain loop in NumPy does, for every kind of carry, sequence and constant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from nndsl.emit.cupy import emit_cupy
from nndsl.ir.program import Program
from nndsl.runtime.planning import planned_of
from tests.emit.cupy.library import program_of
from tests.emit.loading import load
from tests.emit.loops import Array, LoopMaker, fields_of, looped
from tests.emit.test_loops import MAKERS, Made, N


def predicted(program: Program, fields: Mapping[str, Array], n: int) -> dict[str, Array]:
    """What the generated module predicts, in float64, by steps that are launched one by one and by a captured one."""
    module = load(emit_cupy(program, precision="float64")).PROGRAM
    step = module.trains["Recurrent"].prediction(n, module.memory(0, "float64"), 0)
    for _ in range(4):
        for name, array in step.inputs.items():
            array[...] = fields[name]
        step.run(0, 1, 0)
    return {name: np.array(array) for name, array in step.outputs.items()}


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("reverse", [False, True], ids=["forward", "backward"])
@pytest.mark.parametrize("length", [1, 4])
@pytest.mark.parametrize("make", MAKERS)
def test_loops_on_a_device_compute_what_a_plain_loop_does(
    make: Callable[..., Made], length: int, reverse: bool
) -> None:
    maker = LoopMaker()
    results = make(maker, length=length, reverse=reverse)
    fields = fields_of(results, N)
    found = predicted(maker.program(results), fields, N)
    for name, array in looped(results, fields, N).items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("make", MAKERS)
def test_each_output_of_a_loop_on_a_device_can_be_had_alone(make: Callable[..., Made]) -> None:
    for name in make(LoopMaker()):
        maker = LoopMaker()
        results = {name: make(maker)[name]}
        fields = fields_of(results, N)
        found = predicted(maker.program(results), fields, N)[name]
        np.testing.assert_allclose(found, looped(results, fields, N)[name], rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("layer", ["SimpleRNN(8)", "LSTM(8)", "GRU(8)"])
def test_a_step_of_a_recurrent_layer_is_one_product_and_one_kernel(layer: str) -> None:
    text = emit_cupy(planned_of(program_of(layer), device="gpu").program)
    forward = re.search(r"\n        for \(?t, .*:\n((?: {12}.*\n)+)", text)
    assert forward is not None
    lines = forward[1].splitlines()
    assert [line.partition("(")[0].strip().rpartition("_")[2] for line in lines] == ["product", "kernel"]
