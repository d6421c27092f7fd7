"""Formulas as people write them, rewritten to forms that neither overflow nor lose digits. Before differentiation."""

# ruff: noqa: D415  # a rewrite's docstring is its equation

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.passes.match import either, full, integers, is_number, kind_word, with_number
from nndsl.passes.rewrite import table

if TYPE_CHECKING:
    from nndsl.ir.graph import Node


# ------------------------------------------------------------------------------------------------ log and exp


def log_of_one_plus(node: Node) -> Node | None:
    """log(1 + x) -> log1p(x)"""
    (x,) = node.inputs
    found = with_number(x) if x.op is ops.add else None
    return ops.log1p(found[0]) if found is not None and found[1] == 1 else None


def softplus_of(node: Node) -> Node | None:
    """log1p(exp(x)) -> softplus(x)"""
    (x,) = node.inputs
    return ops.softplus(x.inputs[0]) if x.op is ops.exp else None


def log_of_exp(node: Node) -> Node | None:
    """log(exp(x)) -> x"""
    (x,) = node.inputs
    return x.inputs[0] if x.op is ops.exp else None


def exp_minus_one(node: Node) -> Node | None:
    """exp(x) - 1 -> expm1(x);  1 - exp(x) -> -expm1(x)"""
    a, b = node.inputs
    if a.op is ops.exp and is_number(b, 1):
        return ops.expm1(a.inputs[0])
    if b.op is ops.exp and is_number(a, 1):
        return ops.negate(ops.expm1(b.inputs[0]))
    return None


def log_of_sum_of_exp(node: Node) -> Node | None:
    """log(sum(exp(x))) -> log(sum(exp(x - max(x)))) + max(x), unless x is shifted already"""
    (total,) = node.inputs
    if total.op is not ops.sum or total.inputs[0].op is not ops.exp:
        return None
    (x,) = total.inputs[0].inputs
    if _is_shifted(x):
        return None
    axes = integers(total, "axes")
    largest = ops.stop_gradient(ops.max(x, axes=axes))
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.type.shape))
    shift = ops.broadcast(ops.reshape(largest, shape=kept), shape=x.type.shape, kind=kind_word(x.type.kind))
    return ops.add(ops.log(ops.sum(ops.exp(ops.subtract(x, shift)), axes=axes)), largest)


def _is_shifted(x: Node) -> bool:
    """Is `x` a value minus its own maximum?"""
    if x.op is not ops.subtract:
        return False
    value, shift = x.inputs
    while shift.op in (ops.broadcast, ops.reshape, ops.stop_gradient):
        shift = shift.inputs[0]
    return shift.op is ops.max and shift.inputs[0] is value


def log_of_softmax(node: Node) -> Node | None:
    """log(exp(x) / sum(exp(x))) -> x - log(sum(exp(x)))"""
    found = _softmax(node.inputs[0])
    if found is None:
        return None
    x, total = found
    return ops.subtract(x, _log_inside(total))


def log_of_picked_softmax(node: Node) -> Node | None:
    """log(pick(softmax(x), i)) -> pick(log(softmax(x)), i)"""
    (picked,) = node.inputs
    if picked.op is not ops.pick or _softmax(picked.inputs[0]) is None:
        return None
    return ops.pick(ops.log(picked.inputs[0]), picked.inputs[1])


def _softmax(node: Node) -> tuple[Node, Node] | None:
    """For exp(x) / sum(exp(x)): x and the denominator (the sum in the shape of x)."""
    if node.op is not ops.divide or node.inputs[0].op is not ops.exp:
        return None
    powers, denominator = node.inputs
    total = denominator
    while total.op in (ops.broadcast, ops.reshape):
        total = total.inputs[0]
    if total.op is not ops.sum or total.inputs[0] is not powers:
        return None
    return powers.inputs[0], denominator


