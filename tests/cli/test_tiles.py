"""`--tile` and `--threads`: batches in parts, of runs and of standalone files."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nndsl.cli.application import application

PROGRAM = """\
data rows {
  x = [[0.5, -1.0], [1.5, 0.5], [0.1, 0.2], [-1.0, 1.0], [0.7, -0.2], [0.3, 0.4], [1.0, 1.0]]
  y = [0, 1, 1, 0, 1, 0, 1]
}

model Net {
  input x
  Dense(8, activation=tanh)
  LAYER
  Dense(2)
}

train Net on rows {
  epochs = 6
  batch_size = 5
  scores = Net(x)
  minimize cross_entropy(scores, y) using Adam(0.05)
}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("net.nn").write_text(PROGRAM.replace("LAYER", "Dropout(0.3)"))
    Path("norm.nn").write_text(PROGRAM.replace("LAYER", "BatchNormalization"))


def nndsl(*arguments: object) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


def losses(run: str) -> list[float]:
    with Path(run, "history.csv").open(newline="") as file:
        return [float(row["train.loss"]) for row in csv.DictReader(file)]


def test_a_run_in_tiles_learns_as_one_over_whole_batches() -> None:
    assert nndsl("run", "net.nn", "--out", "whole").exit_code == 0
    done = nndsl("run", "net.nn", "--out", "tiles", "--tile", 2, "--threads", 2)
    assert done.exit_code == 0, done.output
    assert re.search("tile=2, (threads|processes)=2", Path("tiles/net.py").read_text())
    assert losses("tiles") == pytest.approx(losses("whole"), rel=1e-5)


def test_a_run_goes_on_in_the_tiles_it_was_started_with() -> None:
    assert nndsl("run", "net.nn", "--tile", 2, "--threads", 3, "--out", "straight").exit_code == 0
    assert nndsl("run", "net.nn", "--tile", 2, "--threads", 3, "--out", "run", "--epochs", 3).exit_code == 0
    done = nndsl("run", "net.nn", "--out", "run", "--resume", "--epochs", 6)
    assert done.exit_code == 0, done.output
    assert losses("run") == losses("straight")
    refused = nndsl("run", "net.nn", "--out", "run", "--resume", "--epochs", 7, "--tile", 1)
    assert refused.exit_code == 1
    assert "the run was started with --tile 2, and can't go on with --tile 1" in refused.output


def test_a_run_in_shares_that_meet_goes_on_to_the_same_bits() -> None:
    assert nndsl("run", "norm.nn", "--out", "whole").exit_code == 0
    assert nndsl("run", "norm.nn", "--threads", 3, "--out", "straight").exit_code == 0
    assert "= Shares(" in Path("straight/norm.py").read_text()
    assert losses("straight") == pytest.approx(losses("whole"), rel=1e-4)
    assert nndsl("run", "norm.nn", "--threads", 3, "--out", "run", "--epochs", 3).exit_code == 0
    done = nndsl("run", "norm.nn", "--out", "run", "--resume", "--epochs", 6)
    assert done.exit_code == 0, done.output
    assert Path("run/weights.safetensors").read_bytes() == Path("straight/weights.safetensors").read_bytes()


def test_gradients_of_several_batches_add_up_in_shares_that_meet() -> None:
    text = Path("norm.nn").read_text().replace("batch_size = 5", "batch_size = 4\n  gradient_accumulation_steps = 2")
    Path("norm.nn").write_text(text)
    assert nndsl("run", "norm.nn", "--out", "whole").exit_code == 0
    assert nndsl("run", "norm.nn", "--threads", 2, "--out", "shares").exit_code == 0
    assert losses("shares") == pytest.approx(losses("whole"), rel=1e-4)


@pytest.mark.parametrize(("name", "size"), [("net", "tile"), ("norm", "size")])
def test_a_standalone_file_shares_batches_out(name: str, size: str) -> None:
    built = nndsl("build", f"{name}.nn", "--threads", 2)
    assert built.exit_code == 0, built.output
    assert re.search(rf"{size}=-\(-n // 2\), (threads|processes)=2", Path(f"{name}.py").read_text())
    checked = [sys.executable, f"{name}.py", "check-gradients"]
    assert subprocess.run(checked, capture_output=True, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (
            ["norm.nn", "--tile", 2],
            "the batches of Net can't be divided into tiles: states are made from the whole batch",
        ),
        (["net.nn", "--tile", 2, "-O0"], "textbook code goes through whole batches"),
    ],
)
def test_batches_that_can_not_be_divided_are_refused(options: list[object], why: str) -> None:
    refused = nndsl("run", *options)
    assert refused.exit_code == 1
    assert f"error[NN635]: {why}" in refused.output
    assert not Path("runs").exists()
