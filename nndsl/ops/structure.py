"""Ops that stand for graphs: `grad` is replaced by the derivative's graph before anything else looks at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import NotOnDevice
from nndsl.ir.op import NoGradient, NumpyRule, Op, RuleError, Sample
from nndsl.ops.elementwise import floats
from nndsl.ops.rules import FLOAT, counted, not_step, takes

if TYPE_CHECKING:
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ir.types import TensorType


def _grad_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("grad", types, 2)
    not_step("grad", *types)
    y, x = types
    takes("grad", y, FLOAT)
    takes("grad", x, FLOAT, 1)
    if y.size != 1:
        raise RuleError(f"`grad` differentiates one number, and this is {y.shape_text}", 0, help="sum it: `sum(y)`")
    return x


def _not_expanded(e: Emission) -> str:
    raise InternalError(f"ops: {e.node!r} should have been replaced by differentiation")


grad = Op(
    name="grad",
    documentation="The gradient of `y`, one number per sample, by `x`: of x's shape. A shared x gets the sum over the "
    "samples.",
    type_rule=_grad_type,
    gradient=NoGradient("differentiation replaces it first", zero=False),
    numpy=NumpyRule(_not_expanded),
    flops=lambda node: 0,
    cupy=NotOnDevice("differentiation replaces it first"),
    samples=(Sample((floats(), floats(3))),),
)
