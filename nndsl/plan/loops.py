"""Loops as the plan sees them: which outputs one loop computes, and what a step of its body reads and writes.

In a body's schedule the array of carry 0 is the flat vector "carry:0", as a slot is in an update's: its value of before
the step, and then that of after it. "stack:1" is the part of the output for this time of what the body stacks second.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from math import prod
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import Body, body_of, scan
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import NumpyRule


@record
class LoopOutputs:
    """What one loop computes: the `scan` nodes that are needed of it.

    carries: the numbers of the carries that some output needs. stacks: those of the values that are kept for each time.
    """

    nodes: tuple[Node, ...]
    body: Body
    carries: tuple[int, ...]
    stacks: tuple[int, ...]

    @property
    def length(self) -> int:
        """How many steps there are."""
        return loop_length(self.nodes[0])

    @property
    def reverse(self) -> bool:
        """Does it go from the last time to the first?"""
        return bool(self.nodes[0]["reverse"])

    @property
    def chief(self) -> Node:
        """The output whose origin is the loop's: one of the way forward, if any is."""
        forward = (node for node in self.nodes if any(not origin.backward for origin in node.origins))
        return next(forward, self.nodes[0])

    @property
    def new_values(self) -> dict[str, Node]:
        """What a step computes, by the names of the vectors that it is for."""
        carries = {f"carry:{k}": self.body.next[k] for k in self.carries}
        return carries | {f"stack:{k}": self.body.stacked[k] for k in self.stacks}

    @property
    def old_values(self) -> dict[str, Node]:
        """The carries of before the step, by the names of their vectors."""
        return {f"carry:{k}": self.body.carries[k] for k in self.carries}

    @property
    def read(self) -> tuple[Node, ...]:
        """The parameters of the body that a step reads, in their order."""
        nodes = set(reachable(self.new_values.values()))
        return tuple(parameter for parameter in self.body.parameters if parameter in nodes)

    def outside(self, parameter: Node) -> Node:
        """The input of the loop that a parameter of the body stands for (a carry: its first value)."""
        return self.nodes[0].inputs[self.body.parameters.index(parameter)]

    def output(self, name: str) -> Node | None:
        """The needed output "last:0" or "stack:1"; None where nobody needs it."""
        return next((node for node in self.nodes if node["output"] == name), None)


def loop_length(node: Node) -> int:
    """How many steps the loop of a `scan` node takes."""
    length = node["length"]
    if not isinstance(length, int):
        raise InternalError(f"plan: {node!r} has no length")
    return length


def loops_of(nodes: Iterable[Node]) -> dict[Node, LoopOutputs]:
    """For each `scan` among `nodes` what its loop computes of them."""
    together: dict[tuple[object, ...], list[Node]] = {}
    for node in nodes:
        if node.op is scan:
            key = (body_of(node), node["length"], node["reverse"], node.inputs, node.turn)
            together.setdefault(key, []).append(node)
    found: dict[Node, LoopOutputs] = {}
    for outputs in together.values():
        found |= dict.fromkeys(outputs, _needed(tuple(outputs)))
    return found


def _needed(nodes: tuple[Node, ...]) -> LoopOutputs:
    body = body_of(nodes[0])
    wanted: dict[str, set[int]] = {"last": set(), "stack": set()}
    for node in nodes:
        what, _, number = str(node["output"]).partition(":")
        wanted[what].add(int(number))
    carries, stacks = wanted["last"], tuple(sorted(wanted["stack"]))
    while True:
        roots = [*(body.next[k] for k in carries), *(body.stacked[k] for k in stacks)]
        read = set(reachable(roots))
        needed = carries | {k for k, carry in enumerate(body.carries) if carry in read}
        if needed == carries:
            return LoopOutputs(nodes, body, tuple(sorted(carries)), stacks)
        carries = needed


