"""Threads that share a step: what they do together is done when they have met, and failures are told."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nndsl.runtime.standalone.program import Array, Memory, Program, Step
from nndsl.runtime.standalone.tiles import Tiles
from nndsl.runtime.standalone.workers import Workers


@pytest.fixture(params=[1, 64], ids=["one core", "many cores"])
def others(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """New threads, as they are made where there are so many cores: they are waited for in different ways."""
    monkeypatch.setattr("nndsl.runtime.standalone.workers.cores", lambda: request.param)
    monkeypatch.setattr("nndsl.runtime.standalone.workers._WORKERS", [])


@pytest.mark.usefixtures("others")
def test_all_tasks_are_done_when_threads_have_met() -> None:
    done: list[int] = []
    together = Workers(3).together([lambda: done.append(0), lambda: done.append(1), lambda: done.append(2)])
    for _ in range(50):
        together()
    assert sorted(done) == [0] * 50 + [1] * 50 + [2] * 50


@pytest.mark.usefixtures("others")
def test_what_another_thread_raises_is_raised_here_and_threads_go_on() -> None:
    together = Workers(2).together

    def fails() -> None:
        raise RuntimeError("there")

    with pytest.raises(RuntimeError, match="there"):
        together([lambda: None, fails])()
    assert together([lambda: "here", lambda: None])() == "here"


@pytest.mark.usefixtures("others")
def test_an_update_of_sums_sees_and_leaves_the_gradients_of_all_shares() -> None:
    size = 1 << 17
    program = Program.__new__(Program)
    object.__setattr__(program, "weights", (("w", (size,)),))
    object.__setattr__(program, "states", ())
    object.__setattr__(program, "trains", {})
    memory = Memory(program, "float64")
    drawn = np.random.default_rng(0).standard_normal((4, size))

    def make(n: int, into: Memory, seed: int, batch: int) -> Step:
        x = np.empty((n, 1))

        def run(step: int, epoch: int, first: int) -> None:
            into.gradients[:] = drawn[first : first + n].sum(axis=0)

        return Step(run, {"x": x}, {}, np.zeros(1))

    def descent(weight: Array, gradient: Array, slot: Array) -> Callable[[int, int], None]:
        def update(step: int, epoch: int) -> None:
            np.copyto(slot, gradient)
            np.subtract(weight, gradient, out=weight)

        return update

    tiles = Tiles(make, 4, memory, 0, tile=1, threads=2, trains=True)
    slot = np.zeros(size - 16)
    update = tiles.update_of_sums(descent, 16, size, slot)
    tiles.run(1, 1, 0)
    update(1, 1)
    total = (drawn[0] + drawn[1]) + (drawn[2] + drawn[3])
    np.testing.assert_allclose(memory.gradients[16:], total[16:], rtol=1e-13)
    np.testing.assert_array_equal(slot, memory.gradients[16:])
    np.testing.assert_array_equal(memory.weights, np.concatenate([np.zeros(16), -slot]))
