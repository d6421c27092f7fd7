"""The CuPy file by itself: it is imported where there is no GPU, says what is missing when it is run, and trains."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nndsl.check import check
from nndsl.runtime.load import generate
from nndsl.source import SourceFile
from tests import nvrtc
from tests.cupy_standin import standin
from tests.emit.loading import load
from tests.runtime.device.training import model_of

PRECISIONS = ("float32", "float64", "tf32", "bfloat16")


def written(folder: Path, precision: str = "float32", settings: str = "") -> str:
    """The text of the file, beside the columns that it reads, rows.npz."""
    model_of(folder, "cpu", settings=settings)
    path = folder / "net.nn"
    return generate(check(SourceFile(str(path), path.read_text(), path)), precision=precision, device="gpu")


def command(text: str, folder: Path, *arguments: str) -> tuple[int, Any]:
    module = load(text)
    return module.run_command(module.PROGRAM, [*arguments, "--weights", str(folder / "weights.npz")]), module


@pytest.mark.parametrize("precision", PRECISIONS)
def test_it_is_imported_without_a_driver_and_says_so_when_it_is_run(
    precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = written(tmp_path, precision)
    with standin(driver=None):
        program: Any = load(text).PROGRAM
        assert np.isfinite(program.memory(0).weights).all()
        code, _ = command(text, tmp_path, "train", str(tmp_path / "rows.npz"))
    assert code == 1
    assert capsys.readouterr().err.startswith("error: there is no GPU that CuPy could use: cudaErrorInsufficientDriver")


def test_without_a_gpu_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = written(tmp_path)
    with standin(devices=0):
        assert command(text, tmp_path, "train", str(tmp_path / "rows.npz"))[0] == 1
    assert "there is no GPU that CuPy could use: cudaErrorNoDevice" in capsys.readouterr().err


@pytest.mark.parametrize("precision", PRECISIONS)
def test_it_trains_evaluates_and_predicts(precision: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = written(tmp_path, precision)
    rows = str(tmp_path / "rows.npz")
    with standin():
        assert command(text, tmp_path, "train", rows)[0] == 0
        assert command(text, tmp_path, "evaluate", rows)[0] == 0
        assert command(text, tmp_path, "predict", rows, "-o", str(tmp_path / "out.csv"))[0] == 0
    said = capsys.readouterr()
    assert "epoch 4/4" in said.out
    assert not said.err
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 151


def test_its_gradients_are_checked_in_float64(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module: Any
    with standin():
        module = load(written(tmp_path, "bfloat16"))
        code = module.run_command(module.PROGRAM, ["check-gradients", str(tmp_path / "rows.npz")])
    assert code == 0, capsys.readouterr().out


def test_what_it_needs_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    module: Any
    with standin():
        module = load(written(tmp_path))
        with pytest.raises(SystemExit):
            module.run_command(module.PROGRAM, ["--help"])
    assert "needs CuPy, nvmath-python and a GPU" in " ".join(capsys.readouterr().out.split())


@pytest.mark.skipif(importlib.util.find_spec("cupy") is None, reason="CuPy is not installed")
def test_it_is_imported_with_cupy_itself(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(written(tmp_path, "bfloat16"))
    script = "import net; print(net.PROGRAM.memory(0).weights.size)"
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 100


@nvrtc.needed
@pytest.mark.parametrize("precision", PRECISIONS)
def test_nvrtc_takes_every_kernel_of_a_training_those_of_the_runtime_too(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = written(tmp_path, precision, "use_ema = true")
    sources: set[str] = set()
    with standin():
        cupy: Any = __import__("cupy")
        made = cupy.RawModule

        def noted(*, code: str, options: tuple[str, ...]) -> Any:
            sources.add(code)
            return made(code=code, options=options)

        monkeypatch.setattr(cupy, "RawModule", noted)
        assert command(text, tmp_path, "train", str(tmp_path / "rows.npz"))[0] == 0
    for architecture in nvrtc.ARCHITECTURES:
        kernels = {name for source in sources for name in nvrtc.resources(source, architecture)}
        assert {"take_real", "take_int", "average_in", "totals_sum"} <= kernels
        assert ("narrow_all" in kernels) == (precision == "bfloat16")
