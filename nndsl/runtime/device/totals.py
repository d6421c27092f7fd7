"""What steps leave on the device until somebody asks for it: sums over samples, and predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.device.pinned import Numbers
from nndsl.runtime.standalone.program import Array


class DeviceTotals:
    """Sums over samples: fetched when they are asked for, and then as arrays of the host are."""

    def __init__(self, array: Any, numbers: Numbers, stream: Any) -> None:
        self.array = array
        self._numbers = numbers
        self._stream = stream
        self._host: NDArray[np.float64] = np.zeros(array.size)
        self._fresh = False

    @property
    def shape(self) -> tuple[int, ...]:
        """How many there are."""
        return self._host.shape

    def changed(self) -> None:
        """A step added to them."""
        self._fresh = False

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.float64]:
        """The sums, on the host."""
        del dtype, copy
        return self.copy()

    def copy(self) -> NDArray[np.float64]:
        """The sums, on the host, which waits for them."""
        if not self._fresh:
            with self._stream:
                self.array.get(out=self._host)
            self._fresh = True
        return self._host.copy()

    def fill(self, value: float) -> None:
        """Sets all."""
        with self._stream:
            self.array.fill(value)
        self._fresh = False

    def __setitem__(self, at: Any, values: Any) -> None:
        host = self.copy()
        host[at] = values
        self.array.set(host, stream=self._stream)
        self._fresh = False

    def __getitem__(self, at: Any) -> Any:
        return self.copy()[at]

    def dot(self, other: Any) -> float:
        """The squares' sum of what the sums were some steps ago, whatever `other` is: for this the host does not wait.

        It is finite where all of them were.
        """
        del other
        seen = self._numbers.seen
        return float(seen.dot(seen))


class Outputs(Mapping[str, Array]):
    """What was predicted, by name: fetched when it is asked for."""

    def __init__(self, arrays: Mapping[str, tuple[Any, tuple[int, ...]]], stream: Any) -> None:
        self.arrays = arrays
        self._stream = stream

    def __getitem__(self, name: str) -> Array:
        array, shape = self.arrays[name]
        with self._stream:
            return array[: int(np.prod(shape, dtype=np.int64))].get().reshape(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)