def _log_inside(node: Node) -> Node:
    """log(node), with the logarithm taken before it is broadcast and reshaped."""
    outside: list[Node] = []
    while node.op in (ops.broadcast, ops.reshape):
        outside.append(node)
        node = node.inputs[0]
    logarithm = ops.log(node)
    for step in reversed(outside):
        logarithm = step.builder.again(step, (logarithm,))
    return logarithm


# ------------------------------------------------------------------------------------------------ sigmoid


def sigmoid_of_tanh(node: Node) -> Node | None:
    """0.5 * tanh(0.5 * x) + 0.5 -> sigmoid(x)"""
    outer = with_number(node)
    if outer is None or outer[1] != 0.5 or outer[0].op is not ops.multiply:
        return None
    scaled = with_number(outer[0])
    if scaled is None or scaled[1] != 0.5 or scaled[0].op is not ops.tanh:
        return None
    (half,) = scaled[0].inputs
    inner = with_number(half) if half.op is ops.multiply else None
    return ops.sigmoid(inner[0]) if inner is not None and inner[1] == 0.5 else None


def sigmoid_of_exp(node: Node) -> Node | None:
    """1 / (1 + exp(-x)) -> sigmoid(x)"""
    one, below = node.inputs
    found = either(below, ops.exp) if is_number(one, 1) and below.op is ops.add else None
    if found is None or not is_number(found[1], 1) or found[0].inputs[0].op is not ops.negate:
        return None
    return ops.sigmoid(found[0].inputs[0].inputs[0])


def log_of_sigmoid(node: Node) -> Node | None:
    """log(sigmoid(x)) -> -softplus(-x)"""
    (x,) = node.inputs
    return ops.negate(ops.softplus(ops.negate(x.inputs[0]))) if x.op is ops.sigmoid else None


def log_of_one_minus_sigmoid(node: Node) -> Node | None:
    """log(1 - sigmoid(x)) -> -softplus(x)"""
    (rest,) = node.inputs
    if rest.op is not ops.subtract or not is_number(rest.inputs[0], 1) or rest.inputs[1].op is not ops.sigmoid:
        return None
    return ops.negate(ops.softplus(rest.inputs[1].inputs[0]))


# ------------------------------------------------------------------------------------------------ roots


def root_of_square(node: Node) -> Node | None:
    """sqrt(x^2) -> |x|"""
    x = _squared(node.inputs[0])
    return None if x is None else ops.absolute(x)


def norm(node: Node) -> Node | None:
    """sqrt(s) -> where(s == 0, 0, sqrt(where(s == 0, 1, s))) for s = sum(x^2): the same, with gradient 0 at 0"""
    (total,) = node.inputs
    if total.op is not ops.sum or _squared(total.inputs[0]) is None:
        return None
    nothing = full(total, 0)
    zero = ops.equal(total, nothing)  # not `total > 0`: what is not a number is to stay so
    return ops.where(zero, nothing, ops.sqrt(ops.where(zero, full(total, 1), total)))


def _squared(node: Node) -> Node | None:
    """x, for x^2 in any of its forms."""
    if node.op is ops.square or (node.op is ops.multiply and node.inputs[0] is node.inputs[1]):
        return node.inputs[0]
    return node.inputs[0] if node.op is ops.power and is_number(node.inputs[1], 2) else None


NUMERICS = table(
    (ops.log, log_of_one_plus),
    (ops.log, log_of_exp),
    (ops.log, log_of_sigmoid),
    (ops.log, log_of_one_minus_sigmoid),
    (ops.log, log_of_softmax),
    (ops.log, log_of_picked_softmax),
    (ops.log, log_of_sum_of_exp),
    (ops.log1p, softplus_of),
    (ops.subtract, exp_minus_one),
    (ops.add, sigmoid_of_tanh),
    (ops.divide, sigmoid_of_exp),
    (ops.sqrt, root_of_square),
    (ops.sqrt, norm),
)
