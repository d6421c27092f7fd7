"""Movements that change nothing, or that make one with the next: reshapes, transposes, parts, joins, paddings."""

# ruff: noqa: D415  # a rewrite's docstring is its equation

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.passes.match import integer, integers
from nndsl.passes.rewrite import table

if TYPE_CHECKING:
    from nndsl.ir.graph import Node


def same_reshape(node: Node) -> Node | None:
    """reshape(x, to its own shape) -> x"""
    (x,) = node.inputs
    return x if x.type == node.type else None


def reshape_of_reshape(node: Node) -> Node | None:
    """reshape(reshape(x)) -> reshape(x)"""
    (x,) = node.inputs
    return ops.reshape(x.inputs[0], shape=node.type.shape) if x.op is ops.reshape else None


def reshape_of_moved_ones(node: Node) -> Node | None:
    """reshape(transpose(x)) -> reshape(x), where only axes of length 1 change places with others"""
    (x,) = node.inputs
    if x.op is not ops.transpose:
        return None
    lengths = x.inputs[0].type.shape
    moved = [axis for axis in integers(x, "permutation") if lengths[axis] != 1]
    return ops.reshape(x.inputs[0], shape=node.type.shape) if moved == sorted(moved) else None


def transpose_of_ones(node: Node) -> Node | None:
    """transpose(x) -> reshape(x), where only axes of length 1 change places with others (x itself where none do)"""
    (x,) = node.inputs
    permutation = integers(node, "permutation")
    if permutation == tuple(range(len(permutation))):
        return x
    moved = [axis for axis in permutation if x.type.shape[axis] != 1]
    return ops.reshape(x, shape=node.type.shape) if moved == sorted(moved) else None


def transpose_of_transpose(node: Node) -> Node | None:
    """transpose(transpose(x)) -> transpose(x)"""
    (x,) = node.inputs
    if x.op is not ops.transpose:
        return None
    inner, outer = integers(x, "permutation"), integers(node, "permutation")
    return ops.transpose(x.inputs[0], permutation=tuple(inner[axis] for axis in outer))


def reverse_of_reverse(node: Node) -> Node | None:
    """reverse(reverse(x)) -> reverse(x) along the axes that only one of them turns"""
    (x,) = node.inputs
    if x.op is not ops.reverse:
        return None
    axes = set(integers(x, "axes")) ^ set(integers(node, "axes"))
    return ops.reverse(x.inputs[0], axes=tuple(sorted(axes)))


def reverse_of_ones(node: Node) -> Node | None:
    """reverse(x) -> x, along axes of length 1"""
    (x,) = node.inputs
    return x if all(x.type.shape[axis] == 1 for axis in integers(node, "axes")) else None


def whole_slice(node: Node) -> Node | None:
    """x[:] -> x"""
    (x,) = node.inputs
    return x if x.type == node.type else None


def slice_of_slice(node: Node) -> Node | None:
    """x[a:b][c:d] -> x[a + c : a + d]"""
    (x,) = node.inputs
    if x.op is not ops.slice:
        return None
    begins, strides = integers(x, "starts"), integers(x, "steps")
    bounds = zip(begins, strides, integers(node, "starts"), integers(node, "stops"), strict=True)
    spans = [(begin + a * stride, begin + (b - 1) * stride + 1) for begin, stride, a, b in bounds]
    steps = tuple(stride * step for stride, step in zip(strides, integers(node, "steps"), strict=True))
    starts, stops = tuple(start for start, _ in spans), tuple(stop for _, stop in spans)
    return ops.slice(x.inputs[0], starts=starts, stops=stops, steps=steps)


def slice_of_concatenate(node: Node) -> Node | None:
    """concatenate(a, b)[part of b] -> b[part]"""
    (x,) = node.inputs
    if x.op is not ops.concatenate:
        return None
    axis = integer(x, "axis")
    starts, stops, steps = (list(integers(node, name)) for name in ("starts", "stops", "steps"))
    begin = 0
    for part in x.inputs:
        end = begin + part.type.shape[axis]
        if begin <= starts[axis] and stops[axis] <= end:
            starts[axis] -= begin
            stops[axis] -= begin
            return ops.slice(part, starts=tuple(starts), stops=tuple(stops), steps=tuple(steps))
        begin = end
    return None


