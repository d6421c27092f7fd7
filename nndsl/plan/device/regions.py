"""Which values are computed in one kernel: those that go through the same positions, and what is made of a row of them.

Kernels stand in a list in the order in which they run. A value joins one that runs no earlier than those that make
what it reads, if both go through the same positions and have something to read in common.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.ir.device import Pointwise, Reduction, device_form
from nndsl.plan.device.pulling import Index, Pulling, Split, array_dims, extent
from nndsl.plan.device.reducing import Reducing, reducing
from nndsl.plan.device.schedule import Extent, Fused, KernelKind, Store, TotalOf
from nndsl.plan.device.values import is_number, source_of
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.plan.device.schedule import DeviceAction, Target
    from nndsl.plan.device.values import DeviceValues

_MOST_UNITS = 16
"""Values that one kernel stores or reduces at most."""

_LOOKED_AT = 4
"""Kernels over the same positions that a value may join, the latest first."""

# ------------------------------------------------------------------------------------------------ tracing


class _NotHere(Exception):  # noqa: N818 - no error: an answer
    """A value can't be computed in this kernel."""


class Tracing(Pulling):
    """Pulls a value without writing it, to see what it reads: `read` has what lies in memory.

    inside: where in the kernel ("i", or "row") its threads have the values that it computes; "" where they have not.
    """

    def __init__(self, there: set[Node], inside: Mapping[Node, str], split: Split | None) -> None:
        super().__init__()
        self.split = split
        self.read: dict[Node, None] = {}
        self._there = there
        self._inside = inside

    def known(self, node: Node, index: Index) -> str | None:
        """What is in memory, or in this kernel; pointwise values of this kernel are pulled at other places."""
        place = self._inside.get(node)
        if place is not None:
            if place and self.place(index) == place:
                return "x"
            if not isinstance(device_form(node), Pointwise):
                raise _NotHere
            return None
        if node in self._there or not isinstance(device_form(node), Pointwise):
            self.flat_of(index)
            self.read[source_of(node)] = None
            return "x"
        return None

    def number(self, node: Node) -> str:
        """Any text."""
        return "x"


def row_split(inner: Extent) -> Split:
    """How positions of a kernel over rows are made."""
    return Split("i", "row", "c", inner)


# ------------------------------------------------------------------------------------------------ regions


@dataclass(slots=True)
class Region:
    """A kernel in the making; action: instead, something else that runs at this place."""

    kind: KernelKind
    extent: Extent
    segment: int
    inner: Extent = (False, 1)
    outer: Extent = (False, 1)
    units: list[Unit] = field(default_factory=list["Unit"])
    reads: dict[Node, None] = field(default_factory=dict["Node", None])
    action: DeviceAction | None = None

    @property
    def inside(self) -> dict[Node, str]:
        """What it computes, and at which place its threads have it: "i", "row", or nowhere."""
        return {unit.node: unit.place for unit in self.units if unit.made}

    @property
    def split(self) -> Split | None:
        """How its positions are made."""
        return row_split(self.inner) if self.kind == "rows" else None


@record
class CarryOf:
    """Where the carry `number` of a loop is before its first step; loop: an output of it."""

    loop: Node
    number: int


@dataclass(slots=True)
class Unit:
    """A value that a kernel computes. target: where it is stored instead of memory of its own.

    made: others may read it. of_row: a whole row has one.
    """

    node: Node
    reducing: Reducing | None = None
    target: Target | CarryOf | None = None
    of_row: bool = False
    made: bool = True
    copies: bool = False

    @property
    def place(self) -> str:
        """Where a thread of its kernel has it: for its position, for its row, or not at all."""
        if self.of_row:
            return "row"
        return "" if self.reducing is not None else "i"


