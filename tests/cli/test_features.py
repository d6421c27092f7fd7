"""`nndsl features` and `nndsl predict --model`: what they write, draw and say."""

from __future__ import annotations

import json

import numpy as np
import pytest

PROGRAM = """
data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
  split train 80%, test 20%
}

model Encoder {
  input image: [8, 8]
  Flatten
  code: Dense(4)
}

model Decoder {
  input code: [4]
  Dense(64)
  Reshape([8, 8])
}

train Autoencoder on digits {
  epochs = 1
  minimize mse(Decoder(Encoder(image)), image) using Adam
}
"""


@pytest.fixture
def ran(nndsl, tmp_path):
    (tmp_path / "a.nn").write_text(PROGRAM)
    assert nndsl("run", "a.nn").exit_code == 0
    return nndsl


def test_models_alone_write_what_they_give(ran, tmp_path):
    images = np.ones((5, 8, 8))
    np.savez(tmp_path / "images.npz", image=images)
    said = ran("predict", "a.nn", "images.npz", "--model", "Encoder", "-o", "codes.npz")
    assert said.exit_code == 0, said.stderr
    assert said.stdout == "wrote codes.npz: 5 rows of output\n"
    said = ran("predict", "runs/Autoencoder", "codes.npz", "--model", "Decoder", "-o", "again.npz")
    assert said.exit_code == 0, said.stderr
    with np.load(tmp_path / "again.npz") as arrays:
        assert arrays["output"].shape == (5, 8, 8)


def test_steps_are_listed_with_their_shapes(ran):
    assert ran("features", "a.nn").stdout.split("\n")[:2] == ["Encoder/flatten  [64]", "Encoder/code     [4]"]
    layers = json.loads(ran("features", "a.nn", "--json").stdout)["layers"]
    assert layers["Decoder/reshape"] == [8, 8]


def test_outputs_of_a_step_are_written_with_the_classes(ran, tmp_path):
    said = ran("features", "a.nn", "--layer", "code", "-o", "codes.csv", "--on", "test")
    assert said.exit_code == 0, said.stderr
    header, *rows = (tmp_path / "codes.csv").read_text().splitlines()
    assert header == "Encoder/code[0],Encoder/code[1],Encoder/code[2],Encoder/code[3],label"
    assert said.stdout == f"wrote codes.csv: {len(rows)} rows of Encoder/code, label\n"


@pytest.mark.parametrize(
    ("layer", "options"),
    [("code", ()), ("code", ("--draw", "filters")), ("Decoder/reshape", ("--draw", "maps", "--sample", "3"))],
)
def test_pictures_are_drawn(ran, tmp_path, layer, options):
    pytest.importorskip("matplotlib")
    said = ran("features", "a.nn", "--layer", layer, "--picture", "a.png", *options)
    assert said.exit_code == 0, said.stderr
    assert said.stdout == "wrote a.png\n"
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--layer", "cod"), "NN620"),
        (("--layer", "code", "-o", "a.png"), "NN609"),
        (("--layer", "code", "--picture", "a.csv"), "NN609"),
        (("--layer", "Decoder/reshape", "--draw", "filters", "--picture", "a.png"), "NN620"),
        (("--layer", "code", "--draw", "maps", "--sample", "9999", "--picture", "a.png"), "NN616"),
        (("--layer", "code", "--on", "exam"), "NN611"),
    ],
)
def test_mistakes_have_codes(ran, options, code):
    said = ran("features", "a.nn", *options)
    assert said.exit_code == 1
    assert f"error[{code}]" in said.stderr
