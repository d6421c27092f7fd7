"""What to compute again on the way back, so that a step's buffers fit into a given memory, for little arithmetic.

The values that the way back reads are what fills the memory: forgotten ones are computed again when they are needed,
from those that are kept (Griewank and Walther 2000; Chen et al. 2016: with every sqrt(n)-th layer kept, n layers take
2 sqrt(n) of the memory for one more way forward). Values that cost little for their bytes are forgotten first (Jain et
al. 2020 rank alike); what is forgotten together, in one stretch, must fit into the memory while the way back goes
through that stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from math import inf
from typing import TYPE_CHECKING

from nndsl.ops import body_of, scan
from nndsl.plan.again import Needs, computing_again, ways_back
from nndsl.plan.lives import Lives, Sizes
from nndsl.plan.order import order_step
from nndsl.plan.step import plan_updates
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import StepGraph
    from nndsl.plan.again import WayBack
    from nndsl.plan.values import Values

_ROUNDS = 12
"""So often is a choice planned and measured before only those that seem smallest are left to try."""

_CLOSER = 3
"""So often is, once a choice fits, one looked for that costs less."""

_SMALLEST = 8
"""So many of the choices that seem smallest are planned before it is said that none fits."""

_LENGTHS = 8
"""So many lengths of stretches are tried."""

_STEPS = 16
"""In so many steps values are forgotten, for each length, from nothing to all."""


@record
class Fitted:
    """A step whose buffers take `bytes`, where they took `before`; `fits`: that is not more than was asked for.

    Otherwise it is the one that takes least of those that were found.
    """

    graph: StepGraph
    before: int
    bytes: int
    fits: bool


def fitted(graph: StepGraph, room: int, samples: int, float_bytes: int, measure: Callable[[StepGraph], int]) -> Fitted:
    """A training step over `samples` that fits into `room` bytes, by `measure`, which plans it and counts."""
    before = measure(graph)
    if before <= room:
        return Fitted(graph, before, before, fits=True)
    search = _Search(graph, samples, float_bytes, measure)
    return search.within(room, before)


@record
class _Choice:
    """What is computed again, by turn. effort: what that costs. bytes: what is there at once at most, as estimated."""

    again: dict[int, frozenset[Node]]
    effort: float
    bytes: int


class _Search:
    """Looks for a choice: estimates, plans, measures, and corrects the estimate by what the plan says."""

    def __init__(self, graph: StepGraph, samples: int, float_bytes: int, measure: Callable[[StepGraph], int]) -> None:
        self._graph = graph
        self._measure = measure
        self._sequence = order_step(graph, plan_updates(graph))
        outputs = [node for _, node, _ in graph.predictions]
        self._ways = ways_back(self._sequence, outputs)
        sizes = Sizes(samples, float_bytes)
        lives = Lives(self._sequence, outputs, sizes)
        self._choices = [_choices(way, self._sequence.values, sizes, lives) for way in self._ways]
        self._tried: dict[tuple[frozenset[Node], ...], int] = {}

    def within(self, room: int, before: int) -> Fitted:
        """The choice of the least effort that was found to fit into `room`, or the smallest."""
        found: list[tuple[_Choice, int]] = []
        fits, target, too_much, enough = False, room, before, 0
        for _ in range(_ROUNDS):
            choice = self._cheapest(target)
            if choice is None:
                break
            size = self._planned(choice)
            found.append((choice, size))
            if size <= room:
                fits, enough = True, target
                break
            too_much = target
            target -= max(size - room, room // 100, 1)
        for _ in range(_CLOSER if fits else 0):
            middle = (too_much + enough) // 2
            choice = self._cheapest(middle)
            if choice is None:
                break
            size = self._planned(choice)
            found.append((choice, size))
            too_much, enough = (too_much, middle) if size <= room else (middle, enough)
        if not fits:
            found += [(choice, self._planned(choice)) for choice in self._smallest()]
        fitting = [each for each in found if each[1] <= room]
        if fitting:
            choice, size = min(fitting, key=lambda each: (each[0].effort, each[1]))
            return Fitted(self._with(choice), before, size, fits=True)
        choice, size = min(found, key=lambda each: each[1], default=(None, before))
        if choice is None or size >= before:
            return Fitted(self._graph, before, before, fits=False)
        return Fitted(self._with(choice), before, size, fits=False)

    def _with(self, choice: _Choice) -> StepGraph:
        return computing_again(self._graph, self._sequence, self._ways, choice.again)

    def _planned(self, choice: _Choice) -> int:
        key = tuple(choice.again[way.turn] for way in self._ways)
        if key not in self._tried:
            self._tried[key] = self._measure(self._with(choice))
        return self._tried[key]

    def _cheapest(self, room: int) -> _Choice | None:
        """What to compute again so that `room` is enough, as far as can be told without a plan."""
        found = [
            min((each for each in choices if each.bytes <= room), key=lambda each: each.effort, default=None)
            for choices in self._choices
        ]
        chosen = [each for each in found if each is not None]
        return _together(chosen) if len(chosen) == len(found) else None

    def _smallest(self) -> list[_Choice]:
        """Those that seem to need the least."""
        sorted_by_need = [sorted(choices, key=lambda each: each.bytes) for choices in self._choices]
        most = max(map(len, sorted_by_need), default=0)
        return [
            _together([choices[min(k, len(choices) - 1)] for choices in sorted_by_need])
            for k in range(min(most, _SMALLEST))
        ]


def _together(choices: Iterable[_Choice]) -> _Choice:
    choices = list(choices)
    again = {turn: nodes for choice in choices for turn, nodes in choice.again.items()}
    return _Choice(again, sum(each.effort for each in choices), max((each.bytes for each in choices), default=0))


def _choices(way: WayBack, values: Values, sizes: Sizes, lives: Lives) -> list[_Choice]:
    """What could be computed again on one way back: nothing, and more and more in stretches of several lengths."""
    on_way = lives.on(way)
    found: dict[frozenset[Node], _Choice] = {frozenset(): _Choice({way.turn: frozenset()}, 0.0, on_way.most(()))}
    needs = Needs(way, values)
    kept = [sum(map(sizes.of, unit)) for unit in way.kept]
    total, limit = sum(kept), max(kept, default=0)
    factor = max(1.3, (total / max(limit, 1)) ** (1 / _LENGTHS))
    while total:
        for again, effort in _forgetting(way, needs, sizes, kept, limit):
            if again not in found:
                found[again] = _Choice({way.turn: again}, effort, on_way.most(again))
        if limit >= total:
            break
        limit = int(limit * factor) + 1
    return list(found.values())


def _forgetting(
    way: WayBack, needs: Needs, sizes: Sizes, kept: list[int], limit: int
) -> Iterator[tuple[frozenset[Node], float]]:
    """What to compute again, and what it costs: ever more, those values first that cost least for their bytes.

    kept: the bytes of `way.kept`. limit: bytes of those that are computed again together, at most.
    """
    forgotten: set[Node] = set()
    again: set[Node] = set()
    stretches = _Union()
    effort, saved, told = 0.0, 0, 0

    def price(k: int) -> float:
        missing = needs.missing(way.kept[k], again, forgotten)
        return inf if missing is None else sum(map(sizes.effort, _once(missing))) / kept[k]

    waiting = [(price(k), k) for k in range(len(kept)) if kept[k]]
    heapify(waiting)
    while waiting:
        before, k = heappop(waiting)
        now = price(k)
        if now > before:
            heappush(waiting, (now, k))
            continue
        missing = needs.missing(way.kept[k], again, forgotten)
        if missing is None:
            continue
        joined = {other for node in missing for other in needs.neighbours(node) if other in again}
        load = kept[k] + stretches.load(joined)
        if load > limit:
            continue
        stretches.join(missing, joined, load)
        effort += sum(map(sizes.effort, _once(missing)))
        again |= missing
        forgotten.update(way.kept[k])
        saved += kept[k]
        if saved - told >= sum(kept) // _STEPS:
            told = saved
            yield frozenset(again), effort
    if saved > told:
        yield frozenset(again), effort


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
