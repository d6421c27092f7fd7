"""What is known while compiling is computed while compiling, in float64."""

# ruff: noqa: D415  # a rewrite's docstring is its equation

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.passes.match import full, full_of, is_number, is_splat, is_step_splat, on_host, spread
from nndsl.passes.rewrite import joined, table

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Op

_INT32 = 1 << 31

Number = float | int | bool

OF_ONE: dict[Op, Callable[[float], Number]] = {
    ops.negate: lambda x: -x,
    ops.absolute: abs,
    ops.square: lambda x: x * x,
    ops.sqrt: math.sqrt,
    ops.reciprocal: lambda x: 1 / x,
    ops.sign: lambda x: (x > 0) - (x < 0),
    ops.floor: math.floor,
    ops.ceil: math.ceil,
    ops.round: round,
    ops.exp: math.exp,
    ops.expm1: math.expm1,
    ops.log: math.log,
    ops.log1p: math.log1p,
    ops.sin: math.sin,
    ops.cos: math.cos,
    ops.tan: math.tan,
    ops.tanh: math.tanh,
    ops.sigmoid: lambda x: 0.5 * math.tanh(0.5 * x) + 0.5,
    ops.softplus: lambda x: max(x, 0) + math.log1p(math.exp(-abs(x))),
    ops.erf: math.erf,
    ops.logical_not: lambda x: not x,
    ops.cast: lambda x: x,
    ops.stop_gradient: lambda x: x,
}
"""The elementwise ops of one operand, on Python numbers."""

OF_TWO: dict[Op, Callable[[float, float], Number]] = {
    ops.add: lambda a, b: a + b,
    ops.subtract: lambda a, b: a - b,
    ops.multiply: lambda a, b: a * b,
    ops.divide: lambda a, b: a / b,
    ops.floor_divide: lambda a, b: a // b,
    ops.remainder: lambda a, b: a % b,
    ops.power: lambda a, b: a**b,
    ops.maximum: max,
    ops.minimum: min,
    ops.equal: lambda a, b: a == b,
    ops.not_equal: lambda a, b: a != b,
    ops.less: lambda a, b: a < b,
    ops.less_equal: lambda a, b: a <= b,
    ops.greater: lambda a, b: a > b,
    ops.greater_equal: lambda a, b: a >= b,
    ops.logical_and: lambda a, b: a and b,
    ops.logical_or: lambda a, b: a or b,
}
"""The elementwise ops of two operands, on Python numbers."""


def known_arithmetic(node: Node) -> Node | None:
    """2 + 3 -> 5, and so for every elementwise op over numbers whose result is finite"""
    values: list[float] = []
    for operand in node.inputs:
        if operand.op is not ops.constant or not isinstance(value := operand["value"], int | float):
            return None
        values.append(value)
    try:
        result = _result(node.op, values)
    except (ArithmeticError, ValueError):
        return None
    if isinstance(result, complex) or not math.isfinite(result):
        return None
    whole = int(result) if node.type.dtype is DType.INT else 0
    return full(node, result) if -_INT32 <= whole < _INT32 else None


def _result(op: Op, values: list[float]) -> Number | complex:
    match values:
        case [x]:
            return OF_ONE[op](x)
        case [a, b]:
            return OF_TWO[op](a, b)
        case _:
            return values[1] if values[0] else values[2]


def movement_of_known(node: Node) -> Node | None:
    """reshape(2) -> 2, and so for every op that only moves numbers, when all of them are the same"""
    values = {operand["value"] if operand.op is ops.constant else None for operand in node.inputs}
    value = values.pop() if len(values) == 1 else None
    return full(node, value) if isinstance(value, int | float) else None


def lookup_in_known(node: Node) -> Node | None:
    """gather(2, ids) -> 2;  pick(2, index) -> 2"""
    value = node.inputs[0]["value"] if node.inputs[0].op is ops.constant else None
    return full(node, value) if isinstance(value, int | float) else None


def padded_zeros(node: Node) -> Node | None:
    """pad(0) -> 0;  place(0, index) -> 0;  scatter_add(0, ids) -> 0"""
    return full(node, 0) if is_number(node.inputs[0], 0) else None


def sum_of_known(node: Node) -> Node | None:
    """sum(2) -> 2 * number of elements added"""
    (x,) = node.inputs
    value = x["value"] if x.op is ops.constant else None
    return full(node, value * (x.type.size // node.type.size)) if isinstance(value, int | float) else None


def product_with_zero(node: Node) -> Node | None:
    """einsum(0, x) -> 0"""
    return full(node, 0) if any(is_number(operand, 0) for operand in node.inputs) else None


# ------------------------------------------------------------------------------------------------ numbers of the step


def arithmetic_on_host(node: Node) -> Node | None:
    """op(s, t) -> op on the host, cast once, for numbers of the step s and t (or one of them known)"""
    for operand in node.inputs:
        if not is_splat(operand):
            return None
    if node.type.kind is Kind.STEP or node.op.numpy.host is None or not any(map(is_step_splat, node.inputs)):
        return None
    attributes = dict(node.attributes)
    number = node.builder.node(node.op, tuple(map(on_host, node.inputs)), attributes)
    return spread(ops.from_step(number), node.type)


def cast_of_known(node: Node) -> Node | None:
    """from_step(2) -> 2"""
    value = node.inputs[0]["value"] if node.inputs[0].op is ops.constant else None
    return full(node, value) if isinstance(value, int | float) else None


def batch_sum_of_splat(node: Node) -> Node | None:
    """batch_sum(s) -> s * samples in the batch, for one number s everywhere"""
    (x,) = node.inputs
    if not is_splat(x) or node.type.dtype is not DType.FLOAT:
        return None
    samples = ops.batch_size.make(node.builder, TensorType(DType.FLOAT, (), Kind.STEP))
    return spread(ops.from_step(ops.multiply(on_host(x), samples)), node.type)


def sum_of_step_splat(node: Node) -> Node | None:
    """sum(s) -> s * number of elements added, for a number of the step s"""
    (x,) = node.inputs
    if not is_step_splat(x):
        return None
    host = on_host(x)
    count = full_of(node, host.type, x.type.size // node.type.size)
    return spread(ops.from_step(ops.multiply(host, count)), node.type)


_ELEMENTWISE = (*OF_ONE, *OF_TWO, ops.where)

FOLD = joined(
    table((_ELEMENTWISE, known_arithmetic), (_ELEMENTWISE, arithmetic_on_host)),
    table(
        ((ops.broadcast, ops.reshape, ops.transpose, ops.slice, ops.reverse, ops.concatenate), movement_of_known),
        ((ops.max, ops.min), movement_of_known),
        ((ops.gather, ops.pick), lookup_in_known),
        ((ops.pad, ops.place, ops.scatter_add), padded_zeros),
        (ops.sum, sum_of_known),
        (ops.sum, sum_of_step_splat),
        (ops.batch_sum, batch_sum_of_splat),
        (ops.einsum, product_with_zero),
        (ops.from_step, cast_of_known),
    ),
)
