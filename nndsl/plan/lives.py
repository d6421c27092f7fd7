"""When values are in memory, and how much of it that takes: an estimate before anything has a place."""

from __future__ import annotations

from dataclasses import field
from itertools import accumulate
from math import prod
from operator import add
from typing import TYPE_CHECKING

from nndsl.ir.types import DType, Kind
from nndsl.ops import body_of, scan
from nndsl.plan.buffers import computed_by, last_reads, may_overwrite, reads
from nndsl.plan.loops import loop_length, rule_over
from nndsl.plan.schedule import Compute, Loop
from nndsl.plan.values import Role
from nndsl.records import record

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from nndsl.ir.graph import Node
    from nndsl.plan.again import WayBack
    from nndsl.plan.order import Sequence
    from nndsl.plan.schedule import Action
    from nndsl.plan.values import Values

_FLOPS_PER_BYTE = 4
"""What moving a byte costs beside arithmetic in products: elementwise operations wait for the memory."""


@record
class Sizes:
    """How large values are, and what computing them costs, for batches of `samples`."""

    samples: int
    float_bytes: int
    _known: dict[Node, int] = field(default_factory=dict["Node", int])
    _efforts: dict[Node, float] = field(default_factory=dict["Node", float])

    def of(self, node: Node) -> int:
        """Bytes of a value."""
        known = self._known.get(node)
        if known is None:
            known = self._bytes(node.type.size, node.type.dtype, node.type.kind is Kind.SAMPLE)
            self._known[node] = known
        return known

    def _bytes(self, size: int, dtype: DType, per_sample: bool) -> int:
        return size * dtype.bytes(self.float_bytes) * (self.samples if per_sample else 1)

    def beside(self, action: Action, values: Values) -> int:
        """Bytes that an action needs besides its operands and results."""
        if isinstance(action, Loop):
            own = action.schedule.bytes(self.samples, self.float_bytes)
            unread = [k for k in action.outputs.carries if action.outputs.output(f"last:{k}") is None]
            return own + sum(self.of(action.outputs.body.carries[k]) for k in unread)
        if not isinstance(action, Compute) or action.node.type.kind is Kind.STEP:
            return 0
        rule = rule_over(action.node, values.by_time.__contains__)
        wanted = () if rule.scratch is None or rule.view else rule.scratch(action.node)
        return sum(self._bytes(prod(shape), DType(dtype), per_sample) for shape, dtype, per_sample in wanted)

    def effort(self, node: Node) -> float:
        """Floating-point operations, and those that could be done while its operands and itself are moved."""
        known = self._efforts.get(node)
        if known is None:
            known = self._efforts[node] = self._effort(node)
        return known

    def _effort(self, node: Node) -> float:
        moved, flops = sum(self.of(each) for each in (node, *node.inputs)), node.op.flops(node)
        if node.op is scan:
            moved, flops = moved * 2, body_of(node).flops * loop_length(node)
        per_sample = any(each.type.kind is Kind.SAMPLE for each in (node, *node.inputs))
        return flops * (self.samples if per_sample else 1) + _FLOPS_PER_BYTE * moved


class Lives:
    """What is in memory at each action of a step.

    at, last: the actions that compute and that read last a value. steps: by how much what is there grows. peaks: what
    each action takes besides.
    """

    def __init__(self, sequence: Sequence, outputs: Collection[Node], sizes: Sizes) -> None:
        self._actions = sequence.actions
        self._values = sequence.values
        self.sizes = sizes
        self.last = last_reads(self._actions, self._values, outputs)
        self.at = {node: p for p, action in enumerate(self._actions) for node in computed_by(action)}
        self.peaks = [sizes.beside(action, self._values) for action in self._actions]
        self.steps = [0] * (len(self._actions) + 1)
        for node, begin in self.at.items():
            if self._values.roles[node] is Role.COMPUTED:
                self.add(self.steps, node, begin, self.last.get(node, begin))
                if self._is_over_operand(node, begin):
                    self.peaks[begin] -= sizes.of(node)

    def _is_over_operand(self, node: Node, position: int) -> bool:
        base = self._values.base
        return any(
            self.last.get(base[each]) == position
            and self._values.roles[base[each]] is Role.COMPUTED
            and may_overwrite(node, each, self._values)
            for each in node.inputs
        )

    def add(self, steps: list[int], node: Node, begin: int, end: int, times: int = 1) -> None:
        """Note in `steps` that `node` is there, from one action to another; with `times` -1, that it is not."""
        size = times * self.sizes.of(node)
        steps[begin] += size
        steps[min(end, len(self._actions) - 1) + 1] -= size

    def operands(self, node: Node) -> Iterable[Node]:
        """The nodes whose memory `node` reads."""
        return self._bases(node.inputs)

    def on(self, way: WayBack) -> LivesOnWay:
        """The lives of values before a way back and on it."""
        before: dict[Node, int] = {}
        first: dict[Node, int] = {}
        for position in range(way.end):
            for base in self._bases(reads(self._actions[position])):
                if position < way.begin:
                    before[base] = position
                else:
                    first.setdefault(base, position)
        return LivesOnWay(self, way, before, first)

    def _bases(self, nodes: Iterable[Node]) -> Iterable[Node]:
        return (self._values.base[node] for node in nodes)


@record
class LivesOnWay:
    """before: the last action before the way back that reads a value. first: the first one on it."""

    lives: Lives
    way: WayBack
    before: dict[Node, int]
    first: dict[Node, int]

    def most(self, again: Collection[Node]) -> int:
        """The most bytes at once up to the end of this way back, where `again` is computed a second time on it.

        What is forgotten ends with its last reader on the way forward; what is computed again begins when the first
        value that needs it does.
        """
        lives, begin = self.lives, self.way.begin
        steps, peaks = list(lives.steps), list(lives.peaks)
        begins = {node: self.first[node] for node in again if node in self.first}
        ends = {node: lives.last[node] for node in begins}
        passing: dict[int, int] = {}
        for node in sorted(again, key=lambda node: -node.id):
            if node not in begins:
                continue
            start, end = begins[node], ends[node]
            if lives.last.get(node, -1) >= begin:
                lives.add(steps, node, self.before.get(node, lives.at[node]) + 1, lives.last[node], -1)
            if start == end:
                passing[start] = max(passing.get(start, 0), lives.sizes.of(node))
            else:
                lives.add(steps, node, start, end)
            for operand in lives.operands(node):
                if operand in again:
                    begins[operand] = min(begins.get(operand, start), start)
                    ends[operand] = max(ends.get(operand, start), start)
        for position, size in passing.items():
            peaks[position] += size
        there = accumulate(steps[: self.way.end])
        return max(map(add, there, peaks), default=0)
