"""How many threads matrix products are worth: a constant of the plan, so that the same source computes the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import Body, body_of, einsum, scan
from nndsl.ops.rules import integer

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import TrainProgram

WORTH_SHARING = 8_000_000
"""Multiply-adds from which a product gains by two threads: below a third of a millisecond their waking up and waiting
for each other costs more than it saves, many times more where other programs use the processor too."""


def blas_threads(train: TrainProgram) -> int:
    """1 where most of a block's multiply-adds are in small products; 0 leaves the number to the BLAS library."""
    size = dict(train.settings)["batch_size"]
    work = _products(train.training.roots(), size if isinstance(size, int) else 1)
    large = sum(times * each for each, times in work if each >= WORTH_SHARING)
    return 0 if 2 * large > sum(times * each for each, times in work) else 1


def _products(roots: Iterable[Node], samples: int) -> list[tuple[int, int]]:
    """(multiply-adds, how often) of every product; those inside loops are done once for each time."""
    found: list[tuple[int, int]] = []
    bodies: dict[Body, int] = {}
    for node in reachable(roots):
        if node.op is einsum:
            per_sample = any(operand.type.kind is Kind.SAMPLE for operand in node.inputs)
            found.append((node.op.flops(node) // 2 * (samples if per_sample else 1), 1))
        elif node.op is scan:
            bodies[body_of(node)] = integer(node, "length")
    for body, length in bodies.items():
        found += [(each, times * length) for each, times in _products(body.roots, samples)]
    return found
