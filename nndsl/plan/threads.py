"""How many threads matrix products are worth: a constant of the plan, so that the same source computes the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import body_of, einsum, scan

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import TrainProgram

WORTH_SHARING = 8_000_000
"""Multiply-adds from which a product gains by two threads: below a third of a millisecond their waking up and waiting
for each other costs more than it saves, many times more where other programs use the processor too."""


def blas_threads(train: TrainProgram) -> int:
    """1 for a block whose products are all small; 0 leaves the number to the BLAS library."""
    size = dict(train.settings)["batch_size"]
    samples = size if isinstance(size, int) else 1
    largest = max((_multiply_adds(node, samples) for node in _products(train.training.roots())), default=0)
    return 1 if largest < WORTH_SHARING else 0


def _products(roots: Iterable[Node]) -> list[Node]:
    """Every product, those inside loops too."""
    found: list[Node] = []
    for node in reachable(roots):
        if node.op is einsum:
            found.append(node)
        elif node.op is scan:
            found += _products(body_of(node).roots)
    return found


def _multiply_adds(node: Node, samples: int) -> int:
    per_sample = any(operand.type.kind is Kind.SAMPLE for operand in node.inputs)
    return node.op.flops(node) // 2 * (samples if per_sample else 1)
