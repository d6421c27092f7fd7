"""Choices, comparisons and casts."""

# ruff: noqa: D403, D415  # a rewrite's docstring is its equation

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.types import DType
from nndsl.passes.match import full, is_number, number
from nndsl.passes.rewrite import table

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Op

_MIRRORED: dict[Op, Op] = {
    ops.greater: ops.less,
    ops.less: ops.greater,
    ops.greater_equal: ops.less_equal,
    ops.less_equal: ops.greater_equal,
    ops.equal: ops.equal,
    ops.not_equal: ops.not_equal,
}


# ------------------------------------------------------------------------------------------------ comparisons


def number_on_the_right(node: Node) -> Node | None:
    """0 < x -> x > 0, and so for every comparison of a number with what is none"""
    a, b = node.inputs
    return _MIRRORED[node.op](b, a) if number(a) is not None and number(b) is None else None


def double_not(node: Node) -> Node | None:
    """not not a -> a"""
    (x,) = node.inputs
    return x.inputs[0] if x.op is ops.logical_not else None


def and_with_known(node: Node) -> Node | None:
    """a and true -> a;  a and false -> false;  a and a -> a"""
    return _connected(node, neutral=1)


def or_with_known(node: Node) -> Node | None:
    """a or false -> a;  a or true -> true;  a or a -> a"""
    return _connected(node, neutral=0)


def _connected(node: Node, neutral: float) -> Node | None:
    a, b = node.inputs
    for known, other in ((a, b), (b, a)):
        value = number(known)
        if value is not None:
            return other if bool(value) == bool(neutral) else full(node, value)
    return a if a is b else None


# ------------------------------------------------------------------------------------------------ where


def where_known(node: Node) -> Node | None:
    """where(true, a, b) -> a;  where(false, a, b) -> b"""
    condition, a, b = node.inputs
    value = number(condition)
    return None if value is None else (a if value else b)


def where_alike(node: Node) -> Node | None:
    """where(c, a, a) -> a"""
    _, a, b = node.inputs
    return a if a is b else None


def where_not(node: Node) -> Node | None:
    """where(not c, a, b) -> where(c, b, a)"""
    condition, a, b = node.inputs
    return ops.where(condition.inputs[0], b, a) if condition.op is ops.logical_not else None


def where_in_where(node: Node) -> Node | None:
    """where(c, where(c, a, b), d) -> where(c, a, d);  where(c, a, where(c, b, d)) -> where(c, a, d)"""
    condition, a, b = node.inputs
    if a.op is ops.where and a.inputs[0] is condition:
        return ops.where(condition, a.inputs[1], b)
    if b.op is ops.where and b.inputs[0] is condition:
        return ops.where(condition, a, b.inputs[2])
    return None


def where_one_or_zero(node: Node) -> Node | None:
    """where(c, 1, 0) -> cast(c)"""
    condition, a, b = node.inputs
    if node.type.dtype is DType.BOOL or not is_number(a, 1) or not is_number(b, 0):
        return None
    return ops.cast(condition, to=node.type.dtype.value)


def where_above_zero(node: Node) -> Node | None:
    """where(x > 0, x, 0) -> maximum(x, 0), and the same with >=, <, <= or the sides exchanged"""
    condition, a, b = node.inputs
    above, below = (ops.greater, ops.greater_equal), (ops.less, ops.less_equal)
    if condition.op not in above + below or not is_number(condition.inputs[1], 0):
        return None
    x, nothing = (a, b) if condition.op in above else (b, a)
    return ops.maximum(x, full(node, 0)) if condition.inputs[0] is x and is_number(nothing, 0) else None


def where_above_multiple(node: Node) -> Node | None:
    """where(x > 0, x, x * s) -> maximum(x, x * s), for s from 0 to 1"""
    condition, a, b = node.inputs
    if condition.op is not ops.greater or not is_number(condition.inputs[1], 0) or condition.inputs[0] is not a:
        return None
    slope = number(b.inputs[1]) if b.op is ops.multiply and b.inputs[0] is a else None
    return ops.maximum(a, b) if slope is not None and 0 <= slope <= 1 else None


# ------------------------------------------------------------------------------------------------ casts


def same_cast(node: Node) -> Node | None:
    """cast(x, to what it is) -> x"""
    (x,) = node.inputs
    return x if x.type == node.type else None


def cast_of_cast(node: Node) -> Node | None:
    """cast(cast(x, int), float) -> cast(x, float), for x true or false (a whole number in between loses nothing)"""
    (x,) = node.inputs
    if x.op is not ops.cast or x.inputs[0].type.dtype is not DType.BOOL:
        return None
    return ops.cast(x.inputs[0], to=node.type.dtype.value)


def stopped_gradient(node: Node) -> Node | None:
    """stop_gradient(x) -> x"""
    return node.inputs[0]


CHOICES = table(
    (tuple(_MIRRORED), number_on_the_right),
    (ops.logical_not, double_not),
    (ops.logical_and, and_with_known),
    (ops.logical_or, or_with_known),
    (ops.where, where_known),
    (ops.where, where_alike),
    (ops.where, where_not),
    (ops.where, where_in_where),
    (ops.where, where_one_or_zero),
    (ops.where, where_above_zero),
    (ops.where, where_above_multiple),
    (ops.cast, same_cast),
    (ops.cast, cast_of_cast),
    (ops.stop_gradient, stopped_gradient),
)
