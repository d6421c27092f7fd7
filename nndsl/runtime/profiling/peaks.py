"""What the machine can do at best: multiply matrices, move memory, be called."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from nndsl.runtime.machine import free_memory

if TYPE_CHECKING:
    from collections.abc import Callable

_PRODUCT = 512
_L2, _L3 = 1 << 20, 32 << 20
_MOST_COPIED = 256 << 20
_SECONDS = 0.06
"""For each of the measurements."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """The best of this machine, with the threads that the block's products have.

    flops: floating-point operations a second, of a product of large matrices. copying: (bytes, bytes a second) of
    copies on one thread that read and write so many bytes in all, from those that fit into a core's own cache to those
    that fit into none. call: seconds of a NumPy function that has next to nothing to do. threads: of the products, 0
    for as many as the BLAS library likes.
    """

    flops: float
    copying: tuple[tuple[int, float], ...]
    call: float
    threads: int

    def moving(self, bytes: float) -> float:
        """Bytes a second at which so many are moved at best: those of the cache that they fit into."""
        return next((rate for size, rate in self.copying if bytes <= size), self.copying[-1][1])

    def better(self, other: Peaks) -> Peaks:
        """The better of two measurements of the same machine: something else may have run during either."""
        rates = dict(other.copying)
        copying = [(size, max(rate, rates.get(size, rate))) for size, rate in self.copying]
        return Peaks(max(self.flops, other.flops), tuple(copying), min(self.call, other.call), self.threads)

    def seconds(self, flops: float, bytes: float) -> float:
        """How long what reads and writes so many bytes, and computes so much, takes at best."""
        return max(flops / self.flops, bytes / self.moving(bytes))


def measured_peaks(dtype: str, threads: int) -> Peaks:
    """Measure this machine; takes some tenths of a second. threads: of products, 0 for the BLAS library's own number.

    The best of several tries is taken: others may use the machine, too.
    """
    import numpy as np

    from nndsl.runtime.standalone.threads import blas_threads

    left, right = (np.ones((_PRODUCT, _PRODUCT), dtype) for _ in range(2))
    product = np.empty_like(left)
    with blas_threads(threads):
        flops = 2 * _PRODUCT**3 / _best(lambda: np.matmul(left, right, out=product))
    small = np.zeros(4, dtype)
    call = _best(lambda: [np.add(small, small, out=small) for _ in range(100)]) / 100
    copying: list[tuple[int, float]] = []
    for size in _sizes():
        source = np.ones(size // 2, np.uint8)
        target = np.ones_like(source)
        copying.append((size, 2 * len(source) / _best(lambda a=source, b=target: np.copyto(b, a))))
    ordered = [(size, max(rate for _, rate in copying[at:])) for at, (size, _) in enumerate(copying)]
    return Peaks(flops, tuple(ordered), call, threads)


def _sizes() -> list[int]:
    """Bytes read and written by the copies that are timed: half of a core's cache, of the shared one, beyond it."""
    own, shared = _cache(2) or _L2, _cache(3) or _L3
    beyond = min(4 * shared, 2 * _MOST_COPIED)
    free = free_memory()
    if free is not None:
        beyond = min(beyond, max(free.bytes // 4, 2 * own))
    return [own // 2, *([shared // 2] if own < shared // 2 < beyond // 2 else []), beyond]


def _cache(level: int) -> int | None:
    """Bytes of the cache of a level, where the system tells of it (Linux)."""
    folder = Path("/sys/devices/system/cpu/cpu0/cache")
    for index in folder.glob("index*"):
        try:
            said = {name: (index / name).read_text().strip() for name in ("level", "type", "size")}
        except OSError:
            continue  # not told of this one
        unit = {"K": 1 << 10, "M": 1 << 20}.get(said["size"][-1:])
        if said["level"] == str(level) and said["type"] != "Instruction" and unit and said["size"][:-1].isdecimal():
            return int(said["size"][:-1]) * unit
    return None


def _best(work: Callable[[], object]) -> float:
    """Seconds of the quickest of several tries."""
    best, end = float("inf"), perf_counter() + _SECONDS
    tries = 0
    while tries < 3 or perf_counter() < end:
        begin = perf_counter()
        work()
        best = min(best, perf_counter() - begin)
        tries += 1
    return best
