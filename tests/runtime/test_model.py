"""The Python object for a `.nn` file: training, evaluating, predicting, and what is said about mistakes."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nndsl
from nndsl.data import open_file, open_tables, read_tables
from nndsl.diagnostics import UserError
from nndsl.runtime.model import Model
from nndsl.runtime.modules import Generated


def code_of(raised):
    return raised.value.diagnostics[0].code


def columns(model):
    data = model.checked.data[0]
    return read_tables(data, open_tables(data))["all"]


def images(model, count=20):
    return columns(model)["image"][:count]


def test_importing_nndsl_imports_nothing_heavy():
    script = "import sys, nndsl; print(nndsl.__version__, *sys.modules)"
    command = [sys.executable, "-S", "-c", script]  # -S: what other packages load at every start does not count
    home = Path(nndsl.__file__).parent.parent
    words = subprocess.run(command, capture_output=True, text=True, check=True, cwd=home).stdout.split()
    assert words[0] == "0.1.0"
    assert not {"numpy", "lark", "click", "rich", "typing", "dataclasses", "nndsl.diagnostics"} & set(words)


def test_what_nndsl_offers_can_be_found():
    assert {"load", "Model", "UserError"} <= set(dir(nndsl))
    assert nndsl.UserError is UserError
    assert nndsl.Model is Model
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = nndsl.lod


def test_fit_gives_a_history_that_learns(digits):
    rows = digits.fit(epochs=5)
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4, 5]
    assert list(rows[0]) == ["epoch", "train.loss", "train.accuracy", "validation.loss", "validation.accuracy"]
    assert rows[-1]["train.loss"] < rows[0]["train.loss"]
    assert digits.evaluate()["accuracy"] > 0.85
    assert digits.evaluate() == digits.evaluate(part="test")


def test_first_fit_begins_with_the_weights_of_its_seed(digits):
    other = Model(digits.checked, digits.generated, {}, 7)
    assert digits.fit(epochs=2, seed=7) == other.fit(epochs=2)
    assert all(np.array_equal(digits.weights[path], other.weights[path]) for path in digits.weights)


def test_looking_at_a_model_before_fitting_changes_nothing(digits):
    other = Model(digits.checked, digits.generated, {}, 0)
    _ = other.weights, other.source, other.evaluate(part="train"), other.predict(images(other))
    assert other.fit(epochs=2, seed=7) == digits.fit(epochs=2, seed=7)
    assert other.evaluate() == digits.evaluate()


def test_second_fit_goes_on_from_the_first(digits):
    first = digits.fit(epochs=3)
    second = digits.fit(epochs=1)
    assert second[0]["train.loss"] < first[0]["train.loss"] / 2


def test_predictions_are_the_datas_class_names(digits):
    digits.fit(epochs=5)
    scans, truth = images(digits, 50), columns(digits)["label"][:50]
    for rows in (scans, {"image": scans}):
        found = digits.predict(rows)
        assert found["digit"].shape == (50,)
        assert found["digit"].dtype.kind == "U"
        assert np.mean(found["digit"] == truth.astype(str)) > 0.8


@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_rows_are_read_from_files(digits, tmp_path, ending):
    scans = images(digits)
    expected = digits.predict(scans)["digit"]
    path = tmp_path / f"scans{ending}"
    if ending == ".npy":
        np.save(path, scans)
    else:
        np.savez(path, image=scans, label=np.zeros(20))
    assert [column.name for column in open_file(path).schema]
    assert list(digits.predict(path)["digit"]) == list(expected)
    assert list(digits.predict(str(path))["digit"]) == list(expected)


def test_evaluating_other_rows_uses_what_training_rows_taught(digits):
    digits.fit(epochs=3)
    raw = columns(digits)
    few = {name: values[:5] for name, values in raw.items()}
    predicted = digits.predict(few)["digit"]
    assert digits.evaluate(few)["accuracy"] == np.mean(predicted == raw["label"][:5].astype(str))


@pytest.mark.parametrize("name", ["w.safetensors", "w.npz"])
def test_saved_weights_evaluate_alike(digits, tmp_path, name):
    digits.fit(epochs=2, seed=3)
    digits.save(tmp_path / name)
    other = Model(digits.checked, digits.generated, {}, 0)
    other.load_weights(tmp_path / name)
    assert other.seed == 3
    assert other.evaluate() == digits.evaluate()
    assert list(other.predict(images(other))["digit"]) == list(digits.predict(images(other))["digit"])


def test_fit_after_loading_goes_on_from_the_loaded_weights(digits, tmp_path):
    rows = digits.fit(epochs=4)
    digits.save(tmp_path / "w.safetensors")
    other = Model(digits.checked, digits.generated, {}, 0)
    other.load_weights(tmp_path / "w.safetensors")
    assert other.fit(epochs=1)[0]["train.loss"] < rows[1]["train.loss"]


def test_weights_are_views_that_cannot_be_written_to(digits):
    kernel = digits.weights["Digits/dense/kernel"]
    with pytest.raises(ValueError, match="read-only"):
        kernel[0, 0] = 1
    digits.set_weights({"Digits/dense/kernel": np.ones((64, 10)), "Digits/dense/bias": list(range(10))})
    assert (kernel == 1).all()
    assert digits.memory.weights.dtype == np.float32


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"Digits/dense/kernal": 0}, "there is no weight Digits/dense/kernal"),
        ({"Digits/dense/bias": [1, 2]}, r"has shape \[10\], the given values \[2\]"),
    ],
)
def test_setting_what_is_not_there_changes_nothing(digits, values, message):
    before = digits.memory.weights.copy()
    with pytest.raises(UserError, match=message) as raised:
        digits.set_weights({"Digits/features/bias": np.ones(64), **values})
    assert code_of(raised) == "NN604"
    assert np.array_equal(digits.memory.weights, before)


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (lambda model: model.evaluate(part="exam"), "NN611", "no part called exam"),
        (lambda model: model.fit("Digts"), "NN606", "no train block called Digts"),
        (lambda model: model.predict({"picture": np.zeros((1, 8, 8))}), "NN411", "no column 'image'"),
        (lambda model: model.predict(np.zeros((3, 7, 8))), "NN418", r"\[7, 8\]"),
        (lambda model: model.predict("nowhere.csv"), "NN601", "nowhere.csv"),
        (lambda model: model.evaluate(np.zeros((3, 8, 8))), "NN616", "2 are needed: image, label"),
        (lambda model: model.load_weights("nowhere"), "NN601", "nothing at nowhere"),
    ],
)
def test_mistakes_are_diagnostics(digits, call, code, message):
    with pytest.raises(UserError, match=message) as raised:
        call(digits)
    assert code_of(raised) == code


def test_a_column_of_bad_values_is_said_with_its_row(digits):
    scans = images(digits).astype(float)
    scans[3, 2, 2] = np.nan
    with pytest.raises(UserError, match="image, row 3") as raised:
        digits.predict(scans)
    assert code_of(raised) == "NN413"


def test_a_diverged_loss_points_at_the_minimize_line(digits):
    with pytest.raises(UserError) as raised:
        digits.set_weights({"Digits/dense/bias": np.full(10, np.nan)})
        digits.fit(epochs=1)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "NN617"
    assert "epoch 1, step 1" in diagnostic.message
    assert diagnostic.labels[0].span.text.startswith("minimize cross_entropy")


def test_a_block_without_predict_predicts_nothing(digits):
    names = dict(digits.generated.names)
    train = names["PROGRAM"].trains["Digits"]
    program = replace(names["PROGRAM"], trains={"Digits": replace(train, prediction=None)})
    digits.generated = SimpleGenerated(digits.generated, program)
    with pytest.raises(UserError) as raised:
        digits.predict(images(digits))
    assert code_of(raised) == "NN610"


class SimpleGenerated(Generated):
    """A generated module that declares another program."""

    def __init__(self, generated, program):
        self.source, self.filename = generated.source, generated.filename
        self.names = {**generated.names, "PROGRAM": program}
