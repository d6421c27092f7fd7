"""What grows with its input moves behind the maximum of windows, to work on fewer elements; and no others are computed.

Before differentiation, so that the gradient has fewer to go through as well.
"""

# ruff: noqa: D415  # a rewrite's docstring is its equation

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ops.products import parse_equation
from nndsl.ops.rules import text
from nndsl.passes.match import full, integers, is_number, kind_word
from nndsl.passes.rewrite import table

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.ir.graph import Node


def _pooled(node: Node, x: Node) -> Node:
    """The maximum of windows as `node` takes it, of `x`."""
    numbers = {name: integers(node, name) for name in ("before", "counts", "dilations", "sizes", "strides")}
    return ops.window_max(x, **numbers)


def maximum_of_relu(node: Node, read_once: Callable[[Node], bool]) -> Node | None:
    """window_max(where(x > 0, x, 0)) -> where(m > 0, m, 0), m = window_max(x)"""
    (relu,) = node.inputs
    if relu.op is not ops.where or not read_once(relu):
        return None
    condition, x, otherwise = relu.inputs
    if condition.op is not ops.greater or condition.inputs[0] is not x:
        return None
    if not is_number(condition.inputs[1], 0) or not is_number(otherwise, 0):
        return None
    m = _pooled(node, x)
    return ops.where(ops.greater(m, full(m, 0)), m, full(m, 0))


def maximum_of_sum(node: Node) -> Node | None:
    """window_max(x + broadcast(b)) -> window_max(x) + broadcast(b), where b is the same all over a window"""
    (total,) = node.inputs
    if total.op is not ops.add:
        return None
    rest = node.type.rank - len(integers(node, "sizes"))
    for x, b in (total.inputs, reversed(total.inputs)):
        if b.op is ops.broadcast and x.op is not ops.broadcast and b.inputs[0].type.rank <= rest:
            spread = ops.broadcast(b.inputs[0], shape=node.type.shape, kind=kind_word(node.type.kind))
            return ops.add(_pooled(node, x), spread)
    return None


def maximum_of_some(node: Node, read_once: Callable[[Node], bool]) -> Node | None:
    """window_max(y) -> window_max(y[:m]), where no window sees what is behind m, and y is a convolution"""
    (y,) = node.inputs
    sizes, strides, dilations, before, counts = (
        integers(node, name) for name in ("sizes", "strides", "dilations", "before", "counts")
    )
    axes = zip(y.type.shape, sizes, strides, dilations, before, counts, strict=False)
    seen = tuple(
        min(length, (count - 1) * stride + (size - 1) * dilation + 1 - outside)
        for length, size, stride, dilation, outside, count in axes
    )
    if seen == y.type.shape[: len(seen)]:
        return None
    part = _beginning(y, seen, read_once)
    return None if part is None else _pooled(node, part)


def _beginning(node: Node, lengths: tuple[int, ...], read_once: Callable[[Node], bool]) -> Node | None:
    """The first `lengths` elements of `node` along its leading axes, computed alone; None where that is no less work.

    It comes from where `node` comes from, and is called so.
    """
    if not read_once(node):
        return None
    with node.builder.at(*node.origins):
        part = _part(node, lengths, read_once)
    if part is not None and not part.names:
        for name in node.names:
            part.named(name)
    return part


def _part(node: Node, lengths: tuple[int, ...], read_once: Callable[[Node], bool]) -> Node | None:
    leading = len(lengths)
    if node.op is ops.windows and len(integers(node, "counts")) == leading:
        numbers = {name: integers(node, name) for name in ("before", "dilations", "sizes", "strides")}
        return ops.windows(node.inputs[0], counts=lengths, **numbers)
    if node.op is ops.reshape and node.inputs[0].type.shape[:leading] == node.type.shape[:leading]:
        source = _beginning(node.inputs[0], lengths, read_once)
        return None if source is None else ops.reshape(source, shape=(*lengths, *node.type.shape[leading:]))
    if node.op is ops.einsum:
        patches, kernel = node.inputs
        equation = text(node, "equation")
        left, right, out = parse_equation(equation)
        if left[:leading] != out[:leading] or set(out[:leading]) & set(right):
            return None
        source = _beginning(patches, lengths, read_once)
        return None if source is None else ops.einsum(source, kernel, equation=equation, kind=text(node, "kind"))
    return None


POOLING = table((ops.window_max, maximum_of_sum))
SPARING_POOLING = {ops.window_max: (maximum_of_relu, maximum_of_some)}
