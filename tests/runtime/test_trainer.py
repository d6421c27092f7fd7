"""`nndsl run`: what a run folder holds, how runs end, and that they are the standalone file's runs."""

import csv
import io
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from generated_digits import generated_digits

from nndsl.data import open_tables, read_tables
from nndsl.diagnostics import UserError
from nndsl.ir.program import Expectation
from nndsl.runs.progress import Lines
from nndsl.runs.trainer import run
from nndsl.runtime.model import Model
from nndsl.runtime.standalone import loop
from nndsl.runtime.standalone.files import write_columns


def changed(model, **changes):
    """The model with its generated train block changed."""
    program = model.generated.program
    train = replace(program.trains["Digits"], **changes)
    names = {**model.generated.names, "PROGRAM": replace(program, trains={"Digits": train})}
    generated = object.__new__(type(model.generated))
    generated.source, generated.filename, generated.names = model.source, model.generated.filename, names
    return Model(model.checked, generated, {}, model.seed)


def test_a_run_fills_its_folder(digits, tmp_path):
    (outcome,) = run(digits, out=tmp_path / "run", epochs=4)
    assert sorted(path.name for path in outcome.folder.iterdir()) == [
        "digits.nn",
        "digits.py",
        "finished.safetensors",
        "history.csv",
        "summary.json",
        "weights.safetensors",
    ]
    assert (outcome.folder / "digits.nn").read_text() == digits.checked.file.text
    assert (outcome.folder / "digits.py").read_text() == digits.source
    summary = json.loads((outcome.folder / "summary.json").read_text())
    assert list(summary) == ["epochs", "seconds", "steps", "train", "validation", "test"]
    assert summary["epochs"] == 4
    assert summary["steps"] == 4 * 45
    assert summary["test"] == digits.evaluate(part="test")
    with (outcome.folder / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "train.loss", "train.accuracy", "validation.loss", "validation.accuracy"]
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3, 4]
    assert float(rows[-1]["validation.loss"]) == summary["validation"]["loss"]
    assert float(rows[-1]["train.accuracy"]) == summary["train"]["accuracy"]


