"""Operands made alike: number types joined, shapes broadcast, kinds raised, so that an elementwise op sees one type.

Broadcasting is NumPy's, on per-sample shapes. Every widening is a node of its own, so gradients need no special case.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.folding import folded, is_compile_time
from nndsl.check.values import (
    Argument,
    Function,
    Layer,
    Looped,
    Model,
    Number,
    Parts,
    RawColumn,
    Step,
    Value,
    describe,
)
from nndsl.diagnostics import InternalError, Label
from nndsl.ir import Attribute, DType, Kind, Node, Op, TensorType

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.source import Span

_RANK = {DType.BOOL: 0, DType.INT: 1, DType.FLOAT: 2}


def as_node(context: Context, value: Value, span: Span) -> Node | Number:
    """A value for arithmetic: a node, or a compile-time number or truth value. Anything else is a mistake."""
    match value:
        case Node() | bool() | int() | float():
            return value
        case Parts():
            if len(value.outputs) == 1:
                return as_node(context, value.outputs[0][1], span)
            names = ", ".join(name for name, _ in value.outputs)
            raise context.mistake(
                "NN206", f"this has several outputs ({names})", span, help=f"pick one: `.{value.outputs[0][0]}`"
            )
        case RawColumn():
            from nndsl.check.blocks.columns import number_column

            return number_column(context, value)
        case tuple() if value and all(isinstance(item, RawColumn) for item in value):
            from nndsl.check.blocks.columns import side_by_side

            return side_by_side(context, value, span)
        case tuple():
            return constant_array(context, value, span)
        case _:
            message = f"a number or a value of the network is wanted, not {describe(value)}"
            raise context.mistake("NN206", message, span, help=_value_help(value))


def _value_help(value: Value) -> str | None:
    """How something that is applied becomes a value."""
    match value:
        case Step() | Layer():
            return f"it is a step: a value flows through it with an arrow, `x -> {value.name}(...)`"
        case Model():
            return f"give it its inputs: `{value.path}(x)`"
        case Looped():
            return f"`last({value.name})` is its value after the last step, `sequence({value.name})` that of every time"
        case Function():
            return f"call it: `{value.name}(...)`"
        case _:
            return None


def tensor(context: Context, argument: Argument) -> Node:
    """The argument as a node; a compile-time number becomes a shared scalar."""
    value = as_node(context, argument.value, argument.span)
    if isinstance(value, Node):
        return value
    return number_node(context, value, Kind.SHARED)


def number_node(context: Context, value: Number, kind: Kind, shape: tuple[int, ...] = ()) -> Node:
    """A compile-time number or truth value as a node."""
    dtype = DType.BOOL if isinstance(value, bool) else DType.INT if isinstance(value, int) else DType.FLOAT
    return context.constant(value, TensorType(dtype, shape, kind))


def constant_array(context: Context, value: tuple[Value, ...], span: Span) -> Node:
    """A nested list of numbers as a shared array."""
    shape = list_shape(context, value, span)
    numbers = list(_flat_numbers(context, value, span))
    if not numbers:
        raise context.mistake("NN206", "an empty list has no numbers to compute with", span)
    if all(isinstance(n, bool) for n in numbers):
        dtype = DType.BOOL
    else:
        dtype = DType.INT if all(isinstance(n, int) for n in numbers) else DType.FLOAT
    return context.leaf(ops.array, TensorType(dtype, shape, Kind.SHARED), span, value=plain(value))


def plain(value: Value) -> Attribute:
    """A nested list of numbers and texts, as an attribute of a node or of a program."""
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    if isinstance(value, bool | int | float | str):
        return value
    raise InternalError(f"check: {describe(value)} is no plain value")


def _flat_numbers(context: Context, value: Value, span: Span) -> list[bool | int | float]:
    if isinstance(value, tuple):
        return [number for item in value for number in _flat_numbers(context, item, span)]
    if isinstance(value, bool | int | float):
        return [value]
    raise context.mistake("NN206", f"a list to compute with holds numbers only, not {describe(value)}", span)


def list_shape(context: Context, value: Value, span: Span) -> tuple[int, ...]:
    """Shape of a nested list; a mistake where its rows differ in length."""
    if not isinstance(value, tuple):
        return ()
    inner = {list_shape(context, item, span) for item in value}
    if len(inner) > 1:
        raise context.mistake("NN207", "the rows of this list are of different lengths", span)
    return (len(value), *(inner.pop() if inner else ()))


# ------------------------------------------------------------------------------------------------ making alike


def cast(context: Context, node: Node, dtype: DType, span: Span) -> Node:
    """`node` as numbers of another type (itself where it already is)."""
    if node.type.dtype is dtype:
        return node
    if node.op is ops.constant:
        value = node["value"]
        assert isinstance(value, bool | int | float)
        number = float(value) if dtype is DType.FLOAT else int(value) if dtype is DType.INT else bool(value)
        return context.constant(number, node.type.with_dtype(dtype))
    return context.apply(ops.cast, [node], span, to=dtype.value)


def raised(context: Context, node: Node, kind: Kind, span: Span) -> Node:
    """A step scalar as a shared one where `kind` asks for more; other kinds are raised by `broadcast`."""
    if node.type.kind is Kind.STEP and kind is not Kind.STEP:
        return context.apply(ops.from_step, [node], span)
    return node


def broadcast(context: Context, node: Node, shape: tuple[int, ...], kind: Kind, span: Span) -> Node:
    """`node` repeated to `shape` and `kind`."""
    if node.op is ops.constant:
        value = node["value"]
        assert isinstance(value, bool | int | float)
        return context.constant(value, TensorType(node.type.dtype, shape, kind))
    node = raised(context, node, kind, span)
    if node.type.shape == shape and node.type.kind is kind:
        return node
    name = "sample" if kind is Kind.SAMPLE else "shared"
    return context.apply(ops.broadcast, [node], span, shape=shape, kind=name)


def common_shape(shapes: Sequence[tuple[int, ...]]) -> tuple[int, ...] | None:
    """NumPy's broadcast of shapes, or None where they do not fit."""
    rank = max(map(len, shapes))
    result: list[int] = []
    for axis in range(rank):
        sizes = {shape[axis - rank + len(shape)] for shape in shapes if axis - rank + len(shape) >= 0} - {1}
        if len(sizes) > 1:
            return None
        result.append(sizes.pop() if sizes else 1)
    return tuple(result)


