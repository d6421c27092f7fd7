"""How many threads NumPy's matrix products use, for as long as a small network is trained or asked."""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_PREFIXES = ("scipy_openblas_", "openblas_")
_SUFFIXES = ("64_", "")


@contextmanager
def blas_threads(count: int) -> Generator[None]:
    """Holds the BLAS library that came with NumPy to `count` threads; 0 leaves it as it is, and so does any other BLAS.

    Small products are no faster on several threads, and much slower where others use the machine too; and on one thread
    they give the same bits on any number of cores.
    """
    library = openblas() if count > 0 else None
    if library is None:
        yield
        return
    get, put = library.get_num_threads, library.set_num_threads
    before = get()
    put(count)
    try:
        yield
    finally:
        put(before)


class OpenBLAS:
    """The OpenBLAS library in NumPy's wheels, the file at `path`. Raises OSError or AttributeError where it is none."""

    def __init__(self, path: Path) -> None:
        self._library = ctypes.CDLL(str(path))
        self.get_num_threads = self._known("get_num_threads")
        self.set_num_threads = self._known("set_num_threads")

    def find(self, name: str) -> Any:
        """A function of it by its usual name; None where it has none called so."""
        spelled = (f"{prefix}{name}{suffix}" for prefix in _PREFIXES for suffix in _SUFFIXES)
        return next((found for each in spelled if (found := getattr(self._library, each, None)) is not None), None)

    def _known(self, name: str) -> Any:
        found = self.find(name)
        if found is None:
            raise AttributeError(name)
        return found


@cache
def openblas() -> OpenBLAS | None:
    """NumPy's own OpenBLAS; None where NumPy has another library."""
    package = Path(np.__file__).parent
    for path in (*package.parent.glob("numpy.libs/*openblas*"), *package.glob(".dylibs/*openblas*")):
        with suppress(OSError, AttributeError):  # OSError: it is not for this machine
            return OpenBLAS(path)
    return None
