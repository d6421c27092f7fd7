"""Where each weight lies in the flat vectors: those that one optimizer updates lie together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nndsl.ir.program import Program, State, Update, Weight


@dataclass(frozen=True, slots=True)
class Range:
    """Elements `start` to `stop` (exclusive) of a flat vector."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Layout:
    """The weights and states in the order in which they lie in their flat vectors, without gaps."""

    weights: tuple[Weight, ...]
    states: tuple[State, ...]
    places: dict[str, Range]
    """Where each weight lies, by path."""

    def ranges(self, update: Update) -> list[Range]:
        """The update's weights in their order, neighbours joined. Usually one range."""
        joined: list[Range] = []
        for path in update.weights:
            place = self.places[path]
            if joined and joined[-1].stop == place.start:
                joined[-1] = Range(joined[-1].start, place.stop)
            else:
                joined.append(place)
        return joined


def layout(program: Program) -> Layout:
    """Orders the weights so that those that the same updates change are neighbours, else as the program has them."""
    members: dict[str, list[int]] = {weight.path: [] for weight in program.weights}
    number = 0
    for train in program.trains:
        for minimize in train.training.minimizes:
            groups = [update.weights for update in minimize.updates] or [minimize.weights]
            for group in groups:
                for path in group:
                    members[path].append(number)
                number += 1
    first_seen: dict[tuple[int, ...], int] = {}
    for weight in program.weights:
        first_seen.setdefault(tuple(members[weight.path]), len(first_seen))
    ordered = sorted(program.weights, key=lambda weight: first_seen[tuple(members[weight.path])])
    places: dict[str, Range] = {}
    start = 0
    for weight in ordered:
        places[weight.path] = Range(start, start + weight.type.size)
        start += weight.type.size
    return Layout(tuple(ordered), program.states, places)
