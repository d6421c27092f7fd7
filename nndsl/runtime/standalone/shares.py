"""A step over a batch in stages: each worker goes through one share of the samples, and all meet between stages.

The `run` of a share's workspace is a generator. It yields arrays where something reads the sums of them over all
shares, and goes on when they hold those; it yields None where the gradients of one `minimize` are complete, and goes
on when the weights have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Any

import numpy as np

from nndsl.runtime.standalone.program import Array, Memory, Step
from nndsl.runtime.standalone.shared import Signal
from nndsl.runtime.standalone.tiles import Divided, Tile, TileWorkspace, move
from nndsl.runtime.standalone.workers import vector_sums


class _Crossing:
    """Where workers wait for each other, again and again.

    Each has a lock for each other one, which it opens when it arrives; two in turn, as one worker may be at the next
    crossing before another has left this one. That takes half of the time that `threading.Barrier` does.
    """

    def __init__(self, count: int, memory: Memory, *, processes: bool) -> None:
        self._broken = memory.zeros(1, dtype=np.bool_)
        self._locks = [
            [[_closed(count, processes=processes) for _ in range(count)] for _ in range(count)] for _ in range(2)
        ]
        self._own = [
            [[locks[me][other] for other in range(count) if other != me] for locks in self._locks]
            for me in range(count)
        ]
        self._others = [
            [[locks[other][me] for other in range(count) if other != me] for locks in self._locks]
            for me in range(count)
        ]

    @property
    def broken(self) -> bool:
        """Whether a worker will never arrive."""
        return bool(self._broken[0])

    def wait(self, me: int, turn: int) -> None:
        """Worker `me` waits until all others are here too, at their crossing number `turn`."""
        if self.broken:
            return
        with suppress(RuntimeError):  # one that breaks off opens all locks
            for lock in self._own[me][turn % 2]:
                lock.release()
        for lock in self._others[me][turn % 2]:
            lock.acquire()

    def break_off(self) -> None:
        """One worker will never arrive: lets all others through."""
        self._broken[0] = True
        for lock in self._all():
            with suppress(RuntimeError):  # it is open
                lock.release()

    def _all(self) -> Iterator[Any]:
        return (lock for locks in self._locks for row in locks for lock in row)


def _closed(count: int, *, processes: bool) -> Any:
    """A lock that is closed, for `count` threads or processes."""
    if processes:
        return Signal(count)
    lock = Lock()
    lock.acquire()
    return lock


class _Share:
    """The samples of one worker, number `me`: where it is in the step, and what it brought to each meeting of it."""

    def __init__(self, me: int, memory: Memory, tile: Tile) -> None:
        self.me = me
        self.memory = memory
        self.tile = tile
        self.steps: Iterator[Sequence[Array] | None] = iter(())
        self.brought: list[list[Array]] = []
        self.totals = memory.zeros(*tile.step.totals.shape, dtype=np.float64)
        self.stage = self.meetings = self.waits = 0


class Shares(Divided):
    """A step over `n` samples in stages: shares of `size` samples, for each one of `threads` or `processes`.

    `run` goes through the first stage, `go_on` through the next one. gradients: for each minimize the parts (first,
    behind the last) of the flat vector that its gradients are in. After its stage their sums over all shares are in
    `memory.gradients`, and after every stage those of the totals in `totals`, added in the same order every time.
    """

    def __init__(
        self,
        make: TileWorkspace,
        n: int,
        memory: Memory,
        seed: int,
        *,
        size: int,
        threads: int = 1,
        processes: int = 1,
        gradients: Sequence[Sequence[tuple[int, int]]],
    ) -> None:
        super().__init__(n, memory, threads, processes)
        self._shares: list[_Share] = []
        for me, first in enumerate(range(0, n, size)):
            own = memory if me == 0 or not gradients else memory.twin(with_states=True)
            step = make(min(size, n - first), own, seed, n)
            self._shares.append(_Share(me, own, self.tile(step, first, min(size, n - first))))
        self.totals = np.zeros_like(self._shares[0].totals)
        self._sums = [[self._sum_of(slice(first, last)) for first, last in parts] for parts in gradients]
        self._begin_together()

    def _sum_of(self, part: slice) -> list[Callable[[], None]]:
        """For each worker what adds up its part of these gradients."""
        return vector_sums([share.memory.gradients[part] for share in self._shares], self.workers.count)

    def _begin_together(self) -> None:
        """Makes what all shares do at once; anew where one has failed, as the others may be anywhere."""
        self._crossing = _Crossing(len(self._shares), self.memory, processes=self.workers.are_processes)
        self._begin = self.workers.together([partial(self._start, share) for share in self._shares])
        self._on = self.workers.together([partial(self._go, share) for share in self._shares])

    def run(self, step: int, epoch: int, first: int) -> None:
        """The first stage over the samples in `inputs`; the batch's first one is at position `first` of the epoch."""
        if self._crossing.broken:
            self._begin_together()
        for share in self._shares[1:]:
            if share.memory is not self.memory:
                np.copyto(share.memory.states, self.memory.states)
        self._begin(step, epoch, first)
        self._gather()

    def go_on(self) -> None:
        """The next stage, with the new weights."""
        self._on()
        self._gather()

    def _gather(self) -> None:
        for share in self._shares:
            move(share.totals, self.totals)

    def _start(self, share: _Share, step: int, epoch: int, first: int) -> None:
        """Takes a share through the first stage."""
        share.steps = share.tile.step.run(step, epoch, first + share.tile.first)
        share.stage = share.meetings = share.waits = 0
        share.tile.take()
        self._go(share)

    def _go(self, share: _Share) -> None:
        """Takes a share through a stage; at its end the worker adds up its part of the gradients."""
        try:
            for arrays in share.steps:
                if arrays is None:
                    self._add_gradients(share)
                    share.stage += 1
                    return
                if not self._add_up(share, arrays):
                    return
            share.tile.give()
        except BaseException:
            self._crossing.break_off()
            raise
        finally:
            move(share.tile.step.totals, share.totals)

    def _add_up(self, share: _Share, arrays: Sequence[Array]) -> bool:
        """Replaces the arrays by their sums over all shares, unless another share has failed."""
        if len(self._shares) == 1:
            return True
        if share.meetings == len(share.brought):
            share.brought.append([np.empty_like(own) for own in arrays])
        for own, kept in zip(arrays, share.brought[share.meetings], strict=True):
            np.copyto(kept, own)
        if not self._met(share):
            return False
        for number, own in enumerate(arrays):
            first, second, *others = (other.brought[share.meetings][number] for other in self._shares)
            np.add(first, second, out=own)
            for other in others:
                np.add(own, other, out=own)
        share.meetings += 1
        return True

    def _add_gradients(self, share: _Share) -> None:
        if len(self._shares) == 1 or not self._met(share):
            return
        for tasks in self._sums[share.stage]:
            if share.me < len(tasks):
                tasks[share.me]()

    def _met(self, share: _Share) -> bool:
        """Waits for all other shares; says whether they have come."""
        self._crossing.wait(share.me, share.waits)
        share.waits += 1
        return not self._crossing.broken

    def step(self) -> Step:
        """The step as a workspace gives it."""
        return Step(self.run, self.inputs, self.outputs, self.totals)
