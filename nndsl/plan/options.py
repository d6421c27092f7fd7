"""What a plan may be told: the machine that it is for, what the user wants of it, what is to be left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

CHOICES = ("blocks", "once", "processes", "tiles", "threads")
"""Techniques of plans that can be switched off, besides the passes over graphs."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor: how many cores a program may use, and the bytes of cache that each of them has to itself.

    copies: whether a process can have copies of it work beside it.
    """

    cores: int
    cache: int
    copies: bool = False

    @classmethod
    def read(cls, said: Any) -> Machine | None:
        """What `asdict` has made of a machine; None where it makes no sense."""
        if not isinstance(said, dict):
            return None
        values = cast("dict[str, Any]", said)
        cores, cache, copies = values.get("cores"), values.get("cache"), values.get("copies", False)
        if not isinstance(cores, int) or not isinstance(cache, int) or not isinstance(copies, bool):
            return None
        return cls(cores, cache, copies)


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """How steps are to be planned.

    machine: what plans are for; None: for any, whole batches at a time. tile, threads: how batches are divided, where
    the user says so. memory: the bytes that training may take, its data apart. without: techniques to leave out, of
    `CHOICES` or of the passes over graphs.
    """

    machine: Machine | None = None
    tile: int | None = None
    threads: int | None = None
    memory: int | None = None
    without: tuple[str, ...] = ()

    @classmethod
    def read(cls, said: Any) -> PlanOptions | None:
        """What `asdict` has made of options, out of a file; None where it makes no sense."""
        if not isinstance(said, dict):
            return None
        values = cast("dict[str, Any]", said)
        machine = Machine.read(values.get("machine"))
        numbers = [values.get(name) for name in ("tile", "threads", "memory")]
        without = values.get("without", [])
        if not all(isinstance(number, int | None) for number in numbers) or not isinstance(without, list):
            return None
        tile, threads, memory = cast("list[int | None]", numbers)
        return cls(machine, tile, threads, memory, tuple(map(str, cast("list[Any]", without))))

    @property
    def divides(self) -> bool:
        """Whether the user wants batches divided."""
        return self.tile is not None or self.threads is not None
