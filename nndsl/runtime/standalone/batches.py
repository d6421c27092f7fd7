"""Batches for the training loop: out of prepared arrays, or out of files, read ahead by a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from queue import SimpleQueue
from threading import Thread

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.preparing import Preparer
from nndsl.runtime.standalone.program import Array, Step, Table

SETS_AHEAD = 3
"""How many sets of buffers there are: one is read from while the others are filled."""


class StreamedPart:
    """A part of the data that is not held in memory: each time rows are asked for, their fields are computed anew.

    They are bit for bit what the same rows are as a `Table` of prepared arrays.
    """

    def __init__(self, preparer: Preparer, rows: NDArray[np.int64]) -> None:
        self._preparer = preparer
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def block(self) -> int:
        """How many rows are computed at a time."""
        return self._preparer.block

    def buffers(self, rows: int, names: Sequence[str] | None = None) -> Table:
        """Arrays for so many rows of these fields, by default all; not filled yet."""
        return self._preparer.buffers(rows, names)

    def fill(self, positions: slice | NDArray[np.int64], targets: Mapping[str, Array]) -> None:
        """Puts the samples at these positions of the part into arrays of as many rows, by field. Raises DataError."""
        self._preparer.fill(self._rows[positions], targets)

    def expect(self, positions: NDArray[np.int64]) -> None:
        """Says that `fill` will soon be asked for these samples, which are far apart."""
        self._preparer.expect(self._rows[positions])


DataPart = Table | StreamedPart
"""A part of the data: its prepared fields by name, or what computes them when they are asked for."""


def len_of(part: DataPart | None) -> int:
    """Number of samples of a part; 0 for no part."""
    if isinstance(part, dict):
        return len(next(iter(part.values()))) if part else 0
    return 0 if part is None else len(part)


def take_rows(part: DataPart, positions: slice | NDArray[np.int64], targets: Mapping[str, Array]) -> None:
    """Puts the samples at these positions into arrays of as many rows, by field."""
    if not isinstance(part, dict):
        part.fill(positions, targets)
        return
    for name, target in targets.items():
        target[...] = part[name][positions]


def filled_batches(
    part: DataPart,
    order: NDArray[np.int64] | None,
    batch_size: int,
    workspace_of: Callable[[int], Step],
    first: int = 0,
) -> Iterator[tuple[int, int, Step]]:
    """(position of its first sample, its size, its workspace with the inputs filled) for each batch.

    order: in which the samples come; None as they lie. first: where in it to begin, at the start of a batch. The last
    batch may be smaller. workspace_of: the workspace for batches of a size.
    """
    if not isinstance(part, dict):
        yield from _read_ahead(part, order, batch_size, workspace_of, first)
        return
    samples = len_of(part)
    last = samples - (samples - first) % batch_size
    for n, starts in ((batch_size, range(first, last, batch_size)), (samples - last, range(last, samples, batch_size))):
        if not starts:
            continue
        workspace = workspace_of(n)
        take = workspace.taking(part, order)
        for start in starts:
            take(start)
            yield start, n, workspace


def _read_ahead(
    part: StreamedPart,
    order: NDArray[np.int64] | None,
    batch_size: int,
    workspace_of: Callable[[int], Step],
    first: int,
) -> Iterator[tuple[int, int, Step]]:
    """As `filled_batches`. The thread ends with the last batch, or when the iterator is closed."""
    chunk = batch_size * max(1, part.block // batch_size)
    reading = ReadAhead(part, order, first, chunk)
    try:
        for start, count, buffers in reading.chunks():
            for offset in range(0, count, batch_size):
                n = min(batch_size, count - offset)
                workspace = workspace_of(n)
                workspace.taking(buffers, None)(offset)
                yield start + offset, n, workspace
    finally:
        reading.stop()


class ReadAhead:
    """A thread that computes the samples of a part, some batches ahead of those that are asked for.

    NumPy and the system's reads let other threads run meanwhile, so that reading hides behind computing. What goes
    wrong in the thread is raised where the samples are taken.
    """

    def __init__(self, part: StreamedPart, order: NDArray[np.int64] | None, first: int, chunk: int) -> None:
        self._part = part
        self._order = order
        self._first = first
        self._chunk = chunk
        self._stopping = False
        self._free: SimpleQueue[Table | None] = SimpleQueue()
        self._ready: SimpleQueue[tuple[int, int, Table] | Exception | None] = SimpleQueue()
        for _ in range(SETS_AHEAD):
            self._free.put(part.buffers(min(chunk, len(part))))
        self._thread = Thread(target=self._work, name="nndsl-read-ahead", daemon=True)
        self._thread.start()

    def chunks(self) -> Iterator[tuple[int, int, Table]]:
        """(position of the first sample, how many, their fields), valid until the next are asked for."""
        while True:
            found = self._ready.get()
            if found is None:
                return
            if isinstance(found, Exception):
                raise found
            yield found
            self._free.put(found[2])

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping = True
        self._free.put(None)
        self._thread.join()

    def _work(self) -> None:
        samples = len(self._part)
        try:
            for start in range(self._first, samples, self._chunk):
                buffers = self._free.get()
                if self._stopping or buffers is None:
                    return
                stop = min(start + self._chunk, samples)
                if self._order is not None:
                    self._part.expect(self._order[stop : stop + self._chunk])
                rows = slice(start, stop) if self._order is None else self._order[start:stop]
                self._part.fill(rows, {name: values[: stop - start] for name, values in buffers.items()})
                self._ready.put((start, stop - start, buffers))
            self._ready.put(None)
        except Exception as failure:  # noqa: BLE001 - raised again by `chunks`, in the thread that trains
            self._ready.put(failure)
