"""Holding BLAS to one thread while a small network runs."""

from dataclasses import replace

import pytest
import tiny

from nndsl.runtime.standalone import loop, threads

library = threads.openblas()
needs_openblas = pytest.mark.skipif(library is None, reason="this NumPy has no OpenBLAS of its own")


def now():
    return library.get_num_threads()


@needs_openblas
@pytest.mark.parametrize("inside", [1, 2])
def test_threads_are_held_and_given_back(inside):
    library.set_num_threads(2)
    with threads.blas_threads(inside):
        assert now() == inside
    assert now() == 2
    with pytest.raises(KeyError), threads.blas_threads(1):
        raise KeyError
    assert now() == 2


@needs_openblas
def test_nothing_is_asked_for_by_0():
    library.set_num_threads(2)
    with threads.blas_threads(0):
        assert now() == 2


@needs_openblas
def test_a_block_says_how_many_and_only_while_it_runs():
    library.set_num_threads(2)
    seen = []

    def spying(workspace):
        def make(n, memory, seed):
            made = workspace(n, memory, seed)
            return replace(made, run=lambda step, epoch, first: (seen.append(now()), made.run(step, epoch, first)))

        return make

    train = tiny.line()
    train = replace(
        train,
        blas_threads=1,
        training=spying(train.training),
        evaluation=spying(train.evaluation),
        prediction=spying(train.prediction),
    )
    memory, fields = tiny.program().memory(0), tiny.fields(20)
    training = loop.fit(train, memory, {"train": fields, "validation": fields}, 0, 1)
    next(training)
    assert now() == 1
    list(training)
    assert now() == 2
    loop.evaluate(train, memory, fields, 0)
    loop.predict(train, memory, fields, 0)
    assert set(seen) == {1}
    assert len(seen) == 4 * 3
    training = loop.fit(train, memory, {"train": fields}, 0)
    next(training)
    training.close()
    assert now() == 2


def test_without_openblas_nothing_happens(monkeypatch):
    monkeypatch.setattr(threads, "openblas", lambda: None)
    with threads.blas_threads(1):
        pass
