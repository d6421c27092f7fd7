"""Models out of run folders, run: weights are the run's, what is frozen stays, and standalone files read them alone."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from nndsl.cli.application import application
from nndsl.runtime.load import load
from nndsl.runtime.standalone.files import FileError, read_safetensors_file, write_columns
from nndsl.runtime.standalone.runs import run_arrays

BODY = """
data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
  split train 20%, test 80%
}
model Digits {
  input image: [8, 8]
  Flatten
  features: Dense(16, activation=relu)
  BatchNormalization
  Dropout(0.5)
  Dense(digits.label.classes)
}
train Digits on digits {
  epochs = 1
  scores = Digits(image)
  minimize cross_entropy(scores, label) using Adam
  predict scores
}
"""

TRANSFER = """
data digits from builtin("digits") {
  image = column("image") / 16
  odd = column("label") % 2
  split train 100 / 1797, test 1697 / 1797
}
model Parity {
  input image: [8, 8]
  body = Digits from "runs/Digits" FROZEN
  head: body(image).features -> Dense(1)
}
train Parity on digits {
  epochs = 2
  score = Parity(image)
  minimize binary_cross_entropy(score, odd)
    over Parity.head using Adam(1e-3)
    BODY
  predict score
  show body = Parity(image), kernel = Parity.body.features.kernel
}
"""

FROZEN = TRANSFER.replace("FROZEN", "frozen").replace("    BODY\n", "")
TUNED = TRANSFER.replace("FROZEN", "").replace("BODY", "over Parity.body using SGD(1e-2)")


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """A folder with the run of a digit classifier."""
    folder = tmp_path_factory.mktemp("transfer")
    (folder / "body.nn").write_text(BODY)
    done = CliRunner().invoke(
        application, ["run", str(folder / "body.nn"), "--out", str(folder / "runs" / "Digits")], catch_exceptions=False
    )
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(params=[FROZEN, TUNED], ids=["frozen", "tuned"])
def text(request):
    return request.param


def opened(folder, text, level=1):
    (folder / "parity.nn").write_text(text)
    return load(folder / "parity.nn", level=level)


def load_body(folder):
    model = load(folder / "body.nn")
    model.load_weights(folder / "runs" / "Digits")
    return model


@pytest.mark.parametrize("level", [0, 1])
def test_the_body_begins_with_the_weights_and_states_of_the_run(ran, text, level):
    model = opened(ran, text, level)
    body = load_body(ran)
    for path, values in body.weights.items():
        if not path.startswith("Digits/dense"):
            np.testing.assert_array_equal(model.weights[path.replace("Digits", "Parity/body")], values)
    for path, values in body.states.items():
        np.testing.assert_array_equal(model.states[path.replace("Digits", "Parity/body")], values)


def test_a_frozen_body_stays_and_a_tuned_one_learns(ran):
    for text, stays in ((FROZEN, True), (TUNED, False)):
        model = opened(ran, text)
        start = {path: values.copy() for path, values in model.weights.items()}
        states = {path: values.copy() for path, values in model.states.items()}
        model.fit()
        assert not np.array_equal(start["Parity/head/kernel"], model.weights["Parity/head/kernel"])
        same = np.array_equal(start["Parity/body/features/kernel"], model.weights["Parity/body/features/kernel"])
        assert same is stays
        assert all(np.array_equal(states[path], values) for path, values in model.states.items()) is stays


def test_a_frozen_body_computes_what_the_run_predicts(ran):
    text = FROZEN.replace("body(image).features -> Dense(1)", "body(image) -> Dense(1)").replace(
        "  predict score", "  predict score\n  show everything = Parity(image)"
    )
    model = opened(ran, text)
    images = np.random.default_rng(0).integers(0, 17, (20, 8, 8))
    scores = load_body(ran).predict({"image": images})["scores"]
    kernel, bias = model.weights["Parity/head/kernel"], model.weights["Parity/head/bias"]
    np.testing.assert_allclose(model.predict({"image": images})["score"], scores @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_the_standalone_file_takes_the_weights_out_of_the_run(ran, text, tmp_path):
    from nndsl.data import open_tables, read_tables

    model = opened(ran, text)
    history = model.fit()
    (tmp_path / "parity.py").write_text(model.source)
    data = model.checked.data[0]
    write_columns(tmp_path / "columns.npz", read_tables(data, open_tables(data)))
    command = [sys.executable, "parity.py", "train", "columns.npz", "--history", "h.csv", "--weights", "w.npz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: there is no run runs/Digits: the training begins with its weights.safetensors\n"
    (tmp_path / "runs").symlink_to(ran / "runs")
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    rows = (tmp_path / "h.csv").read_text().splitlines()[1:]
    assert [float(row.split(",")[1]) for row in rows] == [row["train.loss"] for row in history]
    (tmp_path / "runs").unlink()
    command = [sys.executable, "parity.py", "evaluate", "columns.npz", "--weights", "w.npz"]
    subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)


def test_gradients_of_a_network_with_a_body_are_right(ran, text):
    from nndsl.runtime.standalone.gradient_check import check_gradients

    model = opened(ran, text)
    program = model.generated.program
    fields = model.parts(model.train_named(None))["train"]
    trained = tuple(path for path, _ in program.weights if text is TUNED or "head" in path)
    errors = check_gradients(program, replace(program.trains["Parity"], trained=trained), fields, 0)
    assert all(error.agrees for error in errors)


def test_a_run_says_what_its_fields_were(ran):
    said = json.loads((ran / "runs" / "Digits" / "run.json").read_text())["fields"]["digits"]
    assert said["image"] == {"dtype": "float", "shape": [8, 8], "classes": None, "ids": None}
    assert said["label"]["ids"] == 10


def test_the_runs_own_data_are_not_needed(ran, tmp_path):
    (tmp_path / "runs").mkdir()
    run = tmp_path / "runs" / "Digits"
    run.mkdir()
    for name in ("run.json", "body.nn", "weights.safetensors"):
        (run / name).write_bytes((ran / "runs" / "Digits" / name).read_bytes())
    text = (run / "body.nn").read_text().replace('builtin("digits")', 'csv("no.csv")')
    (run / "body.nn").write_text(text)
    assert opened(tmp_path, FROZEN).weights["Parity/head/kernel"].shape == (16, 1)


def test_weights_can_be_taken_from_a_run_of_a_network_with_a_body(ran, tmp_path):
    """A run's weights file holds all of it, the frozen body too."""
    model = opened(ran, FROZEN)
    model.fit()
    model.save(tmp_path / "w.safetensors")
    again = opened(ran, FROZEN)
    again.load_weights(tmp_path / "w.safetensors")
    assert again.evaluate() == model.evaluate()


def test_a_damaged_run_is_said_when_it_is_read(ran, tmp_path):
    path = tmp_path / "weights.safetensors"
    whole = (ran / "runs" / "Digits" / "weights.safetensors").read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(FileError):
        read_safetensors_file(path)
    with pytest.raises(FileError, match="there is no run"):
        run_arrays(tmp_path / "nothing")
    path.write_bytes(whole)
    arrays = run_arrays(tmp_path)
    for name, values in load_body(ran).weights.items():
        np.testing.assert_array_equal(arrays[name], values)
