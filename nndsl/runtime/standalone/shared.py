"""What processes that work beside each other share: arrays that all of them see, and signals to wait for."""

from __future__ import annotations

import mmap
import os
import sys
from collections.abc import Callable
from functools import cache
from math import prod
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_BUSY = 200e-6
"""Seconds that are waited with the core busy before it is left to others: waking up takes 25 to 50 microseconds."""

_LOOK = 0.5
"""Seconds after which one that waits looks whether the other is still there."""


@cache
def can_share() -> bool:
    """Whether copies of this process can work beside it: on Linux, where the system has semaphores."""
    if sys.platform != "linux":
        return False
    try:
        Signal(2)
    except (ImportError, OSError):
        return False
    return True


def shared_zeros(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Zeros of which copies of this process made from now on see what it writes, and it what they write."""
    kind = np.dtype(dtype)
    size = prod(shape) * kind.itemsize
    return np.frombuffer(mmap.mmap(-1, size), kind).reshape(shape) if size else np.zeros(shape, kind)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Signal:
    """What one of `count` processes that work at once gives, and another one waits for.

    Where each has a core, it is kept busy for a moment before it is left to others. Raises ImportError or OSError where
    the system has no semaphores.
    """

    def __init__(self, count: int) -> None:
        from multiprocessing import get_context  # late: few programs need it

        self._semaphore = get_context("fork").Semaphore(0)
        self._busy = count <= cores()

    def release(self) -> None:
        """Gives it."""
        self._semaphore.release()

    def acquire(self, look: Callable[[], None] | None = None) -> None:
        """Waits for it. look: is called now and then, and may raise."""
        acquire = self._semaphore.acquire
        if self._busy:
            until = perf_counter() + _BUSY
            while perf_counter() < until:
                if acquire(False):
                    return
        while not acquire(True, _LOOK):
            if look is not None:
                look()
