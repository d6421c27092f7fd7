"""What becomes of each value on a device: it lies in memory, or whoever reads it computes it again for itself.

Moving a byte costs far more than computing with it: a value that is made of little that lies in memory already is made
again in each kernel that reads it. What several kernels read, and is made of much, is written once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import ByPlan, Call, NotOnDevice, Pointwise, Product, device_form
from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import constant, from_step, reshape, scan, stop_gradient, weight
from nndsl.plan.loops import array_operands
from nndsl.plan.work import bytes_of

if TYPE_CHECKING:
    from nndsl.ir.graph import Node

TYPICAL_SAMPLES = 256
"""What the number of samples is taken for where sizes are compared."""

_MOST_AGAIN = 24
"""Operations of a value that several kernels compute for themselves."""

_MOST_AT_ALL = 160
"""Operations of a value that is computed where it is read."""

_OF_DRAW = 100
"""Operations of a random number: ten rounds of products of 64 bits."""

_FEW = 8
"""Operations of a value that windows read, each element many times."""


def bytes_there(node: Node) -> int:
    """Memory of a value in a batch of typical size."""
    return bytes_of(node.type, TYPICAL_SAMPLES, 4)


def source_of(node: Node) -> Node:
    """Whose memory a value is in: `node` itself, or what it is another shape of."""
    while node.op in (reshape, stop_gradient):
        (node,) = node.inputs
    return node


def is_number(node: Node) -> bool:
    """Is a value a number in the text of a kernel, or one that the host gives?"""
    return node.type.kind is Kind.STEP or node.op in (constant, from_step)


@dataclass(slots=True)
class DeviceValues:
    """The values that `roots` need. `arrays` have to lie in memory. segments: see `computed_in`.

    there: those that get memory. loads: of each that does not, what computing it reads. operations: how many that
    takes. last: the last segment in which it is read. filled: constants that have to be arrays.
    """

    nodes: tuple[Node, ...]
    there: set[Node] = field(default_factory=set["Node"])
    loads: dict[Node, frozenset[Node]] = field(default_factory=dict["Node", frozenset["Node"]])
    operations: dict[Node, int] = field(default_factory=dict["Node", int])
    last: dict[Node, int] = field(default_factory=dict["Node", int])
    filled: set[Node] = field(default_factory=set["Node"])


def device_values(
    roots: Iterable[Node],
    arrays: Collection[Node],
    segments: Mapping[Node, int],
    sinks: Mapping[Node, int],
    copied: Collection[Node] = (),
) -> DeviceValues:
    """Decides over all values that `roots` need.

    segments: between which changes of weights a node is computed; sinks: the last one in which a root is read. What
    reads weights has memory where it is read in a later one. copied: leaves that are copied while they
    hold. Raises InternalError for an op that no device has.
    """
    nodes = reachable(roots)
    values = DeviceValues(tuple(nodes))
    must = _arrays(nodes, arrays) | set(copied)
    readers = _readers(nodes)
    last = values.last = _last_segments(nodes, segments, sinks)
    changing: dict[Node, bool] = {}
    slow: set[Node] = set()  # goes through windows, or draws, wherever it is computed
    for node in nodes:
        if is_number(node):
            values.loads[node], values.operations[node], changing[node] = frozenset(), 0, False
            if node in must and node.type.kind is not Kind.STEP:
                (values.filled if node.op is constant else values.there).add(node)
            continue
        form = device_form(node)
        if isinstance(form, NotOnDevice):
            raise InternalError(f"plan: {node!r} is not computed on a device: {form.reason}")
        if node in copied or isinstance(form, ByPlan) or not isinstance(form, Pointwise):
            computed = node in copied or not isinstance(form, ByPlan) or node.op is scan
            if computed:
                values.there.add(node)
            values.loads[node], values.operations[node] = frozenset((node,)), 0
            changing[node] = node.op is weight and node not in copied
            continue
        loads = frozenset(load for operand in node.inputs for load in values.loads[operand])
        operations = (_OF_DRAW if node.op.leaf else 1) + sum(values.operations[operand] for operand in node.inputs)
        changes = any(changing[operand] for operand in node.inputs)
        late = changes and last[node] > segments.get(node, last[node])
        if form.repeats or node.op.leaf or any(operand in slow for operand in node.inputs):
            slow.add(node)
        if node in must or late or not _again(node, form, loads, operations, readers, slow=node in slow):
            values.there.add(node)
            slow.discard(node)
            loads, operations, changes = frozenset((node,)), 0, False
        values.loads[node], values.operations[node], changing[node] = loads, operations, changes
    return values


def _arrays(nodes: Iterable[Node], arrays: Collection[Node]) -> set[Node]:
    """What has to lie in memory, because whoever reads it takes arrays."""
    found = {source_of(node) for node in arrays}
    for node in nodes:
        if node.type.kind is Kind.STEP:
            continue
        if isinstance(device_form(node), Product | Call):
            found.update(source_of(operand) for operand in node.inputs)
        elif node.op is scan:  # the first values of its carries are copied, whatever they are
            found.update(source_of(operand) for operand in array_operands(node))
    return found


def _readers(nodes: Iterable[Node]) -> dict[Node, set[Node]]:
    """Who reads each value, through those that only move it."""
    readers: dict[Node, set[Node]] = {}
    for node in sorted(nodes, key=lambda node: node.id, reverse=True):
        form = device_form(node)
        free = isinstance(form, Pointwise) and form.free
        through = readers.get(node, set["Node"]()) if free else {node}
        for operand in node.inputs:
            readers.setdefault(operand, set["Node"]()).update(through or {node})
    return readers


def _again(
    node: Node,
    form: Pointwise,
    loads: frozenset[Node],
    operations: int,
    readers: Mapping[Node, set[Node]],
    *,
    slow: bool,
) -> bool:
    """Is a value computed where it is read? slow: to compute an element takes many elements, or a draw."""
    if form.free:
        return True
    who = readers.get(node, set())
    many = any(_takes_many(reader) for reader in who)
    if operations > (_FEW if many else _MOST_AT_ALL) or (many and slow):
        return False
    if len(who) <= 1:
        return True
    if slow or operations > _MOST_AGAIN:
        return False
    size = max(bytes_there(node), 1)
    loaded, reads = sum(map(bytes_there, loads)) / size, sum(_share(reader, size) for reader in who)
    return loaded * reads <= loaded + 1 + reads  # computed by each reader, or once, written, and read by each


def _share(reader: Node, size: int) -> float:
    """How much of a value of so many bytes a reader reads: what moves numbers on the way may leave most of them out."""
    form = device_form(reader)
    return min(1.0, bytes_there(reader) / size) if isinstance(form, Pointwise) and not form.repeats else 1.0


def _takes_many(node: Node) -> bool:
    """Does a node read an element of its operands many times?"""
    form = device_form(node)
    return isinstance(form, Pointwise) and form.repeats


def _last_segments(nodes: Iterable[Node], segments: Mapping[Node, int], sinks: Mapping[Node, int]) -> dict[Node, int]:
    """The last segment in which a value is read, by whatever reads it, through all that may be computed again."""
    last: dict[Node, int] = {}
    for node in sorted(nodes, key=lambda node: node.id, reverse=True):
        last[node] = max(last.get(node, 0), segments.get(node, 0), sinks.get(node, 0))
        for operand in node.inputs:
            last[operand] = max(last.get(operand, 0), last[node])
    return last
