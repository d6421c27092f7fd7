"""Operands made alike: number types joined, shapes broadcast, kinds raised, so that an elementwise op sees one type.

Broadcasting is NumPy's, on per-sample shapes. Every widening is a node of its own, so gradients need no special case.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.values import (
    Argument,
    Constant,
    Option,
    Parts,
    RawColumn,
    Value,
    describe,
    is_number,
)
from nndsl.diagnostics import Label
from nndsl.ir import DType, Kind, Node, Op, TensorType

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.source import Span

_RANK = {DType.BOOL: 0, DType.INT: 1, DType.FLOAT: 2}


def as_node(context: Context, value: Value, span: Span) -> Node | Constant:
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
            from nndsl.check.columns import number_column

            return number_column(context, value)
        case tuple():
            return constant_array(context, value, span)
        case _:
            raise context.mistake("NN206", f"a number or a value of the network is wanted, not {describe(value)}", span)


def tensor(context: Context, argument: Argument) -> Node:
    """The argument as a node; a compile-time number becomes a shared scalar."""
    value = as_node(context, argument.value, argument.span)
    if isinstance(value, Node):
        return value
    return number_node(context, value, Kind.SHARED)


def number_node(context: Context, value: Constant, kind: Kind, shape: tuple[int, ...] = ()) -> Node:
    """A compile-time number or truth value as a node."""
    dtype = DType.BOOL if isinstance(value, bool) else DType.INT if isinstance(value, int) else DType.FLOAT
    assert not isinstance(value, str)
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
    return context.leaf(ops.array, TensorType(dtype, shape, Kind.SHARED), span, value=_plain(value))


def _plain(value: Value) -> tuple[object, ...] | float:
    return tuple(_plain(item) for item in value) if isinstance(value, tuple) else value  # pyright: ignore[reportReturnType]


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
    return node if node.type.dtype is dtype else context.apply(ops.cast, [node], span, to=dtype.value)


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
    context: Context, value: Node | Constant, span: Span, dtype: DType, shape: tuple[int, ...], kind: Kind
) -> Node:
    if not isinstance(value, Node):
        assert not isinstance(value, str)
        number = float(value) if dtype is DType.FLOAT else int(value) if dtype is DType.INT else bool(value)
        return context.constant(number, TensorType(dtype, shape, kind))
    if value.op is ops.constant:
        number = value["value"]
        assert isinstance(number, bool | int | float)
        return _made_alike(context, number, span, dtype, shape, kind)
    return broadcast(context, cast(context, raised(context, value, kind, span), dtype, span), shape, kind, span)


def _joined_dtype(values: Sequence[Node | Constant]) -> DType:
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
    context: Context, operands: Sequence[Argument], values: Sequence[Node | Constant], span: Span, symbol: str
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

_ARITHMETIC: dict[str, tuple[Op, Callable[..., Constant]]] = {
    "+": (ops.add, operator.add),
    "-": (ops.subtract, operator.sub),
    "*": (ops.multiply, operator.mul),
    "//": (ops.floor_divide, operator.floordiv),
    "%": (ops.remainder, operator.mod),
    "^": (ops.power, operator.pow),
    "/": (ops.divide, operator.truediv),
}
_COMPARISONS: dict[str, tuple[Op, Callable[..., bool]]] = {
    "==": (ops.equal, operator.eq),
    "!=": (ops.not_equal, operator.ne),
    "<": (ops.less, operator.lt),
    "<=": (ops.less_equal, operator.le),
    ">": (ops.greater, operator.gt),
    ">=": (ops.greater_equal, operator.ge),
}
_LOGIC = {"and": ops.logical_and, "or": ops.logical_or}


def binary(context: Context, symbol: str, left: Argument, right: Argument, span: Span) -> Value:
    """`left symbol right`, at compile time where both are compile-time values."""
    if symbol == "@":
        from nndsl.check.matmul import matmul

        return matmul(context, left, right, span)
    if _compile_time(left.value) and _compile_time(right.value):
        return _folded(context, symbol, left, right, span)
    if symbol in _LOGIC:
        return _logic(context, symbol, left, right, span)
    if symbol in _COMPARISONS:
        return context.apply(
            _COMPARISONS[symbol][0],
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
    return context.apply(_ARITHMETIC[symbol][0], nodes, span, [left.span, right.span])


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
        return -value  # pyright: ignore[reportOperatorIssue] as_node gives no text
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


# ------------------------------------------------------------------------------------------------ compile time


def _compile_time(value: Value) -> bool:
    return isinstance(value, bool | int | float | str | Option) or (isinstance(value, tuple) and _plain_list(value))


def _plain_list(value: tuple[Value, ...]) -> bool:
    return all(_compile_time(item) for item in value)


def _folded(context: Context, symbol: str, left: Argument, right: Argument, span: Span) -> Value:
    a, b = left.value, right.value
    if symbol in ("and", "or"):
        if isinstance(a, bool) and isinstance(b, bool):
            return (a and b) if symbol == "and" else (a or b)
        raise context.mistake("NN206", f"`{symbol}` joins truth values", span)
    if symbol in ("==", "!="):
        same = a == b and isinstance(a, bool) == isinstance(b, bool)
        return same if symbol == "==" else not same
    if symbol == "+" and isinstance(a, tuple) and isinstance(b, tuple):
        return (*a, *b)
    if isinstance(a, tuple) or isinstance(b, tuple):
        return _list_arithmetic(context, symbol, left, right, span)
    if isinstance(a, str | Option) or isinstance(b, str | Option):
        what = describe(a if isinstance(a, str | Option) else b)
        raise context.mistake("NN206", f"`{symbol}` wants numbers, not {what}", span)
    if symbol in _COMPARISONS:
        return _COMPARISONS[symbol][1](a, b)
    try:
        return _number_result(symbol, a, b)
    except ZeroDivisionError:
        raise context.mistake("NN208", "this divides by zero", span) from None
    except (OverflowError, ValueError):
        raise context.mistake("NN208", "this number is too large", span) from None


def _number_result(symbol: str, a: Value, b: Value) -> Constant:
    if symbol == "^" and is_number(b) and abs(b) > 4096:  # pyright: ignore[reportArgumentType] b is a number
        return math.pow(a, b)  # pyright: ignore[reportArgumentType] numbers
    result = _ARITHMETIC[symbol][1](a, b)
    if symbol == "/" and isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return a // b
    if isinstance(result, complex) or (isinstance(result, int) and abs(result) > 2**63):
        raise OverflowError
    return result


def _list_arithmetic(context: Context, symbol: str, left: Argument, right: Argument, span: Span) -> Value:
    nodes = alike(
        context,
        [_as_array(context, left), _as_array(context, right)],
        span,
        symbol=symbol,
    )
    if symbol in _COMPARISONS:
        return context.apply(_COMPARISONS[symbol][0], nodes, span)
    return arithmetic(context, symbol, Argument(nodes[0], left.span), Argument(nodes[1], right.span), span)


def _as_array(context: Context, operand: Argument) -> Argument:
    if isinstance(operand.value, tuple):
        return Argument(constant_array(context, operand.value, operand.span), operand.span)
    return operand
