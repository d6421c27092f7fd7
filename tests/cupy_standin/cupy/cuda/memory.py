"""Device memory, and pinned memory of the host."""

from __future__ import annotations

import ctypes
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...machine import Block, OutOfMemoryError, current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["MemoryPointer", "MemoryPool", "OutOfMemoryError", "alloc_pinned_memory", "allocated", "using_allocator"]


class MemoryPointer:
    """A place in a block."""

    def __init__(self, block: Block, offset: int) -> None:
        self.block = block
        self.offset = offset

    @property
    def ptr(self) -> int:
        return self.block.address + self.offset

    def __add__(self, offset: int) -> MemoryPointer:
        return MemoryPointer(self.block, self.offset + offset)


class MemoryPool:
    """A pool: here it only stands for who allocates."""

    def malloc(self, size: int) -> MemoryPointer:
        machine = current()
        machine.private_pools += 1
        try:
            return MemoryPointer(machine.allocate(size), 0)
        finally:
            machine.private_pools -= 1

    def free_all_blocks(self) -> None:
        """Nothing is kept for later here."""


def get_default_memory_pool() -> MemoryPool:
    """The pool that arrays come from."""
    return MemoryPool()


_allocators: list[Callable[[int], MemoryPointer]] = []


def allocated(size: int) -> Block:
    """A block from whoever allocates now."""
    return _allocators[-1](size).block if _allocators else current().allocate(size)


@contextmanager
def using_allocator(allocator: Callable[[int], MemoryPointer]) -> Iterator[None]:
    """Arrays made inside come from `allocator`."""
    _allocators.append(allocator)
    try:
        yield
    finally:
        _allocators.pop()


def alloc_pinned_memory(size: int) -> Any:
    """Pinned memory of at least `size` bytes (its buffer is longer, as CuPy's is): take what you need of it."""
    current().need_device()
    length = 512
    while length < size:
        length *= 2
    kind = type("PinnedMemory", (ctypes.c_ubyte * length,), {"pinned": True})
    made = kind()
    ctypes.memset(made, 0xFF, length)
    return made
