"""`--device gpu` on the command line, with the stand-in for CuPy in its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nndsl.cli.application import application
from nndsl.runtime import devices
from nndsl.runtime.devices import Found
from tests.cupy_standin import standin
from tests.runtime.device.training import model_of

NET = "net.nn"
FOUND = Found(("cupy-cuda13x",), True, 13020, ("Stand-in",), None, 13, True, 150_000_000_000)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Runs a command, which must end with a code; its result."""
    monkeypatch.chdir(tmp_path)
    model_of(tmp_path, "cpu")  # which writes its file and its data
    monkeypatch.setattr(devices, "look", lambda: FOUND)

    def ran(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(application, arguments)
        assert result.exit_code == code, result.output
        return result

    with standin():
        yield ran


def test_run_trains_on_the_gpu_with_the_very_file_that_build_writes(run: Any) -> None:
    told = run("run", NET, "--device", "gpu", "--precision", "bfloat16", "--epochs", "3").output
    assert told.startswith("computes on the GPU (Stand-in, 150 GB free)\n")
    assert "epoch 3/3" in told
    assert "not captured" not in told
    run("build", NET, "--target", "cupy", "--precision", "bfloat16", "-o", "net.py")
    (ran,) = Path("runs/Net").glob("*.py")
    assert Path("net.py").read_bytes() == ran.read_bytes()
    assert json.loads(Path("runs/Net/run.json").read_text())["precision"] == "bfloat16"


def test_a_run_on_the_gpu_is_used_on_the_cpu(run: Any) -> None:
    run("run", NET, "--device", "gpu", "--precision", "bfloat16", "--epochs", "2")
    found = json.loads(run("evaluate", "runs/Net", "--on", "validation", "--json").stdout)
    summary = json.loads(Path("runs/Net/summary.json").read_text())
    assert found["ok"]
    assert found["numbers"]["loss"] == pytest.approx(summary["validation"]["loss"], rel=2e-2)


def test_build_writes_weights_beside_a_file_for_the_gpu(run: Any) -> None:
    run("run", NET, "--device", "gpu", "--precision", "bfloat16", "--epochs", "1")
    run("build", NET, "--target", "cupy", "--precision", "bfloat16", "-o", "net.py", "--weights", "runs/Net")
    assert Path("net.weights.npz").is_file()


def test_a_run_goes_on_in_the_precision_that_it_was_begun_in(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = ("--device", "gpu", "--resume")
    run("run", NET, "--device", "gpu", "--precision", "bfloat16", "--epochs", "1")
    refused = run("run", NET, *gpu, "--epochs", "2", "--precision", "tf32", code=1).output
    assert "NN633" in refused
    assert "begun" not in refused
    assert "--precision bfloat16" in refused
    refused = run("run", NET, "--resume", "--epochs", "2", code=1).output
    assert "NN654" in refused
    going = run("run", NET, *gpu, "--epochs", "2").output
    assert "epoch 2/2" in going


def test_summary_says_what_training_takes_of_the_gpus_memory(run: Any) -> None:
    told = run("summary", NET, "--device", "gpu", "--precision", "bfloat16").output
    assert "  on the GPU  33.6 MB, and its data if that fits beside them:\n" in told
    assert "matrix products: their workspace, narrow weights" in told
    data = json.loads(run("summary", NET, "--device", "gpu", "--json").stdout)
    assert data["device"] == "gpu"
    assert data["trains"]["Net"]["gpu_bytes"] > 32 << 20


def test_without_a_gpu_the_precision_is_refused_before_data_is_read(run: Any) -> None:
    refused = run("run", NET, "--precision", "tf32", code=1).output
    assert "error[NN654]: products of tf32 are a GPU's" in refused
    assert "--device gpu" in refused
