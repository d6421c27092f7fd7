"""cuBLAS through nvmath: products of matrices on a handle's own stream and workspace, which a graph may hold."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from enum import IntEnum
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from ...machine import CUDARuntimeError, DeviceError, Machine, Queue, Work, current

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Operation(IntEnum):
    N = 0
    T = 1


class ComputeType(IntEnum):
    COMPUTE_32F = 68
    COMPUTE_32F_PEDANTIC = 69
    COMPUTE_64F = 70
    COMPUTE_32F_FAST_16BF = 75
    COMPUTE_32F_FAST_TF32 = 77


class GemmAlgo(IntEnum):
    DEFAULT = -1


class Math(IntEnum):
    DEFAULT_MATH = 0
    PEDANTIC_MATH = 2
    TF32_TENSOR_OP_MATH = 3


class PointerMode(IntEnum):
    HOST = 0
    DEVICE = 1


class cuBLASError(Exception):  # noqa: N801
    """As nvmath's."""


_TYPES = {0: np.dtype(np.float32), 1: np.dtype(np.float64), 14: np.dtype(np.uint16)}
"""cudaDataType: CUDA_R_32F, CUDA_R_64F, CUDA_R_16BF (its bits)."""


@dataclass
class _Handle:
    queue: Queue
    workspace: tuple[int, int] | None = None
    math: int = Math.DEFAULT_MATH


_handles: dict[int, _Handle] = {}
_numbers = count(1)


def _handle(number: int) -> _Handle:
    if number not in _handles:
        raise cuBLASError("CUBLAS_STATUS_NOT_INITIALIZED")
    return _handles[number]


def create() -> int:
    machine = current()
    machine.need_device()
    if machine.capturing():
        raise CUDARuntimeError("a handle is made while a graph is captured: cuBLAS allocates")
    number = next(_numbers)
    _handles[number] = _Handle(machine.null)
    return number


def destroy(handle: int) -> None:
    _handle(handle)
    del _handles[handle]


def _queue(machine: Machine, stream: int) -> Queue:
    for queue in machine.queues():
        if stream == (0 if queue is machine.null else id(queue)):
            return queue
    raise cuBLASError("CUBLAS_STATUS_MAPPING_ERROR: no such stream")


def set_stream(handle: int, stream_id: int) -> None:
    """Work goes to that stream from now on, and the workspace is cuBLAS's own again."""
    made = _handle(handle)
    made.queue = _queue(current(), stream_id)
    made.workspace = None


def set_workspace(handle: int, workspace: int, workspace_size_in_bytes: int) -> None:
    current().block_at(workspace, workspace_size_in_bytes, "set_workspace")
    if workspace % 256:
        raise cuBLASError("CUBLAS_STATUS_INVALID_VALUE: the workspace lies at no multiple of 256 bytes")
    _handle(handle).workspace = (workspace, workspace_size_in_bytes)


def set_math_mode(handle: int, mode: int) -> None:
    _handle(handle).math = Math(mode)


def set_pointer_mode(handle: int, mode: int) -> None:
    if PointerMode(mode) is not PointerMode.HOST:
        raise DeviceError("factors lie on the host here")


@dataclass(frozen=True)
class _Operand:
    """`batch` matrices of rows x columns as cuBLAS has them: column by column, `leading` elements apart."""

    pointer: int
    kind: int
    leading: int
    stride: int
    rows: int
    columns: int
    batch: int

    def bytes(self) -> int:
        last = (self.batch - 1) * abs(self.stride) + (self.columns - 1) * self.leading + self.rows
        return last * _TYPES[self.kind].itemsize

    def view(self, name: str) -> NDArray[Any]:
        """[batch, rows, columns], of the device's memory."""
        dtype = _TYPES[self.kind]
        if self.leading < self.rows or self.pointer % dtype.itemsize:
            raise cuBLASError(f"CUBLAS_STATUS_INVALID_VALUE: {name}'s leading dimension {self.leading} or address")
        block = current().block_at(self.pointer, self.bytes(), f"gemm, {name}")
        start = self.pointer - block.address
        flat = block.bytes[start : start + self.bytes()].view(dtype)
        strides = tuple(extent * dtype.itemsize for extent in (self.stride, 1, self.leading))
        return np.lib.stride_tricks.as_strided(flat, (self.batch, self.rows, self.columns), strides)


def _rounded(values: NDArray[Any], drop: int) -> NDArray[np.float32]:
    """float32 with the lowest `drop` bits rounded away, half to even."""
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    bits += (1 << (drop - 1)) - 1 + ((bits >> np.uint64(drop)) & np.uint64(1))
    bits &= np.uint64(0xFFFFFFFF ^ ((1 << drop) - 1))
    return bits.astype(np.uint32).view(np.float32)


