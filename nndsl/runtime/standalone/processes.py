"""Processes that work beside this one, each on its share of a batch.

Python runs one thread at a time outside of NumPy. Where a step is thousands of calls on small arrays, threads wait
for each other at every one of them; processes do not. Each is a copy of this one (`fork`): it has every array,
function and number that was there when it was made, and sees later changes only of arrays made to be shared.
"""

from __future__ import annotations

import builtins
import itertools
import json
import mmap
import os
import signal
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakValueDictionary, finalize

import numpy as np

from nndsl.runtime.standalone.callbacks import TrainingError
from nndsl.runtime.standalone.shared import Signal
from nndsl.runtime.standalone.threads import blas_threads

_MESSAGE = 1 << 16
"""Bytes of room for what is to be done, with which numbers, and for what was raised there."""

_LONGEST = 4096
"""Characters that are told of what was raised."""


class WorkerError(TrainingError):
    """A process that worked beside this one is no longer there, or can't be."""


class TasksOfProcesses:
    """Tasks that are done at once: the first one by this process, each other one by a process of its own."""

    def __init__(self, tasks: Sequence[Callable[..., Any]]) -> None:
        self.tasks = tasks
        self._owner = os.getpid()
        self._number = next(_NUMBERS)
        _IN_USE[self._number] = self
        finalize(self, _leave, self._number)

    def __call__(self, *arguments: float) -> Any:
        """Calls all tasks with these arguments; gives what the first one gives, raises what any of them raises.

        Raises WorkerError where a process has ended, or where this one is itself a copy of the one that made the
        tasks: both would write to the same arrays.
        """
        if os.getpid() != self._owner:
            raise WorkerError("this process was copied from the one that made the model: make the model after the fork")
        numbers = range(1, len(self.tasks))
        working = [_process(number, self._number).begin(self._number, arguments) for number in numbers]
        failures: list[BaseException | None] = []
        try:
            result = self.tasks[0](*arguments)
        finally:
            failures += [process.finish() for process in working]
        for failure in failures:
            if failure is not None:
                raise failure
        return result


class _Process:
    """The process with a number, which waits for work: one of the tasks that were there when it was made."""

    def __init__(self, number: int) -> None:
        self.knows = frozenset(_IN_USE)
        self.maker = os.getpid()
        self._begin, self._end = Signal(number + 1), Signal(number + 1)
        self._message = mmap.mmap(-1, _MESSAGE)
        self._works = False
        with warnings.catch_warnings():
            # Python warns where this process has threads. The copy calls nothing but NumPy, which is safe in copies.
            warnings.simplefilter("ignore")
            self._id = os.fork()
        if not self._id:
            try:
                self._serve(number)
            finally:
                os._exit(1)

    def begin(self, tasks: int, arguments: tuple[float, ...]) -> _Process:
        """Sets it to work."""
        if self._works:  # somebody pressed Ctrl-C instead of waiting for it
            self.finish()
        self._write(tasks, arguments)
        self._works = True
        self._begin.release()
        return self

    def finish(self) -> BaseException | None:
        """Waits until it is done, and says what was raised there."""
        self._end.acquire(self._look)
        self._works = False
        return _failure(*self._read())

    def stop(self) -> None:
        """Ends it."""
        if self.maker == os.getpid():
            with suppress(OSError):
                os.kill(self._id, signal.SIGKILL)
                os.waitpid(self._id, 0)

    def _look(self) -> None:
        """Raises WorkerError where the process has ended."""
        ended, status = os.waitpid(self._id, os.WNOHANG)
        if not ended:
            return
        _stop_all()
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        why = ", as the system does when memory is short" if code == -signal.SIGKILL else ""
        raise WorkerError(f"a process that worked on a share of the batch was ended {how}{why}")

    def _write(self, *content: object) -> None:
        text = f"{json.dumps(content)}\n".encode()
        self._message[: len(text)] = text

    def _read(self) -> list[Any]:
        self._message.seek(0)
        return json.loads(self._message.readline())

    def _serve(self, number: int) -> None:
        """In the process: does what it is told, until nobody is left to tell it."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the process that it was copied from
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        _close_files()
        known = {each: made.tasks[number] for each, made in _IN_USE.items() if number < len(made.tasks)}
        with np.errstate(all="ignore"), blas_threads(1):
            while True:
                self._begin.acquire(self._look_for_maker)
                tasks, arguments = self._read()
                raised: list[str] = []
                try:
                    known[tasks](*arguments)
                except BaseException as failure:  # noqa: BLE001 - raised again in the process that wants it done
                    raised = [type(failure).__name__, str(failure)[:_LONGEST]]
                self._write(*raised)
                self._end.release()

    def _look_for_maker(self) -> None:
        if os.getppid() != self.maker:
            os._exit(0)


def _close_files() -> None:
    """Lets go of files and sockets, which would stay open as long as this process is there."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.closerange(3, 1 << 16)


def _failure(name: str = "", message: str = "") -> BaseException | None:
    """What was raised in another process, by the name of its class; one that Python does not know is a RuntimeError."""
    if not name:
        return None
    kind = getattr(builtins, name, None)
    if isinstance(kind, type) and issubclass(kind, Exception):
        with suppress(TypeError):
            return kind(message)
    return RuntimeError(f"{name}: {message}")


_NUMBERS = itertools.count(1)

_IN_USE: WeakValueDictionary[int, TasksOfProcesses] = WeakValueDictionary()
"""All tasks that somebody may still call, by number."""

_PROCESSES: dict[int, _Process] = {}
"""The processes beside this one, by number, from 1. All tasks share them: no two are done at the same time."""


def _process(number: int, tasks: int) -> _Process:
    """The process with that number, made anew where it does not know the tasks yet."""
    process = _PROCESSES.get(number)
    if process is None or tasks not in process.knows:
        if process is not None:
            process.stop()
        process = _PROCESSES[number] = _Process(number)
    return process


def _leave(number: int) -> None:
    """Nobody can call these tasks any more; ends all processes where nobody can call any."""
    _IN_USE.pop(number, None)
    if not _IN_USE:
        _stop_all()


def _stop_all() -> None:
    for process in _PROCESSES.values():
        process.stop()
    _PROCESSES.clear()
