"""Sums and matrix products over less, or in fewer passes."""

# ruff: noqa: D415  # a rewrite's docstring is its equation

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.types import DType, Kind
from nndsl.passes.match import full_of, integers, is_splat, kind_word, number, on_host, spread
from nndsl.passes.rewrite import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.ir.graph import Node


def reduction_of_ones(node: Node) -> Node | None:
    """sum(x) -> reshape(x), over axes of length 1; so do max and min"""
    (x,) = node.inputs
    only_ones = all(x.type.shape[axis] == 1 for axis in integers(node, "axes"))
    return ops.reshape(x, shape=node.type.shape) if only_ones else None


def sum_of_sum(node: Node) -> Node | None:
    """sum(sum(x)) -> sum(x) over the axes of both; so do max of max and min of min"""
    (x,) = node.inputs
    if x.op is not node.op:
        return None
    inner = integers(x, "axes")
    left = [axis for axis in range(x.inputs[0].type.rank) if axis not in inner]
    axes = sorted({*inner, *(left[axis] for axis in integers(node, "axes"))})
    return node.op(x.inputs[0], axes=tuple(axes))


def sum_of_all_reshaped(node: Node) -> Node | None:
    """sum(reshape(x)) -> sum(x), over all axes; so do max and min"""
    (x,) = node.inputs
    if x.op is not ops.reshape or node.type.rank or not x.inputs[0].type.rank:
        return None
    return node.op(x.inputs[0], axes=tuple(range(x.inputs[0].type.rank)))


def sum_of_transposed(node: Node) -> Node | None:
    """sum(transpose(x)) -> sum(x) over the axes as they were, transposed if more than one is left; so do max and min"""
    (x,) = node.inputs
    if x.op is not ops.transpose:
        return None
    permutation, axes = integers(x, "permutation"), integers(node, "axes")
    before = sorted(permutation[axis] for axis in axes)
    reduced = node.op(x.inputs[0], axes=tuple(before))
    left = [permutation[axis] for axis in range(len(permutation)) if axis not in axes]
    return ops.transpose(reduced, permutation=tuple(sorted(left).index(axis) for axis in left))


def sum_of_multiple(node: Node, read_once: Callable[[Node], bool]) -> Node | None:
    """sum(x * s) -> sum(x) * s, and so for batch_sum, where nothing else reads x * s (s: one number everywhere)"""
    (x,) = node.inputs
    if x.op is not ops.multiply or not is_splat(x.inputs[1]) or node.type.dtype is not DType.FLOAT or not read_once(x):
        return None
    value, factor = x.inputs
    total = node.builder.node(node.op, (value,), dict(node.attributes))
    return ops.multiply(total, _same_splat(factor, total))


def sum_of_negative(node: Node, read_once: Callable[[Node], bool]) -> Node | None:
    """sum(-x) -> -sum(x), and so for batch_sum, where nothing else reads -x"""
    (x,) = node.inputs
    if x.op is not ops.negate or not read_once(x):
        return None
    return ops.negate(node.builder.node(node.op, (x.inputs[0],), dict(node.attributes)))


def product_of_multiple(node: Node, read_once: Callable[[Node], bool]) -> Node | None:
    """einsum(x * s, y) -> einsum(x, y) * s, where nothing else reads x * s, and the result is no larger than it"""
    for position, operand in enumerate(node.inputs):
        if operand.op is not ops.multiply or not is_splat(operand.inputs[1]) or not read_once(operand):
            continue
        if node.type.kind > operand.type.kind or node.type.size > operand.type.size:
            continue
        operands = list(node.inputs)
        operands[position], factor = operand.inputs
        product = node.builder.node(node.op, tuple(operands), dict(node.attributes))
        return ops.multiply(product, _same_splat(factor, product))
    return None


def _same_splat(splat: Node, like: Node) -> Node:
    """The number that `splat` is everywhere, in the type of `like`."""
    value = number(splat)
    return full_of(like, like.type, value) if value is not None else spread(ops.from_step(on_host(splat)), like.type)


# ------------------------------------------------------------------------------------------------ matrix products


def product_of_transposed(node: Node) -> Node | None:
    """einsum("ab,bc->ac", transpose(x), y) -> einsum("ba,bc->ac", x, y)"""
    for position, operand in enumerate(node.inputs):
        if operand.op is not ops.transpose:
            continue
        operands, out = str(node["equation"]).split("->")
        letters = operands.split(",")
        permutation = integers(operand, "permutation")
        letters[position] = "".join(letters[position][permutation.index(axis)] for axis in range(len(permutation)))
        inputs = list(node.inputs)
        inputs[position] = operand.inputs[0]
        return ops.einsum(*inputs, equation=f"{','.join(letters)}->{out}", kind=kind_word(node.type.kind))
    return None


def transposed_product(node: Node) -> Node | None:
    """transpose(einsum("ab,bc->ac", x, y)) -> einsum("ab,bc->ca", x, y)"""
    (x,) = node.inputs
    if x.op is not ops.einsum:
        return None
    operands, out = str(x["equation"]).split("->")
    order = "".join(out[axis] for axis in integers(node, "permutation"))
    return ops.einsum(*x.inputs, equation=f"{operands}->{order}", kind=kind_word(node.type.kind))


