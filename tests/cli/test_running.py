"""`nndsl run`, and what uses a run: `evaluate`, `predict`, `plot`."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """\
let hidden = 16

data flowers from csv("flowers.csv") {
  size = standardize(columns("length", "width"))
  kind = class(column("kind"))
  split train 60%, validation 20%, test 20%, stratify=kind
}

model Flowers {
  input size
  Dense(hidden, activation=relu)
  Dense(flowers.kind.classes)
}

train Flowers on flowers {
  epochs = 12
  batch_size = 16
  scores = Flowers(size)
  minimize cross_entropy(scores, kind) using Adam(learning_rate=3e-2)
  metric accuracy(scores, kind)
  predict kind = argmax(scores), chances = softmax(scores)
}
"""


def write_flowers(folder: Path) -> None:
    """Three kinds of flowers that length and width tell apart."""
    generator = np.random.default_rng(7)
    lines = ["length,width,kind"]
    for kind, (length, width) in {"rose": (2, 1), "lily": (5, 2), "iris": (5, 6)}.items():
        for a, b in generator.normal((length, width), 0.5, (40, 2)):
            lines.append(f"{a:.3f},{b:.3f},{kind}")
    (folder / "flowers.csv").write_text("\n".join(lines) + "\n")
    (folder / "flowers.nn").write_text(PROGRAM)


def invoke(*arguments: str | Path) -> Result:
    from nndsl.cli.application import application

    return CliRunner().invoke(application, [str(argument) for argument in arguments], prog_name="nndsl")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Result]]:
    """A folder with a program, its data and one run of it, and what the run said. It is the current folder."""
    folder = tmp_path_factory.mktemp("ran")
    write_flowers(folder)
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield folder, invoke("run", "flowers.nn")
    finally:
        os.chdir(before)


@pytest.fixture
def flowers(nndsl, tmp_path: Path):
    """Runs commands in a folder of its own with the program and its data."""
    write_flowers(tmp_path)
    return nndsl


def test_run_fills_its_folder(ran: tuple[Path, Result]):
    folder, result = ran
    assert result.exit_code == 0, result.stderr
    names = {path.name for path in (folder / "runs" / "Flowers").iterdir()}
    assert {"weights.safetensors", "history.csv", "summary.json", "flowers.py", "flowers.nn"} <= names


def test_run_says_how_it_went(ran: tuple[Path, Result]):
    _, result = ran
    assert "epoch 12/12" in result.stdout
    assert "test  loss" in result.stdout
    assert str(Path("runs", "Flowers")) in result.stdout
    assert result.stderr == ""


def test_history_has_a_row_an_epoch_and_no_times(ran: tuple[Path, Result]):
    folder, _ = ran
    with (folder / "runs/Flowers/history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert list(rows[0]) == ["epoch", "train.loss", "train.accuracy", "validation.loss", "validation.accuracy"]


def test_the_network_has_learnt(ran: tuple[Path, Result]):
    folder, _ = ran
    summary = json.loads((folder / "runs/Flowers/summary.json").read_text())
    assert summary["epochs"] == 12
    assert summary["test"]["accuracy"] >= 0.9


def test_evaluate_says_what_run_said(ran: tuple[Path, Result]):
    folder, _ = ran
    summary = json.loads((folder / "runs/Flowers/summary.json").read_text())
    for part in ("test", "validation"):
        answer = json.loads(invoke("evaluate", "flowers.nn", "--on", part, "--json").stdout)
        assert answer["numbers"] == pytest.approx(summary[part], rel=1e-6)


def test_evaluate_takes_rows_from_a_file(ran: tuple[Path, Result]):
    answer = invoke("evaluate", "flowers.nn", "flowers.csv")
    assert answer.exit_code == 0, answer.stderr
    assert answer.stdout.startswith("loss ")


def test_evaluate_takes_the_weights_of_a_file(ran: tuple[Path, Result]):
    weights = "runs/Flowers/weights.safetensors"
    assert invoke("evaluate", "flowers.nn", "--weights", weights).stdout == invoke("evaluate", "flowers.nn").stdout


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["evaluate", "flowers.nn", "--weights", "runs/Nothing"], "NN601"),
        (["evaluate", "flowers.nn", "--weights", "runs"], "NN603"),
        (["evaluate", "flowers.nn", "--weights", "flowers.csv"], "NN605"),
        (["evaluate", "flowers.nn", "--set", "hidden=8"], "NN604"),
        (["evaluate", "flowers.nn", "--on", "exam"], "NN611"),
        (["evaluate", "runs"], "NN603"),
        (["evaluate", "flowers.nn", "nothing.csv"], "NN601"),
        (["predict", "flowers.nn", "flowers.csv", "-o", "a.xlsx"], "NN609"),
        (["predict", "flowers.nn", "flowers.csv", "-o", "a.npy"], "NN609"),
        (["predict", "flowers.nn", "flowers.csv", "-o", "nowhere/a.csv"], "NN608"),
        (["run", "flowers.nn", "--epochs", "0"], "NN616"),
        (["run", "flowers.nn", "--device", "gpu"], "NN607"),
        (["run", "flowers.nn", "--out", "flowers.csv/x"], "NN608"),
        (["build", "flowers.nn", "-o", "nowhere/a.py"], "NN608"),
        (["build", "flowers.nn", "--data", "a.csv"], "NN609"),
    ],
)
def test_mistakes_in_arguments_have_their_code(ran: tuple[Path, Result], arguments: list[str], code: str):
    result = invoke(*arguments)
    assert result.exit_code == 1, result.stderr
    assert code in result.stderr


def test_predict_writes_a_table(ran: tuple[Path, Result]):
    result = invoke("predict", "flowers.nn", "flowers.csv", "-o", "kinds.csv")
    assert result.exit_code == 0, result.stderr
    with Path("kinds.csv").open() as predicted, Path("flowers.csv").open() as known:
        pairs = [(p["kind"], k["kind"]) for p, k in zip(csv.DictReader(predicted), csv.DictReader(known), strict=True)]
    assert sum(p == k for p, k in pairs) > 110


def test_predict_without_a_file_prints_the_table(ran: tuple[Path, Result]):
    invoke("predict", "flowers.nn", "flowers.csv", "-o", "kinds.csv")
    result = invoke("predict", "flowers.nn", "flowers.csv")
    assert result.stdout == Path("kinds.csv").read_text()
    assert result.stdout.splitlines()[0] == "kind,chances[0],chances[1],chances[2]"


def test_predict_reads_and_writes_arrays(ran: tuple[Path, Result]):
    np.savez("new.npz", length=np.array([2.0, 5.0]), width=np.array([1.0, 6.0]))
    result = invoke("predict", "flowers.nn", "new.npz", "-o", "kinds.npz")
    assert result.exit_code == 0, result.stderr
    with np.load("kinds.npz", allow_pickle=False) as found:
        assert found["kind"].tolist() == ["rose", "iris"]
        assert found["chances"].shape == (2, 3)


def test_predict_takes_a_run_folder_for_the_program(ran: tuple[Path, Result]):
    result = invoke("predict", "runs/Flowers", "flowers.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == invoke("predict", "flowers.nn", "flowers.csv").stdout


def test_a_run_folder_knows_how_it_was_started(flowers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    arguments = ("--set", "hidden=5", "--precision", "float64", "--epochs", "1", "--out", "small")
    assert flowers("run", "flowers.nn", *arguments).exit_code == 0
    expected = flowers("predict", "flowers.nn", "flowers.csv", "--weights", "small", "--set", "hidden=5").stdout
    monkeypatch.chdir(tmp_path.parent)
    found = invoke("predict", tmp_path / "small", tmp_path / "flowers.csv")
    assert found.exit_code == 0, found.stderr
    assert [line.split(",")[0] for line in found.stdout.splitlines()] == [
        line.split(",")[0] for line in expected.splitlines()
    ]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"file": 1, "train": "Flowers", "sets": 3, "precision": 0}', "\0"])
def test_a_run_folder_that_says_nonsense_is_a_mistake(flowers, text: str):
    Path("bad").mkdir()
    Path("bad/run.json").write_text(text)
    result = flowers("evaluate", "bad")
    assert result.exit_code == 1
    assert "error[NN603]: bad is not a run: its run.json is damaged" in result.stderr


def test_predict_as_data(ran: tuple[Path, Result]):
    answer = json.loads(invoke("predict", "flowers.nn", "flowers.csv", "--json").stdout)
    assert answer["rows"] == 120
    assert len(answer["predictions"]["kind"]) == 120


def test_predict_of_a_file_without_a_column_says_which(ran: tuple[Path, Result]):
    Path("short.csv").write_text("length\n1\n")
    result = invoke("predict", "flowers.nn", "short.csv")
    assert result.exit_code == 1
    assert "width" in result.stderr


def test_predict_of_a_program_without_predict_is_a_mistake(flowers):
    text = Path("flowers.nn").read_text()
    Path("flowers.nn").write_text(text.replace("  predict kind = argmax(scores), chances = softmax(scores)\n", ""))
    assert flowers("run", "flowers.nn", "--epochs", "1").exit_code == 0
    result = flowers("predict", "flowers.nn", "flowers.csv")
    assert result.exit_code == 1
    assert "NN610" in result.stderr


@pytest.mark.parametrize("data", ["", " on numbers"])
def test_predict_of_what_needs_no_columns_is_a_mistake(nndsl, data: str):
    Path("rows.csv").write_text("x\n1\n2\n")
    Path("made.nn").write_text(
        f"""
