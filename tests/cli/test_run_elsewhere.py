"""A run folder that was copied to where the data are not: new rows can still be given to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from nndsl.cli.application import application

PROGRAM = """\
data houses from csv("houses.csv") {
  size = standardize(fill(columns("size"), median))
  town = one_hot(category(column("town")))
  kind = class(column("kind"))
  split train 80%, test 20%
}

data digits from npz("digits.npz") {
  image = column("image") / 16
  label = class(column("label"))
}

model Houses {
  input size
  input town
  concatenate([size, town]) -> Dense(houses.kind.classes)
}

model Digits {
  input image
  Flatten
  Dense(digits.label.classes)
}

train Houses on houses {
  epochs = 2
  scores = Houses(size, town=town)
  minimize cross_entropy(scores, kind) using Adam
  predict kind = argmax(scores)
}

train Digits on digits {
  epochs = 1
  scores = Digits(image)
  minimize cross_entropy(scores, label) using Adam
  predict digit = argmax(scores)
}
"""


def nndsl(*arguments: object) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run_elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `copied` with both runs; where they were made, nothing is left."""
    folder = tmp_path_factory.mktemp("moved")
    home = folder / "home"
    home.mkdir()
    rows = [f"{10 + row % 7},{'ABC'[row % 3]},{'flat' if row % 2 else 'villa'}" for row in range(40)]
    (home / "houses.csv").write_text("size,town,kind\n" + "\n".join([*rows, ",A,flat"]) + "\n")
    label = np.arange(30) % 3
    np.savez(home / "digits.npz", image=np.ones((30, 2, 2)) * label[:, None, None], label=label)
    (home / "both.nn").write_text(PROGRAM)
    made = nndsl("run", home / "both.nn", "--out", home / "runs")
    assert made.exit_code == 0, made.output
    shutil.copytree(home / "runs", folder / "copied")
    shutil.rmtree(home)
    return folder / "copied"


def test_rows_of_ones_own_are_predicted(run_elsewhere: Path, tmp_path: Path) -> None:
    (tmp_path / "new.csv").write_text("size,town\n12,A\n,C\n")
    found = nndsl("predict", run_elsewhere / "Houses", tmp_path / "new.csv")
    assert found.exit_code == 0, found.output
    assert {*found.output.split()[1:]} <= {"flat", "villa"}


def test_arrays_of_ones_own_are_predicted(run_elsewhere: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "new.npz", image=np.ones((2, 2, 2)))
    found = nndsl("predict", run_elsewhere / "Digits", tmp_path / "new.npz")
    assert found.exit_code == 0, found.output
    assert len(found.output.split()) == 3


def test_a_file_with_several_train_blocks_says_which_one_predicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    block = "train NAME on rows {\n  epochs = 1\n  minimize mse(Net(x), y) using SGD(0.1)\n  predict z = Net(x)\n}\n"
    data = "data rows {\n  x = [[1.0], [2.0]]\n  y = [[1.0], [2.0]]\n}\nmodel Net {\n  input x\n  Dense(1)\n}\n"
    Path("two.nn").write_text(data + block.replace("NAME", "First") + block.replace("NAME", "Second"))
    assert nndsl("run", "two.nn").exit_code == 0
    np.savez("new.npz", x=np.ones((3, 1)))
    told = "as First predicts; `--train` asks for others: Second\n"
    assert nndsl("predict", "two.nn", "new.npz").stderr == told
    assert nndsl("predict", "two.nn", "new.npz", "--train", "Second").stderr == ""
    assert nndsl("predict", "runs/Second", "new.npz").stderr == ""


def test_what_needs_the_rows_themselves_says_that_they_are_not_there(run_elsewhere: Path) -> None:
    found = nndsl("evaluate", run_elsewhere / "Houses")
    assert found.exit_code == 1
    assert 'error[NN401]: there is no file "houses.csv"' in found.output


@pytest.mark.parametrize(
    "tables", [3, [{}], [{"reader": "x", "rows": 1, "columns": [{"name": "a", "kind": "number", "shape": [-1]}]}]]
)
def test_a_damaged_record_of_the_tables_is_a_clear_mistake(run_elsewhere: Path, tmp_path: Path, tables: object) -> None:
    shutil.copytree(run_elsewhere / "Houses", tmp_path / "run")
    start = tmp_path / "run" / "run.json"
    start.write_text(json.dumps({**json.loads(start.read_text()), "tables": tables}))
    found = nndsl("predict", tmp_path / "run", tmp_path / "new.csv")
    assert found.exit_code == 1
    assert "NN603" in found.output
