"""Minimum cuts of a network (Ford and Fulkerson 1956; shortest paths first, as Edmonds and Karp 1972 have it)."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterable

_NOTHING = 1e-15
"""What is left of a capacity below this, in seconds, is rounding."""


class Network:
    """Edges between vertices, with capacities; the vertex None is the sink."""

    def __init__(self) -> None:
        self._left: dict[Hashable, dict[Hashable, float]] = {None: {}}

    def edge(self, start: Hashable, end: Hashable, capacity: float) -> None:
        """An edge, beside those that there are between the two."""
        onwards = self._left.setdefault(start, {})
        onwards[end] = onwards.get(end, 0.0) + capacity
        self._left.setdefault(end, {}).setdefault(start, 0.0)

    def source_side(self, sources: Iterable[Hashable]) -> set[Hashable]:
        """The vertices on the sources' side of the cheapest cut that parts all `sources` from the sink.

        Of several such cuts it is the one nearest to the sources. Some finite cut has to be there.
        """
        starts = list(sources)
        while True:
            before = self._reached(starts)
            if None not in before:
                return set(before)
            path: list[tuple[Hashable, Hashable]] = []
            vertex: Hashable = None
            while (previous := before[vertex]) != vertex:
                path.append((previous, vertex))
                vertex = previous
            flow = min(self._left[start][end] for start, end in path)
            for start, end in path:
                self._left[start][end] -= flow
                self._left[end][start] += flow

    def _reached(self, starts: list[Hashable]) -> dict[Hashable, Hashable]:
        """Each vertex that can be reached from `starts`, and the one before it (for a start itself)."""
        before: dict[Hashable, Hashable] = {start: start for start in starts}
        queue = deque(starts)
        while queue:
            vertex = queue.popleft()
            for end, left in self._left[vertex].items():
                if left > _NOTHING and end not in before:
                    before[end] = vertex
                    if end is None:
                        return before
                    queue.append(end)
        return before