class Regions:
    """The kernels of a schedule, in their order. counts: how many read each value.

    small: a launch costs more than what its kernel does, so kernels need nothing in common to be one.
    """

    def __init__(self, values: DeviceValues, counts: Mapping[Node, int], *, small: bool = False) -> None:
        self._small = small
        self.regions: list[Region] = []
        self._values = values
        self._counts = counts
        self._made: dict[Node, int] = {}
        self._alike: dict[Extent, list[int]] = defaultdict(list)
        self._segment = 0
        self._numbers: list[Unit] = []

    # -------------------------------------------------------------------------------------------- adding

    def barrier(self) -> None:
        """What comes now joins no kernel that is there."""
        self._segment += 1

    def act(self, action: DeviceAction, reads: tuple[Node, ...], makes: tuple[Node, ...], *, barrier: bool) -> None:
        """Something else than a kernel. barrier: nothing that comes behind it may run before it."""
        self._segment += barrier
        region = Region("map", (False, 0), self._segment, action=action)
        region.reads = dict.fromkeys(map(source_of, reads))
        self.regions.append(region)
        for node in makes:
            self._made[node] = len(self.regions) - 1
        self._segment += barrier

    def compute(self, node: Node, *, copies: bool = False) -> None:
        """A value that gets memory; copies: a leaf as it is now."""
        form = device_form(node)
        if not copies and isinstance(form, Reduction):
            self._reduce(Unit(node, reducing(node, self._counts)))
        else:
            self._map(Unit(node, copies=copies))

    def store(self, node: Node, target: Target) -> None:
        """A value is written to a place that is not memory of its own."""
        self._map(Unit(node, target=target, made=False))

    def start(self, node: Node, carry: CarryOf) -> None:
        """The first value of a carry is copied to where the loop's first step reads it."""
        self._map(Unit(node, target=carry, made=False))

    def store_together(self, stores: Iterable[tuple[Node, Target]]) -> None:
        """Values are written over what all of them are made of: one kernel reads it all before it writes."""
        units = [Unit(node, target=target, made=False) for node, target in stores]
        if units:
            self.barrier()
            region = Region("map", extent(array_dims(units[0].node.type)), self._segment)
            self._open(region, units[0], self._traced(units[0], region, "i"))
            for unit in units[1:]:
                self._join(len(self.regions) - 1, unit, self._traced(unit, region, "i"))

    def total(self, node: Node, index: int) -> None:
        """A number of each sample is added to a total."""
        unit = Unit(node, target=TotalOf(index), made=False)
        if is_number(node):
            self._numbers.append(unit)
            return
        reads = self._traced(unit, Region("totals", (True, 1), self._segment), "i")
        first = self._first(reads)
        for position in reversed(range(first, len(self.regions))):
            region = self.regions[position]
            if region.kind == "totals" and region.action is None and region.segment == self._segment:
                self._join(position, unit, reads)
                return
        self._open(Region("totals", (True, 1), self._segment), unit, reads)

    def finish(self) -> None:
        """Totals of numbers, which wait for nothing, join others."""
        if not self._numbers:
            return
        for region in self.regions:
            if region.kind == "totals" and region.action is None:
                region.units += self._numbers
                return
        region = Region("totals", (True, 1), self._segment)
        region.units += self._numbers
        self.regions.append(region)

    # -------------------------------------------------------------------------------------------- joining

    def _map(self, unit: Unit) -> None:
        size = extent(array_dims(unit.node.type))
        alone = Region("map", size, self._segment)
        alone_reads = self._traced(unit, alone, "i")
        for position in self._candidates(size, alone_reads):
            region = self.regions[position]
            try:
                reads = self._traced(unit, region, "i")
            except _NotHere:
                continue
            if self._first(reads) <= position:
                self._join(position, unit, reads)
                return
        for position in self._row_candidates(size, alone_reads):
            try:
                reads = self._traced(unit, self.regions[position], "row")
            except _NotHere:
                continue
            if self._first(reads) <= position:
                unit.of_row = True
                self._join(position, unit, reads)
                return
        self._open(alone, unit, alone_reads)

    def _reduce(self, unit: Unit) -> None:
        work = unit.reducing
        assert work is not None
        size = extent(work.shape)
        if work.by_rows and not work.whole:
            kind, inner, outer = "rows", work.part(work.axes), (False, 1)
        elif work.whole or not work.by_columns:
            kind, inner, outer = ("whole" if work.whole else "apart"), (False, 1), (False, 1)
        else:
            kind = "columns"
            outer, inner = work.columns
        alone = Region(kind, size, self._segment, inner, outer)
        unit.of_row = kind == "rows"
        alone_reads = self._traced(unit, alone, "i")
        mergeable = kind != "apart"
        for position in self._candidates(size, alone_reads) if mergeable else ():
            region = self.regions[position]
            if region.kind not in ("map", kind) or (
                region.kind == kind and (region.inner, region.outer) != (inner, outer)
            ):
                continue
            before = (region.kind, region.inner, region.outer)
            region.kind, region.inner, region.outer = kind, inner, outer
            try:
                reads = self._traced(unit, region, "i")
            except _NotHere:
                reads = None
            if reads is not None and self._first(reads) <= position:
                self._join(position, unit, reads)
                return
            region.kind, region.inner, region.outer = before
        self._open(alone, unit, alone_reads)

    def _candidates(self, size: Extent, reads: Mapping[Node, None]) -> list[int]:
        """Kernels over as many positions with something to read in common, the latest first."""
        found = [p for p in reversed(self._alike[size][-_LOOKED_AT:]) if self._suits(self.regions[p])]
        return [p for p in found if self._shares(self.regions[p], reads)]

    def _row_candidates(self, size: Extent, reads: Mapping[Node, None]) -> list[int]:
        """Kernels over as many rows that make something of what is read."""
        found = {self._made[node] for node in reads if node in self._made}
        return sorted(
            (
                p
                for p in found
                if self.regions[p].kind == "rows" and self._suits(self.regions[p]) and _rows(self.regions[p]) == size
            ),
            reverse=True,
        )

    def _suits(self, region: Region) -> bool:
        return (
            region.action is None
            and region.kind != "totals"
            and region.segment == self._segment
            and len(region.units) < _MOST_UNITS
        )

    def _shares(self, region: Region, reads: Mapping[Node, None]) -> bool:
        inside = region.inside
        return self._small or not reads or any(node in inside or node in region.reads for node in reads)

    def _first(self, reads: Mapping[Node, None]) -> int:
        """The first place in the list where these lie in memory."""
        return max((self._made[node] + 1 for node in reads if node in self._made), default=0)

    def _traced(self, unit: Unit, region: Region, at: str) -> dict[Node, None]:
        """What a value reads from memory in a kernel. Raises _NotHere where it can't be computed there."""
        tracing = Tracing(self._values.there, region.inside, region.split)
        if unit.copies:
            return {unit.node: None}
        node = unit.node if unit.reducing is None else unit.reducing.operand
        shape = array_dims(node.type) if unit.reducing is None else unit.reducing.shape
        if region.kind == "apart":
            axes = tuple(f"a{k}" for k in range(len(shape)))
            tracing.value(node, Index(shape, axes))
        elif unit.target is not None or unit.reducing is not None:
            tracing.value(node, Index(shape, flat=at))
        else:
            tracing.computed(node, Index(shape, flat=at))
        return tracing.read

    def _join(self, position: int, unit: Unit, reads: dict[Node, None]) -> None:
        region = self.regions[position]
        region.units.append(unit)
        region.reads.update(reads)
        if unit.made:
            self._made[unit.node] = position

    def _open(self, region: Region, unit: Unit, reads: dict[Node, None]) -> None:
        self.regions.append(region)
        self._alike[region.extent].append(len(self.regions) - 1)
        self._join(len(self.regions) - 1, unit, reads)

    # -------------------------------------------------------------------------------------------- finished

    def fused(
        self,
        region: Region,
        stored: set[Node],
        place: Mapping[Node, Target],
        carries: Mapping[CarryOf, Target],
    ) -> Fused:
        """A kernel. stored: values that others read from memory. carries: where loops' carries begin."""
        stores: list[Store] = []
        for unit in region.units:
            if isinstance(unit.target, CarryOf):
                stores.append(Store(unit.node, carries[unit.target]))
            elif unit.target is not None:
                stores.append(Store(unit.node, unit.target))
            elif unit.node in stored:
                stores.append(Store(unit.node, place[unit.node]))
        reductions = tuple(unit.node for unit in region.units if unit.reducing is not None)
        return Fused(region.kind, region.extent, tuple(stores), reductions, region.inner, region.outer)


def _rows(region: Region) -> Extent:
    """How many rows there are."""
    return (region.extent[0], region.extent[1] // region.inner[1])
