"""A device's schedule: which kernels run in which order, what they store, and where every array is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from nndsl.plan.schedule import ApplyUpdate, Buffer, Given, GradientOf, InBuffer, InPlace
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.plan.loops import LoopOutputs

Extent = tuple[bool, int]
"""A number of elements: whether for each sample, and how many."""


@record
class StateOf:
    """Where a state is."""

    path: str


@record
class TotalOf:
    """Added to a total."""

    index: int


Target = InBuffer | GradientOf | InPlace | Given | StateOf | TotalOf
"""Where arrays are. Given: a leaf that the workspace holds, or a parameter of a loop's body.

InPlace: a flat vector of an update; in a loop's body "carry:0" is the array of a carry behind the step, and "stack:1"
the output that has one value of each time.
"""

KernelKind = Literal["map", "rows", "columns", "apart", "whole", "totals"]


@record
class Store:
    """A kernel writes the value of a node to a place."""

    node: Node
    target: Target


@record
class Fused:
    """One kernel. It goes through `extent` positions; what it computes on the way and nobody else reads stays inside.

    kind: "map": each position by itself. "rows": positions are rows of `inner` elements; sums along a row, and what
    is made of them, stay inside. "columns": sums over positions for each place of the last `inner` elements, in
    `outer` groups. "apart": sums over axes that stand apart. "whole": sums over all positions. "totals": sums of one
    number a sample, in float64.
    reductions: those that it computes, in order.
    """

    kind: KernelKind
    extent: Extent
    stores: tuple[Store, ...]
    reductions: tuple[Node, ...] = ()
    inner: Extent = (False, 1)
    outer: Extent = (False, 1)


@record
class Multiply:
    """A matrix product, into the place of its node."""

    node: Node


@record
class Call:
    """A hand-written kernel of the runtime, into the place of its node."""

    node: Node


@record
class ClearGradient:
    """The gradient of a weight that has none becomes 0."""

    path: str


@record
class DeviceLoop:
    """The steps of a loop, one after another; `schedule` is that of one step, over the parameters of the body.

    carries: (its number, its two buffers) of each carry. A step reads it in one of them, the first step in the first,
    and writes it into the other. Outputs lie sample by sample, as all sequences do: `[n, time, ...]`.
    """

    outputs: LoopOutputs
    schedule: DeviceSchedule
    carries: tuple[tuple[int, tuple[int, int]], ...] = ()


DeviceAction = Fused | Multiply | Call | ClearGradient | DeviceLoop | ApplyUpdate


@record
class DeviceSchedule:
    """Actions in order, the place of every array, the buffers; `inlined` by nobody's place: pulled where it is read."""

    actions: tuple[DeviceAction, ...]
    places: Mapping[Node, Target]
    buffers: tuple[Buffer, ...]
    outputs: tuple[Node, ...] = ()

    def bytes(self, batch_size: int, float_bytes: int = 4) -> int:
        """Memory of all buffers for batches of `batch_size` samples, those of its loops' steps included."""
        own = sum(
            (b.size * batch_size if b.per_sample else b.size) * b.dtype.bytes(float_bytes)
            for b in self.buffers
            if b.part_of is None
        )
        loops = (action.schedule for action in self.actions if isinstance(action, DeviceLoop))
        return own + sum(each.bytes(batch_size, float_bytes) for each in loops)
