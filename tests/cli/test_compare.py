"""`nndsl compare`: what differs between runs, and what came out."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from nndsl.runs.comparison import differing, read_runs, words_of
from nndsl.source import SourceFile, Span

PROGRAM = """\
let width = 4  # how many
data d {
  x = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.2, 0.1], [0.9, 0.8], [0.1, 0.9], [0.8, 0.1]]
  y = class([0, 1, 1, 0, 0, 0, 1, 1])
  split train 50%, validation 25%, test 25%
}
model M {
  input x
  Dense(width, activation=relu)
  Dense(2)
}
train T on d {
  epochs = 3
  minimize cross_entropy(M(x), y) using Adam(1e-2)
  metric accuracy(M(x), y)
}
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three runs."""
    from click.testing import CliRunner

    from nndsl.cli.application import application

    folder = tmp_path_factory.mktemp("made")
    program = folder / "a.nn"

    def run(*arguments: str) -> None:
        result = CliRunner().invoke(application, ["run", str(program), *arguments])
        assert result.exit_code == 0, result.stderr

    program.write_text(PROGRAM)
    run("--out", str(folder / "runs/small"))
    run("--out", str(folder / "runs/wide"), "--set", "width=9", "--seed", "5")
    program.write_text(PROGRAM.replace("Adam(1e-2)", "Adam(3e-2)").replace("relu", "tanh").replace("epochs = 3", ""))
    run("--out", str(folder / "runs/other"))
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "runs", tmp_path / "runs")
    return tmp_path / "runs"


def test_what_differs_is_said_and_what_is_the_same_is_not(nndsl, runs):
    result = nndsl("compare", runs / "small", runs / "wide", runs / "other")
    assert result.exit_code == 0, result.stderr
    rows = {line[:30].strip(): line[30:].split() for line in result.stdout.splitlines() if line.strip()}
    assert rows["width"] == ["4", "9", "4"]
    assert rows["epochs"] == ["3", "3", "1"]
    assert rows["optimizer learning_rate"] == ["1e-2", "1e-2", "3e-2"]
    assert rows["seed"] == ["0", "5", "0"]
    assert rows["model M"] == ["form", "1", "form", "1", "form", "2"]
    assert rows["epochs run"] == ["3", "3", "1"]
    assert rows["weights"] == ["22", "47", "22"]
    assert "batch_size" not in rows
    assert "data d" not in rows


def test_numbers_are_those_of_the_run_folders(nndsl, runs):
    data = json.loads(nndsl("compare", runs / "small", runs / "wide", "--json").stdout)
    for run, name in zip(data["runs"], ("small", "wide"), strict=True):
        summary = json.loads((runs / name / "summary.json").read_text())
        history = (runs / name / "history.csv").read_text().splitlines()
        column = history[0].split(",").index("validation.loss")
        losses = [float(line.split(",")[column]) for line in history[1:]]
        assert run["name"] == name
        assert run["results"]["test"] == summary["test"]
        assert run["seconds"] == summary["seconds"]
        assert run["best"]["loss"] == {"value": min(losses), "epoch": losses.index(min(losses)) + 1}
        assert run["last"]["loss"] == losses[-1]
        assert run["curves"]["loss"]["validation"] == losses
    assert data["differing"] == {"width": ["4", "9"], "seed": ["0", "5"]}


def test_the_best_of_each_number_is_marked(nndsl, runs):
    data = json.loads(nndsl("compare", runs / "small", runs / "other", "--json").stdout)
    losses = [run["best"]["loss"]["value"] for run in data["runs"]]
    text = nndsl("compare", runs / "small", runs / "other").stdout
    line = next(line for line in text.splitlines() if line.strip().startswith("validation loss, best"))
    cells = [cell.strip() for cell in line.strip().removeprefix("validation loss, best").split(")") if cell.strip()]
    assert line.count("*") == 1
    marked = 0 if "*" in cells[1][:2] else 1
    assert losses[marked] == min(losses)


def test_a_folder_of_runs_stands_for_its_runs_and_many_stand_below_each_other(nndsl, runs):
    for copy in ("again", "more"):
        shutil.copytree(runs / "wide", runs / copy)
    text = nndsl("compare", runs).stdout
    lines = [line.split() for line in text.splitlines() if line.strip()]
    assert [line[0] for line in lines[-5:]] == ["again", "more", "other", "small", "wide"]


def test_many_runs_that_differ_in_much_get_several_tables_that_can_be_read(nndsl, runs):
    for number in range(3):
        shutil.copytree(runs / "wide", runs / f"run-{number}")
        start = runs / f"run-{number}" / "run.json"
        (runs / f"run-{number}" / "a.nn").write_text(
            PROGRAM.replace("epochs = 3", "EarlyStopping(patience=7)\n  ReduceLROnPlateau(factor=0.25, patience=3)")
            .replace("batch_size = 32", "")
            .replace("Adam(1e-2)", f"RMSprop(learning_rate={number + 1}e-3, momentum=0.9) clip_value=0.5")
            .replace("metric accuracy(M(x), y)", f"metric gap = mean(M(x)) + {number}\n  use_ema = true")
        )
        assert start.is_file()
    lines = nndsl("compare", runs).stdout.splitlines()
    assert max(map(len, lines)) <= 200
    assert sum(line.strip().startswith("run ") for line in lines) > 1
    heads = " ".join(line for line in lines if line.strip().startswith("run "))
    assert "optimizer learning_rate" in heads and "validation loss, best" in heads
    assert "nan" not in "\n".join(lines)


def test_runs_of_one_name_are_told_apart_by_their_folders(runs):
    shutil.copytree(runs, runs.parent / "later")
    assert [run.name for run in read_runs([runs / "small", runs.parent / "later" / "small"])] == [
        "runs/small",
        "later/small",
    ]


def test_the_same_run_twice_is_one_and_equal_runs_are_said_to_be_equal(nndsl, runs):
    assert len(read_runs([runs / "small", runs / "small"])) == 1
    shutil.copytree(runs / "small", runs / "copy")
    assert "their programs and settings are the same" in nndsl("compare", runs / "small", runs / "copy").stdout


def test_a_picture_is_drawn(nndsl, runs):
    result = nndsl("compare", runs, "--picture", "all.png")
    assert result.exit_code == 0, result.stderr
    assert Path("all.png").stat().st_size > 20_000
    assert result.stdout.splitlines()[-1] == "wrote all.png"


def test_a_picture_of_an_unknown_kind_is_refused(nndsl, runs):
    assert "NN609" in nndsl("compare", runs, "--picture", "all.bmp").stderr


def test_a_folder_that_is_no_run_is_a_mistake(nndsl, runs):
    (runs / "empty").mkdir()
    for folder in (runs / "empty", runs / "nowhere"):
        result = nndsl("compare", runs / "small", folder)
        assert result.exit_code == 1
        assert "NN603" in result.stderr


@pytest.mark.parametrize("name", ["run.json", "weights.safetensors", "summary.json", "a.nn"])
@pytest.mark.parametrize("content", [None, b"", b"[1, 2", b"\xff\xfe\x00", b"[]", b'{"sets": 3, "test": []}'])
def test_a_folder_that_lacks_something_or_is_damaged_says_what_it_has(nndsl, runs, name, content):
    if content is None:
        (runs / "small" / name).unlink()
    else:
        (runs / "small" / name).write_bytes(content)
    result = nndsl("compare", runs / "small", runs / "wide")
    assert result.exit_code == 0, result.stderr
    assert "validation accuracy, last" in result.stdout


def test_a_damaged_history_is_named(nndsl, runs):
    (runs / "small" / "history.csv").write_text("epoch,train.loss\n1,two\n")
    result = nndsl("compare", runs / "small", runs / "wide")
    assert result.exit_code == 1
    assert "NN613" in result.stderr


def test_comments_and_blanks_are_no_difference():
    texts = ["Adam( 1e-2,   # fast\n  beta_1=0.5)", "Adam( 1e-2, beta_1=0.5)"]
    words = [words_of(Span(SourceFile("a", text), 0, len(text))) for text in texts]
    assert words[0] == words[1] == "Adam( 1e-2, beta_1=0.5)"


def test_one_run_differs_from_nothing(runs):
    assert differing(read_runs([runs / "small"])) == {}