def alike(
    context: Context, operands: Sequence[Argument], span: Span, *, symbol: str, dtype: DType | None = None
) -> list[Node]:
    """The operands as nodes of one type: number types joined (or `dtype`), shapes broadcast, kinds raised.

    At least one operand must be a node. `symbol` names the operation in messages ("+").
    """
    values = [as_node(context, operand.value, operand.span) for operand in operands]
    nodes = [value for value in values if isinstance(value, Node)]
    kind = max(node.type.kind for node in nodes)
    shape = common_shape([node.type.shape for node in nodes])
    if shape is None:
        raise _shapes_differ(context, operands, values, span, symbol)
    joined = dtype or _joined_dtype(values)
    return [_made_alike(context, v, o.span, joined, shape, kind) for v, o in zip(values, operands, strict=True)]


def _made_alike(
    context: Context, value: Node | Number, span: Span, dtype: DType, shape: tuple[int, ...], kind: Kind
) -> Node:
    if not isinstance(value, Node):
        number = float(value) if dtype is DType.FLOAT else int(value) if dtype is DType.INT else bool(value)
        return context.constant(number, TensorType(dtype, shape, kind))
    if value.op is ops.constant:
        number = value["value"]
        assert isinstance(number, bool | int | float)
        return _made_alike(context, number, span, dtype, shape, kind)
    return broadcast(context, cast(context, raised(context, value, kind, span), dtype, span), shape, kind, span)


def _joined_dtype(values: Sequence[Node | Number]) -> DType:
    """Of nodes the widest; a compile-time float widens whole numbers, a whole number only truth values."""
    best = DType.BOOL
    for value in values:
        if isinstance(value, Node):
            dtype = value.type.dtype
        else:
            dtype = DType.BOOL if isinstance(value, bool) else DType.INT if isinstance(value, int) else DType.FLOAT
        if _RANK[dtype] > _RANK[best]:
            best = dtype
    return best


def _shapes_differ(
    context: Context, operands: Sequence[Argument], values: Sequence[Node | Number], span: Span, symbol: str
) -> Exception:
    named = [(o, v) for o, v in zip(operands, values, strict=True) if isinstance(v, Node)]
    shapes = " and ".join(v.type.shape_text for _, v in named)
    texts = [f"{o.span.text.strip()}: {v.type.shape_text}" for o, v in named if not o.span.file.library]
    more = [Label(o.span, v.type.shape_text) for o, v in named if len(texts) == len(named) and o.span.line != span.line]
    label = ", ".join(texts) if all(len(t) < 40 and "\n" not in t for t in texts) else shapes
    return context.mistake(
        "NN201",
        f"`{symbol}` does not fit {shapes}",
        span,
        label,
        more=more,
        help="counted from the last axis, sizes must be equal or 1; `reshape` gives a value another shape",
    )


