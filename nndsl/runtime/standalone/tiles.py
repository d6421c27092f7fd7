"""A step over a batch as steps over tiles of it, whose values stay in the cache, on one thread or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from threading import Lock, Thread
from typing import Any

import numpy as np

from nndsl.runtime.standalone.program import Array, Memory, Step

TileWorkspace = Callable[[int, Memory, int, int], Step]
"""`make(n, memory, seed, batch)`: the step over n samples of a batch of `batch`."""

_LEAST_PART = 1 << 15
"""The numbers of a flat vector that a thread must have to do before another one is woken for the rest."""

_LINE = 16
"""Parts of a flat vector begin at multiples of this, so that no two threads write to one line of the cache."""


@dataclass(slots=True)
class _Tile:
    """Samples of the batch: the workspace they go through, what is copied into it before and out of it after."""

    step: Step
    first: int
    read: list[tuple[Array, Array]]
    written: list[tuple[Array, Array]]


@dataclass(slots=True)
class _Share:
    """The tiles of one thread. The sum of their gradients is in `sums`: in `memory` where it has one tile."""

    memory: Memory
    sums: Array
    tiles: list[_Tile] = field(default_factory=list[_Tile])

    def run(self, step: int, epoch: int, first: int) -> None:
        """Goes through the tiles."""
        gradients, sums = self.memory.gradients, self.sums
        for number, tile in enumerate(self.tiles):
            for target, source in tile.read:
                np.copyto(target, source)
            tile.step.run(step, epoch, first + tile.first)
            for target, source in tile.written:
                np.copyto(target, source)
            if sums is gradients:
                continue
            if number:
                np.add(sums, gradients, out=sums)
            else:
                np.copyto(sums, gradients)


class Tiles:
    """A step over `n` samples: `tile` at a time, the tiles in equal shares on `threads` threads.

    After `run` the sums of the tiles' gradients are in `memory.gradients` (where `trains`) and those of their totals in
    `totals`, added in the same order every time.
    """

    def __init__(
        self, make: TileWorkspace, n: int, memory: Memory, seed: int, *, tile: int, threads: int, trains: bool
    ) -> None:
        firsts = range(0, n, tile)
        count = min(threads, len(firsts))
        self._threads = threads
        self._trains = trains
        self._workers = [_worker(number) for number in range(threads - 1)]
        self._shares: list[_Share] = []
        self._made: list[Step] = []
        self.inputs: dict[str, Array] = {}
        self.outputs: dict[str, Array] = {}
        for number in range(count):
            own = firsts[number * len(firsts) // count : (number + 1) * len(firsts) // count]
            alone = not trains or (number == 0 and len(own) == 1)
            into = memory if alone else memory.twin()
            sums = (
                memory.gradients if number == 0 else into.gradients if len(own) == 1 else np.zeros_like(into.gradients)
            )
            share = _Share(into, sums if trains else into.gradients)
            made: dict[int, Step] = {}
            for first in own:
                size = min(tile, n - first)
                if size not in made:
                    made[size] = make(size, into, seed, n)
                share.tiles.append(self._tile(made[size], first, size, n))
            self._shares.append(share)
            self._made += made.values()
        self.totals = np.zeros_like(self._made[0].totals)
        self._sums = _vector_sums([share.sums for share in self._shares], threads) if trains and count > 1 else []

    def _tile(self, step: Step, first: int, size: int, n: int) -> _Tile:
        for whole, parts in ((self.inputs, step.inputs), (self.outputs, step.outputs)):
            for name, part in parts.items():
                if name not in whole:
                    whole[name] = np.empty((n, *part.shape[1:]), part.dtype)
        own = slice(first, first + size)
        read = [(target, self.inputs[name][own]) for name, target in step.inputs.items()]
        written = [(self.outputs[name][own], source) for name, source in step.outputs.items()]
        return _Tile(step, first, read, written)

    def run(self, step: int, epoch: int, first: int) -> None:
        """One step over the samples in `inputs`; the batch's first one is at position `first` of the epoch."""
        self._together([share.run for share in self._shares], step, epoch, first)
        if self._sums:
            self._together(self._sums)
        for made in self._made:
            self.totals += made.totals
            made.totals.fill(0.0)

    def update(self, make: Callable[..., Callable[..., Any]], *vectors: Array) -> Callable[..., Any]:
        """An optimizer's update of flat vectors, `make(*vectors)`, on all threads: each takes a part of the vectors."""
        updates = [
            make(*(vector[part] for vector in vectors)) for part in _vector_parts(vectors[0].size, self._threads)
        ]

        def update(*numbers: float) -> Any:
            return self._together(updates, *numbers)

        return update if len(updates) > 1 else updates[0]

    def _together(self, tasks: Sequence[Callable[..., Any]], *arguments: float) -> Any:
        """Calls each task on a thread of its own, the first one on this thread, whose result is given back."""
        working = [worker.begin(task, arguments) for worker, task in zip(self._workers, tasks[1:], strict=False)]
        try:
            return tasks[0](*arguments)
        finally:
            for worker in working:
                worker.finish()

    def step(self) -> Step:
        """The step as a workspace gives it; a single tile's own, where it changes nothing but its buffers."""
        if not self._trains and sum(len(share.tiles) for share in self._shares) == 1:
            return self._made[0]
        return Step(self.run, self.inputs, self.outputs, self.totals)


def _vector_parts(size: int, threads: int) -> list[slice]:
    """Parts of a flat vector for that many threads at most, where it is long enough to gain by it."""
    count = max(1, min(threads, size // _LEAST_PART))
    edges = [size * number // count // _LINE * _LINE for number in range(count)] + [size]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def _vector_sums(vectors: Sequence[Array], threads: int) -> list[Callable[[], None]]:
    """For each thread what adds its part of all vectors to the first one."""

    def task(part: slice) -> Callable[[], None]:
        into, *others = (vector[part] for vector in vectors)

        def add() -> None:
            for other in others:
                np.add(into, other, out=into)

        return add

    return [task(part) for part in _vector_parts(vectors[0].size, threads)]


class _Worker:
    """A thread that waits for work. It is woken by a lock: a queue's hand-over takes several times as long."""

    def __init__(self) -> None:
        self._begin, self._end = Lock(), Lock()
        self._begin.acquire()
        self._end.acquire()
        self._task: Callable[..., Any] = int
        self._arguments: tuple[float, ...] = ()
        self._failure: BaseException | None = None
        Thread(target=self._wait, daemon=True).start()

    def begin(self, task: Callable[..., Any], arguments: tuple[float, ...]) -> _Worker:
        """Sets it to work."""
        self._task, self._arguments = task, arguments
        self._begin.release()
        return self

    def finish(self) -> None:
        """Waits until it is done. Raises what was raised there."""
        self._end.acquire()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _wait(self) -> None:
        with np.errstate(all="ignore"):  # which is each thread's own
            while True:
                self._begin.acquire()
                try:
                    self._task(*self._arguments)
                except BaseException as failure:  # noqa: BLE001 - raised again in the thread that waits for it
                    self._failure = failure
                self._end.release()


_WORKERS: list[_Worker] = []


def _worker(number: int) -> _Worker:
    """The thread of that number, which all steps share: no two of them run at the same time."""
    while len(_WORKERS) <= number:
        _WORKERS.append(_Worker())
    return _WORKERS[number]
