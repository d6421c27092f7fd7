"""What goes between the host and the device while steps run: through pinned memory, so that the host need not wait.

The host only waits where it is many steps ahead of the device, until that has read the memory that it fills next.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.device.kernels import cupy
from nndsl.runtime.standalone.program import Array

STEPS_AHEAD = 64
"""How many steps the host may be ahead of the device."""


def pinned(shape: tuple[int, ...], dtype: Any) -> Array:
    """An array of the host that the device reads and writes by itself; it holds anything."""
    count = int(np.prod(shape, dtype=np.int64))
    memory = cupy.cuda.alloc_pinned_memory(max(count * np.dtype(dtype).itemsize, 1))
    return np.frombuffer(memory, dtype, count).reshape(shape)


def reached(event: Any) -> None:
    """The host waits for an event, unless that is over."""
    if not event.done:
        event.synchronize()


class Numbers:
    """The numbers of each step on their way to the device, and the sums of some steps before on their way back.

    seen: the sums as they were 32 to 64 steps ago, at first 0.
    """

    def __init__(self, count: int, totals: Any) -> None:
        self._slots: NDArray[np.float64] = pinned((STEPS_AHEAD, count), np.float64)
        self._totals = totals
        self._back: NDArray[np.float64] = pinned((2, totals.size), np.float64)
        self._back.fill(0.0)
        self._events = [cupy.cuda.Event(disable_timing=True) for _ in range(2)]
        self._next = 0
        self.seen: NDArray[np.float64] = np.zeros(totals.size)

    def send(self, numbers: NDArray[np.float64], device: Any, stream: Any) -> None:
        """Sends the numbers of the next step; copies of them may be on their way for some time."""
        half, place = divmod(self._next, STEPS_AHEAD // 2)
        if place == 0:
            reached(self._events[half])
            self.seen[:] = self._back[half]
        slot = self._slots[self._next]
        slot[:] = numbers
        device.set(slot, stream=stream)
        if place == STEPS_AHEAD // 2 - 1:
            if self._totals.size:
                self._totals.get(stream=stream, out=self._back[half], blocking=False)
            self._events[half].record(stream)
        self._next = (self._next + 1) % STEPS_AHEAD
