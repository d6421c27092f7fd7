"""What computing a node takes: floating-point operations, and bytes that go between memory and the processor."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.types import DType, Kind

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType


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
