"""How samples come into a step on a device.

They are gathered there, out of a part of the data that it holds; or copied ahead on a stream of their own, from two
sets of pinned buffers; or, for a single step, the host fills the inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.device.kernels import Kernels, Launch, cupy
from nndsl.runtime.device.pinned import pinned, reached
from nndsl.runtime.standalone.program import Array, Table

_TAKING = """
extern "C" __global__ void __launch_bounds__(256) take_{kind}(
        {kind}* __restrict__ batch, const {kind}* __restrict__ rows, const int* __restrict__ order,
        const unsigned long long* __restrict__ position, const index size, const int n) {{
    const index i = (index)blockIdx.x * 256 + threadIdx.x;
    if (i < size * n) batch[i] = rows[(long long)order[position[1] + i / size] * size + i % size];
}}
"""
TAKING = "".join(_TAKING.format(kind=kind) for kind in ("real", "int", "bool"))
"""Kernels that put the samples of a batch, as the order has them, into a step's input; of `size` numbers each."""

MOST_ROWS = 2**31 - 1
"""Rows of a part that a device holds: their positions are 32 bits wide."""


class Held:
    """A part of the data on the device: its fields, each copied there when a step first wants it, and their order."""

    def __init__(self, part: Table, stream: Any) -> None:
        self.part = part
        self._stream = stream
        self._rows: dict[str, Any] = {}
        samples = len(next(iter(part.values())))
        with stream:
            self.order = cupy.empty(samples, np.int32)
        self._sent: NDArray[np.int64] | None = None
        self._arranged = False

    def rows(self, name: str) -> Any:
        """A field of all samples, flat."""
        if name not in self._rows:
            with self._stream:
                self._rows[name] = cupy.asarray(np.ascontiguousarray(self.part[name]).reshape(-1))
        return self._rows[name]

    def arrange(self, order: NDArray[np.int64] | None) -> None:
        """Sends the order in which the samples come, once for each."""
        if self._arranged and order is self._sent:
            return
        numbers = np.arange(self.order.size, dtype=np.int32) if order is None else order.astype(np.int32)
        self.order.set(numbers, stream=self._stream)
        self._sent, self._arranged = order, True


class Inputs:
    """The inputs of a step: for each field its array on the device, and one on the host, which callers may fill.

    before: what a step does first, and no graph holds. inside: what it does next, which a graph holds; key: what that
    depends on.
    """

    def __init__(self, stream: Any, position: Any, n: int, kernels: Callable[[str], Kernels]) -> None:
        self._stream = stream
        self._position = position
        self._n = n
        self._kernels = kernels
        self._hosts: dict[str, Array] = {}
        self._devices: dict[str, Any] = {}
        self._ahead: Ahead | None = None
        self._takings: dict[int, tuple[Held, list[Callable[[], None]]]] = {}
        self._held: Held | None = None
        self.before: Callable[[], None] = self._send
        self.inside: Callable[[], None] = _nothing

    def add(self, name: str, shape: tuple[int, ...], dtype: Any) -> Any:
        """The array of a field on the device."""
        self._hosts[name] = host = np.empty(shape, dtype)
        with self._stream:
            self._devices[name] = device = cupy.empty(max(host.size, 1), dtype)
        return device

    @property
    def hosts(self) -> Mapping[str, Array]:
        """The arrays of the host: from now on a step is over what they hold then."""
        self.before, self.inside, self._held = self._send, _nothing, None
        return self._hosts

    @property
    def key(self) -> int:
        """What the work of a step depends on, as to its samples."""
        return 0 if self._held is None else id(self._held)

    def _send(self) -> None:
        # From memory that is not pinned, of which CUDA makes a copy before the call returns: it may be filled again.
        for name, host in self._hosts.items():
            if host.size:
                self._devices[name].set(host.reshape(-1), stream=self._stream)

    def taking(self, part: Table, order: NDArray[np.int64] | None, held: Held | None) -> Callable[[int], None]:
        """As `Step.taking` has it. held: the part on the device, if it is there."""
        if held is not None and all(part[name].dtype == host.dtype for name, host in self._hosts.items()):
            held.arrange(order)
            return self._gathering(held)
        return self._copying(part, order)

    def _gathering(self, held: Held) -> Callable[[int], None]:
        key = id(held)
        if key not in self._takings:
            self._takings[key] = held, [self._gather(name, held) for name in self._hosts]
        gathers = self._takings[key][1]

        def inside() -> None:
            for gather in gathers:
                gather()

        def take(first: int) -> None:
            del first  # the step knows it as its position
            self.before, self.inside, self._held = _nothing, inside, held

        return take

    def _gather(self, name: str, held: Held) -> Callable[[], None]:
        host, device, rows = self._hosts[name], self._devices[name], held.rows(name)
        kind = {"f": "real", "i": "int", "b": "bool"}[host.dtype.kind]
        kernels = self._kernels(TAKING)
        launch: Launch = kernels.over(f"take_{kind}", max(host.size, 1))
        size = kernels.index(host.size // self._n)
        return lambda: launch(device, rows, held.order, self._position, size)

    def _copying(self, part: Table, order: NDArray[np.int64] | None) -> Callable[[int], None]:
        if self._ahead is None:
            self._ahead = Ahead(self._hosts, self._devices, self._stream)
        ahead = self._ahead
        sources = {name: part[name] for name in self._hosts}

        def take(first: int) -> None:
            rows = slice(first, first + self._n) if order is None else order[first : first + self._n]
            ahead.fill(sources, rows)
            self.before, self.inside, self._held = ahead.arrive, _nothing, None

        return take


class Ahead:
    """Batches on their way: while a step runs, the next batch is copied to the device on another stream.

    There are two sets of pinned buffers, and of arrays there that the copies go to. Of these a step takes its inputs.
    """

    def __init__(self, hosts: Mapping[str, Array], devices: Mapping[str, Any], stream: Any) -> None:
        self._work = stream
        self._stream = cupy.cuda.Stream(non_blocking=True)
        self._devices = devices
        self._pinned = [{name: pinned(host.shape, host.dtype) for name, host in hosts.items()} for _ in range(2)]
        with stream:
            self._there = [
                {name: cupy.empty(max(host.size, 1), host.dtype) for name, host in hosts.items()} for _ in range(2)
            ]
        # Memory out of CuPy's pool may still be used by what ran before on the stream that it was taken on.
        self._stream.wait_event(stream.record())
        self._copied = [cupy.cuda.Event(disable_timing=True) for _ in range(2)]
        self._taken = [cupy.cuda.Event(disable_timing=True) for _ in range(2)]
        self._current = 0

    def fill(self, sources: Mapping[str, Array], rows: slice | NDArray[np.int64]) -> None:
        """Puts rows into the buffers that are free, and lets them be copied."""
        self._current ^= 1
        current = self._current
        reached(self._copied[current])
        self._stream.wait_event(self._taken[current])
        for name, target in self._pinned[current].items():
            if isinstance(rows, slice):
                target[...] = sources[name][rows]
            else:
                np.take(sources[name], rows, 0, target, "clip")
            if target.size:
                self._there[current][name].set(target.reshape(-1), stream=self._stream)
        self._copied[current].record(self._stream)

    def arrive(self) -> None:
        """What was filled last becomes the inputs of the step that comes now."""
        current = self._current
        self._work.wait_event(self._copied[current])
        for name, device in self._devices.items():
            device[:] = self._there[current][name]
        self._taken[current].record(self._work)


def _nothing() -> None:
    """There is nothing to do."""