data numbers from csv("rows.csv") {{
  x = column("x")
}}
model Maker {{
  input noise: [2]
  Dense(1)
}}
train Maker{data} {{
  {"epochs" if data else "steps"} = 1
  made = Maker(normal([2]))
  minimize batch_mean((sum(made, axis=0) - {"x" if data else "1"}) ^ 2) using SGD(0.1)
  predict made
}}
"""
    )
    result = nndsl("run", "made.nn")
    assert result.exit_code == 0, result.stderr
    result = nndsl("predict", "made.nn", "rows.csv")
    assert result.exit_code == 1
    assert "NN610" in result.stderr
    assert "nothing to predict from" in result.stderr


def test_new_rows_are_read_as_the_programs_own(flowers):
    """Delimiter, missing values, names: what the program says of its file holds for another of its kind."""
    rows = [line.split(",") for line in Path("flowers.csv").read_text().splitlines()[1:]]
    Path("flowers.csv").write_text("\n".join(";".join(row) for row in rows), encoding="utf-16")
    options = 'delimiter=";", header=false, names=["length", "width", "kind"], encoding="utf-16", missing=["-9"]'
    text = Path("flowers.nn").read_text().replace('csv("flowers.csv")', f'csv("flowers.csv", {options})')
    Path("flowers.nn").write_text(text.replace('columns("length", "width")', 'fill(columns("length", "width"), mean)'))
    assert flowers("run", "flowers.nn", "--epochs", "1").exit_code == 0
    Path("new.csv").write_text("5.1;-9;iris\n2.1;1.0;rose\n", encoding="utf-16")
    for command in ("evaluate", "predict"):
        result = flowers(command, "flowers.nn", "new.csv")
        assert result.exit_code == 0, result.stderr
    missing = result.stdout.splitlines()
    assert len(missing) == 3
    np.savez("new.npz", length=[5.1], width=[6.0])
    assert flowers("predict", "flowers.nn", "new.npz").exit_code == 0


def test_the_history_can_be_drawn(ran: tuple[Path, Result]):
    assert invoke("plot", "runs/Flowers").exit_code == 0
    assert Path("runs/Flowers/history.png").stat().st_size > 10_000


def test_run_as_data(flowers):
    result = flowers("run", "flowers.nn", "--epochs", "2", "--json", "--out", "elsewhere")
    answer = json.loads(result.stdout)
    assert answer["ok"] is True
    assert answer["runs"][0]["folder"] == "elsewhere"
    assert answer["runs"][0]["summary"]["epochs"] == 2
    assert result.stderr == ""


def test_the_same_seed_gives_the_same_files(flowers):
    for folder in ("a", "b", "c"):
        assert flowers("run", "flowers.nn", "--seed", "4" if folder == "c" else "3", "--out", folder).exit_code == 0
    histories = [Path(folder, "history.csv").read_bytes() for folder in ("a", "b", "c")]
    assert histories[0] == histories[1] != histories[2]
    assert Path("a/weights.safetensors").read_bytes() == Path("b/weights.safetensors").read_bytes()


def test_an_expectation_that_does_not_hold_ends_with_1_and_a_full_folder(flowers):
    text = Path("flowers.nn").read_text()
    Path("flowers.nn").write_text(text.replace("  predict", "  expect test accuracy > 1\n  predict"))
    result = flowers("run", "flowers.nn", "--epochs", "1")
    assert result.exit_code == 1
    assert "NN615" in result.stderr
    assert Path("runs/Flowers/summary.json").exists()
    answer = json.loads(flowers("run", "flowers.nn", "--epochs", "1", "--json").stdout)
    assert answer["ok"] is False
    assert answer["runs"][0]["summary"]["epochs"] == 1


def test_an_unknown_train_block_is_a_mistake(flowers):
    result = flowers("run", "flowers.nn", "--train", "flowers")
    assert result.exit_code == 1
    assert "Flowers" in result.stderr


def test_a_loss_that_leaves_the_finite_numbers_is_a_mistake(flowers):
    text = Path("flowers.nn").read_text()
    Path("flowers.nn").write_text(text.replace("Adam(learning_rate=3e-2)", "SGD(learning_rate=1e30)"))
    result = flowers("run", "flowers.nn")
    assert result.exit_code == 1
    assert "NN617" in result.stderr
    assert "Warning" not in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_an_interrupted_run_saves_and_ends_with_130(tmp_path: Path):
    write_flowers(tmp_path)
    running = subprocess.Popen(
        [sys.executable, "-m", "nndsl", "run", "flowers.nn", "--epochs", "1000000"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        while line and "epoch" not in line:
            line = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        output, errors = running.communicate(timeout=60)
    finally:
        running.kill()
    assert running.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted" in output + errors
    assert (tmp_path / "runs/Flowers/weights.safetensors").exists()


def test_a_run_into_a_closed_pipe_shows_no_traceback(tmp_path: Path):
    write_flowers(tmp_path)
    done = subprocess.run(
        f"{sys.executable} -m nndsl run flowers.nn | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 141)
