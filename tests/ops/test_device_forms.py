"""Every op says how a device computes it, or why none does."""

from __future__ import annotations

import pytest

from nndsl import ops
from nndsl.ir import Op
from nndsl.ir.device import ByPlan, NotOnDevice, device_form
from tests.evaluation import applied

ALL = list(ops.OPS.values())
NEVER = (ops.grad, ops.orthogonalize, ops.attention, ops.attention_gradient, ops.share_total)
PLANNED = (ops.from_step, ops.scan, ops.loop_parameter)


@pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)
def test_every_op_says_how_a_device_computes_it_or_why_none_does(op: Op) -> None:
    for sample in op.samples:
        form = device_form(applied(op, sample))
        assert isinstance(form, NotOnDevice) == (op in NEVER)
        assert isinstance(form, ByPlan) <= (op.leaf or op in PLANNED)
        if isinstance(form, NotOnDevice):
            assert form.reason