def _numbers_of(view: NDArray[Any], kind: int, compute: ComputeType) -> NDArray[Any]:
    """The operand as the device multiplies it."""
    if kind == 14:
        return (view.astype(np.uint32) << np.uint32(16)).view(np.float32)
    if compute is ComputeType.COMPUTE_32F_FAST_TF32:
        return _rounded(np.ascontiguousarray(view), 13)
    if compute is ComputeType.COMPUTE_32F_FAST_16BF:
        return _rounded(np.ascontiguousarray(view), 16)
    return view


def _store(target: NDArray[Any], kind: int, values: NDArray[Any]) -> None:
    if kind == 14:
        target[...] = _rounded(values, 16).view(np.uint32) >> np.uint32(16)
    else:
        target[...] = values


def gemm_strided_batched_ex(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int,
    a: int, atype: int, lda: int, stride_a: int, b: int, btype: int, ldb: int, stride_b: int, beta: int,
    c: int, ctype: int, ldc: int, stride_c: int, batch_count: int, compute_type: int, algo: int,
) -> None:  # fmt: skip
    """C = alpha op(A) op(B) + beta C, for each of the batch; the factors are read at once, the matrices later."""
    made, compute = _handle(handle), ComputeType(compute_type)
    GemmAlgo(algo)
    if min(m, n, k, batch_count) < 1:
        raise DeviceError(f"gemm: an extent of {min(m, n, k, batch_count)}")
    double = compute is ComputeType.COMPUTE_64F
    if {atype, btype} - {1 if double else 0, 0 if double else 14} - ({1} if double else set()) or (
        ctype == 1
    ) != double:
        raise cuBLASError(f"CUBLAS_STATUS_NOT_SUPPORTED: types {atype}, {btype}, {ctype} in {compute.name}")
    if atype != btype:
        raise cuBLASError("CUBLAS_STATUS_NOT_SUPPORTED: operands of two types")
    if made.queue.capture is not None and made.workspace is None:
        raise CUDARuntimeError("gemm is captured without set_workspace after set_stream: cuBLAS would allocate")
    number = ctypes.c_double if double else ctypes.c_float
    scale, keep = (number.from_address(pointer).value for pointer in (alpha, beta))
    rows_a, columns_a = (k, m) if Operation(transa) is Operation.T else (m, k)
    rows_b, columns_b = (n, k) if Operation(transb) is Operation.T else (k, n)
    first = _Operand(a, atype, lda, stride_a, rows_a, columns_a, batch_count)
    second = _Operand(b, btype, ldb, stride_b, rows_b, columns_b, batch_count)
    result = _Operand(c, ctype, ldc, stride_c, m, n, batch_count)
    views = (first.view("a"), second.view("b"), result.view("c"))
    if any(np.may_share_memory(views[2], view) for view in views[:2]):
        raise DeviceError("gemm: the result lies where an operand does")

    def run() -> None:
        left = _numbers_of(first.view("a"), atype, compute)
        right = _numbers_of(second.view("b"), btype, compute)
        left = left.transpose(0, 2, 1) if transa else left
        right = right.transpose(0, 2, 1) if transb else right
        target = result.view("c")
        with np.errstate(all="ignore"):
            product = np.matmul(left, right) * scale
        if keep:
            product = product + keep * _numbers_of(target, ctype, ComputeType.COMPUTE_32F if not double else compute)
        _store(target, ctype, product)

    machine = current()
    machine.counters.products += 1
    blocks = tuple(machine.block_at(operand.pointer, 1, "gemm") for operand in (first, second, result))
    made.queue.submit(Work("gemm", run, blocks))


def gemm_ex(
    handle: int, transa: int, transb: int, m: int, n: int, k: int, alpha: int, a: int, atype: int, lda: int,
    b: int, btype: int, ldb: int, beta: int, c: int, ctype: int, ldc: int, compute_type: int, algo: int,
) -> None:  # fmt: skip
    """One product, as a batch of one."""
    gemm_strided_batched_ex(
        handle, transa, transb, m, n, k, alpha, a, atype, lda, 0, b, btype, ldb, 0, beta, c, ctype, ldc, 0, 1,
        compute_type, algo,
    )  # fmt: skip


def __getattr__(name: str) -> object:
    raise AttributeError(f"nvmath.bindings.cublas.{name} is none of the names that generated code may use")
