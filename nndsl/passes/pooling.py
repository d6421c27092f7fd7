"""What grows with its input moves behind the maximum of windows, to work on fewer elements.

Before differentiation, so that the gradient has fewer to go through as well.
"""

# ruff: noqa: D415  # a rewrite's docstring is its equation

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
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


POOLING = table((ops.window_max, maximum_of_sum))
SPARING_POOLING = {ops.window_max: (maximum_of_relu,)}
