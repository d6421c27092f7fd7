"""A step over a batch as steps over tiles of it, whose values stay in the cache, on one thread or several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock, Thread

import numpy as np

from nndsl.runtime.standalone.program import Array, Memory, Step

TileWorkspace = Callable[[int, Memory, int, int], Step]
"""`make(n, memory, seed, batch)`: the step over n samples of a batch of `batch`."""


@dataclass(slots=True)
class _Tile:
    """Samples of the batch: the workspace they go through, what is copied into it before and out of it after."""

    step: Step
    first: int
    read: list[tuple[Array, Array]]
    written: list[tuple[Array, Array]]


@dataclass(slots=True)
class _Share:
    """The tiles of one thread, and a memory whose gradients are those of the last tile that went through."""

    memory: Memory
    tiles: list[_Tile] = field(default_factory=list[_Tile])
    sums: Array = field(default_factory=lambda: np.empty(0))

    def run(self, step: int, epoch: int, first: int) -> None:
        """Goes through the tiles; the sum of their gradients is then in `sums`."""
        gradients, sums = self.memory.gradients, self.sums
        for number, tile in enumerate(self.tiles):
            for target, source in tile.read:
                np.copyto(target, source)
            tile.step.run(step, epoch, first + tile.first)
            for target, source in tile.written:
                np.copyto(target, source)
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
        self._shares = [_Share(memory.twin() if trains else memory) for _ in range(count)]
        self._trains = trains
        self._gradients = memory.gradients
        self._made: list[Step] = []
        self.inputs: dict[str, Array] = {}
        self.outputs: dict[str, Array] = {}
        for number, share in enumerate(self._shares):
            made: dict[int, Step] = {}
            for first in firsts[number * len(firsts) // count : (number + 1) * len(firsts) // count]:
                size = min(tile, n - first)
                if size not in made:
                    made[size] = make(size, share.memory, seed, n)
                share.tiles.append(self._tile(made[size], first, size, n))
            share.sums = memory.gradients if number == 0 else np.zeros_like(share.memory.gradients)
            self._made += made.values()
        self.totals = np.zeros_like(self._made[0].totals)
        self._workers = [_worker(number) for number in range(count - 1)]

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
        shares = self._shares
        for worker, share in zip(self._workers, shares[1:], strict=True):
            worker.begin(share, step, epoch, first)
        try:
            shares[0].run(step, epoch, first)
        finally:
            for worker in self._workers:
                worker.finish()
        if self._trains:
            for share in shares[1:]:
                np.add(self._gradients, share.sums, out=self._gradients)
        for made in self._made:
            self.totals += made.totals
            made.totals.fill(0.0)

    def step(self) -> Step:
        """The step as a workspace gives it."""
        return Step(self.run, self.inputs, self.outputs, self.totals)


class _Worker:
    """A thread that waits for shares. It is woken by a lock: a queue's hand-over takes several times as long."""

    def __init__(self) -> None:
        self._begin, self._end = Lock(), Lock()
        self._begin.acquire()
        self._end.acquire()
        self._work: tuple[_Share, int, int, int] | None = None
        self._failure: BaseException | None = None
        Thread(target=self._wait, daemon=True).start()

    def begin(self, share: _Share, step: int, epoch: int, first: int) -> None:
        """Sets it to work on a share."""
        self._work = (share, step, epoch, first)
        self._begin.release()

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
                if self._work is not None:
                    share, step, epoch, first = self._work
                    try:
                        share.run(step, epoch, first)
                    except BaseException as failure:  # noqa: BLE001 - raised again in the thread that waits for it
                        self._failure = failure
                self._end.release()


_WORKERS: list[_Worker] = []


def _worker(number: int) -> _Worker:
    """The thread of that number, which all steps share: no two of them run at the same time."""
    while len(_WORKERS) <= number:
        _WORKERS.append(_Worker())
    return _WORKERS[number]
