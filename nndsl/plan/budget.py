"""What to compute again on the way back, so that a step's buffers fit into a given memory, for little arithmetic.

The values that the way back reads are what fills the memory: forgotten ones are computed again when they are needed,
from those that are kept (Griewank and Walther 2000; Chen et al. 2016: with every sqrt(n)-th layer kept, n layers take
2 sqrt(n) of the memory for one more way forward). Values that cost little for their bytes are forgotten first (Jain et
al. 2020 rank alike); what is forgotten together, in one stretch, must fit into the memory while the way back goes
through that stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from nndsl.ir.types import Kind
from nndsl.ops import body_of, scan
from nndsl.plan.again import Needs, computing_again, ways_back
from nndsl.plan.loops import loop_length
from nndsl.plan.order import order_step
from nndsl.plan.step import plan_updates

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import StepGraph
    from nndsl.plan.again import WayBack
    from nndsl.plan.values import Values

_ROUNDS = 12
"""So often is a choice planned and measured before only the smallest that there are is left to try."""

_CLOSER = 3
"""So often is, once a choice fits, one looked for that forgets less."""

_FLOPS_PER_BYTE = 4
"""What moving a byte costs beside arithmetic in products: elementwise operations wait for the memory."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A step whose buffers take `bytes`, where they took `before`; `fits`: that is not more than was asked for.

    Otherwise it is the one that takes least of those that were found.
    """

    graph: StepGraph
    before: int
    bytes: int
    fits: bool


def fitted(
    graph: StepGraph, room: int, samples: int, float_bytes: int, measure: Callable[[StepGraph], int]
) -> Fitted:
    """A training step over `samples` that fits into `room` bytes, by `measure`, which plans it and counts."""
    before = measure(graph)
    if before <= room:
        return Fitted(graph, before, before, fits=True)
    search = _Search(graph, samples, float_bytes, measure)
    return search.within(room, before)


@dataclass(frozen=True, slots=True)
class _Choice:
    """What is computed again, by turn. effort: what that costs. bytes: what is estimated to be kept at most."""

    again: dict[int, frozenset[Node]]
    effort: float
    bytes: int


class _Search:
    """Looks for a choice: estimates, plans, measures, and corrects the estimate by what the plan says."""

    def __init__(
        self, graph: StepGraph, samples: int, float_bytes: int, measure: Callable[[StepGraph], int]
    ) -> None:
        self._graph = graph
        self._measure = measure
        self._sequence = order_step(graph, plan_updates(graph))
        outputs = [node for _, node, _ in graph.predictions]
        self._ways = ways_back(self._sequence, outputs)
        self._stretches = [_Stretches(way, self._sequence.values, samples, float_bytes) for way in self._ways]
        self._tried: dict[tuple[frozenset[Node], ...], tuple[StepGraph, int]] = {}

    def within(self, room: int, before: int) -> Fitted:
        """The choice of the least effort that was found to fit into `room`, or the smallest."""
        beside = before - max((each.kept for each in self._stretches), default=0)
        too_little, enough = 0, None
        found: list[tuple[float, StepGraph, int]] = []
        for _ in range(_ROUNDS):
            choice = self._choice(room - beside)
            if choice is None:
                break
            graph, size = self._planned(choice)
            found.append((choice.effort, graph, size))
            if size <= room:
                enough = beside
                break
            too_little = beside
            beside += max(size - room, room // 100, 1)
        for _ in range(_CLOSER if enough is not None else 0):
            middle = (too_little + (enough or 0)) // 2
            choice = self._choice(room - middle)
            if choice is None:
                break
            graph, size = self._planned(choice)
            found.append((choice.effort, graph, size))
            too_little, enough = (too_little, middle) if size <= room else (middle, enough)
        if not any(size <= room for _, _, size in found):
            found += [(choice.effort, *self._planned(choice)) for choice in self._smallest()]
        fitting = [each for each in found if each[2] <= room]
        if fitting:
            _, graph, size = min(fitting, key=lambda each: (each[0], each[2]))
            return Fitted(graph, before, size, fits=True)
        _, graph, size = min(found, key=lambda each: each[2], default=(0.0, self._graph, before))
        return Fitted(graph, before, size, fits=False) if size < before else Fitted(self._graph, before, before, False)

    def _planned(self, choice: _Choice) -> tuple[StepGraph, int]:
        key = tuple(choice.again[way.turn] for way in self._ways)
        if key not in self._tried:
            graph = computing_again(self._graph, self._sequence, self._ways, choice.again)
            self._tried[key] = graph, self._measure(graph)
        return self._tried[key]

    def _choice(self, room: int) -> _Choice | None:
        """What to compute again so that what is kept takes `room`, as far as can be told without a plan."""
        chosen = [each.cheapest(room) for each in self._stretches]
        found = [each for each in chosen if each is not None]
        return _together(found) if len(found) == len(chosen) else None

    def _smallest(self) -> list[_Choice]:
        """For stretches of several lengths: all forgotten that may be."""
        most = max((len(each.limits) for each in self._stretches), default=0)
        return [
            _together([each.forget(each.limits[min(k, len(each.limits) - 1)], 0) for each in self._stretches])
            for k in range(most)
        ]


def _together(choices: Iterable[_Choice]) -> _Choice:
    choices = list(choices)
    again = {turn: nodes for choice in choices for turn, nodes in choice.again.items()}
    return _Choice(again, sum(each.effort for each in choices), max((each.bytes for each in choices), default=0))


class _Stretches:
    """What one way back can do without: values that are forgotten, in stretches that are computed again together."""

    def __init__(self, way: WayBack, values: Values, samples: int, float_bytes: int) -> None:
        self._way = way
        self._needs = Needs(way, values)
        self._samples = samples
        self._float_bytes = float_bytes
        self._sizes = [sum(map(self._bytes, unit)) for unit in way.kept]
        self.kept = sum(self._sizes)
        self.limits = self._limits()

    def _limits(self) -> list[int]:
        """Sizes of stretches that are worth trying."""
        limit, limits = max(self._sizes, default=0), list[int]()
        while limit < self.kept:
            limits.append(limit)
            limit = limit * 3 // 2 + 1
        return [*limits, self.kept]

    def cheapest(self, room: int) -> _Choice | None:
        """The choice of the least effort with which no more than `room` is kept, with the stretch gone through."""
        if self.kept <= room:
            return _Choice({self._way.turn: frozenset()}, 0.0, self.kept)
        choices = [self.forget(limit, room) for limit in self.limits if limit <= room]
        return min((each for each in choices if each.bytes <= room), key=lambda each: each.effort, default=None)

    def forget(self, limit: int, room: int) -> _Choice:
        """Forget values, those first that cost least for their bytes, in stretches of `limit` bytes at most.

        Ends where all that is kept, with the largest stretch, fits into `room`.
        """
        forgotten: set[Node] = set()
        again: set[Node] = set()
        stretches = _Union()
        effort, kept, largest = 0.0, self.kept, 0
        waiting = [(self._price(k, again, forgotten), k) for k in range(len(self._sizes)) if self._sizes[k]]
        heapify(waiting)
        while waiting and kept + largest > room:
            price, k = heappop(waiting)
            now = self._price(k, again, forgotten)
            if now > price:
                heappush(waiting, (now, k))
                continue
            missing = self._needs.missing(self._way.kept[k], again, forgotten)
            if missing is None:
                continue
            joined = {operand for node in missing for operand in self._needs.operands(node) or () if operand in again}
            load = self._sizes[k] + stretches.load(joined)
            if load > limit:
                continue
            stretches.join(missing, joined, load)
            effort += sum(map(self._effort, _once(missing)))
            again |= missing
            forgotten.update(self._way.kept[k])
            kept -= self._sizes[k]
            largest = max(largest, load)
        return _Choice({self._way.turn: frozenset(again)}, effort, kept + largest)

    def _price(self, k: int, again: set[Node], forgotten: set[Node]) -> float:
        """What computing it again costs for each byte that it takes."""
        missing = self._needs.missing(self._way.kept[k], again, forgotten)
        return float("inf") if missing is None else sum(map(self._effort, _once(missing))) / self._sizes[k]

    def _bytes(self, node: Node) -> int:
        samples = self._samples if node.type.kind is Kind.SAMPLE else 1
        return node.type.size * node.type.dtype.bytes(self._float_bytes) * samples

    def _effort(self, node: Node) -> float:
        """Floating-point operations, and those that could be done while its operands and itself are moved."""
        times, flops = 1, node.op.flops(node)
        if node.op is scan:
            times, flops = loop_length(node), body_of(node).flops * loop_length(node)
        moved = sum(self._bytes(each) for each in (node, *node.inputs)) if times == 1 else self._bytes(node)
        samples = self._samples if any(each.type.kind is Kind.SAMPLE for each in (node, *node.inputs)) else 1
        return flops * samples + _FLOPS_PER_BYTE * moved


def _once(nodes: Iterable[Node]) -> list[Node]:
    """The nodes, of each loop one of its outputs: they are computed together."""
    found: dict[object, Node] = {}
    for node in nodes:
        found.setdefault((body_of(node), node.inputs) if node.op is scan else node, node)
    return list(found.values())


class _Union:
    """Stretches: nodes that are computed again one from the other, and the bytes of those that the way back reads."""

    def __init__(self) -> None:
        self._parent: dict[Node, Node] = {}
        self._load: dict[Node, int] = {}

    def _root(self, node: Node) -> Node:
        while (parent := self._parent[node]) is not node:
            self._parent[node] = self._parent[parent]
            node = parent
        return node

    def load(self, nodes: Iterable[Node]) -> int:
        """The bytes of the stretches that these nodes are in."""
        return sum(self._load[root] for root in {self._root(node) for node in nodes})

    def join(self, new: Iterable[Node], old: Iterable[Node], load: int) -> None:
        """One stretch of `new` nodes and those that `old` ones are in, which takes `load` bytes."""
        first, *others = new
        self._parent[first] = first
        for node in others:
            self._parent[node] = first
        for root in {self._root(node) for node in old}:
            self._parent[root] = first
        self._load[first] = load
