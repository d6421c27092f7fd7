"""Columns that stay in their files: rows are read, by position, when they are asked for."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

NEAR_BYTES = 1 << 14
"""Rows with no more than this between them are read in one go, with what lies between."""

SPAN_BYTES = 1 << 22
"""No more than this is read in one go, unless one row is larger."""


class StoredError(Exception):
    """A file that a column lies in can't be read any more; the message says why, in one line."""


class StoredColumn:
    """A column that lies in a file, row after row: like an array that is indexed by rows, but nothing of it is held.

    shape, dtype: as of an array, in the machine's byte order. Rows are read into memory of their own, not mapped, so
    that what was read does not count against a limit of memory. The file is kept open: it may be removed meanwhile.
    Any thread may read.
    """

    def __init__(self, path: Path, start: int, dtype: str, shape: tuple[int, ...]) -> None:
        self.path = path
        self.shape = shape
        self.dtype: np.dtype[Any] = np.dtype(dtype).newbyteorder("=")
        self._stored: np.dtype[Any] = np.dtype(dtype)
        self._start = start
        self._width = self._stored.itemsize * int(np.prod(shape[1:], dtype=np.int64))
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        except OSError as failure:
            raise StoredError(f"can't read {path}: {(failure.strerror or str(failure)).lower()}") from None
        weakref.finalize(self, os.close, self._file)

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """Number of axes, that of the rows among them."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return len(self) * self._width

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> NDArray[Any]:
        """[n, ...]: these rows, in this order, as an array of its own. Raises StoredError where they are gone."""
        positions = np.arange(len(self))[rows] if isinstance(rows, slice) else rows
        values: NDArray[Any] = np.empty((len(positions), *self.shape[1:]), self._stored)
        if values.nbytes:
            self._read(positions, values)
        return values.astype(self.dtype, copy=False)

    def expect(self, rows: NDArray[np.int64]) -> None:
        """Tells the system that these rows will soon be read, so that it fetches them from the disk, all at once."""
        if not hasattr(os, "posix_fadvise"):
            return
        for row in rows.tolist():
            os.posix_fadvise(self._file, self._start + row * self._width, self._width, os.POSIX_FADV_WILLNEED)

    def _read(self, rows: NDArray[np.int64], values: NDArray[Any]) -> None:
        """Rows that are near each other are read together, in the file's order; most of a shuffled batch are not."""
        width = self._width
        ascending = bool((rows[1:] > rows[:-1]).all())
        order = np.arange(len(rows)) if ascending else np.argsort(rows, kind="stable")
        ordered = rows[order]
        apart = (np.diff(ordered) - 1) * width > NEAR_BYTES
        apart |= np.diff(ordered * width // SPAN_BYTES) > 0
        starts = [0, *(np.flatnonzero(apart) + 1).tolist()]
        ends = [*starts[1:], len(rows)]
        into = values.reshape(-1).view(np.uint8).data
        places: list[int] = order.tolist()
        firsts: list[int] = ordered[starts].tolist()
        counts: list[int] = (ordered[[end - 1 for end in ends]] - ordered[starts] + 1).tolist()
        for start, end, first, count in zip(starts, ends, firsts, counts, strict=True):
            if count == end - start and (ascending or count == 1):
                place = places[start] * width
                self._read_into(into[place : place + count * width], first)
                continue
            span: NDArray[Any] = np.empty((count, *self.shape[1:]), self._stored)
            self._read_into(span.reshape(-1).view(np.uint8).data, first)
            values[order[start:end]] = span[ordered[start:end] - first]

    def _read_into(self, target: memoryview, row: int) -> None:
        """Reads bytes, from the beginning of `row` on, until `target` is full."""
        position = self._start + row * self._width
        try:
            while target:
                count = self._read_some(target, position)
                if not count:
                    raise StoredError(f"{self.path} became shorter while it was read")
                target, position = target[count:], position + count
        except OSError as failure:
            raise StoredError(f"can't read {self.path}: {(failure.strerror or str(failure)).lower()}") from None

    def _read_some(self, target: memoryview, position: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file, (target,), position)
        with self._lock:  # where files are read at one place only, as on Windows
            os.lseek(self._file, position, os.SEEK_SET)
            content = os.read(self._file, len(target))
        target[: len(content)] = content
        return len(content)
