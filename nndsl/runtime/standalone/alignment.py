"""Arrays that begin where a line of the processor's cache does."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_CACHE_LINE = 64
"""Bytes of a cache line, and of the widest registers."""


def aligned(shape: int | tuple[int, ...], dtype: DTypeLike = np.float64) -> NDArray[Any]:
    """Like `np.empty`, from a multiple of 64 bytes on.

    NumPy's own large arrays begin 16 bytes behind one, so that every wide read or write touches two lines.
    """
    sizes = (shape,) if isinstance(shape, int) else shape
    size = prod(sizes) * np.dtype(dtype).itemsize
    memory = np.empty(size + _CACHE_LINE, np.uint8)
    begin = -memory.ctypes.data % _CACHE_LINE
    return memory[begin : begin + size].view(dtype).reshape(sizes)


def aligned_zeros(shape: int | tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Zeros, aligned."""
    zeros = aligned(shape, dtype)
    zeros.fill(0)
    return zeros
