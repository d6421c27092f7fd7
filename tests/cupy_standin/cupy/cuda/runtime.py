"""Of the runtime's interface what generated code asks."""

from __future__ import annotations

from typing import Any

from ...machine import CUDARuntimeError, current

__all__ = [
    "CUDARuntimeError",
    "driverGetVersion",
    "getDeviceCount",
    "getDeviceProperties",
    "memGetInfo",
    "runtimeGetVersion",
]


def getDeviceCount() -> int:  # noqa: N802
    current().need_device()
    return current().devices


def getDeviceProperties(device: int) -> dict[str, Any]:  # noqa: N802
    current().need_device()
    if device >= current().devices:
        raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
    return {
        "name": b"Stand-in",
        "major": 9,
        "minor": 0,
        "multiProcessorCount": 132,
        "totalGlobalMem": current().memory,
        "sharedMemPerBlock": 49152,
        "maxThreadsPerBlock": 1024,
        "warpSize": 32,
    }


def memGetInfo() -> tuple[int, int]:  # noqa: N802
    """Bytes that are free, and all."""
    current().need_device()
    return current().memory - current().used, current().memory


def driverGetVersion() -> int:  # noqa: N802
    return current().driver or 0


def runtimeGetVersion() -> int:  # noqa: N802
    return 13000


def __getattr__(name: str) -> object:
    raise AttributeError(f"cupy.cuda.runtime.{name} is none of the names that generated code may use")
