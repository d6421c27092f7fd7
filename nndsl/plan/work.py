"""What computing takes: floating-point operations, bytes between memory and the processor, calls."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.types import DType, Kind
from nndsl.ops.attention import products_of, scores_of
from nndsl.ops.rules import integer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType


WORTH_SHARING = 8_000_000
"""Multiply-adds from which a product gains by two threads: below a third of a millisecond their waking up and waiting
for each other costs more than it saves, many times more where other programs use the processor too."""

_SCORE_PASSES = 12
"""About how often attention reads or writes each of its scores, exponentials counted as several times."""


def flops_of(node: Node, samples: int) -> int:
    """Floating-point operations of a node, for a batch of `samples`."""
    each = node.op.flops(node)
    return each * samples if any(n.type.kind is Kind.SAMPLE for n in (node, *node.inputs)) else each


def bytes_of(type: TensorType, samples: int, float_bytes: int) -> int:
    """Memory of a value, for a batch of `samples`."""
    return type.size * type.dtype.bytes(float_bytes) * (samples if type.kind is Kind.SAMPLE else 1)


def traffic_of(node: Node, samples: int, float_bytes: int) -> int:
    """Bytes that computing a node reads and writes at the least: each operand once, the result, scratch twice.

    An operand that is a view is as much as is seen of it, without what NumPy repeats of it by broadcasting; of a table
    whose rows are looked up it is the rows. What passes over its operands several times takes more.
    """
    written = bytes_of(node.type, samples, float_bytes)
    sources: dict[Node, int] = {}
    for position, operand in enumerate(node.inputs):
        source, size = _seen(operand, samples, float_bytes)
        if node.op is ops.gather and position == 0:
            size = min(size, written)
        sources[source] = max(size, sources.get(source, 0))
    rule = node.op.numpy
    scratch = () if rule.scratch is None else rule.scratch(node)
    for shape, dtype, per_sample in scratch:
        written += 2 * prod(shape) * DType(dtype).bytes(float_bytes) * (samples if per_sample else 1)
    return written + sum(sources.values())


def _seen(operand: Node, samples: int, float_bytes: int) -> tuple[Node, int]:
    """What an operand is a view of, and the bytes of it that are seen; numbers are in the line itself."""
    source, size = operand, bytes_of(operand.type, samples, float_bytes)
    while source.op.numpy.view:
        (source,) = source.inputs
        size = min(size, bytes_of(source.type, samples, float_bytes))
    return source, 0 if source.op is ops.constant or source.type.kind is Kind.STEP else size


# ------------------------------------------------------------------------------------------------ a whole graph


@dataclass(slots=True)
class Work:
    """Of a step over a batch.

    large, small: multiply-adds in products that are worth threads of their own, and in others. streamed: bytes that
    elementwise functions read and write, in order. moved: bytes that all else reads and writes (windows, sums, copies).
    calls: how many NumPy functions are called, about.
    """

    large: int = 0
    small: int = 0
    streamed: int = 0
    moved: int = 0
    calls: int = 0

    @property
    def products(self) -> int:
        """Multiply-adds of all products."""
        return self.large + self.small


def work_of(roots: Iterable[Node], samples: int, float_bytes: int) -> Work:
    """The work of computing `roots` for a batch of so many samples."""
    return work_at(reachable(roots), samples, float_bytes)


def work_at(nodes: Iterable[Node], samples: int, float_bytes: int) -> Work:
    """The work of computing these nodes, their operands being there."""
    work = Work()
    _count(work, nodes, samples, float_bytes, times=1)
    return work


def _count(work: Work, nodes: Iterable[Node], samples: int, float_bytes: int, times: int) -> None:
    bodies: dict[ops.Body, int] = {}
    for node in nodes:
        op, inputs = node.op, node.inputs
        if op is ops.scan:
            bodies[ops.body_of(node)] = integer(node, "length")
            continue
        if op.leaf or op.numpy.view or node.type.kind is Kind.STEP:
            continue
        work.calls += times
        if op is ops.einsum:
            product = flops_of(node, samples) // 2
            if product >= WORTH_SHARING:
                work.large += product * times
            else:
                work.small += product * times
            continue
        if op in (ops.attention, ops.attention_gradient):
            work.small += products_of(node) * samples * times
            work.streamed += _SCORE_PASSES * scores_of(node) * samples * float_bytes * times
            continue
        size = sum(bytes_of(each.type, samples, float_bytes) for each in (node, *inputs)) * times
        if op.elementwise:
            work.streamed += size
        else:
            work.moved += size
    for body, length in bodies.items():
        _count(work, reachable(body.roots), samples, float_bytes, times * length)
