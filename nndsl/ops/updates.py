"""Ops over an update's flat vectors, that know where one weight ends and the next begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.device import Call
from nndsl.ir.op import NoGradient, NumpyRule, Op, RuleError, Sample
from nndsl.ir.types import Kind
from nndsl.ops.elementwise import floats
from nndsl.ops.rules import FLOAT, counted, integers, real, takes
from nndsl.ops.text import over_arrays, tuple_text

if TYPE_CHECKING:
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ir.types import TensorType


def _clip_by_norm_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("clip_by_norm", types, 1)
    (type,) = types
    takes("clip_by_norm", type, FLOAT)
    sizes, limit = integers(attributes, "sizes"), real(attributes, "limit")
    if limit <= 0:
        raise RuleError(f"a norm can't be limited to {limit}", 0)
    if type.rank != 1 or type.kind is not Kind.SHARED or type.size != sum(sizes):
        raise RuleError(f"parts of {list(sizes)} elements do not make up {type}", 0)
    return type


def _arguments(e: Emission) -> str:
    return f"{e.operands[0]}, {tuple_text(integers(e.node, 'sizes'))}, {real(e.node, 'limit')!r}"


clip_by_norm = Op(
    name="clip_by_norm",
    documentation="Each weight's part of a flat vector, made shorter where its norm is above the limit.",
    type_rule=_clip_by_norm_type,
    gradient=NoGradient("it is applied to gradients, after differentiation", zero=False),
    numpy=over_arrays(
        NumpyRule(
            lambda e: f"clip_by_norm({_arguments(e)})",
            statements=lambda e: [f"clip_by_norm({_arguments(e)}, out={e.out})"],
            in_place=(0,),
            runtime=("clip_by_norm",),
        )
    ),
    flops=lambda node: 3 * node.type.size,
    cupy=Call("ClipByNorm", lambda node: (tuple_text(integers(node, "sizes")), repr(real(node, "limit")))),
    samples=(
        Sample((floats(6, kind=Kind.SHARED),), (), {"sizes": (2, 4), "limit": 1.0}),
        Sample((floats(3, kind=Kind.SHARED),), (), {"sizes": (3,), "limit": 100.0}),
    ),
    attributes=("limit", "sizes"),
)
