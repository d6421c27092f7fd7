"""A schedule: what is computed in which order, and where every value lives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Update
    from nndsl.ir.types import DType

# ------------------------------------------------------------------------------------------------ places


@dataclass(frozen=True, slots=True)
class Literal:
    """A number written into the line that uses it."""


@dataclass(frozen=True, slots=True)
class Host:
    """A Python number of the step (kind STEP), a local variable."""


@dataclass(frozen=True, slots=True)
class Given:
    """A leaf that the workspace holds under a fixed view: a field's batch, a weight, a state, part of the flat vectors, a slot."""


@dataclass(frozen=True, slots=True)
class InBuffer:
    """The first `size * n` (or `size`) elements of buffer `buffer`, in the node's shape."""

    buffer: int


@dataclass(frozen=True, slots=True)
class ViewOf:
    """A view, made once, of where another node lives."""

    base: Node


@dataclass(frozen=True, slots=True)
class GradientOf:
    """Computed straight into the flat gradient vector, at the weight's place."""

    path: str


@dataclass(frozen=True, slots=True)
class InPlace:
    """Computed into the flat vector that it replaces: "weight", or the slot of that name."""

    name: str


Place = Literal | Host | Given | InBuffer | ViewOf | GradientOf | InPlace


@dataclass(frozen=True, slots=True)
class Buffer:
    """One allocation: `size` elements a sample (per_sample) or in all, used by nodes whose lives do not overlap."""

    dtype: DType
    size: int
    per_sample: bool


# ------------------------------------------------------------------------------------------------ actions


@dataclass(frozen=True, slots=True)
class Compute:
    """Compute a node into its place; `scratch` are the buffers its rule asked for."""

    node: Node
    scratch: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class AddTotal:
    """totals[index] += the float64 sum of a per-sample scalar over the batch."""

    index: int
    node: Node


@dataclass(frozen=True, slots=True)
class SetGradient:
    """Copy a node into the flat gradient vector at `path` (where it could not be computed there); None fills with 0."""

    path: str
    node: Node | None


@dataclass(frozen=True, slots=True)
class SetState:
    """Copy a node into a state, at the end of the step."""

    path: str
    node: Node


@dataclass(frozen=True, slots=True)
class ApplyUpdate:
    """Update `number` of minimize `minimize`: runs the update's own schedule over its weights' ranges of the flat vectors.

    After this line every read of those weights sees the new ones.
    """

    minimize: int
    number: int
    update: Update
    schedule: Schedule


Action = Compute | AddTotal | SetGradient | SetState | ApplyUpdate


@dataclass(frozen=True, slots=True)
class Schedule:
    """Actions in order, a place for every node they use, and the buffers.

    outputs: nodes whose values are read from outside after the step (predictions): their places stay untouched to the end.
    """

    actions: tuple[Action, ...]
    places: Mapping[Node, Place]
    buffers: tuple[Buffer, ...]
    outputs: tuple[Node, ...] = ()

    def bytes(self, batch_size: int, float_bytes: int = 4) -> int:
        """Memory of all buffers for batches of `batch_size` samples."""
        from nndsl.ir.types import DType

        width = {DType.FLOAT: float_bytes, DType.INT: 4, DType.BOOL: 1}
        return sum(b.size * (batch_size if b.per_sample else 1) * width[b.dtype] for b in self.buffers)
