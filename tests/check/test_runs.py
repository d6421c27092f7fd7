"""`Digits from "runs/Digits"`: models out of run folders, what is frozen, and what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from nndsl import ops
from nndsl.ir import reachable
from tests.check.programs import checked, mistakes

BODY = """
let hidden = 5
data digits from csv("gone.csv") {
  image = column("a")
  label = class(column("label"))
}
model Encoder {
  input x: [4]
  code: Dense(hidden, activation=relu)
  BatchNormalization
}
model Digits {
  input x: [4]
  features: x -> Encoder
  Dropout(0.5)
  Dense(digits.label.classes)
}
"""

ARRAYS = {
    "Encoder/code/kernel": (4, 6),
    "Encoder/code/bias": (6,),
    "Encoder/batch_normalization/gamma": (6,),
    "Encoder/batch_normalization/beta": (6,),
    "Encoder/batch_normalization/moving_mean": (6,),
    "Encoder/batch_normalization/moving_variance": (6,),
    "Digits/dense/kernel": (6, 3),
    "Digits/dense/bias": (3,),
}

DATA = """
data rows {
  x = [[1, 2, 3, 4], [5, 6, 7, 9]]
  y = [1, 0]
}
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with a run in it, as `nndsl run body.nn --set hidden=6` fills one; its data are gone."""
    run = tmp_path / "runs" / "Digits"
    run.mkdir(parents=True)
    (run / "body.nn").write_text(BODY)
    field = {"dtype": "int", "shape": [], "classes": ["a", "b", "c"], "ids": 3}
    start = {"file": "../../body.nn", "train": "Digits", "sets": {"hidden": "6"}, "precision": "float32"}
    (run / "run.json").write_text(json.dumps({**start, "fields": {"digits": {"label": field}}}))
    write(run, ARRAYS)
    return tmp_path


def write(run, shapes):
    save_file({name: np.ones(shape, np.float32) for name, shape in shapes.items()}, run / "weights.safetensors")


def transfer(*lines, training="minimize mse(Price(x)[0], y) using Adam", source='Digits from "runs/Digits" frozen'):
    body = "\n".join(f"  {line}" for line in lines or ("body(x) -> Dense(1)",))
    model = f"model Price {{\n  input x: [4]\n  body = {source}\n{body}\n}}\n"
    return f"{DATA}\n{model}\ntrain Price on rows {{\n  epochs = 1\n  {training}\n}}\n"


def test_weights_and_states_of_a_run_are_taken_under_the_name_that_the_model_gets(folder):
    program = checked(transfer(), folder=folder)
    taken = {each.path: each.source for each in (*program.weights, *program.states) if each.source is not None}
    assert {path: source.path for path, source in taken.items()} == {
        "Price/body/Encoder/code/kernel": "Encoder/code/kernel",
        "Price/body/Encoder/code/bias": "Encoder/code/bias",
        "Price/body/Encoder/batch_normalization/gamma": "Encoder/batch_normalization/gamma",
        "Price/body/Encoder/batch_normalization/beta": "Encoder/batch_normalization/beta",
        "Price/body/Encoder/batch_normalization/moving_mean": "Encoder/batch_normalization/moving_mean",
        "Price/body/Encoder/batch_normalization/moving_variance": "Encoder/batch_normalization/moving_variance",
        "Price/body/dense/kernel": "Digits/dense/kernel",
        "Price/body/dense/bias": "Digits/dense/bias",
    }
    assert all(source.frozen and source.run == "runs/Digits" for source in taken.values())
    assert all(source.folder == (folder / "runs" / "Digits").resolve() for source in taken.values())


def test_a_frozen_model_is_applied_as_in_evaluation_and_never_changes(folder):
    (train,) = checked(transfer(), folder=folder).trains
    updated = [path for minimize in train.training.minimizes for path in minimize.weights]
    assert updated == ["Price/dense/kernel", "Price/dense/bias"]
    assert train.training.states == ()
    assert all(node.op is not ops.random_bernoulli for node in reachable(train.training.roots()))


def test_without_frozen_a_model_learns_on(folder):
    text = transfer(
        source='Digits from "runs/Digits"', training="minimize mse(Price(x)[0], y) over Price.body using Adam"
    )
    (train,) = checked(text, folder=folder).trains
    updated = {path for minimize in train.training.minimizes for path in minimize.weights}
    assert updated == {
        "Price/body/Encoder/code/kernel",
        "Price/body/Encoder/code/bias",
        "Price/body/Encoder/batch_normalization/gamma",
        "Price/body/Encoder/batch_normalization/beta",
        "Price/body/dense/kernel",
        "Price/body/dense/bias",
    }
    assert len(train.training.states) == 2
    assert any(node.op is ops.random_bernoulli for node in reachable(train.training.roots()))


def test_labels_of_the_taken_model_can_be_read(folder):
    program = checked(transfer("head: body(x).features -> Dense(1)"), folder=folder)
    assert {w.path: w.type.shape for w in program.weights}["Price/head/kernel"] == (6, 1)


def test_a_line_and_a_name_in_a_train_block_take_models_too(folder):
    line = f'{DATA}\nmodel Price {{\n  input x: [4]\n  body: Digits from "runs/Digits" frozen\n  Dense(1)\n}}\n'
    line += "train Price on rows {\n  epochs = 1\n  minimize mse(Price(x)[0], y) using SGD\n}\n"
    assert "Price/body/dense/kernel" in [w.path for w in checked(line, folder=folder).weights]
    block = f"{DATA}\nmodel Head {{\n  input x: [3]\n  Dense(1)\n}}\ntrain Head on rows {{\n  epochs = 1\n"
    block += '  body = Digits from "runs/Digits" frozen\n  minimize mse(Head(body(x))[0], y) using SGD\n}\n'
    assert "body/dense/kernel" in [w.path for w in checked(block, folder=folder).weights]


def test_two_models_of_one_run_have_weights_of_their_own(folder):
    lines = ('other = Digits from "runs/Digits"', "body(x) + other(x) -> Dense(1)")
    program = checked(transfer(*lines), folder=folder)
    (train,) = program.trains
    updated = [path for minimize in train.training.minimizes for path in minimize.weights]
    assert "Price/other/dense/kernel" in updated
    assert not any(path.startswith("Price/body") for path in updated)


def test_the_file_may_call_a_model_of_its_own_the_same(folder):
    text = "model Digits {\n  input x: [4]\n  Dense(2)\n}\n" + transfer()
    program = checked(text, folder=folder)
    assert {w.path: w.type.shape for w in program.weights}["Price/body/dense/kernel"] == (6, 3)


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (transfer(source='Digits from "runs/Digit"'), "NN316", "there is no run folder runs/Digit"),
        (transfer(source='Digits from "runs"'), "NN316", "has no run.json"),
        (transfer(source='Digit from "runs/Digits"'), "NN318", "has no model Digit"),
        (transfer(source='hidden from "runs/Digits"'), "NN318", "the number 6"),
        (transfer(source='x -> Digits from "runs/Digits"'), "NN316", "the name of a model"),
        (transfer("body(x)"), "NN517", "frozen"),
        (transfer(training="minimize mse(Price(x)[0], y) over Price.body using Adam"), "NN517", "Price.body is frozen"),
    ],
)
def test_mistakes_with_runs_are_said(folder, text, code, says):
    (mistake, *_) = mistakes(text, folder=folder)
    assert mistake.code == code
    assert says in mistake.message


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"Digits/dense/kernel": (6, 4)}, "Digits/dense/kernel is [6, 4] there and [6, 3] here"),
        ({"Digits/dense/bias": None}, "it has no Digits/dense/bias"),
        ({"Encoder/batch_normalization/moving_mean": None}, "it has no Encoder/batch_normalization/moving_mean"),
    ],
)
def test_weights_that_do_not_fit_are_named(folder, changes, says):
    shapes = {name: shape for name, shape in {**ARRAYS, **changes}.items() if shape is not None}
    write(folder / "runs" / "Digits", shapes)
    (mistake,) = mistakes(transfer(), folder=folder)
    assert mistake.code == "NN319"
    assert says in mistake.message


@pytest.mark.parametrize("content", [b"", b"\xff" * 30, b"\x08\0\0\0\0\0\0\0[1, 2,3]"])
def test_a_damaged_weights_file_is_said(folder, content):
    (folder / "runs" / "Digits" / "weights.safetensors").write_bytes(content)
    (mistake,) = mistakes(transfer(), folder=folder)
    assert mistake.code == "NN316"
    assert "damaged" in mistake.message


def test_a_run_is_looked_for_in_the_current_folder_too(folder, monkeypatch, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(folder)
    assert checked(transfer(), folder=elsewhere).weights
