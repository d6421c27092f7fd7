from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.networks import NETWORKS, Network
from benchmarks.sides import PEERS, available, ours
from benchmarks.steps import require_agreement

STEPS = 4
EVERY_ROW = "PyTorch"
OTHERS = {"JAX": ("GRU", "GAN"), "Keras on JAX": ("GRU", "GAN")}
"""Where gates and their biases lie, and two updates in a step; the benchmark itself tries them all each time."""
PAIRS = [
    pytest.param(
        network,
        peer,
        id=f"{network.key}, {peer}",
        marks=() if peer == EVERY_ROW and network.key != "transformer" else pytest.mark.slow,
    )
    for network in NETWORKS
    for peer in available()
    if peer == EVERY_ROW or network.key in OTHERS.get(peer, ())
]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tests run side by side: threads of PyTorch that wait for each other would take the cores of the others."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("network", "peer"), PAIRS)
def test_sides_learn_the_same(network: Network, peer: str, tmp_path: Path) -> None:
    side, weights, columns = ours(network, tmp_path)
    require_agreement(network, [side, PEERS[peer][0](network, weights, columns)], STEPS)


def test_sides_that_learn_something_else_are_refused(tmp_path: Path) -> None:
    network = NETWORKS[0]
    side, _, _ = ours(network, tmp_path)
    ahead, _, _ = ours(network, tmp_path)
    ahead.step()
    with pytest.raises(SystemExit, match="at step 0 the losses of nndsl are"):
        require_agreement(network, [side, ahead], STEPS)


def test_another_way_of_our_own_takes_the_options_of_run(tmp_path: Path) -> None:
    network = NETWORKS[0]
    side, _, _ = ours(network, tmp_path)
    tiled, _, _ = ours(network, tmp_path, "--threads 2 --tile 16")
    textbook, _, _ = ours(network, tmp_path, "-O0")
    assert (tiled.name, textbook.name) == ("nndsl --threads 2 --tile 16", "nndsl -O0")
    require_agreement(network, [side, tiled, textbook], STEPS)
