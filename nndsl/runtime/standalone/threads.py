"""How many threads NumPy's matrix products use, for as long as a small network is trained or asked."""

from __future__ import annotations

import ctypes
from collections.abc import Generator
from contextlib import contextmanager
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
    functions = _openblas() if count > 0 else None
    if functions is None:
        yield
        return
    get, put = functions
    before = get()
    put(count)
    try:
        yield
    finally:
        put(before)


@cache
def _openblas() -> tuple[Any, Any] | None:
    """The functions that tell and set the number of threads, of the OpenBLAS in NumPy's wheels."""
    package = Path(np.__file__).parent
    for path in (*package.parent.glob("numpy.libs/*openblas*"), *package.glob(".dylibs/*openblas*")):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue  # not for this machine; then products run on as many threads as they like
        for prefix in _PREFIXES:
            for suffix in _SUFFIXES:
                get = getattr(library, f"{prefix}get_num_threads{suffix}", None)
                put = getattr(library, f"{prefix}set_num_threads{suffix}", None)
                if get is not None and put is not None:
                    return get, put
    return None
