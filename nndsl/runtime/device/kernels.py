"""Kernels of generated modules: compiled when they are first needed, and launched over as many threads as they want.

Nothing here touches a device before a memory's first workspace is made, so that a module can be imported anywhere.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from nndsl.runtime.device.functions import FUNCTIONS, NARROWING, QUANTILE
from nndsl.runtime.device.philox import PHILOX

cupy: Any = import_module("cupy")

THREADS = 256
"""Threads of a block."""

_TYPES = {"float32": "float", "float64": "double"}
_SEVERAL = 132
"""Blocks that share a sum, so that they keep all of a large device's processors busy."""


class Kernels:
    """The kernels of one source, compiled for floats of `dtype`.

    n: the number of samples, which every kernel takes last. largest: elements of the largest array, which decides how
    wide positions are counted.
    """

    def __init__(self, source: str, dtype: str, n: int, largest: int) -> None:
        self.index: Any = np.int32 if largest < 2**31 else np.int64
        self.n = np.int32(n)
        real, index = _TYPES[dtype], "int" if self.index is np.int32 else "long long"
        self.real = dtype
        head = f"typedef {real} real;\ntypedef {real} value;\ntypedef {index} index;\n"
        parts = [head, FUNCTIONS]
        parts += [PHILOX] if "_at(seed" in source else []
        parts += [NARROWING[dtype]] if "narrow" in source else []
        parts += [QUANTILE] if "normal_quantile(" in source else []
        self._module = compiled("".join((*parts, source)))

    def over(self, name: str, count: int, each: int = THREADS) -> Launch:
        """The kernel `name` over `count` positions, `each` of them in a block."""
        return Launch(self._module.get_function(name), -(-count // each), THREADS, self.n)

    def alone(self, name: str) -> Launch:
        """The kernel `name` in one block."""
        return Launch(self._module.get_function(name), 1, THREADS, self.n)

    def sums(self, name: str, results: int, count: int, types: tuple[str, ...], inner: int | None = None) -> Sums:
        """The kernels `name` and `name_joined`: `results` sums of `count` elements each.

        types: of what each block keeps. inner: the sums whose elements lie side by side; all, if not said.
        """
        first, second = (self._module.get_function(each) for each in (name, f"{name}_joined"))
        whole = results == 1
        tiles = 1 if whole else results // (inner or results) * -(-(inner or results) // 32)
        least = 4096 if whole else 64
        blocks = max(1, min(-(-count // least), -(-_SEVERAL * 4 // tiles)))
        part = -(-count // blocks)
        blocks = -(-count // part)
        reals = {"real": self.real, "int": "int32", "double": "float64"}
        kept = [cupy.empty(blocks * results, reals[type]) for type in types] if blocks > 1 else []
        unused = [cupy.empty(1, reals[type]) for type in types] if blocks == 1 else []
        grid, block = ((blocks,), (THREADS,)) if whole else ((tiles, blocks), (32, 8))
        return Sums(first, second, grid, block, (*kept, *unused), blocks, self.index(part), results, self.n)


class Launch:
    """A kernel with its number of threads; called with its arrays and numbers, without n."""

    def __init__(self, function: Any, blocks: int, threads: int, n: np.int32) -> None:
        self._function = function
        self._grid = (max(blocks, 1),)
        self._block = (threads,)
        self._n = n

    def __call__(self, *arguments: Any) -> None:
        """Launches it."""
        self._function(self._grid, self._block, (*arguments, self._n))


class Sums:
    """A kernel whose blocks share sums, and the one that joins what they have, where there are several."""

    def __init__(
        self,
        first: Any,
        second: Any,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        parts: tuple[Any, ...],
        blocks: int,
        part: Any,
        results: int,
        n: np.int32,
    ) -> None:
        self._first = first
        self._second = second
        self._grid = grid
        self._block = block
        self._parts = parts
        self._blocks = np.int32(blocks)
        self._part = part
        self._joining = (-(-results // THREADS),)
        self._n = n

    def __call__(self, arguments: tuple[Any, ...], joined: tuple[Any, ...]) -> None:
        """Launches the first over `arguments`, and where there are several blocks the second over `joined`."""
        self._first(self._grid, self._block, (*arguments, *self._parts, self._part, self._n))
        if self._blocks > 1:
            self._second(self._joining, (THREADS,), (*joined, *self._parts, self._blocks, self._n))


_compiled: dict[str, Any] = {}


def compiled(source: str) -> Any:
    """The module of a source; once for each text."""
    found = _compiled.get(source)
    if found is None:
        found = _compiled[source] = cupy.RawModule(code=source, options=("-std=c++17",))
    return found
