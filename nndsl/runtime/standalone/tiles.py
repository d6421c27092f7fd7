"""A step over a batch as steps over tiles of it, whose values stay in the cache, by one worker or several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nndsl.runtime.standalone.program import Array, Memory, Step
from nndsl.runtime.standalone.workers import Workers, vector_sums

TileWorkspace = Callable[[int, Memory, int, int], Step]
"""`make(n, memory, seed, batch)`: the step over n samples of a batch of `batch`."""


@dataclass(slots=True)
class Tile:
    """Samples of the batch: the workspace they go through, what is copied into it before and out of it after."""

    step: Step
    first: int
    read: list[tuple[Array, Array]]
    written: list[tuple[Array, Array]]

    def take(self) -> None:
        """Copies what its samples bring into the workspace."""
        for target, source in self.read:
            np.copyto(target, source)

    def give(self) -> None:
        """Copies what was predicted of its samples out of the workspace."""
        for target, source in self.written:
            np.copyto(target, source)


class Divided:
    """What goes through a batch of `n` samples in parts: whole `inputs` and `outputs`, and the sums of all `totals`.

    threads, processes: how many there are of one kind. Where `memory` is not shared, threads do what processes would.
    """

    def __init__(self, n: int, memory: Memory, threads: int, processes: int) -> None:
        self.n = n
        self.memory = memory
        self.workers = Workers(threads, processes) if memory.shared else Workers(max(threads, processes))
        self.inputs: dict[str, Array] = {}
        self.outputs: dict[str, Array] = {}

    def tile(self, step: Step, first: int, size: int) -> Tile:
        """The samples from `first` on that go through `step`."""
        for whole, parts in ((self.inputs, step.inputs), (self.outputs, step.outputs)):
            for name, part in parts.items():
                if name not in whole:
                    whole[name] = self.memory.zeros(self.n, *part.shape[1:], dtype=part.dtype)
        own = slice(first, first + size)
        read = [(target, self.inputs[name][own]) for name, target in step.inputs.items()]
        written = [(self.outputs[name][own], source) for name, source in step.outputs.items()]
        return Tile(step, first, read, written)

    def update(self, make: Callable[..., Callable[..., Any]], *vectors: Array) -> Callable[..., Any]:
        """An optimizer's update of flat vectors, by all workers."""
        return self.workers.update(make, *vectors)


def move(source: Array, into: Array) -> None:
    """Adds `source` to `into`, and leaves zeros there."""
    into += source
    source.fill(0.0)


class _TilesOfWorker:
    """The tiles of one worker. The sum of their gradients is in `sums`: in `memory` where it has one tile."""

    def __init__(self, tiles: Sequence[Tile], memory: Memory, sums: Array) -> None:
        self.tiles = tiles
        self.sums = sums
        self._gradients = memory.gradients
        self._steps = list({id(tile.step): tile.step for tile in tiles}.values())
        self.totals = memory.zeros(*tiles[0].step.totals.shape, dtype=np.float64)

    def run(self, step: int, epoch: int, first: int) -> None:
        """Goes through the tiles."""
        gradients, sums = self._gradients, self.sums
        for number, tile in enumerate(self.tiles):
            tile.take()
            tile.step.run(step, epoch, first + tile.first)
            tile.give()
            if sums is gradients:
                continue
            if number:
                np.add(sums, gradients, out=sums)
            else:
                np.copyto(sums, gradients)
        for each in self._steps:
            move(each.totals, self.totals)


class Tiles(Divided):
    """A step over `n` samples: `tile` at a time, the tiles in equal shares for `threads` or `processes`.

    After `run` the sums of the tiles' gradients are in `memory.gradients` (where `trains`) and those of their totals in
    `totals`, added in the same order every time.
    """

    def __init__(
        self,
        make: TileWorkspace,
        n: int,
        memory: Memory,
        seed: int,
        *,
        tile: int,
        threads: int = 1,
        processes: int = 1,
        trains: bool,
    ) -> None:
        super().__init__(n, memory, threads, processes)
        firsts = range(0, n, tile)
        count = min(self.workers.count, len(firsts))
        self._trains = trains
        self._shares: list[_TilesOfWorker] = []
        for number in range(count):
            own = firsts[number * len(firsts) // count : (number + 1) * len(firsts) // count]
            alone = not trains or (number == 0 and len(own) == 1)
            into = memory if alone else memory.twin()
            sums = into.gradients
            if trains and len(own) > 1:
                sums = memory.gradients if number == 0 else memory.zeros(memory.gradients.size)
            sizes = [min(tile, n - first) for first in own]
            made = {size: make(size, into, seed, n) for size in dict.fromkeys(sizes)}
            tiles = [self.tile(made[size], first, size) for first, size in zip(own, sizes, strict=True)]
            self._shares.append(_TilesOfWorker(tiles, into, sums))
        self.totals = np.zeros_like(self._shares[0].totals)
        self._go = self.workers.together([share.run for share in self._shares])
        sums_of_all = [share.sums for share in self._shares]
        adds = trains and count > 1
        self._add: Callable[[], Any] | None = self.workers.together(vector_sums(sums_of_all, count)) if adds else None

    def update_of_sums(
        self, make: Callable[..., Callable[..., Any]], start: int, stop: int, *slots: Array
    ) -> Callable[..., Any]:
        """An optimizer's update of the weights from `start` to `stop`, which adds up the gradients of all shares first.

        So workers meet once less. From then on `run` leaves the sums to such updates.
        """
        own = slice(start, stop)
        others = [share.sums[own] for share in self._shares[1:]] if self._trains else []
        self._add = None

        def make_adding(weight: Array, gradient: Array, *arrays: Array) -> Callable[..., Any]:
            change = make(weight, gradient, *arrays[: len(slots)])

            def update(*numbers: float) -> Any:
                for other in arrays[len(slots) :]:
                    np.add(gradient, other, out=gradient)
                return change(*numbers)

            return update

        weights, gradients = self.memory.weights[own], self.memory.gradients[own]
        return self.workers.update(make_adding if others else make, weights, gradients, *slots, *others)

    def run(self, step: int, epoch: int, first: int) -> None:
        """One step over the samples in `inputs`; the batch's first one is at position `first` of the epoch."""
        self._go(step, epoch, first)
        if self._add is not None:
            self._add()
        for share in self._shares:
            move(share.totals, self.totals)

    def step(self) -> Step:
        """The step as a workspace gives it; a single tile's own, where it changes nothing but its buffers."""
        if not self._trains and sum(len(share.tiles) for share in self._shares) == 1:
            return self._shares[0].tiles[0].step
        return Step(self.run, self.inputs, self.outputs, self.totals)
