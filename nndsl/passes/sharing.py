"""One value in the place of two that must otherwise both be kept."""

# ruff: noqa: D403, D415  # a rewrite's docstring is its equation

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.passes.match import is_number
from nndsl.passes.rewrite import rewrite, table

if TYPE_CHECKING:
    from nndsl.ir.graph import Node


def share(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """x > 0 -> maximum(x, 0) > 0, where maximum(x, 0) is there anyway: so a layer's input to relu need not be kept."""
    rectified = {
        node.inputs[0]: node
        for node in reachable(roots)
        if node.op is ops.maximum and is_number(node.inputs[1], 0) and not node.inputs[0].op.leaf
    }

    if not rectified:
        return roots

    def sign_of_rectified(node: Node) -> Node | None:
        """x > 0 -> maximum(x, 0) > 0;  x <= 0 -> maximum(x, 0) <= 0"""
        x, bound = node.inputs
        return node.op(rectified[x], bound) if x in rectified and is_number(bound, 0) else None

    return rewrite(roots, table(((ops.greater, ops.less_equal), sign_of_rectified)))
