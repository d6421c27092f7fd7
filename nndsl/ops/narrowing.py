"""Fewer bits: what products of matrices are given on a device, where they are to be quicker than exact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.device import Pointwise
from nndsl.ir.op import NoGradient, NumpyRule, Op, Sample
from nndsl.ir.types import DType, Kind
from nndsl.ops.elementwise import floats, from_template, textbook
from nndsl.ops.rules import FLOAT, counted, takes

if TYPE_CHECKING:
    from nndsl.ir.op import Attributes
    from nndsl.ir.types import TensorType


def _narrow_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("narrow", types, 1)
    takes("narrow", types[0], FLOAT)
    return types[0].with_dtype(DType.NARROW)


narrow = Op(
    name="narrow",
    documentation="The number in bfloat16, the nearest (of two as near the even one); on the host the number itself.",
    type_rule=_narrow_type,
    gradient=NoGradient("it is put into programs that are differentiated already", zero=False),
    numpy=NumpyRule(textbook(from_template("{0}")), view=True),
    flops=lambda node: 0,
    cupy=Pointwise(lambda e: f"to_narrow({e.operand(0)})"),
    samples=(Sample((floats(2, 3),)), Sample((floats(kind=Kind.SHARED),))),
)
