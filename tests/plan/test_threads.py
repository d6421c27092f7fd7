"""How many threads products get: one where all are small, the library's own number where one is large."""

from __future__ import annotations

import pytest

from nndsl.passes import optimise
from nndsl.plan import blas_threads
from tests.check.programs import checked, training

LOSS = "minimize cross_entropy(scores, label) using SGD"


@pytest.mark.parametrize(
    ("network", "threads"), [("Flatten\n  Dense(10)", 1), ("Flatten\n  Dense(4096)\n  Dense(10)", 0)]
)
def test_small_products_have_one_thread(network: str, threads: int) -> None:
    program = optimise(checked(training(LOSS, network=network)))
    assert blas_threads(program.trains[0]) == threads


@pytest.mark.parametrize(("units", "threads"), [(64, 1), (1024, 0)])
def test_products_inside_loops_count_once_for_each_time(units: int, threads: int) -> None:
    program = optimise(checked(training(LOSS, network=f"SimpleRNN({units})\n  Dense(10)")))
    assert blas_threads(program.trains[0]) == threads