def slice_of_pad(node: Node) -> Node | None:
    """pad(x)[within x] -> x[part]"""
    (x,) = node.inputs
    if x.op is not ops.pad:
        return None
    before = integers(x, "before")
    starts = tuple(a - b for a, b in zip(integers(node, "starts"), before, strict=True))
    stops = tuple(a - b for a, b in zip(integers(node, "stops"), before, strict=True))
    lengths = x.inputs[0].type.shape
    inside = all(a >= 0 and b <= size for a, b, size in zip(starts, stops, lengths, strict=True))
    return ops.slice(x.inputs[0], starts=starts, stops=stops, steps=integers(node, "steps")) if inside else None


def pad_with_nothing(node: Node) -> Node | None:
    """pad(x, 0 before and after) -> x"""
    (x,) = node.inputs
    return x if x.type == node.type else None


def pad_of_pad(node: Node) -> Node | None:
    """pad(pad(x)) -> pad(x)"""
    (x,) = node.inputs
    if x.op is not ops.pad:
        return None
    before, after = (
        tuple(a + b for a, b in zip(integers(x, side), integers(node, side), strict=True))
        for side in ("before", "after")
    )
    return ops.pad(x.inputs[0], before=before, after=after)


def concatenate_of_one(node: Node) -> Node | None:
    """concatenate(x) -> x"""
    return node.inputs[0] if len(node.inputs) == 1 else None


def concatenate_of_all_parts(node: Node) -> Node | None:
    """concatenate(x[:a], x[a:]) -> x"""
    axis = integer(node, "axis")
    first = node.inputs[0]
    if first.op is not ops.slice or first.inputs[0].type != node.type:
        return None
    x, begin = first.inputs[0], 0
    for part in node.inputs:
        if part.op is not ops.slice or part.inputs[0] is not x or any(step != 1 for step in integers(part, "steps")):
            return None
        if integers(part, "starts")[axis] != begin:
            return None
        begin = integers(part, "stops")[axis]
    return x


def concatenate_of_concatenate(node: Node) -> Node | None:
    """concatenate(concatenate(a, b), c) -> concatenate(a, b, c), along one axis"""
    axis = integer(node, "axis")
    nested = [part.op is ops.concatenate and integer(part, "axis") == axis for part in node.inputs]
    if not any(nested):
        return None
    parts = [x for part, inner in zip(node.inputs, nested, strict=True) for x in (part.inputs if inner else (part,))]
    return ops.concatenate(*parts, axis=axis)


def sum_of_padded_neighbours(node: Node) -> Node | None:
    """pad(x) + pad(y) -> pad(concatenate(x, y)), where y begins behind x along one axis and they agree on the others"""
    a, b = node.inputs
    if a.op is not ops.pad or b.op is not ops.pad:
        return None
    for first, second in ((a, b), (b, a)):
        axis = _joint(first, second)
        if axis is not None:
            both = ops.concatenate(first.inputs[0], second.inputs[0], axis=axis)
            return ops.pad(both, before=integers(first, "before"), after=integers(second, "after"))
    return None


def _joint(first: Node, second: Node) -> int | None:
    """The only axis along which two padded values stand at different places; `second` begins behind `first` there."""
    before, after = integers(first, "before"), integers(first, "after")
    next_before, next_after = integers(second, "before"), integers(second, "after")
    axes = [i for i in range(len(before)) if (before[i], after[i]) != (next_before[i], next_after[i])]
    if len(axes) != 1:
        return None
    (axis,) = axes
    return axis if before[axis] + first.inputs[0].type.shape[axis] == next_before[axis] else None


def pick_of_place(node: Node) -> Node | None:
    """pick(place(x, i), i) -> x"""
    placed, index = node.inputs
    return placed.inputs[0] if placed.op is ops.place and placed.inputs[1] is index else None


MOVEMENT = table(
    (ops.reshape, same_reshape),
    (ops.reshape, reshape_of_reshape),
    (ops.reshape, reshape_of_moved_ones),
    (ops.transpose, transpose_of_ones),
    (ops.transpose, transpose_of_transpose),
    (ops.reverse, reverse_of_ones),
    (ops.reverse, reverse_of_reverse),
    (ops.slice, whole_slice),
    (ops.slice, slice_of_slice),
    (ops.slice, slice_of_concatenate),
    (ops.slice, slice_of_pad),
    (ops.pad, pad_with_nothing),
    (ops.pad, pad_of_pad),
    (ops.concatenate, concatenate_of_one),
    (ops.concatenate, concatenate_of_all_parts),
    (ops.concatenate, concatenate_of_concatenate),
    (ops.add, sum_of_padded_neighbours),
    (ops.pick, pick_of_place),
)
