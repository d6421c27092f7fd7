"""What sums in the steps of loops are made of: rows times matrices that stay the same, and biases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.types import DType, Kind
from nndsl.ops.rules import text

if TYPE_CHECKING:
    from nndsl.ir.graph import Node


def is_row(node: Node) -> bool:
    """Is it one row of floats for each sample?"""
    return node.type.kind is Kind.SAMPLE and node.type.rank == 1 and node.type.dtype is DType.FLOAT


def row_product(node: Node, steady: set[Node]) -> tuple[Node, Node] | None:
    """(value, matrix) of `value @ matrix`; None for anything else.

    value: [k] per sample, matrix: [k, m] shared and `steady`, the same in every step.
    """
    if node.op is not ops.einsum:
        return None
    labels, result = text(node, "equation").split("->")
    for (value, matrix), (of_value, of_matrix) in (
        (node.inputs, labels.split(",")),
        (node.inputs[::-1], labels.split(",")[::-1]),
    ):
        shared = matrix in steady and matrix.type.kind is Kind.SHARED and value.type.kind is Kind.SAMPLE
        if shared and len(of_value) == 1 and of_matrix == of_value + result and len(result) == 1:
            return value, matrix
    return None


def row_bias(node: Node, steady: set[Node]) -> Node | None:
    """What is the same in every step and repeated for all samples; None for anything else."""
    if node.op is not ops.broadcast:
        return None
    (bias,) = node.inputs
    return bias if bias in steady and bias.type.shape == node.type.shape else None
