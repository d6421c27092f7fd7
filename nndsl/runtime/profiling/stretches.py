"""Training whose steps are timed, in stretches, for as long as somebody asks for more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nndsl.runtime.profiling.clock import Clocks, Taken, Watch


@dataclass(frozen=True, slots=True)
class Stepped:
    """One step: nanoseconds of all of it, before the first run, inside of runs. samples: of all its batches.

    taken: what the clocks in the step say, where there are any.
    """

    all: int
    before: int
    inside: int
    samples: int
    taken: Taken | None

    @property
    def behind(self) -> int:
        """What comes after the runs, and between them."""
        return self.all - self.before - self.inside


@dataclass(slots=True)
class Stretches:
    """Training that begins anew when it is over. ends: nanoseconds of the ends of epochs, validation among them.

    begin: the events of a new training.
    """

    begin: Callable[[], Iterator[Any]]
    watch: Watch
    clocks: Clocks | None = None
    ends: list[int] = field(default_factory=list[int])
    _events: Iterator[Any] | None = None

    def step(self) -> Stepped:
        """One more step."""
        while True:
            if self._events is None:
                self._events = self.begin()
            begin = perf_counter_ns()
            event = next(self._events, None)
            end = perf_counter_ns()
            runs = self.watch.take()
            match type(event).__name__:
                case "StepDone":
                    taken = None if self.clocks is None else self.clocks.take()
                    inside = sum(stop - start for _, start, stop in runs)
                    samples = sum(n for n, _, _ in runs)
                    before = runs[0][1] - begin if runs else 0
                    return Stepped(end - begin, before, inside, samples, taken)
                case "EpochDone":
                    self.ends.append(end - begin)
                case _:
                    self._events = None

    def steps(self, count: int, samples: int) -> list[Stepped]:
        """So many steps over `samples` samples; smaller ones, at the end of an epoch, are left out."""
        found: list[Stepped] = []
        while len(found) < count:
            step = self.step()
            if step.samples >= samples:
                found.append(step)
        return found


def mean_seconds(nanoseconds: Sequence[float]) -> float:
    """The mean, in seconds."""
    return sum(nanoseconds) / len(nanoseconds) / 1e9
