"""Products of matrices: cuBLAS on a handle of our own, which a captured graph may hold; else CuPy's, uncaptured.

Sums are in float32, or in float64 for arrays of that. Narrowed to "tf32" or "bfloat16", what is multiplied has 11 or 8
significant bits; arrays may already hold it as bfloat16 (16 bits, which NumPy counts as whole numbers).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from nndsl.runtime.device.kernels import cupy

WORKSPACE = 32 << 20
"""Bytes that cuBLAS may use, as it wants them on large devices."""

_FLOAT, _DOUBLE, _BFLOAT16 = 0, 1, 14
"""cudaDataType: CUDA_R_32F, CUDA_R_64F, CUDA_R_16BF."""

_EXACT_DOUBLE = 70
_COMPUTE = {None: 68, "bfloat16": 75, "tf32": 77}
"""cublasComputeType_t: CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_16BF, CUBLAS_COMPUTE_32F_FAST_TF32."""

_DEFAULT = -1
"""CUBLAS_GEMM_DEFAULT: cuBLAS chooses the algorithm."""


class PrecisionError(Exception):
    """A precision that the products here can't have; str() says why."""


class Products:
    """Makes products on one stream.

    narrowed: to "tf32" or "bfloat16", of floats in float32. capturable: they may be part of a captured graph. mistake:
    what they raise. Raises PrecisionError.
    """

    def __init__(self, stream: Any, narrowed: str | None = None) -> None:
        self._cublas = _cublas()
        self._compute = _COMPUTE[narrowed]
        if self._cublas is None and narrowed is not None:
            raise PrecisionError(f"products of {narrowed} are made through nvmath-python, which is not installed")
        self.capturable = self._cublas is not None
        self.mistake: type[Exception] = RuntimeError if self._cublas is None else self._cublas.cuBLASError
        self._handle = 0
        self._room: Any = None
        if self._cublas is not None:
            self._handle = self._cublas.create()
            self._cublas.set_stream(self._handle, stream.ptr)
            self._room = cupy.empty(WORKSPACE, np.uint8)
            self._cublas.set_workspace(self._handle, self._room.data.ptr, WORKSPACE)

    def of(
        self,
        left: Any,
        right: Any,
        out: Any,
        sizes: tuple[int, int, int],
        turned: tuple[bool, bool, bool] = (False, False, False),
        leading: tuple[int, int, int] | None = None,
        stack: int = 1,
        strides: tuple[int, int, int] = (0, 0, 0),
    ) -> Product:
        """[rows, inner] times [inner, columns] into [rows, columns], for sizes (rows, columns, inner), row by row.

        turned: left, right and out are stored as their transposes. leading: elements from a stored row to the next, by
        default those of a row. stack: how many, `strides` elements apart.
        """
        rows, columns, inner = sizes
        stored = [(rows, inner), (inner, columns), (rows, columns)]
        widths = tuple(shape[0] if turn else shape[1] for shape, turn in zip(stored, turned, strict=True))
        arrays = (left, right, out)
        call = (self._cublas, self._handle, self._compute)
        return Product(call, arrays, sizes, turned, leading or widths, stack, strides)


class Product:
    """One product, or a stack of them, over fixed arrays; called without arguments."""

    def __init__(
        self,
        call: tuple[Any, int, int],
        arrays: tuple[Any, Any, Any],
        sizes: tuple[int, int, int],
        turned: tuple[bool, bool, bool],
        leading: tuple[int, ...],
        stack: int,
        strides: tuple[int, int, int],
    ) -> None:
        self._cublas, handle, compute = call
        self._arrays = arrays
        self._given = (sizes, turned, leading, stack, strides)
        if self._cublas is None:
            return
        kind, into = _FLOAT, _FLOAT
        if arrays[0].dtype == np.float64:
            kind, into, compute = _DOUBLE, _DOUBLE, _EXACT_DOUBLE
        elif arrays[0].dtype == np.uint16:
            kind, compute = _BFLOAT16, _COMPUTE[None]
        real: Any = np.float64 if kind == _DOUBLE else np.float32
        self._factors = (np.ones(1, real), np.zeros(1, real))
        one, none = (factor.ctypes.data for factor in self._factors)
        rows, columns, inner = sizes
        (a, b, c), (lda, ldb, ldc), (sa, sb, sc) = (tuple(each.data.ptr for each in arrays), leading, strides)
        # cuBLAS stores columns, so what is stored row by row is a transpose to it: C' = B' A'.
        if turned[2]:
            first = (int(not turned[0]), int(not turned[1]), rows, columns, inner)
            operands = ((a, lda, sa), (b, ldb, sb))
        else:
            first = (int(turned[1]), int(turned[0]), columns, rows, inner)
            operands = ((b, ldb, sb), (a, lda, sa))
        (x, ldx, sx), (y, ldy, sy) = operands
        head = (handle, *first, one)
        if stack == 1:
            self._call = self._cublas.gemm_ex
            self._arguments = (*head, x, kind, ldx, y, kind, ldy, none, c, into, ldc, compute, _DEFAULT)
        else:
            self._call = self._cublas.gemm_strided_batched_ex
            self._arguments = (
                *(*head, x, kind, ldx, sx, y, kind, ldy, sy, none, c, into, ldc, sc),
                *(stack, compute, _DEFAULT),
            )

    def __call__(self) -> None:
        """Computes it."""
        if self._cublas is not None:
            self._call(*self._arguments)
            return
        sizes, turned, leading, stack, strides = self._given
        rows, columns, inner = sizes
        shapes = ((rows, inner), (inner, columns), (rows, columns))
        for number in range(stack):
            left, right, out = (
                _matrix(array, shape, turn, width, number * stride)
                for array, shape, turn, width, stride in zip(
                    self._arrays, shapes, turned, leading, strides, strict=True
                )
            )
            if turned[2]:
                cupy.matmul(right.T, left.T, out=out.T)
            else:
                cupy.matmul(left, right, out=out)


def _matrix(array: Any, shape: tuple[int, int], turned: bool, width: int, first: int) -> Any:
    """A matrix of [rows, columns] in an array, whose stored rows are `width` elements apart."""
    rows, columns = (shape[1], shape[0]) if turned else shape
    flat = array.reshape(-1)
    if width == columns:
        found = flat[first : first + rows * columns].reshape(rows, columns)
    else:
        found = flat[first : first + rows * width].reshape(rows, width)[:, :columns]
    return found.T if turned else found


def _cublas() -> Any:
    """Nvmath's cuBLAS; None where it is not installed."""
    try:
        return import_module("nvmath.bindings.cublas")
    except ImportError:
        return None