def test_without_out_the_folder_is_runs_and_the_blocks_name(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (outcome,) = run(digits, epochs=1)
    assert (tmp_path / "runs" / "Digits" / "summary.json").is_file()
    assert str(outcome.folder) == "runs/Digits"


def test_two_runs_of_a_seed_leave_the_same_files(tmp_path):
    for name in ("a", "b"):
        run(Model(*generated_digits(), {}, 5), out=tmp_path / name, epochs=2)
    for file in ("weights.safetensors", "history.csv", "digits.py", "digits.nn"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_runs_weights_evaluate_as_its_summary_says(digits, tmp_path):
    (outcome,) = run(digits, out=tmp_path, epochs=2)
    other = Model(digits.checked, digits.generated, {}, 99)
    other.load_weights(tmp_path)
    assert other.evaluate(part="test") == outcome.summary()["test"]


def test_expectations_that_fail_are_diagnostics_at_their_line(digits, tmp_path):
    (outcome,) = run(digits, out=tmp_path, epochs=1)
    (failed,) = outcome.failed
    assert failed.code == "NN615"
    assert failed.message == "test accuracy >= 0.9 does not hold"
    assert failed.labels[0].message == f"accuracy is {outcome.part_numbers['test']['accuracy']:.6g}"
    assert failed.labels[0].span.text == "expect test accuracy >= 0.9"
    assert (tmp_path / "summary.json").is_file()


def test_expectations_look_at_the_part_they_name(digits, tmp_path):
    train = digits.checked.trains[0]
    expected = tuple(
        Expectation(part, "accuracy", ">=", 2.0, train.expectations[0].span) for part in ("train", "validation")
    )
    checked = replace(digits.checked, trains=(replace(train, expectations=expected),))
    model = Model(checked, digits.generated, {}, 0)
    (outcome,) = run(model, out=tmp_path, epochs=1)
    assert [diagnostic.message.split()[0] for diagnostic in outcome.failed] == ["train", "validation"]
    assert outcome.part_numbers["train"] == model.evaluate(part="train")


def test_early_stopping_keeps_and_reports_the_best_epoch(digits, tmp_path):
    stopping = ("EarlyStopping", {"patience": 1, "min_delta": 100.0})
    stream = io.StringIO()
    model = changed(digits, callbacks=(stopping,))
    (outcome,) = run(model, out=tmp_path, progress=Lines(stream))
    assert (outcome.epochs, outcome.restored, len(outcome.rows)) == (2, 1, 2)
    assert outcome.summary()["validation"]["loss"] == outcome.rows[0]["validation.loss"]
    assert model.evaluate(part="validation")["loss"] == outcome.rows[0]["validation.loss"]
    assert "stopped after epoch 2: loss did not improve for 1 epoch" in stream.getvalue()
    assert "the weights are those of epoch 1" in stream.getvalue()


@pytest.mark.parametrize(
    ("arguments", "files"),
    [
        ({"every": 2}, ["checkpoint-0002.safetensors", "checkpoint-0004.safetensors"]),
        ({"save_best_only": True}, ["checkpoint.safetensors"]),
    ],
)
def test_checkpoints_go_into_the_run_folder(digits, tmp_path, arguments, files):
    run(changed(digits, callbacks=(("ModelCheckpoint", arguments),)), out=tmp_path, epochs=4)
    assert sorted(path.name for path in tmp_path.glob("checkpoint*")) == files
    digits.load_weights(tmp_path / files[-1])
    last = digits.weights
    digits.load_weights(tmp_path)
    assert all(np.array_equal(last[path], digits.weights[path]) for path in last)


def test_a_rerun_removes_the_earlier_runs_checkpoints_and_nothing_else(digits, tmp_path):
    every_epoch = changed(digits, callbacks=(("ModelCheckpoint", {"every": 1}),))
    run(every_epoch, out=tmp_path, epochs=4)
    mine = ["checkpoint-0007.safetensors", "checkpoint-mine.safetensors", "checkpoint-0008.txt"]
    (tmp_path / mine[0]).write_bytes(b"somebody's")
    (tmp_path / mine[1]).write_bytes((tmp_path / "checkpoint-0001.safetensors").read_bytes())
    (tmp_path / mine[2]).write_text("notes")
    run(every_epoch, out=tmp_path, epochs=2)
    found = sorted(path.name for path in tmp_path.glob("checkpoint*"))
    assert found == sorted(["checkpoint-0001.safetensors", "checkpoint-0002.safetensors", *mine])


def interrupting(digits, at):
    """The model, with a Ctrl-C during the given step."""
    training = digits.generated.program.trains["Digits"].training

    def workspace(n, memory, seed):
        made = training(n, memory, seed)

        def run_step(step, epoch, first):
            if step == at:
                signal.raise_signal(signal.SIGINT)
            made.run(step, epoch, first)

        return replace(made, run=run_step)

    return changed(digits, training=workspace)


def test_ctrl_c_finishes_the_step_and_saves(digits, tmp_path):
    (outcome,) = run(interrupting(digits, 100), out=tmp_path)
    assert outcome.interrupted
    assert (outcome.epochs, outcome.steps, len(outcome.rows)) == (2, 100, 2)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (summary["epochs"], summary["steps"], summary["test"]) == (2, 100, {})
    assert len((tmp_path / "history.csv").read_text().splitlines()) == 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    reference = Model(digits.checked, digits.generated, {}, 0)
    for event in reference.training(reference.checked.trains[0]):
        if type(event).__name__ == "StepDone" and event.step == 100:
            break
    other = Model(digits.checked, digits.generated, {}, 0)
    other.load_weights(tmp_path)
    assert np.array_equal(other.memory.weights, reference.memory.weights)


def test_a_killed_run_leaves_the_folder_of_the_run_before(digits, tmp_path):
    run(digits, out=tmp_path, epochs=1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    script = f"""
import sys
from pathlib import Path
sys.path[:0] = {[path for path in sys.path if path]!r}
from generated_digits import generated_digits
from nndsl.runtime.model import Model
from nndsl.runs.progress import Lines
from nndsl.runs.trainer import run
run(Model(*generated_digits(), {{}}, 1), out=Path({str(tmp_path)!r}), epochs=10**6, progress=Lines(sys.stdout))
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout.readline() == "training Digits\n"
        assert running.stdout.readline().startswith("epoch       1/1000000")
        running.kill()
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert left.pop("run.lock")
    assert left == before


def test_a_diverged_run_leaves_the_folder_of_the_run_before(digits, tmp_path):
    run(digits, out=tmp_path, epochs=1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = Model(digits.checked, digits.generated, {}, 0)
    other.set_weights({"Digits/dense/bias": np.full(10, np.nan)})
    with pytest.raises(UserError) as raised:
        run(other, out=tmp_path, epochs=1)
    assert raised.value.diagnostics[0].code == "NN617"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_weights_are_written_before_what_could_be_written_again(digits, tmp_path):
    (tmp_path / "run" / "digits.py").mkdir(parents=True)
    with pytest.raises(UserError) as raised:
        run(digits, out=tmp_path / "run", epochs=1)
    assert raised.value.diagnostics[0].code == "NN608"
    assert (tmp_path / "run" / "weights.safetensors").is_file()


def test_a_folder_that_cannot_be_made_is_said_before_training(digits, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as raised:
        run(digits, out=tmp_path / "file" / "run")
    assert raised.value.diagnostics[0].code == "NN608"


def test_lines_tell_of_every_epoch_of_a_few_and_of_some_of_many(digits, tmp_path):
    for epochs, told in ((3, [1, 2, 3]), (120, [1, *range(3, 121, 3)])):
        stream = io.StringIO()
        parts = digits.parts(digits.checked.trains[0])
        digits._parts = {
            key: {part: {n: v[:40] for n, v in f.items()} for part, f in parts.items()} for key in digits._parts
        }
        run(digits, out=tmp_path, epochs=epochs, progress=Lines(stream))
        lines = stream.getvalue().splitlines()
        assert lines[0] == "training Digits"
        assert [int(line.split("/")[0].removeprefix("epoch")) for line in lines[1:]] == told


def test_the_bar_shows_the_epoch_the_step_and_the_numbers(digits, tmp_path):
    from nndsl.runs.progress import Bar

    stream = io.StringIO()
    stream.isatty = lambda: True
    run(digits, out=tmp_path, epochs=2, progress=Bar(stream))
    text = stream.getvalue()
    assert "training Digits" in text
    assert "epoch 2/2  loss" in text
    assert "step" in text


def standalone(python, folder, model, *arguments):
    """Runs the generated source as a file of its own, on the data's raw columns."""
    path = folder / "alone.py"
    path.write_text(model.source)
    data = folder / "data.npz"
    block = model.checked.data[0]
    write_columns(data, read_tables(block, open_tables(block)))
    command = [python, "-I", str(path), arguments[0], str(data), *map(str, arguments[1:])]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)


def test_the_standalone_files_curve_is_the_runs_bit_for_bit(digits, tmp_path, only_numpy):
    digits.seed = 11
    run(digits, out=tmp_path / "run", epochs=8)
    arguments = ("--seed", 11, "--epochs", 8, "--history", "h.csv", "--weights", "w.npz")
    done = standalone(only_numpy, tmp_path, digits, "train", *arguments)
    assert done.stderr == ""
    assert (tmp_path / "h.csv").read_bytes() == (tmp_path / "run" / "history.csv").read_bytes()
    other = Model(digits.checked, digits.generated, {}, 0)
    other.load_weights(tmp_path / "w.npz")
    assert np.array_equal(other.memory.weights, digits.memory.weights)
    assert other.evaluate() == digits.evaluate()


def test_the_standalone_files_gradients_are_right(digits, tmp_path, only_numpy):
    done = standalone(only_numpy, tmp_path, digits, "check-gradients")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count(" ok") == 4


def test_the_runtime_that_is_pasted_needs_only_numpy(only_numpy):
    folder = Path(loop.__file__).parent
    script = f"""
import sys, types
for name in ("nndsl", "nndsl.runtime", "nndsl.runtime.standalone"):
    sys.modules[name] = module = types.ModuleType(name)
    module.__path__ = [{str(folder)!r}] if name.endswith("standalone") else []
import importlib
for name in {sorted(path.stem for path in folder.glob("[a-z]*.py"))}:
    importlib.import_module("nndsl.runtime.standalone." + name)
"""
    done = subprocess.run([only_numpy, "-I", "-c", script], capture_output=True, text=True, check=False)
    assert done.stderr == ""
