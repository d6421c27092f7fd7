"""Readings of the clock: by site inside of a step, and around the calls of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nndsl.runtime.standalone.program import Memory, Step, Workspace

Mark = Callable[[int], None]
"""`mark(3)`: from here on the time is spent on site 3; 0 is everything outside."""


@dataclass(slots=True)
class Clock:
    """The clock of one workspace, which at any time at most one thread runs.

    samples: of a run. times: nanoseconds by site. runs: how often the workspace ran.
    """

    samples: int
    times: list[int]
    runs: int = 0

    def mark(self) -> Mark:
        """What the lines of the workspace call."""
        now, times = perf_counter_ns, self.times
        site, since = 0, now()

        def mark(following: int) -> None:
            nonlocal site, since
            time = now()
            times[site] += time - since
            site, since = following, time
            if not following:
                self.runs += 1

        return mark


@dataclass(frozen=True, slots=True)
class Taken:
    """What one or several steps took inside: nanoseconds by site, and (samples, runs, sites) of each workspace."""

    times: Sequence[int]
    runs: Sequence[tuple[int, int, frozenset[int]]]


@dataclass(slots=True)
class Clocks:
    """All clocks of a module; `clock` is the function of that name that its source calls. count: of sites, with 0."""

    count: int
    made: list[Clock] = field(default_factory=list[Clock])

    def clock(self, samples: int) -> Mark:
        """A clock for a workspace of so many samples."""
        clock = Clock(samples, [0] * self.count)
        self.made.append(clock)
        return clock.mark()

    def take(self) -> Taken:
        """What was spent since the last call, all threads together."""
        times = [0] * self.count
        runs: list[tuple[int, int, frozenset[int]]] = []
        for clock in self.made:
            if not clock.runs:
                continue
            spent = frozenset(site for site, time in enumerate(clock.times) if site and time)
            for site in spent:
                times[site] += clock.times[site]
            runs.append((clock.samples, clock.runs, spent))
            clock.times[:] = [0] * self.count
            clock.runs = 0
        return Taken(times, runs)


@dataclass(slots=True)
class Watch:
    """Sees every run of a block's training workspaces. runs: (samples, beginning, end) of those since `take`, in ns."""

    runs: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])

    def over(self, make: Workspace) -> Workspace:
        """A function that makes the same workspaces, watched."""

        def watched(n: int, memory: Memory, seed: int) -> Step:
            step = make(n, memory, seed)
            run = step.run

            def timed(number: int, epoch: int, first: int) -> None:
                begin = perf_counter_ns()
                run(number, epoch, first)
                self.runs.append((n, begin, perf_counter_ns()))

            return replace(step, run=timed)

        return watched

    def take(self) -> list[tuple[int, int, int]]:
        """The runs since the last call."""
        taken, self.runs = self.runs, []
        return taken
