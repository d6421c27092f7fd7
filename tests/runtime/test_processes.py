"""Processes that share a step: what they write is seen here, failures are told, and none outlives its use."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from nndsl.runtime.standalone import processes
from nndsl.runtime.standalone.processes import TasksOfProcesses, WorkerError
from nndsl.runtime.standalone.shared import can_share, shared_zeros
from nndsl.runtime.standalone.workers import Workers

pytestmark = pytest.mark.skipif(not can_share(), reason="copies of a process can't work beside it here")


@pytest.fixture(autouse=True)
def none_left() -> Iterator[None]:
    yield
    gc.collect()
    assert not processes._PROCESSES


def writes(into: np.ndarray, value: float = 0.0) -> Callable[..., float]:
    def task(*numbers: float) -> float:
        into[...] = value + sum(numbers)
        return value

    return task


def is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def beside() -> dict[int, int]:
    """The processes beside this one, by number."""
    return {number: process._id for number, process in processes._PROCESSES.items()}


def test_each_task_is_done_by_a_process_of_its_own_and_the_first_one_here() -> None:
    whose = shared_zeros((3,), np.int64)

    def tells(number: int) -> Callable[[], int]:
        def task() -> int:
            whose[number] = os.getpid()
            return number

        return task

    together = Workers(processes=3).together([tells(number) for number in range(3)])
    assert together() == 0
    assert whose[0] == os.getpid()
    assert set(whose[1:]) == set(beside().values())


def test_arrays_that_are_shared_are_seen_by_both_and_others_are_not() -> None:
    given, shared, own = shared_zeros((4,), "float32"), shared_zeros((2, 2), "float64"), np.zeros(1)

    def task(number: float) -> None:
        shared[...] = given.sum() + number
        own[...] = 1

    together = TasksOfProcesses([writes(np.zeros(1)), task])
    for number in range(20):
        given.fill(number)
        together(0.5)
        assert (shared == 4 * number + 0.5).all()
    assert own[0] == 0
    assert shared_zeros((0, 3), "float32").shape == (0, 3)


def test_tasks_made_later_are_known_to_a_new_process() -> None:
    first, second = shared_zeros((1,), "float64"), shared_zeros((1,), "float64")
    early = TasksOfProcesses([writes(np.zeros(1)), writes(first, 1)])
    early()
    before = beside()
    late = TasksOfProcesses([writes(np.zeros(1)), writes(second, 2)])
    late(1)
    assert (first[0], second[0]) == (1, 3)
    assert beside().keys() == before.keys()
    assert not is_there(before[1])
    after = beside()
    early(3)
    late(5)
    assert (first[0], second[0]) == (4, 7)
    assert beside() == after


def test_what_a_process_raises_is_raised_here_and_it_goes_on() -> None:
    done = shared_zeros((1,), "float64")

    class UnknownError(Exception):
        """One that can't be sent."""

    def task(number: int) -> None:
        if number == 1:
            raise FloatingPointError("there")
        if number == 2:
            raise UnknownError("nobody knows me")
        done[0] = number

    together = TasksOfProcesses([lambda number: number, task])
    with pytest.raises(FloatingPointError, match="there"):
        together(1)
    with pytest.raises(RuntimeError, match="UnknownError: nobody knows me"):
        together(2)
    assert together(3) == 3
    assert done[0] == 3


def test_what_is_raised_here_waits_for_the_process() -> None:
    done = shared_zeros((1,), "float64")

    def first(number: int) -> None:
        if number == 1:
            raise ValueError("here")

    together = TasksOfProcesses([first, writes(done)])
    with pytest.raises(ValueError, match="here"):
        together(1)
    assert done[0] == 1
    together(2)
    assert done[0] == 2


def test_a_process_that_is_killed_is_missed() -> None:
    together = TasksOfProcesses([lambda: None, lambda: os.kill(os.getpid(), signal.SIGKILL)])
    with pytest.raises(WorkerError, match="was ended by signal 9, as the system does when memory is short"):
        together()


def test_ctrl_c_is_left_to_the_process_that_was_started() -> None:
    done = shared_zeros((1,), "float64")

    def task() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        done[0] += 1

    together = TasksOfProcesses([lambda: None, task])
    together()
    together()
    assert done[0] == 2


def test_tasks_are_not_done_in_a_copy_of_their_process() -> None:
    together = TasksOfProcesses([lambda: None, lambda: None])
    together()
    child = os.fork()
    if not child:
        try:
            together()
        except WorkerError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    together()


def test_processes_end_where_nobody_can_call_them() -> None:
    together = TasksOfProcesses([lambda: None, lambda: None])
    together()
    (process,) = beside().values()
    assert is_there(process)
    del together
    gc.collect()
    assert not is_there(process)


def test_a_process_ends_after_the_one_that_made_it() -> None:
    told = shared_zeros((1,), np.int64)

    def tell() -> None:
        told[0] = os.getpid()

    child = os.fork()
    if not child:
        TasksOfProcesses([lambda: None, tell])()
        os._exit(0)  # as if it were killed: nothing is tidied up
    os.waitpid(child, 0)
    assert told[0]
    for _ in range(100):
        if not is_there(int(told[0])):
            break
        time.sleep(0.05)
    assert not is_there(int(told[0]))
