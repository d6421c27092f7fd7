"""Arrays of the pretended device."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ..machine import Block, DeviceError, Work, current
from .cuda.memory import MemoryPointer, allocated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .cuda.streams import Stream


def _strict(what: object) -> ndarray:
    if not isinstance(what, ndarray):
        raise TypeError(f"{type(what).__module__}.{type(what).__name__} where a device array belongs")
    return what


class ndarray:  # noqa: N801
    """An array on the device. It takes part in nothing but what is defined here."""

    def __init__(self, shape: int | Sequence[int], dtype: Any = float, memptr: MemoryPointer | None = None) -> None:
        extents = (shape,) if isinstance(shape, int) else tuple(int(extent) for extent in shape)
        size = prod(extents) * np.dtype(dtype).itemsize
        self.data = memptr or MemoryPointer(allocated(size), 0)
        flat = self.data.block.bytes[self.data.offset : self.data.offset + size]
        if flat.size != size:
            raise DeviceError(f"an array of {size} bytes where {flat.size} are left of the memory")
        self.host: NDArray[Any] = flat.view(dtype).reshape(extents)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.host.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.host.dtype

    @property
    def size(self) -> int:
        return self.host.size

    @property
    def ndim(self) -> int:
        return self.host.ndim

    @property
    def nbytes(self) -> int:
        return self.host.nbytes

    @property
    def strides(self) -> tuple[int, ...]:
        return self.host.strides

    @property
    def block(self) -> Block:
        return self.data.block

    def _over(self, host: NDArray[Any]) -> ndarray:
        """An array of this one's memory."""
        made = object.__new__(ndarray)
        made.data = self.data + (host.ctypes.data - self.data.ptr)
        made.host = host
        return made

    @property
    def T(self) -> ndarray:  # noqa: N802
        return self._over(self.host.T)

    def reshape(self, *shape: Any) -> ndarray:
        extents = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple) else shape
        made = self.host.reshape(extents)
        if made.size and not np.shares_memory(made, self.host):
            raise DeviceError("this reshape makes a copy")
        return self._over(made)

    def view(self, dtype: Any) -> ndarray:
        return self._over(self.host.view(dtype))

    def __getitem__(self, index: Any) -> ndarray:
        for part in index if isinstance(index, tuple) else (index,):
            if not isinstance(part, int | slice) and part is not Ellipsis:
                raise TypeError(f"a device array is cut by whole numbers and slices here, not by {type(part).__name__}")
        parts = index if isinstance(index, tuple) else (index,)
        return self._over(self.host[(*parts, ...) if Ellipsis not in parts else parts])

    def __setitem__(self, index: Any, value: Any) -> None:
        """Copies another device array, of the same type and shape, into a part of this one."""
        target, source = self[index], _strict(value)
        if target.dtype != source.dtype or target.shape != source.shape:
            raise DeviceError(f"{source.dtype} {source.shape} copied into {target.dtype} {target.shape}")
        hosts = (target.host, source.host)
        current().current.submit(Work("copy", lambda: np.copyto(*hosts), (self.block, source.block)))

    def __len__(self) -> int:
        return len(self.host)

    def copy(self) -> ndarray:
        made = ndarray(self.shape, self.dtype)
        source, target = self.host, made.host
        current().current.submit(Work("copy", lambda: np.copyto(target, source), (self.block, made.block)))
        return made

    def fill(self, value: Any) -> None:
        if isinstance(value, ndarray | np.ndarray):
            raise TypeError("fill takes a number")
        host = self.host
        current().current.submit(Work("fill", lambda: host.fill(value), (self.block,)))

    def get(self, stream: Stream | None = None, out: NDArray[Any] | None = None, blocking: bool = True) -> NDArray[Any]:
        """A copy on the host, or into `out`; the host waits for it, unless not `blocking`."""
        machine = current()
        queue = machine.current if stream is None else stream.queue
        target = np.empty(self.shape, self.dtype) if out is None else out
        if target.dtype != self.dtype or target.shape != self.shape:
            raise DeviceError(f"get: {self.dtype} {self.shape} into {target.dtype} {target.shape}")
        source = self.host
        machine.counters.copies_to_host += 1
        queue.submit(Work("get", lambda: np.copyto(target, source), (self.block,)), captured=not blocking)
        if blocking:
            queue.synchronise("get")
        return target

    def set(self, array: NDArray[Any], stream: Stream | None = None) -> None:
        """Copies `array` of the host here; with a stream without waiting, and in a graph from pinned memory only."""
        machine = current()
        if not isinstance(array, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if array.dtype != self.dtype or array.shape != self.shape:
            raise DeviceError(f"set: {array.dtype} {array.shape} into {self.dtype} {self.shape}")
        if not self.host.flags.c_contiguous:
            raise DeviceError("set: the device array is not contiguous")
        queue = machine.current if stream is None else stream.queue
        pinned = _pinned(array)
        # Memory that is not pinned is copied before `set` returns, and pinned memory whenever the stream comes to it.
        source, target = array if pinned else array.copy(), self.host
        machine.counters.copies_to_device += 1
        work = Work("set", lambda: np.copyto(target, source), (self.block,))
        queue.submit(work, captured=pinned and stream is not None)
        if stream is None:
            queue.synchronise("set")

    def __array__(self, *_: Any, **__: Any) -> NDArray[Any]:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def __array_ufunc__(self, ufunc: np.ufunc, *_: Any, **__: Any) -> Any:
        raise TypeError(f"numpy.{ufunc.__name__} of a device array")

    def __bool__(self) -> bool:
        raise TypeError("the truth of a device array makes the host wait; generated code does not ask for it")


def _pinned(array: NDArray[Any]) -> bool:
    """Whether `array` lies in memory from alloc_pinned_memory."""
    base: Any = array
    while isinstance(base, np.ndarray):
        base = base.base
    owner = base.obj if isinstance(base, memoryview) else base
    return getattr(type(owner), "pinned", False)


def empty(shape: Any, dtype: Any = float) -> ndarray:
    return ndarray(shape, dtype)


def zeros(shape: Any, dtype: Any = float) -> ndarray:
    made = ndarray(shape, dtype)
    made.fill(0)
    return made


def asarray(array: Any, dtype: Any = None) -> ndarray:
    if isinstance(array, ndarray):
        if dtype is not None and array.dtype != dtype:
            raise TypeError("asarray of a device array does not change its type here")
        return array
    host = np.ascontiguousarray(array, dtype)
    made = ndarray(host.shape, host.dtype)
    made.set(host, stream=None)
    return made


def asnumpy(array: ndarray) -> NDArray[Any]:
    return _strict(array).get()


def matmul(first: ndarray, second: ndarray, out: ndarray) -> ndarray:
    """The product of two matrices, into `out`: cuBLAS through CuPy, which may not be captured."""
    arrays = [_strict(array) for array in (first, second, out)]
    if {array.ndim for array in arrays} != {2} or len({array.dtype for array in arrays}) != 1:
        raise DeviceError("matmul: matrices of one type belong here")
    hosts = [array.host for array in arrays]
    if hosts[2].shape != (hosts[0].shape[0], hosts[1].shape[1]):
        raise DeviceError(f"matmul: {hosts[0].shape} by {hosts[1].shape} into {hosts[2].shape}")
    current().counters.products += 1
    blocks = tuple(array.block for array in arrays)
    work = Work("matmul", lambda: np.copyto(hosts[2], np.matmul(hosts[0], hosts[1])), blocks)
    current().current.submit(work, captured=False)
    return out
