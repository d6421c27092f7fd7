"""The comparison on a GPU, as far as a machine without one can try it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from benchmarks import gpu
from benchmarks.gpu import TOLERANCES, Best, moved, work_of
from benchmarks.networks import GPU_NETWORKS
from benchmarks.networks.perceptrons import perceptron
from benchmarks.networks.recurrent import recurrent
from benchmarks.networks.resnet import resnet
from benchmarks.networks.transformer import transformer
from benchmarks.options import Options
from benchmarks.sides import PEERS, on_gpu, ours
from benchmarks.sides.on_gpu import PRECISIONS, in_pytorch
from benchmarks.steps import require_agreement
from benchmarks.timing import Timed
from nndsl.runtime import devices
from nndsl.runtime.devices import Found, lacking, look
from tests.cupy_standin import standin

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


TINY = (
    perceptron("MLP", 16, (32, 16, 10), classes=10),
    resnet(12, 32, 10, (8, 16)),
    recurrent("LSTM", 12, steps=5, features=6, units=8),
    transformer(2, blocks=1, heads=2, width=16, length=8),
)
"""The networks of the page, as small as they may be."""


@pytest.fixture
def dry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The comparison without a GPU: CuPy's stand-in, PyTorch on the CPU, nothing is really timed."""
    monkeypatch.setattr(gpu, "GPU_NETWORKS", TINY)
    monkeypatch.setattr(gpu, "require_gpu", lambda: None)
    monkeypatch.setattr(gpu, "device_name", lambda: "Stand-in")
    monkeypatch.setattr(gpu, "measured_best", lambda _: Best(1e12, 1e12))
    monkeypatch.setattr(gpu, "in_turn", lambda things, rounds, seconds: [_called(thing) for thing in things])
    monkeypatch.setattr(on_gpu, "WAYS", {"PyTorch": None})
    monkeypatch.setattr(on_gpu, "in_pytorch", partial(in_pytorch, device="cpu"))
    monkeypatch.setattr(devices, "look", lambda: Found(("cupy-cuda13x",), True, 13020, ("Stand-in",), None, 13, True))
    with standin():
        yield


def _called(thing: Timed) -> list[float]:
    with thing.held():
        thing.call()
        thing.settled()
    return [1e-3, 2e-3, 3e-3]


def options(*rows: str) -> Options:
    return Options(3, rows, (), ())


@pytest.mark.usefixtures("dry")
@pytest.mark.parametrize("key", ["MLP", "ResNet-18", "LSTM", "transformer"])
def test_every_network_goes_through_the_whole_comparison_in_every_precision(
    key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = gpu.section(options(key))
    for precision in PRECISIONS:
        assert f"### {precision}\n\nStand-in, 1 TFLOP/s and 1.00 TB/s at best.\n\n| network" in printed
    assert "not measured" not in printed
    assert printed.count("2.00, 1.00 (1.00 to 1.00)") == len(PRECISIONS)
    assert "not captured" not in capsys.readouterr().err


@pytest.mark.usefixtures("dry")
def test_a_network_that_can_not_be_measured_is_said_and_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "TOLERANCES", dict.fromkeys(PRECISIONS, 1e-12))
    printed = gpu.section(options("MLP", "LSTM"))
    assert "- LSTM 5 steps of 6, 8 units, batch 12: not measured: SystemExit: LSTM" in printed


@pytest.mark.usefixtures("dry")
def test_on_a_device_the_batch_is_there_and_steps_are_replayed(tmp_path: Path) -> None:
    with standin() as machine:
        side, *_ = on_gpu.sides(TINY[0], "bfloat16", tmp_path)
        for _ in range(4):
            side.step()
        machine.counters.clear()
        for _ in range(5):
            side.step()
        found = machine.counters
    assert (found.replays, found.copies_to_device, found.synchronisations, found.launches) == (5, 5, 0, 0)