def product_of_axis_of_one(node: Node) -> Node | None:
    """einsum("ab,bc->ac", x, y) -> einsum("b,bc->c", reshape(x), y), reshaped, where a has length 1"""
    left, right = node.inputs
    if 1 not in left.type.shape and 1 not in right.type.shape:
        return None
    operands, out = str(node["equation"]).split("->")
    letters = operands.split(",")
    lengths = {
        letter: length
        for axes, operand in zip(letters, node.inputs, strict=True)
        for letter, length in zip(axes, operand.type.shape, strict=True)
    }
    ones = {letter for letter, length in lengths.items() if length == 1}
    left, right = (
        ops.reshape(operand, shape=tuple(lengths[letter] for letter in axes if letter not in ones))
        if ones & set(axes)
        else operand
        for axes, operand in zip(letters, node.inputs, strict=True)
    )
    kept = ["".join(letter for letter in axes if letter not in ones) for axes in (*letters, out)]
    product = ops.einsum(left, right, equation=f"{kept[0]},{kept[1]}->{kept[2]}", kind=kind_word(node.type.kind))
    return ops.reshape(product, shape=node.type.shape) if ones & set(out) else product


def product_of_broadcast_samples(node: Node) -> Node | None:
    """einsum(broadcast(x), y) -> einsum(x, y), for a shared x of the same shape and y per sample"""
    for position, operand in enumerate(node.inputs):
        other = node.inputs[1 - position]
        if operand.op is not ops.broadcast or node.type.kind is not Kind.SAMPLE or other.type.kind is not Kind.SAMPLE:
            continue
        source = operand.inputs[0]
        if source.type.shape != operand.type.shape or source.type.kind is Kind.SAMPLE:
            continue
        inputs = [source, other] if position == 0 else [other, source]
        return ops.einsum(*inputs, equation=node["equation"], kind="sample")
    return None


def slice_of_product(node: Node, read_once: Callable[[Node], bool]) -> Node | None:
    """einsum("ab,bc->ac", x, y)[:, part] -> einsum("ab,bc->ac", x, y[:, part]), of a shared y, if that is all"""
    (x,) = node.inputs
    if x.op is not ops.einsum or not read_once(x):
        return None
    operands, out = str(x["equation"]).split("->")
    bounds = zip(out, *(integers(node, name) for name in ("starts", "stops", "steps")), x.type.shape, strict=True)
    parts = {letter: part for letter, *part, size in bounds if part != [0, size, 1]}
    inputs: list[Node] = []
    for operand, letters in zip(x.inputs, operands.split(","), strict=True):
        cut = parts.keys() & set(letters)
        if cut and operand.type.kind is not Kind.SHARED:
            return None
        spans = [parts.get(letter, [0, size, 1]) for letter, size in zip(letters, operand.type.shape, strict=True)]
        starts, stops, steps = (tuple(span[i] for span in spans) for i in range(3))
        inputs.append(ops.slice(operand, starts=starts, stops=stops, steps=steps) if cut else operand)
    return ops.einsum(*inputs, equation=x["equation"], kind=kind_word(x.type.kind))


# ------------------------------------------------------------------------------------------------ cross-entropy


def pick_before_shift(node: Node) -> Node | None:
    """log(sum(exp(x - m))) + m - pick(x, i) -> log(sum(exp(x - m))) - pick(x - m, i), for one m along the last axis"""
    sum_of_two, picked = node.inputs
    if sum_of_two.op is not ops.add or picked.op is not ops.pick:
        return None
    logarithm, shift = sum_of_two.inputs
    total = logarithm.inputs[0] if logarithm.op is ops.log else logarithm
    if total.op is not ops.sum or total.inputs[0].op is not ops.exp:
        return None
    (shifted,) = total.inputs[0].inputs
    x, index = picked.inputs
    if shifted.op is not ops.subtract or shifted.inputs[0] is not x or not _repeats(shifted.inputs[1], shift):
        return None
    return ops.subtract(logarithm, ops.pick(shifted, index))


def _repeats(spread_out: Node, x: Node) -> bool:
    """Is `spread_out` just `x` repeated along a new last axis?"""
    if spread_out.op is not ops.broadcast:
        return False
    source = spread_out.inputs[0]
    if source is x:
        return x.type.rank == 0
    return source.op is ops.reshape and source.inputs[0] is x and source.type.shape == (*x.type.shape, 1)


REDUCTIONS = table(
    ((ops.sum, ops.max, ops.min), reduction_of_ones),
    ((ops.sum, ops.max, ops.min), sum_of_sum),
    ((ops.sum, ops.max, ops.min), sum_of_all_reshaped),
    ((ops.sum, ops.max, ops.min), sum_of_transposed),
    (ops.einsum, product_of_transposed),
    (ops.einsum, product_of_axis_of_one),
    (ops.einsum, product_of_broadcast_samples),
    (ops.transpose, transposed_product),
    (ops.subtract, pick_before_shift),
)

SPARING = {
    ops.sum: (sum_of_multiple, sum_of_negative),
    ops.batch_sum: (sum_of_multiple, sum_of_negative),
    ops.einsum: (product_of_multiple,),
    ops.slice: (slice_of_product,),
}
