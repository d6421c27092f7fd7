"""Streams, graphs, memory and the device itself."""

from __future__ import annotations

from . import memory, runtime
from .memory import MemoryPointer, MemoryPool, alloc_pinned_memory, using_allocator
from .streams import Device, Event, Graph, Stream, get_current_stream, get_elapsed_time

__all__ = [
    "Device",
    "Event",
    "Graph",
    "MemoryPointer",
    "MemoryPool",
    "Stream",
    "alloc_pinned_memory",
    "get_current_stream",
    "get_elapsed_time",
    "is_available",
    "memory",
    "runtime",
    "using_allocator",
]


def is_available() -> bool:
    try:
        return runtime.getDeviceCount() > 0
    except runtime.CUDARuntimeError:
        return False


def __getattr__(name: str) -> object:
    raise AttributeError(f"cupy.cuda.{name} is none of the names that generated code may use (tests/cupy_standin)")
