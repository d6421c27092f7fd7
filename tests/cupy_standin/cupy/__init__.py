"""What stands in for CuPy in tests: the names that generated code and nndsl/runtime/device may use, and no other."""

from __future__ import annotations

from numpy import bool_, float32, float64, int32, int64, uint8, uint16, uint32, uint64

from . import cuda
from .arrays import asarray, asnumpy, empty, matmul, ndarray, zeros
from .cuda.memory import get_default_memory_pool
from .kernels import RawKernel, RawModule

__version__ = "14.2.0"

__all__ = [
    "RawKernel",
    "RawModule",
    "asarray",
    "asnumpy",
    "bool_",
    "cuda",
    "empty",
    "float32",
    "float64",
    "get_default_memory_pool",
    "int32",
    "int64",
    "matmul",
    "ndarray",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "zeros",
]


def __getattr__(name: str) -> object:
    raise AttributeError(f"cupy.{name} is none of the names that generated code may use (tests/cupy_standin)")
