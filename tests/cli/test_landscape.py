"""`nndsl landscape`: the loss over two directions, and the path of training on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.runtime.landscape import Terrain, survey
from nndsl.runtime.load import load

ROOT = Path(__file__).resolve().parents[2]
WAVES = ROOT / "examples" / "landscape.nn"
SMALL = """
data points {
  x = [[0, 0], [0, 1], [1, 0], [1, 1]]
  y = [0, 1, 1, 0]
}
model Net {
  input x
  Dense(3, activation=tanh)
  Dense(1)
}
train Net on points {
  epochs = 20
  minimize mse(Net(x), y) using LBFGS
}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.nn"
    path.write_text(SMALL)
    return path


def test_the_grid_holds_the_losses_of_its_points():
    model = load(WAVES, precision="float64")
    drawn = survey(model, model.checked.trains[0], points=5, epochs=3)
    time = 0.4 * np.arange(13)
    height = np.array(model.parts(model.checked.trains[0])["train"]["height"])
    for row, phase in enumerate(drawn.y):
        for column, frequency in enumerate(drawn.x):
            expected = np.mean((np.sin(frequency * time + phase) - height) ** 2)
            assert drawn.losses[row, column] == pytest.approx(expected, rel=1e-9)
    assert drawn.plane.names == ("Fit/wave/frequency", "Fit/wave/phase")


def test_the_example_has_a_local_and_a_global_minimum():
    model = load(WAVES)
    drawn = survey(model, model.checked.trains[0], points=3, paths=2)
    ends = [trace.loss for trace in drawn.traces]
    assert ends[0] < 0.01
    assert ends[1] > 0.4
    local = drawn.traces[1].weights[-1]
    assert abs(local[0]) < 0.05


def test_a_path_goes_from_the_initial_to_the_trained_weights(small: Path):
    model = load(small)
    train = model.checked.trains[0]
    (trace,) = survey(model, train, points=3).traces
    terrain = Terrain(model, train)
    np.testing.assert_array_equal(trace.weights[0], model.generated.memory(0).weights[terrain.places])
    model.fit()
    np.testing.assert_array_equal(trace.weights[-1], model.memory.weights[terrain.places])
    assert trace.loss == pytest.approx(model.evaluate(part="train")["loss"])


def test_many_weights_are_seen_along_the_directions_of_the_path(small: Path):
    model = load(small)
    drawn = survey(model, model.checked.trains[0], points=3)
    np.testing.assert_allclose(drawn.plane.directions @ drawn.plane.directions.T, np.eye(2), atol=1e-9)
    assert drawn.plane.names[0].startswith("first direction (")
    spread = drawn.plane.places(drawn.traces[0].weights).std(0)
    assert spread[0] >= spread[1]


def test_draws_into_the_run_folder(nndsl, small: Path):
    result = nndsl("landscape", small, "--points", 7, "--paths", 2)
    assert result.exit_code == 0, result.stderr
    assert "seed 1  loss" in result.stdout
    assert (Path("runs/Net/landscape.png")).stat().st_size > 10_000


def test_draws_an_svg_whose_axes_have_names(nndsl):
    result = nndsl("landscape", WAVES, "--points", 7, "--epochs", 3, "-o", "wave.svg")
    assert result.exit_code == 0, result.stderr
    text = Path("wave.svg").read_text()
    assert "Fit/wave/frequency" in text
    assert "loss over the training rows" in text


def test_a_block_without_data_has_a_landscape_too(nndsl):
    Path("line.nn").write_text(
        "model Line {\n  input x: [1]\n  Dense(1)\n}\ntrain Line {\n  steps = 5\n  x = normal([1])\n"
        "  minimize mse(Line(x), 2 * x) using SGD(learning_rate=0.1)\n}\n"
    )
    result = nndsl("landscape", "line.nn", "--points", 5)
    assert result.exit_code == 0, result.stderr
    assert "NN616" in nndsl("landscape", "line.nn", "--epochs", 5).stderr


def test_one_weight_is_no_landscape(nndsl):
    Path("line.nn").write_text(
        "data d { x = [[1], [2]] }\nmodel Line {\n  input x\n  Dense(1, use_bias=false)\n}\n"
        "train Line on d {\n  minimize mse(Line(x), 2 * x) using SGD\n}\n"
    )
    result = nndsl("landscape", "line.nn")
    assert result.exit_code == 1
    assert "NN616" in result.stderr


def test_an_unknown_kind_of_picture_is_a_mistake_before_training(nndsl):
    result = nndsl("landscape", WAVES, "-o", "wave.docx")
    assert result.exit_code == 1
    assert "NN609" in result.stderr
