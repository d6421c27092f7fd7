"""A step that computes some values a second time, on the way back, instead of keeping them from the way forward.

The values are the same to the last bit: the same operations over the same values. What a value is computed from must be
there when it is computed again: kept, given (a weight, a field of the batch, what a random draw follows from), or
computed again itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from nndsl.ops import gradient, weight
from nndsl.plan.buffers import computed_by, last_reads, reads
from nndsl.plan.schedule import ApplyUpdate, Compute, Loop
from nndsl.plan.values import Role
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import StepGraph
    from nndsl.plan.order import Sequence
    from nndsl.plan.values import Values


@record
class WayBack:
    """The actions [begin, end) that compute the gradients of one minimize.

    turn: its number, from 1. kept: what is computed before them and read last by them, in the order in which it is
    computed: each could be computed again. Outputs of one loop stand together, as it computes all or none. beside: what
    else is there for the way back. updated: how often each weight has changed before.
    """

    turn: int
    begin: int
    end: int
    kept: tuple[tuple[Node, ...], ...]
    beside: frozenset[Node]
    updated: Mapping[str, int]


def ways_back(sequence: Sequence, outputs: Collection[Node]) -> list[WayBack]:
    """The ways back of a step, and what could be computed again on each."""
    actions, values = sequence.actions, sequence.values
    last = last_reads(actions, values, outputs)
    updates: Counter[str] = Counter()
    found: list[WayBack] = []
    done = 0
    for turn, (begin, end) in enumerate(sequence.ways_back, 1):
        for action in actions[done:begin]:
            if isinstance(action, ApplyUpdate):
                updates.update(action.update.weights)
        done = begin
        bound = {
            values.base[node]
            for action in actions[begin:end]
            if not isinstance(action, Compute | Loop)
            for node in reads(action)
        }
        kept: list[tuple[Node, ...]] = []
        beside: set[Node] = set()
        for action in actions[:begin]:
            there = tuple(node for node in computed_by(action) if last.get(node, -1) >= begin)
            if not there:
                continue
            if any(last[node] >= end or node in bound or not _repeatable(node, values) for node in there):
                beside.update(there)
            else:
                kept.append(there)
        found.append(WayBack(turn, begin, end, tuple(kept), frozenset(beside), Counter(updates)))
    return found


def _repeatable(node: Node, values: Values) -> bool:
    """Is it an array that an operation computes (not a copy of what may have changed since)?"""
    return values.roles[node] is Role.COMPUTED and not (node.op.leaf and node.op.numpy.statements is None)


class Needs:
    """What must be computed again with a value of a way back, where some values are forgotten."""

    def __init__(self, way: WayBack, values: Values) -> None:
        self._way = way
        self._values = values
        self._kept = {node for unit in way.kept for node in unit} | way.beside
        self._readers: dict[Node, list[Node]] = defaultdict(list)
        for node in values.nodes:
            if values.roles[node] is Role.COMPUTED:
                for base in {values.base[operand] for operand in node.inputs}:
                    self._readers[base].append(node)

    def operands(self, node: Node) -> list[Node] | None:
        """The nodes whose memory `node` reads that an action computes; None where a leaf has changed meanwhile."""
        found: list[Node] = []
        for operand in node.inputs:
            base = self._values.base[operand]
            if base.op is weight and self._way.updated.get(str(base["path"]), 0) != base["version"]:
                return None
            if base.op is gradient:
                return None
            if self._values.roles[base] is Role.COMPUTED:
                found.append(base)
        return found

    def neighbours(self, node: Node) -> list[Node]:
        """The nodes that `node` is computed from and those that are computed from it."""
        return [*(self.operands(node) or ()), *self._readers[node]]

    def missing(self, unit: tuple[Node, ...], there: Collection[Node], forgotten: Collection[Node]) -> set[Node] | None:
        """`unit` and all else to compute for it: not kept, or `forgotten`, and not among what is computed again anyway.

        there: what is. None where something can't be computed again, or it would be very much.
        """
        found = set(unit)
        stack = list(unit)
        while stack:
            operands = self.operands(stack.pop())
            if operands is None or len(found) > _MOST:
                return None
            for operand in operands:
                if operand in found or operand in there or (operand in self._kept and operand not in forgotten):
                    continue
                if not _repeatable(operand, self._values):
                    return None
                found.add(operand)
                stack.append(operand)
        return found


_MOST = 500
"""Operations: values that take more of them to compute again are kept."""


def computing_again(
    graph: StepGraph, sequence: Sequence, ways: Iterable[WayBack], again: Mapping[int, Collection[Node]]
) -> StepGraph:
    """The step that computes on each way back, by its turn, those nodes once more (see `Needs.missing`)."""
    rebuilt = _Rebuilt(sequence.values)
    begins = {way.begin: way for way in ways}
    ends = {way.end for way in begins.values()}
    turn = 0
    for position, action in enumerate(sequence.actions):
        if position in ends:
            turn = 0
        if position in begins:
            turn = begins[position].turn
            rebuilt.twins(again.get(turn, ()), turn)
        for node in computed_by(action):
            rebuilt.computed(node, turn)
    return graph.with_roots(tuple(rebuilt.read(node, 0) for node in graph.roots()))


class _Rebuilt:
    """The nodes of a step over those of their operands that are there when they are computed."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._now: dict[int, dict[Node, Node]] = defaultdict(dict)
        self._of_step: dict[Node, Node] = {}

    def twins(self, nodes: Collection[Node], turn: int) -> None:
        """On this way back, `nodes` are computed another time."""
        for node in sorted(nodes, key=lambda node: node.id):
            inputs = tuple([self.read(operand, turn) for operand in node.inputs])
            self._now[turn][node] = node.builder.twin(node, inputs, turn)

    def computed(self, node: Node, turn: int) -> None:
        """`node` is computed on the way back `turn`, or (0) on none."""
        inputs = tuple([self.read(operand, turn) for operand in node.inputs])
        if inputs != node.inputs:
            self._of_step[node] = node.builder.again(node, inputs)

    def read(self, node: Node, turn: int) -> Node:
        """What is read for `node` on that way back; views are of what is there then."""
        views: list[Node] = []
        now = self._now[turn]
        while node not in now and self._values.roles.get(node) is Role.VIEW:
            views.append(node)
            node = node.inputs[0]
        found = now.get(node) or self._of_step.get(node, node)
        for view in reversed(views):
            found = view.builder.again(view, (found, *view.inputs[1:]))
        return found
