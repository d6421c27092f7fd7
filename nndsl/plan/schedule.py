"""A schedule: what is computed in which order, and where every value lives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Update
    from nndsl.ir.types import DType
    from nndsl.plan.loops import LoopOutputs

# ------------------------------------------------------------------------------------------------ places


# Splats: a node in `Literal` or `Host`, or in `ViewOf` a node that is one, has no array: the number itself is the
# operand. Only elementwise ops, SetGradient, SetState and SetFlat read splats (AddTotal: a `constant`); any other
# reader gets an array.


@record
class Literal:
    """A number written into the line that uses it (leaf `constant`)."""


@record
class Host:
    """A Python number of the step, a local variable: every node of kind STEP, and `from_step` where a splat will do.

    Leaves (`step`, `epoch`, `batch_size`, a scalar slot) are there already; Compute actions compute the others.
    A `from_step` in Host has no Compute of its own: it is its operand's number.
    """


@record
class Given:
    """A leaf that the workspace holds under a fixed view: a field's batch, a weight, a state, a flat vector, a slot.

    So are constants, made once: an `array`, and a `constant` that needs an array, filled with its value.
    """


@record
class InBuffer:
    """The first `size * n` (or `size`) elements of buffer `buffer`, in the node's shape; C-contiguous.

    by_time: a sequence that only loops read and write, as [time, samples, ...], so that each time is one block.
    """

    buffer: int
    by_time: bool = False


def lies_by_time(place: Place | None) -> bool:
    """Is it an array [time, samples, ...]?"""
    return isinstance(place, InBuffer) and place.by_time


@record
class ViewOf:
    """A view, made once, of where another node lives. The base may be a view itself, or a splat (see above)."""

    base: Node


@record
class GradientOf:
    """Computed straight into the flat gradient vector, at the weight's place (no SetGradient follows)."""

    path: str


@record
class InPlace:
    """Computed into one of the update's own flat vectors: "weight", or the slot of that name.

    In the body of a loop: into the array of a carry ("carry:0"), or this time's part of an output ("stack:1").
    The new weight or slot itself, or a value on the way that borrows the vector between the last read of its old
    value and the computation of the new one.
    """

    name: str


Place = Literal | Host | Given | InBuffer | ViewOf | GradientOf | InPlace


@record
class Buffer:
    """One allocation: `size` elements a sample (per_sample) or in all, used by nodes whose lives do not overlap.

    part_of: instead, the number of the buffer that it is a part of, from element `first` on (a sample or in all).
    """

    dtype: DType
    size: int
    per_sample: bool
    part_of: int | None = None
    first: int = 0

    def overlaps(self, other: Buffer) -> bool:
        """Are these parts of one buffer that have elements in common?"""
        together = self.part_of is not None and self.part_of == other.part_of
        return together and self.first < other.first + other.size and other.first < self.first + self.size


# ------------------------------------------------------------------------------------------------ actions


@record
class Compute:
    """Compute a node into its place; `scratch` are the buffers its rule asked for, in its order.

    Two kinds of nodes are copied instead, both in buffers: a weight, state or slot leaf (its value now, for readers
    after it changes: `np.copyto(place, leaf)`), and a view (`NumpyRule.view`) that can't be had as one, of an operand
    that is not contiguous (`np.copyto(place, expression)`).
    """

    node: Node
    scratch: tuple[int, ...] = ()


@record
class AddTotal:
    """totals[index] += the float64 sum of a per-sample scalar over the batch.

    Its node has an array or is a `constant` (in Literal): so much for each sample.
    """

    index: int
    node: Node


@record
class SetGradient:
    """Copy a node into the flat gradient vector at `path` (where it could not be computed there); None fills with 0."""

    path: str
    node: Node | None


@record
class SetState:
    """Copy a node into a state, at the end of the step."""

    path: str
    node: Node


@record
class SetFlat:
    """Copy a node into a flat vector of the update where it could not be computed there: "weight", or a slot's name.

    Only in an update's schedule, or a loop's, after the last read of the old value. Scalar slots (kind STEP) are always
    set so.
    """

    name: str
    node: Node


@record
class ApplyUpdate:
    """Update `number` of minimize `minimize`: runs its own schedule over its weights' parts of the flat vectors.

    After this line every read of those weights sees the new ones. In the schedule of a share it is where the shares
    wait for that to be done.
    """

    minimize: int
    number: int
    update: Update
    schedule: Schedule


@record
class Loop:
    """Run the steps of a loop, whose outputs end up in the places of `outputs.nodes`, all of them in buffers.

    schedule: one step, over the parameters of the body as Given: carries are read and written in the buffers
    `carries`, (its number, buffer) each, which hold the first values before the loop and the last ones after it.
    """

    outputs: LoopOutputs
    schedule: Schedule
    carries: tuple[tuple[int, int], ...] = ()


@record
class Meet:
    """Add up over all shares of the batch what each has computed for `nodes` (`share_total`); then they hold the sums.

    The shares wait for each other here.
    """

    nodes: tuple[Node, ...]


Action = Compute | AddTotal | SetGradient | SetState | SetFlat | ApplyUpdate | Loop | Meet


@record
class Schedule:
    """Actions in order, a place for every node they use, and the buffers.

    outputs: nodes that are read from outside after the step (predictions): their places stay untouched to the end.
    block: all actions are done for so many elements of an update's flat vectors, then for the next ones; buffers hold
    no more. None: for the whole vectors at once.
    """

    actions: tuple[Action, ...]
    places: Mapping[Node, Place]
    buffers: tuple[Buffer, ...]
    outputs: tuple[Node, ...] = ()
    block: int | None = None

    def bytes(self, batch_size: int, float_bytes: int = 4) -> int:
        """Memory of all buffers for batches of `batch_size` samples, those of its loops' steps included."""
        whole = [buffer for buffer in self.buffers if buffer.part_of is None]
        sizes = (b.size * batch_size if b.per_sample else min(b.size, self.block or b.size) for b in whole)
        own = sum(size * b.dtype.bytes(float_bytes) for b, size in zip(whole, sizes, strict=True))
        loops = (action.schedule for action in self.actions if isinstance(action, Loop))
        return own + sum(schedule.bytes(batch_size, float_bytes) for schedule in loops)
