"""Work done before values are broadcast instead of after, and broadcasts that change nothing."""

# ruff: noqa: D415  # a rewrite's docstring is its equation

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.passes.match import full_of, integers, is_splat, spread
from nndsl.passes.rewrite import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.ir.graph import Node


# ------------------------------------------------------------------------------------------------ broadcasts


def same_broadcast(node: Node) -> Node | None:
    """broadcast(x, to what it is) -> x"""
    (x,) = node.inputs
    return x if x.type == node.type else None


def broadcast_of_broadcast(node: Node) -> Node | None:
    """broadcast(broadcast(x)) -> broadcast(x)"""
    (x,) = node.inputs
    return spread(x.inputs[0], node.type) if x.op is ops.broadcast else None


def broadcast_of_axes_in_front(node: Node) -> Node | None:
    """broadcast(reshape(x)) -> broadcast(x), where the reshape only puts axes of length 1 in front"""
    (x,) = node.inputs
    if x.op is not ops.reshape:
        return None
    inner = x.inputs[0].type.shape
    extra = len(x.type.shape) - len(inner)
    only_in_front = extra > 0 and x.type.shape == (1,) * extra + inner
    return spread(x.inputs[0], node.type) if only_in_front else None


def moved_broadcast_of_one(node: Node) -> Node | None:
    """reshape(broadcast(x)) -> broadcast(x), for x of one element; so do transpose, slice and reverse"""
    (x,) = node.inputs
    if x.op is not ops.broadcast or x.inputs[0].type.size != 1:
        return None
    source = x.inputs[0]
    return spread(ops.reshape(source, shape=()) if source.type.shape else source, node.type)


def slice_of_repeated(node: Node) -> Node | None:
    """slice(broadcast(x)) -> broadcast(x), of repeated axes only"""
    (x,) = node.inputs
    if x.op is not ops.broadcast:
        return None
    cut = [axis for axis, size in enumerate(x.type.shape) if size != node.type.shape[axis]]
    lengths = _lengths_before_broadcast(x)
    return spread(x.inputs[0], node.type) if all(lengths[axis] == 1 for axis in cut) else None


# ------------------------------------------------------------------------------------------------ elementwise


def elementwise_before_broadcast(node: Node) -> Node | None:
    """op(broadcast(a), broadcast(b), s) -> broadcast(op(a, b, s)), a and b broadcast to one type where they differ"""
    repeated = [operand.inputs[0] for operand in node.inputs if operand.op is ops.broadcast]
    if not repeated or any(operand.op not in (ops.broadcast, ops.constant) for operand in node.inputs):
        return None
    shape = _common_shape(source.type.shape for source in repeated)
    kind = max(source.type.kind for source in repeated)
    if shape == node.type.shape and kind is node.type.kind:
        return None
    operands = tuple(_before_broadcast(operand, shape, kind) for operand in node.inputs)
    return spread(node.builder.node(node.op, operands, dict(node.attributes)), node.type)


def _common_shape(shapes: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape that values of these shapes are broadcast to together."""
    shapes = list(shapes)
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(max(sizes) for sizes in zip(*padded, strict=True))


def _before_broadcast(operand: Node, shape: tuple[int, ...], kind: Kind) -> Node:
    type = TensorType(operand.type.dtype, shape, kind)
    if operand.op is ops.broadcast:
        return spread(operand.inputs[0], type)
    value = operand["value"]
    return full_of(operand, type, value if isinstance(value, int | float) else 0)


# ------------------------------------------------------------------------------------------------ reductions


def _lengths_before_broadcast(x: Node) -> tuple[int, ...]:
    """For x = broadcast(source): the lengths of the source's axes, 1 for each new axis in front."""
    source = x.inputs[0].type
    return (1,) * (x.type.rank - source.rank) + source.shape


def sum_of_broadcast(node: Node) -> Node | None:
    """sum(broadcast(x)) -> broadcast(sum(x) * n), each element being added n times"""
    (x,) = node.inputs
    if x.op is not ops.broadcast or is_splat(x) or node.type.dtype is not DType.FLOAT:
        return None
    source, axes, lengths = x.inputs[0], integers(node, "axes"), _lengths_before_broadcast(x)
    times = prod(x.type.shape[axis] for axis in axes if lengths[axis] == 1)
    if times == 1 and source.type.kind is x.type.kind:
        return None
    new = x.type.rank - source.type.rank
    own = tuple(axis - new for axis in axes if lengths[axis] != 1)
    total = ops.sum(source, axes=own) if own else source
    total = _reshaped(total, tuple(length for axis, length in enumerate(lengths) if axis not in axes))
    return spread(ops.multiply(total, full_of(node, total.type, times)), node.type)


def largest_of_broadcast(node: Node) -> Node | None:
    """max(broadcast(x)) -> broadcast(x), over repeated axes; so does min"""
    (x,) = node.inputs
    if x.op is not ops.broadcast:
        return None
    axes, lengths = integers(node, "axes"), _lengths_before_broadcast(x)
    if any(lengths[axis] != 1 for axis in axes):
        return None
    kept = tuple(length for axis, length in enumerate(lengths) if axis not in axes)
    return spread(_reshaped(x.inputs[0], kept), node.type)


def _reshaped(x: Node, shape: tuple[int, ...]) -> Node:
    return x if x.type.shape == shape else ops.reshape(x, shape=shape)


def batch_sum_of_broadcast(node: Node) -> Node | None:
    """batch_sum(broadcast(x)) -> broadcast(x * batch_size), for a shared x;  else -> broadcast(batch_sum(x))"""
    (x,) = node.inputs
    if x.op is not ops.broadcast or is_splat(x) or node.type.dtype is not DType.FLOAT:
        return None
    source = x.inputs[0]
    if source.type.kind is Kind.SAMPLE:
        return spread(ops.batch_sum(source), node.type)
    samples = ops.batch_size.make(node.builder, TensorType(DType.FLOAT, (), Kind.STEP))
    return spread(ops.multiply(source, spread(ops.from_step(samples), source.type)), node.type)


SPREADING = table(
    (ops.broadcast, same_broadcast),
    (ops.broadcast, broadcast_of_broadcast),
    (ops.broadcast, broadcast_of_axes_in_front),
    ((ops.reshape, ops.transpose, ops.slice, ops.reverse), moved_broadcast_of_one),
    (ops.slice, slice_of_repeated),
    (tuple(op for op in ops.OPS.values() if op.elementwise), elementwise_before_broadcast),
    (ops.sum, sum_of_broadcast),
    ((ops.max, ops.min), largest_of_broadcast),
    (ops.batch_sum, batch_sum_of_broadcast),
)
