"""Every op computes on a device what its textbook form does, over its own samples."""

from __future__ import annotations

import numpy as np
import pytest

from nndsl import ops
from nndsl.emit.cupy import emit_cupy
from nndsl.ir import Kind, Node, Op, Sample
from nndsl.ir.device import ByPlan, NotOnDevice, device_form
from nndsl.ir.program import Program
from tests.emit.loading import load
from tests.emit.loops import LoopMaker
from tests.evaluation import SAMPLES, Array, applied, draws, textbook

_TOGETHER = 40
"""Samples that share a program, and so a compilation."""


def _has_form(op: Op, sample: Sample) -> bool:
    """Is it for kernels to compute, over arrays?"""
    if op.leaf or any(type.kind is Kind.STEP for type in sample.types):
        return False
    return not isinstance(device_form(applied(op, sample)), NotOnDevice | ByPlan)


CASES = [(op, sample) for op in ops.OPS.values() for sample in op.samples if _has_form(op, sample)]


def program_of(cases: list[tuple[Op, Sample]]) -> tuple[Program, dict[str, Node], dict[str, Array]]:
    """A program that predicts all cases, its nodes by name, and the fields that they read."""
    maker = LoopMaker()
    made: dict[str, Node] = {}
    fields: dict[str, Array] = {}
    for number, (op, sample) in enumerate(cases):
        inputs: list[Node] = []
        for place, (type, values) in enumerate(zip(sample.types, draws(op, sample), strict=True)):
            name = f"{op.name}_{number}_{place}"
            inputs.append(maker.w.leaf("field", type, name=name))
            fields[name] = values
        made[f"{op.name}_{number}"] = op(*inputs, **sample.attributes)
    return maker.program(made), made, fields


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("first", range(0, len(CASES), _TOGETHER))
def test_every_op_computes_on_a_device_what_its_textbook_form_does(first: int) -> None:
    program, made, fields = program_of(CASES[first : first + _TOGETHER])
    module = load(emit_cupy(program, precision="float64")).PROGRAM
    step = module.trains["Recurrent"].prediction(SAMPLES, module.memory(0, "float64"), 0)
    for name, array in step.inputs.items():
        array[...] = fields[name]
    step.run(0, 1, 0)
    for name, node in made.items():
        operands = [fields[str(operand["name"])] for operand in node.inputs]
        found = np.asarray(step.outputs[name])
        expected = np.broadcast_to(np.asarray(textbook(node, operands)), found.shape)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=f"{node!r}")
