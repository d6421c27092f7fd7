"""Emitted modules are files of their own: they import without nndsl, without a warning, and pass a style checker."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nndsl.emit import emit
from tests.emit.loading import load
from tests.programs import digits_mlp

WITHOUT_NNDSL = "import sys; sys.modules['nndsl'] = None; import digits; print(digits.PROGRAM.name)"


@pytest.fixture(params=[0, 1])
def module_file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "digits.py"
    path.write_text(emit(digits_mlp(), level=request.param), encoding="utf-8")
    return path


def test_module_imports_without_nndsl_and_without_a_warning(module_file: Path) -> None:
    command = [sys.executable, "-W", "error", "-B", "-c", WITHOUT_NNDSL]
    done = subprocess.run(command, cwd=module_file.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "digits\n", "")


def test_module_has_a_command_line(module_file: Path) -> None:
    command = [sys.executable, "-W", "error", "-B", str(module_file), "--help"]
    done = subprocess.run(command, cwd=module_file.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "check-gradients" in done.stdout


def test_module_passes_a_style_checker(module_file: Path) -> None:
    ruff = shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("ruff is not installed")
    command = [ruff, "check", "--isolated", "--no-cache", "--select", "E4,E7,E9,F,W", str(module_file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_lines_of_the_network_fit_a_page(module_file: Path) -> None:
    long = [line for line in module_file.read_text(encoding="utf-8").splitlines() if len(line) > 120]
    assert not long


def test_module_declares_the_program() -> None:
    program = load(emit(digits_mlp(), precision="float64")).PROGRAM
    assert program.dtype == "float64"
    assert program.source == "digits.nn"
    assert len(program.source_hash) == 64
    assert program.weights[0] == ("Digits/features/kernel", (64, 64))
    train = program.trains["Digits"]
    assert train.fields == ("image", "label")
    assert train.prediction_fields == ("image",)
    assert train.reported == ("loss", "accuracy")
    assert train.slots == (("Digits/0.0/m", 4810, 0.0), ("Digits/0.0/v", 4810, 0.0))
    assert train.expectations == (("test", "accuracy", ">=", 0.9),)
    assert train.prediction_classes == {"digit": tuple("0123456789")}
    assert program.data["digits"].columns[1].names == tuple("0123456789")


def test_report_is_arithmetic_over_totals() -> None:
    import numpy as np

    train = load(emit(digits_mlp())).PROGRAM.trains["Digits"]
    assert train.report(np.array([12.0, 6.0]), 8, 1, 1) == {"loss": 1.5, "accuracy": 0.75}


def test_fields_are_prepared_by_what_the_training_rows_taught() -> None:
    import numpy as np

    module = load(emit(digits_mlp()))
    rows = np.random.default_rng(0).normal(3.0, 2.0, (50, 8, 8))
    columns = {"image": rows, "label": np.arange(50) % 10}
    prepared = module.load_data(module.PROGRAM.data["digits"], {"train": columns}, 0, dtype="float64")
    fields = prepared.parts["train"]
    np.testing.assert_allclose(fields["image"].mean(0), 0.0, atol=1e-12)
    np.testing.assert_allclose(fields["image"].std(0), 1.0)
    np.testing.assert_array_equal(fields["label"], np.arange(50) % 10)