def contiguous_operands(node: Node) -> tuple[int, ...]:
    """Positions of the operands that `node` needs as one C-contiguous block (see `NumpyRule.contiguous`).

    Sequences need not be: each time is a view anyway, copied by the step where it must be.
    """
    if node.op is not scan:
        return node.op.numpy.contiguous
    body = body_of(node)
    asked = asked_contiguous(reachable(body.roots))
    first = len(body.carries) + len(body.elements)
    return tuple(first + position for position, parameter in enumerate(body.constants) if parameter in asked)


def asked_contiguous(nodes: Iterable[Node]) -> set[Node]:
    """The operands that some of `nodes`, views among them, need as one block."""
    return {node.inputs[position] for node in nodes for position in contiguous_operands(node)}


def array_operands(node: Node) -> tuple[Node, ...]:
    """The operands of `node` that can't be numbers in arrays' places: a carry's first value can, it is copied."""
    return node.inputs[len(body_of(node).carries) :] if node.op is scan else node.inputs


def laid_by_time(nodes: Collection[Node], roots: Collection[Node]) -> set[Node]:
    """The sequences of each sample that should lie time by time: none of the `roots`.

    Loops write them, or products that only loops read, and all that read them can take them so.
    """
    if not any(node.op is scan for node in nodes):
        return set()
    found = {node for node in nodes if node.type.kind is Kind.SAMPLE and node not in roots and _is_stacked(node)}
    products = {
        node
        for node in nodes
        if node.op.numpy.by_time is not None and node.type.kind is Kind.SAMPLE and node.type.rank and node not in roots
    }
    read: set[Node] = set()
    for node in nodes:
        for position, operand in enumerate(node.inputs):
            in_loop = node.op is scan and _is_sequence(node, position)
            read.update((operand,) if in_loop else ())
            products.difference_update(() if in_loop else (operand,))
            found.difference_update(() if in_loop or _takes_by_time(node, position) else (operand,))
    for node in nodes:
        if node in products and node in read and _pays_by_time(node, found):
            found.add(node)
    return found


def _is_stacked(node: Node) -> bool:
    return node.op is scan and str(node["output"]).startswith("stack")


def _is_sequence(node: Node, position: int) -> bool:
    first = len(body_of(node).carries)
    return first <= position < first + len(body_of(node).elements)


def _takes_by_time(node: Node, position: int) -> bool:
    """Can `node`, no loop, read a sequence that lies time by time?"""
    by_time = node.op.numpy.by_time
    flags = tuple(other == position for other in range(len(node.inputs) + 1))
    return by_time is not None and by_time(node, flags) is not None


def _pays_by_time(node: Node, found: Collection[Node]) -> bool:
    """Does a product into a sequence that lies time by time copy less than half as much as the sequence has?"""
    by_time = node.op.numpy.by_time
    rule = None if by_time is None else by_time(node, (*(operand in found for operand in node.inputs), True))
    if rule is None:
        return False
    scratch = () if rule.scratch is None else rule.scratch(node)
    return all(2 * prod(shape) <= node.type.size for shape, _, _ in scratch)


def rule_over(node: Node, by_time: Callable[[Node], bool]) -> NumpyRule:
    """The rule of `node` for arrays of which some lie time by time."""
    rule = node.op.numpy
    if rule.by_time is None:
        return rule
    flags = tuple([by_time(each) for each in (*node.inputs, node)])
    return (rule.by_time(node, flags) if any(flags) else None) or rule


def apart(outputs: LoopOutputs, by_time: Collection[Node]) -> tuple[set[Node], set[str]]:
    """What lies apart in memory, because each sample has all times: elements, and the vectors of stacked values.

    by_time: the sequences in which each time is one block.
    """
    elements = {
        node for node in outputs.body.elements if node.type.kind is Kind.SAMPLE and outputs.outside(node) not in by_time
    }
    stacked = {
        name
        for name, node in outputs.new_values.items()
        if name.startswith("stack") and node.type.kind is Kind.SAMPLE and outputs.output(name) not in by_time
    }
    return elements, stacked
