"""Arithmetic without what changes nothing: neutral numbers, double signs, chains of factors, powers."""

# ruff: noqa: D403, D415  # a rewrite's docstring is its equation

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.types import DType
from nndsl.passes.match import either, full, is_number, is_splat, number, with_number
from nndsl.passes.rewrite import table

if TYPE_CHECKING:
    from nndsl.ir.graph import Node


# ------------------------------------------------------------------------------------------------ sums


def splat_behind(node: Node) -> Node | None:
    """s + x -> x + s;  s * x -> x * s  (s: one number everywhere, x: not)"""
    a, b = node.inputs
    return node.op(b, a) if is_splat(a) and not is_splat(b) else None


def add_zero(node: Node) -> Node | None:
    """x + 0 -> x"""
    found = with_number(node)
    return found[0] if found is not None and found[1] == 0 else None


def add_negative(node: Node) -> Node | None:
    """a + -b -> a - b"""
    found = either(node, ops.negate)
    if found is None:
        return None
    negative, other = found
    return ops.subtract(other, negative.inputs[0])


def subtract_zero(node: Node) -> Node | None:
    """x - 0 -> x"""
    return node.inputs[0] if is_number(node.inputs[1], 0) else None


def subtract_from_zero(node: Node) -> Node | None:
    """0 - x -> -x"""
    return ops.negate(node.inputs[1]) if is_number(node.inputs[0], 0) else None


def subtract_negative(node: Node) -> Node | None:
    """a - -b -> a + b"""
    a, b = node.inputs
    return ops.add(a, b.inputs[0]) if b.op is ops.negate else None


def subtract_itself(node: Node) -> Node | None:
    """x - x -> 0, of whole numbers (a float may be infinite)"""
    a, b = node.inputs
    return full(node, 0) if a is b and node.type.dtype is DType.INT else None


# ------------------------------------------------------------------------------------------------ signs


def double_negation(node: Node) -> Node | None:
    """-(-x) -> x"""
    (x,) = node.inputs
    return x.inputs[0] if x.op is ops.negate else None


def negated_difference(node: Node) -> Node | None:
    """-(a - b) -> b - a"""
    (x,) = node.inputs
    return ops.subtract(x.inputs[1], x.inputs[0]) if x.op is ops.subtract else None


def negated_multiple(node: Node) -> Node | None:
    """-(x * s) -> x * -s;  -(s / x) -> -s / x"""
    (x,) = node.inputs
    if x.op is ops.multiply and is_splat(x.inputs[1]) and not is_splat(x.inputs[0]):
        return ops.multiply(x.inputs[0], ops.negate(x.inputs[1]))
    if x.op is ops.divide and is_splat(x.inputs[0]) and not is_splat(x.inputs[1]):
        return ops.divide(ops.negate(x.inputs[0]), x.inputs[1])
    return None


def sign_out_of_product(node: Node) -> Node | None:
    """-a * s -> a * -s;  -a * -b -> a * b;  -a * b -> -(a * b)"""
    found = either(node, ops.negate)
    if found is None:
        return None
    a, b = found[0].inputs[0], found[1]
    if b.op is ops.negate:
        return ops.multiply(a, b.inputs[0])
    if is_splat(a) != is_splat(b):
        return ops.multiply(a, ops.negate(b)) if is_splat(b) else None
    return ops.negate(ops.multiply(a, b))


def sign_out_of_quotient(node: Node) -> Node | None:
    """-a / -b -> a / b;  -a / b -> -(a / b);  a / -b -> -(a / b)"""
    a, b = node.inputs
    if a.op is ops.negate and b.op is ops.negate:
        return ops.divide(a.inputs[0], b.inputs[0])
    if a.op is ops.negate:
        return ops.negate(ops.divide(a.inputs[0], b))
    return ops.negate(ops.divide(a, b.inputs[0])) if b.op is ops.negate else None


def even_of_negative(node: Node) -> Node | None:
    """square(-x) -> square(x);  |-x| -> |x|;  square(|x|) -> square(x)"""
    (x,) = node.inputs
    sign_is_lost = x.op is ops.negate or (x.op is ops.absolute and node.op is ops.square)
    return node.op(x.inputs[0]) if sign_is_lost else None


# ------------------------------------------------------------------------------------------------ products


def multiply_by_zero(node: Node) -> Node | None:
    """x * 0 -> 0"""
    found = with_number(node)
    return full(node, 0) if found is not None and found[1] == 0 else None


def multiply_by_one(node: Node) -> Node | None:
    """x * 1 -> x"""
    found = with_number(node)
    return found[0] if found is not None and found[1] == 1 else None


def multiply_by_minus_one(node: Node) -> Node | None:
    """x * -1 -> -x"""
    found = with_number(node)
    return ops.negate(found[0]) if found is not None and found[1] == -1 else None