# ------------------------------------------------------------------------------------------------ operators

ARITHMETIC: dict[str, Op] = {
    "+": ops.add,
    "-": ops.subtract,
    "*": ops.multiply,
    "//": ops.floor_divide,
    "%": ops.remainder,
    "^": ops.power,
    "/": ops.divide,
}
COMPARISONS: dict[str, Op] = {
    "==": ops.equal,
    "!=": ops.not_equal,
    "<": ops.less,
    "<=": ops.less_equal,
    ">": ops.greater,
    ">=": ops.greater_equal,
}
_LOGIC = {"and": ops.logical_and, "or": ops.logical_or}


def binary(context: Context, symbol: str, left: Argument, right: Argument, span: Span) -> Value:
    """`left symbol right`, at compile time where both are compile-time values."""
    if symbol == "@":
        from nndsl.check.expressions.matmul import matmul

        return matmul(context, left, right, span)
    if is_compile_time(left.value) and is_compile_time(right.value):
        known = folded(context, symbol, left, right, span)
        return _list_arithmetic(context, symbol, left, right, span) if known is None else known
    if symbol in _LOGIC:
        return _logic(context, symbol, left, right, span)
    if symbol in COMPARISONS:
        return context.apply(
            COMPARISONS[symbol],
            alike(context, [left, right], span, symbol=symbol),
            span,
            [left.span, right.span],
        )
    return arithmetic(context, symbol, left, right, span)


def arithmetic(context: Context, symbol: str, left: Argument, right: Argument, span: Span) -> Node:
    """`+ - * / // % ^` where at least one operand is a value of the network."""
    nodes = alike(context, [left, right], span, symbol=symbol)
    if symbol in "/^" or nodes[0].type.dtype is DType.BOOL:
        wanted = DType.FLOAT if symbol in "/^" else DType.INT
        nodes = [_made_alike(context, n, span, wanted, n.type.shape, n.type.kind) for n in nodes]
    return context.apply(ARITHMETIC[symbol], nodes, span, [left.span, right.span])


def _logic(context: Context, symbol: str, left: Argument, right: Argument, span: Span) -> Node:
    nodes = alike(context, [left, right], span, symbol=symbol)
    for node, operand in zip(nodes, (left, right), strict=True):
        if node.type.dtype is not DType.BOOL:
            raise context.mistake(
                "NN206",
                f"`{symbol}` joins truth values, and this is a number",
                operand.span,
                help="compare it first: `x > 0`",
            )
    return context.apply(_LOGIC[symbol], nodes, span)


def negated(context: Context, operand: Argument, span: Span) -> Value:
    """`-operand`."""
    value = as_node(context, operand.value, operand.span)
    if not isinstance(value, Node):
        return -value
    if value.type.dtype is DType.BOOL:
        value = cast(context, value, DType.INT, span)
    return context.apply(ops.negate, [value], span, [operand.span])


def inverted(context: Context, operand: Argument, span: Span) -> Value:
    """`not operand`."""
    value = as_node(context, operand.value, operand.span)
    if isinstance(value, bool):
        return not value
    if isinstance(value, Node) and value.type.dtype is DType.BOOL:
        return context.apply(ops.logical_not, [value], span, [operand.span])
    raise context.mistake(
        "NN206", "`not` wants a truth value, and this is a number", operand.span, help="compare it first: `x > 0`"
    )


# ------------------------------------------------------------------------------------------------ lists


def _list_arithmetic(context: Context, symbol: str, left: Argument, right: Argument, span: Span) -> Value:
    """Lists of numbers as arrays: `[1, 2] * 3`."""
    operands = [_as_array(context, left), _as_array(context, right)]
    if symbol in COMPARISONS:
        return context.apply(COMPARISONS[symbol], alike(context, operands, span, symbol=symbol), span)
    return arithmetic(context, symbol, operands[0], operands[1], span)


def _as_array(context: Context, operand: Argument) -> Argument:
    if isinstance(operand.value, tuple):
        return Argument(constant_array(context, operand.value, operand.span), operand.span)
    return operand
