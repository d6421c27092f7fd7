"""Types of values in the graph: what the numbers are, one sample's shape, and who shares the value."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum, IntEnum
from math import prod

from nndsl.records import record


class DType(Enum):
    """The kind of number.

    FLOAT is float32 or float64, as the program is emitted; INT is int32. NARROW is only in programs for devices: a
    FLOAT in the fewer bits that products of matrices are given there, bfloat16.
    """

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    NARROW = "narrow"

    __hash__ = object.__hash__  # members are single objects: what Enum has instead is a function in Python

    def bytes(self, float_bytes: int) -> int:
        """What a number takes, where floats take `float_bytes`."""
        match self:
            case DType.FLOAT:
                return float_bytes
            case DType.INT:
                return 4
            case DType.BOOL:
                return 1
            case DType.NARROW:
                return 2


class Kind(IntEnum):
    """Who shares a value; a result is of the greatest kind among its operands.

    STEP: a number of this step (`step`, schedules, totals), computed on the host in float64, cast once.
    SHARED: one value for all samples (weights, statistics, what is computed from them, sums over the batch).
    SAMPLE: each sample has its own; the batch axis is not part of the shape.
    """

    STEP = 0
    SHARED = 1
    SAMPLE = 2


_SUFFIX = {Kind.STEP: " step", Kind.SHARED: " shared", Kind.SAMPLE: " per sample"}


@record
class TensorType:
    """`float[8, 8] per sample`: dtype, shape (of one sample, without a batch axis), kind. STEP values have shape ()."""

    dtype: DType
    shape: tuple[int, ...]
    kind: Kind

    @property
    def rank(self) -> int:
        """Number of axes of one sample."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements of one sample (or of the shared value)."""
        return prod(self.shape)

    def with_shape(self, shape: tuple[int, ...]) -> TensorType:
        """The same numbers in another shape."""
        return replace(self, shape=shape)

    def with_dtype(self, dtype: DType) -> TensorType:
        """The same shape of other numbers."""
        return replace(self, dtype=dtype)

    def with_kind(self, kind: Kind) -> TensorType:
        """The same value, shared by others."""
        return replace(self, kind=kind)

    @property
    def shape_text(self) -> str:
        """`[8, 8]`, as a user writes it."""
        return f"[{', '.join(map(str, self.shape))}]"

    def __str__(self) -> str:
        return f"{self.dtype.value}{self.shape_text}{_SUFFIX[self.kind]}"
