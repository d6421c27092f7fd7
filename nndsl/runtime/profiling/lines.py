"""What each line of the `.nn` file takes of a step: measured, and at the machine's peak."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from nndsl.ir.types import Kind
from nndsl.plan import flops_of, traffic_of
from nndsl.runtime.profiling.stretches import mean_seconds

if TYPE_CHECKING:
    from nndsl.emit import Phase, Place, Site, Sites
    from nndsl.ir.graph import Node
    from nndsl.runtime.profiling.peaks import Peaks
    from nndsl.runtime.profiling.stretches import Stepped

Bound = Literal["compute", "memory", "calls"]
"""What holds a line at the machine's best."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a line takes of a step in one phase.

    seconds: measured. flops, bytes: of its operations, from the plan. calls: of NumPy, about. best: seconds that it
    would take at the machine's peak; bound: what holds it there.
    """

    seconds: float
    flops: float
    bytes: float
    calls: float
    best: float
    bound: Bound


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the `.nn` file. place: None for what comes from no line. library: the library's line behind it."""

    place: Place | None
    library: Place | None
    phases: Mapping[Phase, Spent]

    @property
    def seconds(self) -> float:
        """Of all phases."""
        return sum(spent.seconds for spent in self.phases.values())


@dataclass(slots=True)
class _Sum:
    """A `Spent` in the making. compute, memory: seconds at the peaks of each."""

    seconds: float = 0.0
    flops: float = 0.0
    bytes: float = 0.0
    calls: float = 0.0
    compute: float = 0.0
    memory: float = 0.0
    best: float = 0.0

    def add(self, node: Node, samples: int, times: float, peaks: Peaks, float_bytes: int) -> None:
        """Take in what a node takes that is computed so often."""
        if node.subgraphs or node.type.kind is Kind.STEP:
            return
        flops, moved = flops_of(node, samples), traffic_of(node, samples, float_bytes)
        self.calls += times
        self.flops += times * flops
        self.bytes += times * moved
        self.compute += times * flops / peaks.flops
        self.memory += times * moved / peaks.moving(moved)
        self.best += times * peaks.seconds(flops, moved)

    def spent(self, peaks: Peaks) -> Spent:
        """The sum, and what holds it."""
        bounds: dict[Bound, float] = {
            "compute": self.compute,
            "memory": self.memory,
            "calls": self.calls * peaks.call,
        }
        bound = max(bounds, key=lambda each: bounds[each])
        return Spent(self.seconds, self.flops, self.bytes, self.calls, self.best, bound)


def lines_of(steps: Sequence[Stepped], sites: Sites, peaks: Peaks, float_bytes: int) -> list[Line]:
    """A line for each place, in the order of the file; those of imported files behind."""
    sums: dict[tuple[Place | None, Place | None], dict[Phase, _Sum]] = defaultdict(lambda: defaultdict(_Sum))
    numbered = {number: site for site, number in sites.numbers.items()}
    for (number, samples), times in _runs(steps).items():
        site = numbered[number]
        total = sums[site.place, site.library][site.phase]
        for node, often in sites.work[number]:
            total.add(node, samples, often * _times(site, times), peaks, float_bytes)
    for number, site in numbered.items():
        seconds = mean_seconds([step.taken.times[number] for step in steps if step.taken is not None])
        if seconds:
            sums[site.place, site.library][site.phase].seconds += seconds
    lines = [
        Line(place, library, {phase: total.spent(peaks) for phase, total in phases.items()})
        for (place, library), phases in sums.items()
    ]
    files = list(dict.fromkeys(line.place.file for line in lines if line.place is not None))
    return sorted(
        lines, key=lambda line: (-1, 0) if line.place is None else (files.index(line.place.file), line.place.line)
    )


def _runs(steps: Sequence[Stepped]) -> dict[tuple[int, int], float]:
    """How often in a step the lines of each site are run over how many samples: (site, samples) -> times."""
    found: dict[tuple[int, int], float] = defaultdict(float)
    for step in steps:
        for samples, runs, spent in step.taken.runs if step.taken is not None else ():
            for number in spent:
                found[number, samples] += runs
    return {key: runs / len(steps) for key, runs in found.items()}


def _times(site: Site, times: float) -> float:
    """How often a site's work is done; an update is done once for its steps, of however many batches they are."""
    return 1 / site.every if site.phase == "update" else times
