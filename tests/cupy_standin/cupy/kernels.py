"""Kernels: the launch is checked before anything runs, and memory around arrays afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..compiling import Compiled, LaunchOrder, compiled
from ..machine import DeviceError, Work, current
from ..signatures import Kernel, Parameter
from .arrays import ndarray

_MOST_BLOCKS = (2**31 - 1, 65535, 65535)
_MOST_THREADS = (1024, 1024, 64)
_MOST_SHARED = 48 * 1024

Extents = tuple[int, ...]


class RawModule:
    """A source, compiled when its first function is asked for, as CuPy does."""

    def __init__(self, *, code: str, options: tuple[str, ...] = (), backend: str = "nvrtc") -> None:
        self.code = code
        self.options = options
        self.backend = backend

    def get_function(self, name: str) -> RawKernel:
        return RawKernel(self.code, name, self.options)


class RawKernel:
    """A kernel of a source."""

    def __init__(self, code: str, name: str, options: tuple[str, ...] = (), backend: str = "nvrtc") -> None:
        self.code = code
        self.name = name
        self.options = options
        self.backend = backend
        self._compiled: Compiled | None = None

    def compile(self) -> None:
        self._known()

    def _known(self) -> tuple[Compiled, Kernel]:
        if self._compiled is None:
            current().need_device()
            self._compiled = compiled(self.code, tuple(self.options))
        if self.name not in self._compiled.kernels:
            raise DeviceError(f"cudaErrorSymbolNotFound: no kernel {self.name}")
        return self._compiled, self._compiled.kernels[self.name]

    def __call__(self, grid: Extents, block: Extents, args: tuple[Any, ...], *, shared_mem: int = 0) -> None:
        module, kernel = self._known()
        _check_extents(kernel, grid, block, shared_mem)
        if not isinstance(args, tuple | list) or len(args) != len(kernel.parameters):
            raise DeviceError(f"kernel {kernel.name} takes {len(kernel.parameters)} arguments, not {len(args)}")
        given = list(zip(kernel.parameters, args, strict=True))
        for parameter, value in given:
            _check_argument(kernel, parameter, value)
        _check_overlaps(kernel, given)
        words = [word for _, value in given for word in _words(value)]
        blocks = tuple(value.block for _, value in given if isinstance(value, ndarray))
        machine = current()
        order = LaunchOrder(tuple((*grid, 1, 1)[:3]), tuple((*block, 1, 1)[:3]), int(machine.reversed), shared_mem)
        # A graph does not keep memory alive, so the work itself may not either: it knows addresses only.
        addresses = tuple(block.address for block in blocks)
        work = Work(f"kernel {kernel.name}", lambda: _run(module, kernel, order, words, addresses), blocks)
        machine.counters.launches += 1
        machine.current.submit(work)


def _run(module: Compiled, kernel: Kernel, order: LaunchOrder, words: list[int], addresses: tuple[int, ...]) -> None:
    mistake = module.launch(kernel, order, words)
    if mistake:
        raise DeviceError(mistake)
    for address in set(addresses):
        if not current().block_at(address, 1, kernel.name).intact():
            raise DeviceError(f"kernel {kernel.name} wrote beside an array of its arguments")


def _check_extents(kernel: Kernel, grid: Extents, block: Extents, shared_mem: int) -> None:
    for extents, most, what in ((grid, _MOST_BLOCKS, "grid"), (block, _MOST_THREADS, "block")):
        if not 1 <= len(extents) <= 3 or not all(isinstance(extent, int) for extent in extents):
            raise DeviceError(f"kernel {kernel.name}: a {what} is a tuple of one to three ints, not {extents!r}")
        if any(not 1 <= extent <= limit for extent, limit in zip(extents, most, strict=False)):
            raise DeviceError(f"kernel {kernel.name}: {what} {extents} (cudaErrorInvalidConfiguration)")
    threads = int(np.prod(block))
    if threads > kernel.most_threads:
        raise DeviceError(f"kernel {kernel.name}: {threads} threads in a block, at most {kernel.most_threads}")
    if shared_mem > _MOST_SHARED:
        raise DeviceError(f"kernel {kernel.name}: {shared_mem} bytes of shared memory, at most {_MOST_SHARED}")


def _check_argument(kernel: Kernel, parameter: Parameter, value: Any) -> None:
    what = f"kernel {kernel.name}, `{parameter.name}`"
    if not parameter.pointer:
        if not isinstance(value, np.generic) or value.dtype != parameter.dtype:
            kind = type(value).__name__
            raise DeviceError(f"{what}: a NumPy scalar of {parameter.dtype} belongs here, not {kind}")
        return
    if not isinstance(value, ndarray):
        raise DeviceError(f"{what}: a device array belongs here, not {type(value).__module__}.{type(value).__name__}")
    if value.dtype != parameter.dtype:
        raise DeviceError(f"{what}: an array of {parameter.dtype} belongs here, not of {value.dtype}")
    if not value.host.flags.c_contiguous:
        raise DeviceError(f"{what}: the array is not contiguous, and a kernel sees only its address")


def _check_overlaps(kernel: Kernel, given: list[tuple[Parameter, Any]]) -> None:
    """What is `__restrict__` and written lies in no other restricted array."""
    arrays = [(p, v.data.ptr, v.data.ptr + v.nbytes) for p, v in given if p.pointer and p.restrict]
    for i, (first, low, high) in enumerate(arrays):
        for second, start, end in arrays[:i]:
            if low < end and start < high and not (first.constant and second.constant):
                raise DeviceError(
                    f"kernel {kernel.name}: `{second.name}` and `{first.name}` overlap and are __restrict__"
                )


def _words(value: Any) -> tuple[int, int]:
    if isinstance(value, ndarray):
        return value.data.ptr, value.nbytes
    return int.from_bytes(value.tobytes(), "little"), 0
