"""The pretended device: its memory, its streams, and what tests ask it afterwards.

Memory lies on the host, in blocks with guard zones around them that every kernel must leave as they were. What is
launched runs at once, or, with `deferred`, when the host waits for its stream (and not before: work that only
happened to be done in time shows).
"""

from __future__ import annotations

import bisect
import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

GUARD = 256
"""Bytes before and behind each block."""
_MARK = 0xA5
_ALIGNED = 512


class DeviceError(Exception):
    """What a real device would answer with an error, or with wrong numbers."""


class CUDARuntimeError(RuntimeError):
    """As CuPy's."""


class OutOfMemoryError(MemoryError):
    """As CuPy's."""


@dataclass
class Counters:
    """How often what happened since the stand-in was put in place, or since `clear`."""

    allocations: int = 0
    synchronisations: int = 0
    launches: int = 0
    products: int = 0
    copies_to_host: int = 0
    copies_to_device: int = 0
    captures: int = 0
    replays: int = 0

    def clear(self) -> None:
        """Counts anew from zero."""
        self.__init__()


class Block:
    """A piece of device memory. It is the machine's until nothing refers to it any more."""

    def __init__(self, machine: Machine, size: int) -> None:
        self.size = size
        raw = np.empty(size + 2 * GUARD + _ALIGNED, np.uint8)
        start = -(raw.ctypes.data + GUARD) % _ALIGNED
        self.all: NDArray[np.uint8] = raw[start : start + size + 2 * GUARD]
        self.bytes: NDArray[np.uint8] = self.all[GUARD : GUARD + size]
        self.all.fill(_MARK)
        self.bytes.fill(0xFF)  # memory holds nothing at first: NaN, or -1
        self.address: int = self.bytes.ctypes.data
        machine.take(self)

    def intact(self) -> bool:
        """Whether nothing was written beside it."""
        return bool((self.all[:GUARD] == _MARK).all() and (self.all[GUARD + self.size :] == _MARK).all())


@dataclass(frozen=True)
class Work:
    """Something for the device to do: `run` does it, on the memory of `blocks`."""

    name: str
    run: Callable[[], None]
    blocks: tuple[Block, ...] = ()


@dataclass
class Recorded:
    """Work in a graph. A graph does not keep memory alive, and neither does this."""

    name: str
    run: Callable[[], None]
    blocks: tuple[weakref.ref[Block], ...]

    def again(self) -> None:
        """Does it with what the memory holds now."""
        if any(block() is None for block in self.blocks):
            raise DeviceError(f"{self.name}: the graph uses memory that was given back after the capture")
        self.run()


class Queue:
    """A stream's work."""

    def __init__(self, machine: Machine, blocking: bool) -> None:
        self.machine = machine
        self.blocking = blocking
        self.waiting: deque[Work] = deque()
        self.capture: list[Recorded] | None = None
        self.done = 0
        self.given = 0

    def submit(self, work: Work, captured: bool = True) -> None:
        """Does `work` in the order of this stream, or notes it down while a graph is captured."""
        machine = self.machine
        if self.capture is not None:
            if not captured:
                raise CUDARuntimeError(
                    f"{work.name}: not while a graph is captured (cudaErrorStreamCaptureUnsupported)"
                )
            self.capture.append(Recorded(work.name, work.run, tuple(weakref.ref(block) for block in work.blocks)))
            return
        if self.blocking and machine.capturing():
            raise CUDARuntimeError(f"{work.name}: on a blocking stream while another captures (StreamCaptureImplicit)")
        self.given += 1
        self.waiting.append(work)
        if not machine.deferred:
            self.drain()

    def drain(self, until: int | None = None) -> None:
        """Does what was given to it, up to the piece of that number."""
        while self.waiting and (until is None or self.done < until):
            if self is self.machine.null:
                for queue in self.machine.blocking_queues():
                    queue.drain()
            work = self.waiting.popleft()
            self.done += 1
            work.run()

    def synchronise(self, what: str) -> None:
        """The host waits for all of it."""
        if self.machine.capturing():
            raise CUDARuntimeError(f"{what}: not while a graph is captured (cudaErrorStreamCaptureUnsupported)")
        self.machine.counters.synchronisations += 1
        self.drain()


@dataclass
class Machine:
    """A pretended device.

    reversed: Blocks and threads run last first, so that what depends on their order shows.
    deferred: What is launched runs when the host waits for it.
    memory: Bytes of the device.
    devices: How many there are; the errors of none are CuPy's.
    driver: Version of the driver, as CUDA counts (12040 is 12.4), or None without one.
    """

    reversed: bool = False
    deferred: bool = False
    memory: int = 1 << 34
    devices: int = 1
    driver: int | None = 13000
    used: int = 0
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self._addresses: list[int] = []
        self._blocks: dict[int, weakref.ref[Block]] = {}
        self._queues: weakref.WeakSet[Queue] = weakref.WeakSet()
        self.null = self.queue(blocking=True)
        self.current = self.null
        self.current_stream: Any = None
        self.private_pools = 0

    def need_device(self) -> None:
        """Raises what CuPy raises where there is no driver or no device."""
        if self.driver is None:
            raise CUDARuntimeError(
                "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime version"
            )
        if not self.devices:
            raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")

    def queue(self, blocking: bool) -> Queue:
        """A new stream's queue."""
        made = Queue(self, blocking)
        self._queues.add(made)
        return made

    def queues(self) -> list[Queue]:
        """All streams' queues."""
        return list(self._queues)

    def capturing(self) -> bool:
        """Whether some stream captures a graph."""
        return any(queue.capture is not None for queue in self._queues)

    def blocking_queues(self) -> list[Queue]:
        """Those that the null stream waits for."""
        return [queue for queue in self._queues if queue.blocking and queue is not self.null]

    def allocate(self, size: int) -> Block:
        """A new block of `size` bytes."""
        self.need_device()
        if self.capturing() and not self.private_pools:
            raise CUDARuntimeError("allocation while a graph is captured, and not from a pool of the graph's own")
        self.counters.allocations += 1
        if self.used + size > self.memory:
            free = self.memory - self.used
            raise OutOfMemoryError(
                f"Out of memory allocating {size:,} bytes (allocated so far: {self.used:,}; {free:,} free)"
            )
        return Block(self, max(size, 1))

    def take(self, block: Block) -> None:
        """Enters `block` into the device's memory, until it is collected."""
        bisect.insort(self._addresses, block.address)
        self._blocks[block.address] = weakref.ref(block)
        self.used += block.size
        weakref.finalize(block, self._give, block.address, block.size)

    def _give(self, address: int, size: int) -> None:
        at = bisect.bisect_left(self._addresses, address)
        del self._addresses[at], self._blocks[address]
        self.used -= size

    def block_at(self, address: int, size: int, what: str) -> Block:
        """The block in which `size` bytes from `address` on lie."""
        at = bisect.bisect_right(self._addresses, address) - 1
        block = self._blocks[self._addresses[at]]() if at >= 0 else None
        if block is None or address + size > block.address + block.size:
            raise DeviceError(f"{what}: {size} bytes at {address:#x} are not all device memory of one array")
        return block


_current: list[Machine] = []


def current() -> Machine:
    """The device that stands in now."""
    return _current[-1]


def enter(machine: Machine) -> None:
    """`machine` stands in from now on."""
    _current.append(machine)


def leave() -> None:
    """What stood in before does again."""
    _current.pop()
