"""`nndsl plot`: a picture from a run's history, and clear words where there is none to draw."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nndsl.runs.history import read_history

HISTORY = """\
epoch,train.loss,train.accuracy,validation.loss,validation.accuracy
1,2.0,0.4,1.8,0.5
2,1.0,0.7,0.9,
3,nan,1,0,1
"""


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "runs" / "Digits"
    folder.mkdir(parents=True)
    (folder / "history.csv").write_text(HISTORY)
    return folder


def test_reads_epochs_and_curves(run_folder: Path):
    epochs, curves = read_history(run_folder / "history.csv")
    assert epochs == [1, 2, 3]
    assert list(curves) == ["loss", "accuracy"]
    assert curves["accuracy"]["train"] == [0.4, 0.7, 1.0]
    assert curves["loss"]["validation"] == [1.8, 0.9, 0.0]


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.svg", b"<?xml"), ("a.pdf", b"%PDF")])
def test_draws_each_kind_of_picture(nndsl, run_folder: Path, name: str, start: bytes):
    result = nndsl("plot", run_folder, "-o", name)
    assert result.exit_code == 0, result.stderr
    assert Path(name).read_bytes().startswith(start)


def test_draws_into_the_run_folder_by_default(nndsl, run_folder: Path):
    assert nndsl("plot", run_folder).exit_code == 0
    assert (run_folder / "history.png").stat().st_size > 10_000


def test_takes_the_history_itself(nndsl, run_folder: Path):
    assert nndsl("plot", run_folder / "history.csv").exit_code == 0
    assert (run_folder / "history.png").exists()


def test_a_folder_without_a_history_is_a_mistake(nndsl):
    result = nndsl("plot", "runs/Nothing")
    assert result.exit_code == 1
    assert "NN603" in result.stderr


@pytest.mark.parametrize(
    "text",
    ["", "epoch,train.loss\n", "a,b\n1,2\n", "epoch,train.loss\nx,1\n", "epoch,train.loss\n1\n", "epoch\n1\n"],
)
def test_another_table_is_a_mistake(nndsl, run_folder: Path, text: str):
    (run_folder / "history.csv").write_text(text)
    result = nndsl("plot", run_folder)
    assert result.exit_code == 1
    assert "NN613" in result.stderr


def test_bytes_are_a_mistake(nndsl, run_folder: Path):
    (run_folder / "history.csv").write_bytes(b"\xff\x00\xfe")
    assert "NN613" in nndsl("plot", run_folder).stderr


def test_an_unknown_kind_of_picture_is_a_mistake(nndsl, run_folder: Path):
    result = nndsl("plot", run_folder, "-o", "a.docx")
    assert result.exit_code == 1
    assert "NN609" in result.stderr


def test_says_how_to_install_matplotlib_where_it_is_missing(nndsl, run_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    result = nndsl("plot", run_folder)
    assert result.exit_code == 1
    assert "NN612" in result.stderr
    assert "pip install 'nndsl[plot]'" in result.stderr


@pytest.mark.parametrize("name", ["functions.png", "gelu.svg"])
def test_draws_functions_and_their_derivatives(nndsl, name: str):
    result = nndsl("plot", "relu", "gelu", "elu(alpha=2)", "tanh", "-o", name, "--range", -3, 3)
    assert result.exit_code == 0, result.stderr
    assert Path(name).stat().st_size > 10_000
    if name.endswith(".svg"):
        assert all(text in Path(name).read_text() for text in ("elu(alpha=2)", "derivative"))


def test_an_unknown_function_is_a_mistake_with_a_suggestion(nndsl):
    result = nndsl("plot", "rleu")
    assert result.exit_code == 1
    assert "did you mean `relu`" in result.stderr


def test_a_range_goes_upwards(nndsl):
    assert "NN616" in nndsl("plot", "relu", "--range", 3, -3).stderr
