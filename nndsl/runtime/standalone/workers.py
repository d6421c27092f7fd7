"""Workers: what a step does at once for several parts of its batch, or of its flat vectors, on threads or processes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from itertools import pairwise
from threading import Lock, Thread
from typing import Any

import numpy as np

from nndsl.runtime.standalone.processes import TasksOfProcesses
from nndsl.runtime.standalone.program import Array
from nndsl.runtime.standalone.shared import cores

_LEAST_PART = 1 << 15
"""The numbers of a flat vector that a worker must have to do before another one is woken for the rest."""

_LINE = 16
"""Parts of a flat vector begin at multiples of this, so that no two workers write to one line of the cache."""


class Workers:
    """This thread and others, `threads` in all, or this process and others, `processes` in all where that is more.

    All steps share them: no two run at once.
    """

    def __init__(self, threads: int = 1, processes: int = 1) -> None:
        self.count = max(threads, processes)
        self.are_processes = processes > threads

    def together(self, tasks: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
        """What calls each task by a worker of its own, all with the numbers that it is called with.

        It gives what the first task gives, which is called here, and raises what any of them raises.
        """
        if len(tasks) == 1:
            return tasks[0]
        if self.are_processes:
            return TasksOfProcesses(tasks)
        others = [_worker(number) for number in range(len(tasks) - 1)]

        def together(*arguments: float) -> Any:
            working = [worker.begin(task, arguments) for worker, task in zip(others, tasks[1:], strict=True)]
            failures: list[BaseException | None] = []
            try:
                result = tasks[0](*arguments)
            finally:
                failures += [worker.finish() for worker in working]
            for failure in failures:
                if failure is not None:
                    raise failure
            return result

        return together

    def update(self, make: Callable[..., Callable[..., Any]], *vectors: Array) -> Callable[..., Any]:
        """An optimizer's update of flat vectors, `make(*vectors)`, by all workers: each takes a part of the vectors."""
        parts = vector_parts(vectors[0].size, self.count)
        return self.together([make(*(vector[part] for vector in vectors)) for part in parts])


def vector_parts(size: int, workers: int) -> list[slice]:
    """Parts of a flat vector for that many workers at most, where it is long enough to gain by it."""
    count = max(1, min(workers, size // _LEAST_PART))
    edges = [size * number // count // _LINE * _LINE for number in range(count)] + [size]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def vector_sums(vectors: Sequence[Array], workers: int) -> list[Callable[[], None]]:
    """For each worker what adds its part of all vectors to the first one."""

    def task(part: slice) -> Callable[[], None]:
        into, *others = (vector[part] for vector in vectors)

        def add() -> None:
            for other in others:
                np.add(into, other, out=into)

        return add

    return [task(part) for part in vector_parts(vectors[0].size, workers)]


class _SpinLock:
    """A lock of the C library that is waited for with the core busy, and without Python's own lock.

    Waking a thread up whose core sleeps takes 25 microseconds where this takes one. It is for waits that are sure to be
    short. Raises AttributeError, OSError or TypeError where the library has none.
    """

    def __init__(self) -> None:
        library = ctypes.CDLL(None)
        self._memory = ctypes.c_int()
        self._place = ctypes.c_void_p(ctypes.addressof(self._memory))
        self._lock, self._unlock = library.pthread_spin_lock, library.pthread_spin_unlock
        library.pthread_spin_init(self._place, 0)

    def acquire(self) -> None:
        """Waits until it is open, and closes it."""
        self._lock(self._place)

    def release(self) -> None:
        """Opens it."""
        self._unlock(self._place)


def _finish_lock(number: int) -> _SpinLock | Any:
    """The lock that is waited for until thread `number` has done what others have done in the same time.

    Where there are fewer cores than threads, the core is better left to one that works.
    """
    if number + 2 > cores():
        return Lock()
    try:
        return _SpinLock()
    except (AttributeError, OSError, TypeError):
        return Lock()


class _Worker:
    """A thread that waits for work. It is woken by a lock: a queue's hand-over takes several times as long."""

    def __init__(self, number: int) -> None:
        self._begin, self._end = Lock(), _finish_lock(number)
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

    def finish(self) -> BaseException | None:
        """Waits until it is done, and says what was raised there."""
        self._end.acquire()
        failure, self._failure = self._failure, None
        return failure

    def _wait(self) -> None:
        with np.errstate(all="ignore"):  # which is each thread's own
            while True:
                self._begin.acquire()
                try:
                    self._task(*self._arguments)
                except BaseException as failure:  # noqa: BLE001 - raised again in the thread that wants it done
                    self._failure = failure
                self._end.release()


_WORKERS: list[_Worker] = []


def _worker(number: int) -> _Worker:
    """The thread of that number, which all steps share: no two of them run at the same time."""
    while len(_WORKERS) <= number:
        _WORKERS.append(_Worker(len(_WORKERS)))
    return _WORKERS[number]
