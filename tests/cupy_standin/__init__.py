"""A stand-in for CuPy, for tests on machines without a GPU.

`with standin() as machine:` puts it where `import cupy` finds it. Kernels are compiled from their very source by the
C++ compiler and run on the host; what a real device or CuPy refuses, or would answer with wrong numbers, is an error:
stray names, host arrays in device calls, arguments of another type than the kernel's, reads and writes beside an
array, barriers that not all threads reach, allocations and waiting while a graph is captured. `machine.counters`
says how often the host waited.

It cannot see everything: threads of a block run one after another between two barriers. `reversed` runs them and the
blocks last first; results that depend on that order differ. Memory that nobody wrote yet holds NaN (or -1).
"""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from . import machine as _machine
from .compiling import compiler
from .machine import Counters, DeviceError, Machine
from .signatures import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Counters", "DeviceError", "Machine", "SourceError", "standin"]

_MODULES = (
    "cupy",
    "cupy.cuda",
    "cupy.cuda.memory",
    "cupy.cuda.runtime",
    "nvmath",
    "nvmath.bindings",
    "nvmath.bindings.cublas",
)


@contextmanager
def standin(nvmath: bool = True, **settings: Any) -> Iterator[Machine]:
    """Puts the stand-in in CuPy's place, with a device of its own (`settings`: `Machine`'s); `nvmath` may be absent."""
    if compiler() is None:
        pytest.skip("there is no C++ compiler (g++), which the stand-in for CuPy compiles kernels with")
    device = Machine(**settings)
    before = {name: sys.modules.get(name) for name in _MODULES}
    for name in _MODULES:
        module = importlib.import_module(f"{__name__}.{name}")
        # None in sys.modules: importing it fails as that of what is not installed.
        sys.modules[name] = module if nvmath or not name.startswith("nvmath") else None  # pyright: ignore[reportArgumentType]
    _machine.enter(device)
    try:
        yield device
    finally:
        _machine.leave()
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
