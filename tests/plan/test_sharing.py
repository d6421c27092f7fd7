"""How steps share out over a machine: whole batches with BLAS's threads, or samples over threads of our own."""

from __future__ import annotations

import pytest

from nndsl.ir.program import TrainProgram
from nndsl.passes import optimise
from nndsl.plan import Machine, PlanOptions, sharing_of
from tests.check.programs import checked, training

LOSS = "minimize cross_entropy(scores, label) using SGD"

TWO_CORES = Machine(cores=2, cache=8 << 20)

CONVOLUTIONS = """Reshape([8, 8, 1])
  Conv2D(64, 3, padding=same, activation=relu)
  Conv2D(64, 3, padding=same, activation=relu)
  MaxPooling2D(2)
  Flatten
  Dense(10)"""


def block(network: str, batch: int = 32) -> TrainProgram:
    return optimise(checked(training(f"batch_size = {batch}", LOSS, network=network))).trains[0]


@pytest.mark.parametrize(
    ("network", "threads"), [("Flatten\n  Dense(10)", 1), ("Flatten\n  Dense(4096)\n  Dense(10)", 0)]
)
def test_small_products_have_one_thread(network: str, threads: int) -> None:
    sharing = sharing_of(block(network))
    assert (sharing.blas_threads, sharing.tiling) == (threads, None)


@pytest.mark.parametrize(("units", "threads"), [(64, 1), (1024, 0)])
def test_products_inside_loops_count_once_for_each_time(units: int, threads: int) -> None:
    assert sharing_of(block(f"SimpleRNN({units})\n  Dense(10)")).blas_threads == threads


def test_a_small_network_goes_whole_through_any_machine() -> None:
    sharing = sharing_of(block("Flatten\n  Dense(32)\n  Dense(10)"), PlanOptions(Machine(cores=64, cache=1 << 20)))
    assert sharing.tiling is None


def test_convolutions_share_out_over_threads_in_tiles_that_stay_in_the_cache() -> None:
    sharing = sharing_of(block(CONVOLUTIONS, batch=256), PlanOptions(TWO_CORES))
    assert sharing.tiling is not None
    assert sharing.tiling.threads == 2
    assert sharing.tiling.tile is not None
    assert sharing.tiling.tile < 128
    assert sharing.blas_threads == 1
    assert "samples at a time so that their values stay in the cache" in sharing.reason


def test_on_one_core_a_large_batch_goes_through_in_tiles() -> None:
    sharing = sharing_of(block(CONVOLUTIONS, batch=256), PlanOptions(Machine(cores=1, cache=1 << 20)))
    assert sharing.tiling is not None
    assert sharing.tiling.threads == 1
    assert sharing.tiling.tile is not None


@pytest.mark.parametrize(
    ("without", "tile", "threads"), [(("tiles",), False, 2), (("threads",), True, 1), (("tiles", "threads"), False, 1)]
)
def test_each_technique_can_be_left_out(without: tuple[str, ...], tile: bool, threads: int) -> None:
    one_core = Machine(cores=1 if "threads" in without else 2, cache=1 << 20)
    sharing = sharing_of(block(CONVOLUTIONS, batch=256), PlanOptions(one_core, without=without))
    found = sharing.tiling
    assert (found is not None and found.tile is not None, 1 if found is None else found.threads) == (tile, threads)


def test_threads_that_meet_have_shares_where_that_pays() -> None:
    network = CONVOLUTIONS.replace("MaxPooling2D(2)", "BatchNormalization")
    sharing = sharing_of(block(network, batch=256), PlanOptions(TWO_CORES))
    assert sharing.tiling is not None
    assert (sharing.tiling.tile, sharing.tiling.threads) == (None, 2)
    assert "each with a share of the batch" in sharing.reason


def test_threads_that_would_wait_too_often_stay_asleep() -> None:
    network = "Flatten\n" + "  Dense(64)\n  BatchNormalization\n  relu\n" * 12 + "  Dense(10)"
    sharing = sharing_of(block(network, batch=1024), PlanOptions(TWO_CORES))
    assert sharing.tiling is None
    assert sharing.reason.endswith("; and threads would wait for each other 49 times in a step.")


COPIES = Machine(cores=2, cache=8 << 20, copies=True)

LOOP = "Reshape([8, 8])\n  LSTM(64)\n  Dense(10)"


@pytest.mark.parametrize(
    ("machine", "without", "processes"),
    [(COPIES, (), True), (COPIES, ("processes",), False), (COPIES, ("threads",), False), (TWO_CORES, (), False)],
)
def test_many_small_calls_are_shared_out_to_processes(
    machine: Machine, without: tuple[str, ...], processes: bool
) -> None:
    sharing = sharing_of(block(LOOP, batch=128), PlanOptions(machine, without=without))
    assert (sharing.tiling is not None and sharing.tiling.processes) == processes
    assert ("processes, as threads would wait for Python" in sharing.reason) == processes


def test_few_large_calls_are_left_to_threads() -> None:
    sharing = sharing_of(block(CONVOLUTIONS, batch=256), PlanOptions(COPIES))
    assert sharing.tiling is not None
    assert not sharing.tiling.processes


def test_shares_that_add_arrays_up_on_the_way_are_left_to_threads() -> None:
    network = LOOP.replace("Dense(10)", "BatchNormalization\n  Dense(10)")
    sharing = sharing_of(block(network, batch=128), PlanOptions(COPIES, threads=2))
    assert sharing.tiling is not None
    assert not sharing.tiling.processes


def test_what_the_user_says_is_done() -> None:
    sharing = sharing_of(block("Flatten\n  Dense(10)"), PlanOptions(TWO_CORES, tile=3, threads=4))
    assert sharing.tiling is not None
    assert (sharing.tiling.tile, sharing.tiling.threads) == (3, 4)
