"""Matrix products as stacks of smaller ones, which BLAS computes without copying its operands into order first."""

from __future__ import annotations

import ctypes
from functools import cache

import numpy as np

from nndsl.runtime.standalone.program import Array
from nndsl.runtime.standalone.threads import openblas

_SMALL = 1_000_000
"""Multiply-adds up to which OpenBLAS has kernels of its own for small products, where it has any."""

_WITH_SMALL_PRODUCTS = ("skylakex", "cooperlake", "sapphirerapids")
"""What OpenBLAS calls the processors that it has such kernels for: those with AVX-512."""

_FEW_ROWS = 64
"""Up to so many rows, putting the other operand in order takes so much of a product that narrow columns pay."""

_COLUMNS = 16
"""Columns of a block: as many numbers as a register of these processors holds."""


@cache
def small_products() -> int:
    """Multiply-adds up to which this machine's BLAS reads small products as they lie; 0 where it always copies."""
    library = openblas()
    if library is None:
        return 0
    name = library.find("get_corename")
    if name is None:
        return 0
    name.restype = ctypes.c_char_p
    return _SMALL if (name() or b"").decode().lower() in _WITH_SMALL_PRODUCTS else 0


def row_blocks(matrix: Array, each: int, least: int = 4) -> Array:
    """A matrix [rows, columns] as [blocks, rows of a block, columns], where each row takes `each` multiply-adds.

    The product of a stack is that of the whole matrix, block by block. A block has `least` rows or more, a multiple of
    four. The matrix stays as it is where it can't be divided so, or where BLAS gains nothing by it.
    """
    rows = matrix.shape[0]
    most = small_products() // max(1, each)
    if matrix.dtype != np.float32 or rows <= most:
        return matrix
    size = next((size for size in range(most // 4 * 4, least - 1, -4) if rows % size == 0), rows)
    return matrix if size == rows else matrix.reshape(-1, size, matrix.shape[1])


def column_blocks(matrix: Array, other: Array) -> Array:
    """A matrix [rows, columns] as [blocks, rows, columns of a block], where `other` is what it is multiplied by.

    So, too, for the result. The matrix stays as it is where that gains nothing.
    """
    rows, columns = matrix.shape
    if (
        matrix.dtype != np.float32
        or other.shape[0] > _FEW_ROWS
        or other.size * columns <= small_products()
        or other.size * _COLUMNS > small_products()
        or columns % _COLUMNS
    ):
        return matrix
    return matrix.reshape(rows, -1, _COLUMNS).transpose(1, 0, 2)