def multiply_by_itself(node: Node) -> Node | None:
    """x * x -> square(x)"""
    a, b = node.inputs
    return ops.square(a) if a is b else None


def chain_of_factors(node: Node) -> Node | None:
    """(x * s) * t -> x * (s * t);  (s / x) * t -> (s * t) / x  (s, t: one number everywhere)"""
    a, t = node.inputs
    if node.type.dtype is not DType.FLOAT or not is_splat(t) or is_splat(a):
        return None
    if a.op is ops.multiply and is_splat(a.inputs[1]):
        return ops.multiply(a.inputs[0], ops.multiply(a.inputs[1], t))
    if a.op is ops.divide and is_splat(a.inputs[0]):
        return ops.divide(ops.multiply(a.inputs[0], t), a.inputs[1])
    return None


def product_of_multiples(node: Node) -> Node | None:
    """(a * s) * (b * t) -> (a * b) * (s * t)  (s, t: one number everywhere)"""
    a, b = node.inputs
    if node.type.dtype is not DType.FLOAT or a is b or a.op is not ops.multiply or b.op is not ops.multiply:
        return None
    if is_splat(a) or is_splat(b) or not is_splat(a.inputs[1]) or not is_splat(b.inputs[1]):
        return None
    product = ops.multiply(a.inputs[0], b.inputs[0])
    return ops.multiply(product, ops.multiply(a.inputs[1], b.inputs[1]))


def multiply_by_reciprocal(node: Node) -> Node | None:
    """a * (1 / b) -> a / b"""
    found = either(node, ops.reciprocal)
    if found is not None:
        return ops.divide(found[1], found[0].inputs[0])
    for a, b in (node.inputs, tuple(reversed(node.inputs))):
        if b.op is ops.divide and is_number(b.inputs[0], 1):
            return ops.divide(a, b.inputs[1])
    return None


def divide_by_splat(node: Node) -> Node | None:
    """x / s -> x * (1 / s)  (s: one number everywhere, not 0)"""
    a, s = node.inputs
    if is_splat(a) or not is_splat(s) or number(s) == 0:
        return None
    return ops.multiply(a, ops.divide(full(s, 1), s))


def divide_by_one(node: Node) -> Node | None:
    """x / 1 -> x"""
    return node.inputs[0] if is_number(node.inputs[1], 1) else None


def divide_zero(node: Node) -> Node | None:
    """0 / x -> 0"""
    return full(node, 0) if is_number(node.inputs[0], 0) else None


# ------------------------------------------------------------------------------------------------ powers


def small_power(node: Node) -> Node | None:
    """x^0 -> 1;  x^1 -> x;  x^2 -> square(x);  x^3 -> x * square(x);  x^4 -> square(square(x))"""
    x, exponent = node.inputs
    match number(exponent):
        case 0:
            return full(node, 1)
        case 1:
            return x
        case 2:
            return ops.square(x)
        case 3:
            return ops.multiply(x, ops.square(x))
        case 4:
            return ops.square(ops.square(x))
        case _:
            return None


def root_or_reciprocal_power(node: Node) -> Node | None:
    """x^0.5 -> sqrt(x);  x^-0.5 -> 1 / sqrt(x);  x^-1 -> 1 / x;  x^-2 -> 1 / square(x)"""
    x, exponent = node.inputs
    match number(exponent):
        case 0.5:
            return ops.sqrt(x)
        case -0.5:
            return ops.reciprocal(ops.sqrt(x))
        case -1:
            return ops.reciprocal(x)
        case -2:
            return ops.reciprocal(ops.square(x))
        case _:
            return None


def square_of_root(node: Node) -> Node | None:
    """sqrt(square(x)) -> |x|"""
    (x,) = node.inputs
    return ops.absolute(x.inputs[0]) if x.op is ops.square else None


ALGEBRA = table(
    ((ops.add, ops.multiply), splat_behind),
    (ops.add, add_zero),
    (ops.add, add_negative),
    (ops.subtract, subtract_zero),
    (ops.subtract, subtract_from_zero),
    (ops.subtract, subtract_negative),
    (ops.subtract, subtract_itself),
    (ops.negate, double_negation),
    (ops.negate, negated_difference),
    (ops.negate, negated_multiple),
    ((ops.square, ops.absolute), even_of_negative),
    (ops.multiply, multiply_by_zero),
    (ops.multiply, multiply_by_one),
    (ops.multiply, multiply_by_minus_one),
    (ops.multiply, multiply_by_itself),
    (ops.multiply, sign_out_of_product),
    (ops.multiply, multiply_by_reciprocal),
    (ops.multiply, chain_of_factors),
    (ops.multiply, product_of_multiples),
    (ops.divide, divide_zero),
    (ops.divide, divide_by_one),
    (ops.divide, divide_by_splat),
    (ops.divide, sign_out_of_quotient),
    (ops.power, small_power),
    (ops.power, root_or_reciprocal_power),
    (ops.sqrt, square_of_root),
)
