"""Comparisons, truth values, choices by them, and changes of what a number is without changing its value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import ByPlan, Pointwise
from nndsl.ir.op import Domain, NoGradient, NumpyRule, Op, RuleError, Sample
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.ops.elementwise import (
    bools,
    constant_operand,
    elementwise,
    floats,
    from_template,
    ints,
    on_device,
    textbook,
)
from nndsl.ops.leaves import splat
from nndsl.ops.rules import ANY, BOOL, CHOICE, FLOAT, NUMBER, alike, counted, takes, text
from nndsl.ops.text import derived, dtype_text, filled, is_literal, workspace_rule

if TYPE_CHECKING:
    from nndsl.ir.device import Element
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ops.text import Define, Scratch


# ------------------------------------------------------------------------------------------------ comparisons


def _comparison(name: str, documentation: str, symbol: str, *, bools_too: bool = False) -> Op:
    return elementwise(
        name,
        f"Whether {documentation}.",
        CHOICE,
        f"{{0}} {symbol} {{1}}",
        name,
        f"{{0}} {symbol} {{1}}",
        f"{{0}} {symbol} {{1}}",
        operands=2,
        accepted=ANY if bools_too else NUMBER,
        result=DType.BOOL,
        domains=(Domain(low=-3, high=3, integers=True),),
    )


equal = _comparison("equal", "`a` and `b` are the same", "==", bools_too=True)
not_equal = _comparison("not_equal", "`a` and `b` differ", "!=", bools_too=True)
less = _comparison("less", "`a` is below `b`", "<")
less_equal = _comparison("less_equal", "`a` is not above `b`", "<=")
greater = _comparison("greater", "`a` is above `b`", ">")
greater_equal = _comparison("greater_equal", "`a` is not below `b`", ">=")


def _connective(name: str, documentation: str, symbol: str, word: str) -> Op:
    return elementwise(
        name,
        documentation,
        CHOICE,
        f"{{0}} {symbol} {{1}}",
        name,
        f"{{0}} {word} {{1}}",
        f"{{0}} {symbol * 2} {{1}}",
        operands=2,
        accepted=BOOL,
    )


logical_and = _connective("logical_and", "Whether both are true: `a and b`.", "&", "and")
logical_or = _connective("logical_or", "Whether at least one is true: `a or b`.", "|", "or")
logical_not = elementwise(
    "logical_not",
    "Whether it is false: `not a`.",
    CHOICE,
    lambda e: f"~{e.operands[0]}" if not is_literal(e.operands[0]) else f"not {e.operands[0]}",
    "logical_not",
    "not {0}",
    "!{0}",
    accepted=BOOL,
)


# ------------------------------------------------------------------------------------------------ where


def _where_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("where", types, 3)
    takes("where", types[0], BOOL)
    alike("where", types, 1)
    condition, chosen = types[0], types[1]
    if condition.shape != chosen.shape:
        raise RuleError(f"{condition.shape_text} is not {chosen.shape_text}", 0, 1)
    if condition.kind is not chosen.kind:
        raise RuleError(f"`where` got operands of two kinds: {condition} and {chosen}", 0, 1)
    return chosen


def _where_gradient(ct: Node, out: Node) -> tuple[Node | None, Node, Node]:
    condition, none = out.inputs[0], splat(ct, 0.0)
    return None, where(condition, ct, none), where(condition, none, ct)


def _where_text(e: Emission) -> str:
    condition, a, b = e.operands
    if is_literal(a) and is_literal(b) and not is_literal(condition):
        return f"np.where({condition}, {a}, {b}).astype({dtype_text(e)})"
    return f"np.where({condition}, {a}, {b})"


# Copying by a mask branches at every element: 258 us for 64k floats under a random mask. Selecting bits with integer
# operations takes 16 us where one side is 0 and 30 us where neither is; it moves infinities and nan as they are.


def _where_scratch(node: Node) -> tuple[Scratch, ...]:
    if node.type.dtype is DType.BOOL:
        return ()
    return ((node.type.shape, "bool", node.type.kind is Kind.SAMPLE),)


def _write_where(e: Emission, define: Define) -> list[str]:
    """All ones in a mask of the width of a byte become all ones in any width: it is -1."""
    condition, a, b = e.operands
    dtype = e.node.type.dtype
    if dtype is DType.BOOL:
        return _remarked(_chosen_bits(condition, e.out, a, b), condition, a, b)
    condition_bits = _bits(e, define, condition, DType.BOOL)
    mask = define("mask", f"bits({e.scratch[0]})")
    out = _bits(e, define, e.out, dtype)
    negated = f"np.negative({condition_bits}, out={mask})"
    if constant_operand(e.node, 1) == 0:
        inverted = f"np.subtract({condition_bits}, 1, out={mask})"
        lines = [inverted, f"np.bitwise_and({_bits(e, define, b, dtype)}, {mask}, out={out})"]
        return _remarked(lines, condition, "0", b)
    a_bits = _bits(e, define, a, dtype)
    if constant_operand(e.node, 2) == 0:
        return _remarked([negated, f"np.bitwise_and({a_bits}, {mask}, out={out})"], condition, a, "0")
    b_bits = _bits(e, define, b, dtype)
    return _remarked([negated, *_chosen_bits(mask, out, a_bits, b_bits)], condition, a, b)


def _remarked(lines: list[str], *operands: str) -> list[str]:
    """The lines, the last with what they compute."""
    return [*lines[:-1], f"{lines[-1]}  # where({', '.join(operands)})"]


def _bits(e: Emission, define: Define, operand: str, dtype: DType) -> str:
    array = f"np.array({operand}, {dtype_text(e, dtype)})" if is_literal(operand) else operand
    return define(derived(operand, "bits"), f"bits({array})")


def _chosen_bits(mask: str, out: str, a: str, b: str) -> list[str]:
    """`b ^ ((a ^ b) & mask)`: a where the mask is all ones, b where it is 0. May overwrite a."""
    return [
        f"np.bitwise_xor({a}, {b}, out={out})",
        f"np.bitwise_and({out}, {mask}, out={out})",
        f"np.bitwise_xor({out}, {b}, out={out})",
    ]


where = Op(
    name="where",
    documentation="`a` where the condition holds, `b` elsewhere. No gradient flows into the condition, and none into "
    "the side that was not chosen.",
    type_rule=_where_type,
    gradient=_where_gradient,
    numpy=workspace_rule(
        textbook(_where_text),
        _write_where,
        scratch=_where_scratch,
        in_place=(1,),
        host=from_template("{1} if {0} else {2}"),
        runtime=("bits",),
    ),
    flops=lambda node: node.type.size,
    cupy=on_device("{0} ? {1} : {2}"),
    samples=(
        Sample((bools(2, 3), floats(2, 3), floats(2, 3))),
        Sample((bools(4, kind=Kind.SHARED), floats(4, kind=Kind.SHARED), floats(4, kind=Kind.SHARED))),
        Sample((bools(), floats(), floats())),
        Sample((bools(3), ints(3), ints(3))),
        Sample((bools(3), bools(3), bools(3))),
    ),
    elementwise=True,
)


# ------------------------------------------------------------------------------------------------ the same value

_DTYPES = {dtype.value: dtype for dtype in DType}


def _cast_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("cast", types, 1)
    return types[0].with_dtype(_DTYPES[text(attributes, "to")])


def _cast_gradient(ct: Node, out: Node) -> tuple[Node | None]:
    return (ct if out.type.dtype is out.inputs[0].type.dtype else None,)


def _cast_host(e: Emission) -> str:
    (x,) = e.operands
    match e.node.type.dtype:
        case DType.FLOAT:
            return f"float({x})"
        case DType.INT:
            return f"int(host(np.trunc, {x}))"
        case DType.BOOL:
            return f"{x} != 0"
        case DType.NARROW:
            raise InternalError("ops: `cast` is not to fewer bits: see `narrow`")


def _cast_on_device(e: Element) -> str:
    (x,) = (e.operand(0),)
    match e.node.type.dtype:
        case DType.FLOAT:
            return f"real({x})"
        case DType.INT:
            return f"int({x})"
        case DType.BOOL:
            return f"({x} != 0)"
        case DType.NARROW:
            raise InternalError("ops: `cast` is not to fewer bits: see `narrow`")


cast = Op(
    name="cast",
    documentation="The same number as a `float`, an `int` (what is behind the point is cut off) or a `bool` "
    "(whether it is not 0).",
    type_rule=_cast_type,
    gradient=_cast_gradient,
    numpy=NumpyRule(
        lambda e: filled(e, e.operands[0]) if is_literal(e.operands[0]) else f"{e.operands[0]}.astype({dtype_text(e)})",
        statements=lambda e: [f'np.copyto({e.out}, {e.operands[0]}, casting="unsafe")'],
        host=_cast_host,
        runtime=("host",),
    ),
    flops=lambda node: node.type.size,
    cupy=on_device(_cast_on_device),
    samples=(
        Sample((floats(2, 3),), attributes={"to": "float"}),
        Sample((floats(2, 3),), (Domain(-3, 3),), {"to": "int"}),
        Sample((ints(2, 3),), (Domain(-3, 3, integers=True),), {"to": "float"}),
        Sample((ints(3),), (Domain(-1, 2, integers=True),), {"to": "bool"}),
        Sample((bools(3),), attributes={"to": "float"}),
        Sample((bools(3, kind=Kind.SHARED),), attributes={"to": "int"}),
    ),
    elementwise=True,
    attributes=("to",),
)


def _from_step_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("from_step", types, 1)
    if types[0].kind is not Kind.STEP:
        raise RuleError("`from_step` takes a number of the step", 0)
    return types[0].with_kind(Kind.SHARED)


from_step = Op(
    name="from_step",
    documentation="A number of the step, computed in float64, as a value of the network: rounded once.",
    type_rule=_from_step_type,
    gradient=NoGradient("it depends on the step alone"),
    numpy=NumpyRule(
        lambda e: f"{dtype_text(e)}({e.operands[0]})",
        statements=lambda e: [f"{e.out}.fill({e.operands[0]})"],
    ),
    flops=lambda node: 0,
    cupy=ByPlan(),
    samples=(Sample((floats(kind=Kind.STEP),)),),
)


def _stop_gradient_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("stop_gradient", types, 1)
    takes("stop_gradient", types[0], FLOAT)
    return types[0]


stop_gradient = Op(
    name="stop_gradient",
    documentation="The same value, through which no gradient flows.",
    type_rule=_stop_gradient_type,
    gradient=NoGradient("it is there to stop it"),
    numpy=NumpyRule(textbook(from_template("{0}")), view=True, host=from_template("{0}")),
    flops=lambda node: 0,
    cupy=Pointwise(lambda e: e.operand(0), free=True),
    samples=(Sample((floats(2, 3),)), Sample((floats(kind=Kind.SHARED),))),
    elementwise=True,
)
