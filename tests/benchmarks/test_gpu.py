"""The comparison on a GPU, as far as a machine without one can try it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.gpu import TOLERANCES, Best, moved, work_of
from benchmarks.networks import GPU_NETWORKS
from benchmarks.networks.perceptrons import perceptron
from benchmarks.networks.resnet import resnet
from benchmarks.options import Options
from benchmarks.sides import PEERS, ours
from benchmarks.sides.on_gpu import PRECISIONS, in_pytorch
from benchmarks.steps import require_agreement
from nndsl.runtime.devices import lacking, look

STEPS = 6
SMALL_RESNET = resnet(4, 32, 10, (8, 16))
SMALL_MLP = perceptron("MLP", 64, (32, 48, 10), classes=10)


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    torch = pytest.importorskip("torch")
    before = (torch.get_num_threads(), torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before[0])
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before[1:]


@pytest.mark.skipif(lacking(look()) is None, reason="there is a GPU")
def test_without_a_gpu_it_says_so_and_ends_with_1() -> None:
    line = [sys.executable, "-m", "benchmarks", "gpu"]
    done = subprocess.run(line, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("this part needs a GPU, and there is none to use\nerror[NN6")
    assert "Traceback" not in done.stderr
    assert not done.stdout


def test_a_residual_network_learns_the_same_in_pytorch(tmp_path: Path) -> None:
    side, weights, columns = ours(SMALL_RESNET, tmp_path)
    require_agreement(SMALL_RESNET, [side, PEERS["PyTorch"][0](SMALL_RESNET, weights, columns)], STEPS)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_pytorch_learns_the_same_in_each_precision_within_its_tolerance(precision: str, tmp_path: Path) -> None:
    side, weights, columns = ours(SMALL_MLP, tmp_path)
    lower = in_pytorch("PyTorch", SMALL_MLP, weights, columns, precision, device="cpu")
    require_agreement(SMALL_MLP, [side, lower], STEPS, TOLERANCES[precision])


def test_bfloat16_is_not_float32(tmp_path: Path) -> None:
    side, weights, columns = ours(SMALL_MLP, tmp_path)
    lower = in_pytorch("PyTorch", SMALL_MLP, weights, columns, "bfloat16", device="cpu")
    with pytest.raises(SystemExit, match="the losses of nndsl are"):
        require_agreement(SMALL_MLP, [side, lower], STEPS, 1e-6)


def test_no_step_is_faster_than_its_arithmetic_or_its_memory() -> None:
    work = work_of(SMALL_MLP, "float32")
    assert work.flops > 3 * 2 * 64 * (32 * 48 + 48 * 10) * 0.8
    assert moved(work) >= 2 * (work.weights + work.gradients + work.slots)
    assert Best(1e9, 1e30).seconds(work) == pytest.approx(work.flops / 1e9)
    assert Best(1e30, 1e9).seconds(work) == pytest.approx(moved(work) / 1e9)
    assert moved(work_of(SMALL_MLP, "bfloat16")) < moved(work)


def test_the_networks_have_the_sizes_that_the_page_says() -> None:
    names = [network.name for network in GPU_NETWORKS]
    assert names == [
        "MLP 4096-4096-4096-4096-10, batch 1024",
        "ResNet-18 224x224, 64 to 512 channels, batch 64",
        "LSTM 128 steps of 512, 512 units, batch 64",
        "transformer 6 blocks, 6 heads, 384 wide, 256 characters, batch 64",
    ]


def test_a_row_that_a_part_does_not_have_is_said() -> None:
    with pytest.raises(SystemExit, match="none was asked for"):
        Options(1, ("GRU",), (), ()).of(GPU_NETWORKS)
