"""Parts of a trained network: models on their own, what steps give, and pictures of both."""

import subprocess
import sys

import numpy as np
import pytest

from nndsl.diagnostics import UserError
from nndsl.runtime.load import load
from nndsl.runtime.standalone.files import read_arrays, write_arrays, write_columns

PROGRAM = """
data digits from builtin("digits") {
  image = standardize(column("image"))
  label = class(column("label"))
  split train 80%, test 20%
}

model Encoder {
  input image: [8, 8]
  input scale: [] = 1
  flat: image -> Flatten
  hidden: flat -> Dense(12, activation=tanh)
  Dropout(0.5)
  output mean = hidden -> Dense(3)
  output spread = hidden -> Dense(3) -> exp
}

model Decoder {
  input code: [3]
  Dense(64)
  BatchNormalization
  Reshape([8, 8])
}

model Untrained {
  input x: [3]
  Dense(2)
}

train Autoencoder on digits {
  epochs = 1
  mean, spread = Encoder(image)
  again = Decoder(mean + 0.1 * spread * normal([3]))
  minimize mse(again, image) using Adam(learning_rate=0.01)
  predict again = again, code = mean
}
"""

SINGLE = """
data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
  split train 80%, test 20%
}

model Digits {
  input picture: [8, 8]
  x = reshape(picture, [8, 8, 1])
  x -> Conv2D(4, 3, activation=relu)
  GlobalAveragePooling2D
  Dense(10)
}

train Digits on digits {
  epochs = 1
  scores = Digits(image)
  minimize cross_entropy(scores, label) using Adam
  predict scores
}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("parts") / "autoencoder.nn"
    path.write_text(PROGRAM)
    model = load(path)
    model.fit()
    return model


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    path = tmp_path_factory.mktemp("parts") / "digits.nn"
    path.write_text(SINGLE)
    model = load(path)
    model.fit()
    return model


def raw(count=7):
    from nndsl.data import builtin

    images = np.load(builtin.__file__.replace("builtin.py", "builtin_files/digits.npz"))["image"]
    return images[:count]


def decoded(model, codes):
    """The decoder by hand, in evaluation form."""
    weights, states = model.weights, model.states
    x = codes @ weights["Decoder/dense/kernel"] + weights["Decoder/dense/bias"]
    mean = states["Decoder/batch_normalization/moving_mean"]
    variance = states["Decoder/batch_normalization/moving_variance"]
    gamma, beta = weights["Decoder/batch_normalization/gamma"], weights["Decoder/batch_normalization/beta"]
    return (gamma * (x - mean) / np.sqrt(variance + 1e-3) + beta).reshape(-1, 8, 8)


def test_a_model_alone_takes_raw_columns_where_training_gave_it_a_field(model):
    alone = model.predict({"image": raw()}, model="Encoder")
    assert list(alone) == ["mean", "spread"]
    np.testing.assert_allclose(alone["mean"], model.predict({"image": raw()})["code"], rtol=1e-5, atol=1e-6)


def test_a_model_alone_takes_arrays_where_its_input_is_no_field(model):
    codes = np.random.default_rng(0).normal(size=(600, 3)).astype(np.float32)
    for given in ({"code": codes}, {"anything": codes}, codes):
        (images,) = model.predict(given, model="Decoder").values()
        np.testing.assert_allclose(images, decoded(model, codes), rtol=1e-4, atol=1e-5)


def test_a_program_of_one_model_has_it_alone_too(single):
    assert single.generated.program.networks == {}
    alone = single.predict({"image": raw()}, model="Digits")["output"]
    np.testing.assert_array_equal(alone, single.predict({"image": raw()})["scores"])


@pytest.mark.parametrize(
    ("rows", "name", "says"),
    [
        ({"code": np.zeros((2, 3))}, "Decodr", "no model called Decodr"),
        ({"code": np.zeros((2, 3))}, "Untrained", "no model called Untrained"),
        ({"code": np.zeros((2, 4))}, "Decoder", "[3] for each row, and the array there is [4]"),
        ({"a": np.zeros((2, 3)), "b": np.zeros(2)}, "Decoder", "there is a, b"),
        ({"code": np.array(["a", "b"])}, "Decoder", "[3] for each row"),
        ({"code": np.array([["a", "b", "c"]])}, "Decoder", "is float"),
    ],
)
def test_what_a_model_alone_cannot_use_is_said(model, rows, name, says):
    with pytest.raises(UserError) as failure:
        model.predict(rows, model=name)
    assert says in failure.value.diagnostics[0].message


def test_a_missing_column_of_a_model_alone_is_named(model):
    with pytest.raises(UserError) as failure:
        model.predict({"code": np.zeros((2, 3))}, model="Encoder")
    assert "image" in failure.value.diagnostics[0].message


def test_the_standalone_file_has_the_models_alone(model, tmp_path):
    (tmp_path / "autoencoder.py").write_text(model.source)
    model.save(tmp_path / "w.npz")
    write_columns(tmp_path / "rows.npz", {"all": {"image": raw()}})

    def predicted(name, source, output):
        command = [sys.executable, "autoencoder.py", "predict", source, "--weights", "w.npz", "--model", name]
        subprocess.run([*command, "-o", output], cwd=tmp_path, check=True, capture_output=True)
        return read_arrays(tmp_path / output)

    encoded = predicted("Encoder", "rows.npz", "codes.npz")
    for name, values in model.predict({"image": raw()}, model="Encoder").items():
        np.testing.assert_array_equal(encoded[name], values)
    write_arrays(tmp_path / "code.npz", {"code": encoded["mean"]})
    images = predicted("Decoder", "code.npz", "images.npz")["output"]
    np.testing.assert_array_equal(images, model.predict(encoded["mean"], model="Decoder")["output"])
    wrong = [sys.executable, "autoencoder.py", "predict", "rows.npz", "--weights", "w.npz", "--model", "Decoder"]
    done = subprocess.run([*wrong, "-o", "x.npz"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the input 'code'")


# ------------------------------------------------------------------------------------------------ steps


def test_features_are_what_a_step_gives_in_evaluation(model):
    found = model.features("hidden")
    assert list(found) == ["Encoder/hidden", "label"]
    fields = model.parts(model.train_named(None))["test"]["image"]
    weights = model.weights
    flat = fields.reshape(-1, 64)
    expected = np.tanh(flat @ weights["Encoder/hidden/kernel"] + weights["Encoder/hidden/bias"])
    np.testing.assert_allclose(found["Encoder/hidden"], expected, rtol=1e-4, atol=1e-5)
    assert set(found["label"]) == set("0123456789")


@pytest.mark.parametrize("name", ["Encoder/hidden", "Encoder.hidden", "hidden"])
def test_a_step_has_several_names(model, name):
    assert next(iter(model.features(name))) == "Encoder/hidden"


def test_features_of_other_rows_have_no_classes(model):
    found = model.features("hidden", {"image": raw(5)})
    assert list(found) == ["Encoder/hidden"]
    assert found["Encoder/hidden"].shape == (5, 12)


def test_unlabelled_steps_are_listed_too(single):
    assert single.features("conv2d", {"image": raw(2)})["Digits/conv2d"].shape == (2, 6, 6, 4)


@pytest.mark.parametrize(("name", "help"), [("hiden", "did you mean hidden?"), ("Decoder/hidden", None)])
def test_an_unknown_step_is_said(model, name, help):
    with pytest.raises(UserError) as failure:
        model.features(name)
    (diagnostic,) = failure.value.diagnostics
    assert diagnostic.code == "NN620"
    assert help is None or diagnostic.help == help
