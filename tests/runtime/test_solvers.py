"""Solvers: closed forms where there are some, minima where there are none, and what ends them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from nndsl.data.builtin import BuiltinTable
from nndsl.diagnostics import UserError
from nndsl.runtime.load import load, model_of
from nndsl.runtime.model import Model
from nndsl.runtime.standalone.solvers import conjugate_gradients
from tests.check.programs import checked

ROOT = Path(__file__).parents[2]
DIABETES = np.genfromtxt(ROOT / "examples" / "data" / "diabetes.csv", delimiter=",", names=True)
MEASURES = DIABETES.dtype.names[:-1]


def loaded(text: str, *, precision: str = "float64", level: int = 1) -> Model:
    return model_of(checked(dedent(text), folder=ROOT / "examples"), precision=precision, level=level, verify=True)


def line(minimize: str, *, epochs: int = 10, penalty: str = "", kernel: str = "zeros") -> str:
    """A straight line through the diabetes data."""
    columns = ", ".join(f'"{name}"' for name in MEASURES)
    return f"""
    data diabetes from csv("data/diabetes.csv") {{
      measures = standardize(columns({columns}))
      progression = column("progression")
    }}
    model Line {{
      input measures
      Dense(1, kernel_initializer={kernel})
    }}
    train Line on diabetes {{
      epochs = {epochs}
      prediction = Line(measures)
      minimize {minimize}{penalty}
    }}
    """


def normal_equations(penalty: float = 0.0) -> tuple[np.ndarray, float, float]:
    """Kernel, bias and loss of the best straight line, solved directly."""
    raw = np.stack([DIABETES[name] for name in MEASURES], 1)
    x = np.concatenate([(raw - raw.mean(0)) / raw.std(0), np.ones((len(raw), 1))], 1)
    y = DIABETES["progression"]
    ridge = penalty * len(x) * np.diag([1.0] * 10 + [0.0])
    solved = np.linalg.solve(x.T @ x + ridge, x.T @ y)
    loss = float(np.mean((x @ solved - y) ** 2) + penalty * np.sum(solved[:-1] ** 2))
    return solved[:-1], float(solved[-1]), loss


NEWTON = "mse(prediction, progression) using Newton"
SQUARES = "least_squares(prediction - progression) using LevenbergMarquardt"
MEMORY = "mse(prediction, progression) using LBFGS"


# ------------------------------------------------------------------------------------------------ closed forms


@pytest.mark.parametrize(("minimize", "level"), [(NEWTON, 0), (NEWTON, 1), (SQUARES, 1)])
def test_one_iteration_reaches_the_closed_form_where_the_model_is_linear(minimize: str, level: int) -> None:
    model = loaded(line(minimize, epochs=1), level=level)
    (row,) = model.fit()
    kernel, bias, loss = normal_equations()
    np.testing.assert_allclose(model.weights["Line/dense/kernel"][:, 0], kernel, rtol=1e-6)
    np.testing.assert_allclose(model.weights["Line/dense/bias"], bias, rtol=1e-6)
    assert row["train.loss"] == pytest.approx(loss, rel=1e-12)


def test_the_example_reaches_the_closed_form_to_a_millionth() -> None:
    model = load(ROOT / "examples" / "optimizers.nn", precision="float64")
    kernel, bias, loss = normal_equations()
    for train, network in (("SecondOrder", "Curved"), ("LeastSquares", "Squared")):
        model.fit(train)
        np.testing.assert_allclose(model.weights[f"{network}/dense/kernel"][:, 0], kernel, rtol=1e-6)
        np.testing.assert_allclose(model.weights[f"{network}/dense/bias"], bias, rtol=1e-6)
        assert model.evaluate(part="train", train=train)["loss"] == pytest.approx(loss, rel=1e-6)


def test_lbfgs_comes_to_the_closed_form_too() -> None:
    model = loaded(line(MEMORY, epochs=60))
    model.fit()
    kernel, _, loss = normal_equations()
    np.testing.assert_allclose(model.weights["Line/dense/kernel"][:, 0], kernel, rtol=1e-4)
    assert model.evaluate(part="train")["loss"] == pytest.approx(loss, rel=1e-12)


@pytest.mark.parametrize("using", ["Newton", "LBFGS"])
def test_penalties_count_as_in_ridge_regression(using: str) -> None:
    text = line("mse(prediction, progression)", penalty=f" + 0.5 * sum(Line.dense.kernel^2) using {using}", epochs=60)
    model = loaded(text)
    model.fit()
    kernel, bias, loss = normal_equations(0.5)
    np.testing.assert_allclose(model.weights["Line/dense/kernel"][:, 0], kernel, rtol=1e-5)
    np.testing.assert_allclose(model.weights["Line/dense/bias"], bias, rtol=1e-6)
    assert model.evaluate(part="train")["loss"] == pytest.approx(loss, rel=1e-10)


def test_least_squares_weighs_its_samples() -> None:
    text = """
    data d {
      x = [0, 1, 2, 5]
      y = [1, 2, 2, 9]
      w = [1, 1, 3, 0.5]
    }
    model Line {
      input x
      reshape(x, [1]) -> Dense(1)
    }
    train Line on d {
      minimize least_squares(Line(x) - y) weighted by w using LevenbergMarquardt
    }
    """
    model = loaded(text)
    model.fit()
    a = np.stack([[0.0, 1, 2, 5], np.ones(4)], 1) * np.sqrt([[1], [1], [3], [0.5]])
    solved = np.linalg.lstsq(a, np.array([1.0, 2, 2, 9]) * np.sqrt([1, 1, 3, 0.5]), rcond=None)[0]
    found = [model.weights["Line/dense/kernel"].item(), model.weights["Line/dense/bias"].item()]
    np.testing.assert_allclose(found, solved, rtol=1e-9)


def test_conjugate_gradients_solve_what_they_are_given() -> None:
    random = np.random.default_rng(0)
    root = random.normal(size=(12, 12))
    matrix, target = root @ root.T + np.eye(12), random.normal(size=12)
    found = conjugate_gradients(lambda v: matrix @ v, target, 40)
    np.testing.assert_allclose(found, np.linalg.solve(matrix, target), rtol=1e-8)


def test_conjugate_gradients_go_downhill_where_the_matrix_bends_the_wrong_way() -> None:
    target = np.array([1.0, -2.0])
    assert conjugate_gradients(lambda v: -v, target, 5) @ target > 0


# ------------------------------------------------------------------------------------------------ crooked problems


def valley(minimize: str, epochs: int = 100) -> str:
    """Rosenbrock's valley, whose bottom is 0 at (1, 1)."""
    return f"""
    data nothing {{ zero = [0] }}
    layer Valley {{
      input zero: []
      weight x: [] = constant(value=-1.2)
      weight y: [] = constant(value=1)
      output stack([1 - x + zero, 10 * (y - x^2) + zero])
    }}
    model Rosenbrock {{
      input zero
      valley: Valley
    }}
    train Rosenbrock on nothing {{
      epochs = {epochs}
      minimize {minimize}
    }}
    """


@pytest.mark.parametrize(
    ("minimize", "iterations"),
    [
        ("least_squares(Rosenbrock(zero)) using LevenbergMarquardt", 40),
        ("least_squares(Rosenbrock(zero)) using Newton", 40),
        ("sum(Rosenbrock(zero)^2) using LBFGS", 60),
        ("least_squares(Rosenbrock(zero)) using LevenbergMarquardt(damping=1)", 60),
        ("least_squares(Rosenbrock(zero)) using Newton(damping=1e-3)", 60),
    ],
)
def test_the_bottom_of_a_bent_valley_is_found(minimize: str, iterations: int) -> None:
    model = loaded(valley(minimize, iterations))
    rows = model.fit()
    assert model.weights["Rosenbrock/valley/x"] == pytest.approx(1, abs=1e-5)
    assert model.weights["Rosenbrock/valley/y"] == pytest.approx(1, abs=1e-5)
    losses = [row["train.loss"] for row in rows]
    assert losses == sorted(losses, reverse=True)


NETWORK = """
data d from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
  split train 10%, test 90%
}
model M {
  input image
  Flatten
  Dropout(0.1)
  Dense(6, activation=tanh)
  Dense(10)
}
train M on d {
  epochs = 25
  minimize cross_entropy(M(image), label) + l2(M, 1e-3) using SOLVER
  metric accuracy(M(image), label)
}
"""


@pytest.mark.parametrize(("solver", "precision"), [("Newton(cg_iterations=20)", "float32"), ("LBFGS", "float64")])
def test_a_network_with_fixed_draws_gets_better_in_every_iteration(solver: str, precision: str) -> None:
    model = loaded(NETWORK.replace("SOLVER", solver), precision=precision)
    losses = [row["train.loss"] for row in model.fit()]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < 0.5 * losses[0]


def test_only_the_weights_that_over_names_change() -> None:
    text = NETWORK.replace("using SOLVER", "over M.dense_1 using LBFGS").replace("epochs = 25", "epochs = 3")
    model = loaded(text)
    before = {path: values.copy() for path, values in model.weights.items()}
    model.fit()
    changed = {path for path, values in model.weights.items() if not np.array_equal(values, before[path])}
    assert changed == {"M/dense_1/kernel", "M/dense_1/bias"}


def test_statistics_move_once_an_iteration_however_often_the_loss_is_asked() -> None:
    network = NETWORK.replace("Dropout(0.1)", "BatchNormalization(momentum=0.9)").replace("epochs = 25", "epochs = 2")
    model = loaded(network.replace("SOLVER", "Newton(cg_iterations=5)").replace("metric accuracy(M(image), label)", ""))
    model.fit()
    pixels = model.parts(model.train_named(None))["train"]["image"].reshape(-1, 64)
    np.testing.assert_allclose(model.states["M/batch_normalization/moving_mean"], (1 - 0.9**2) * pixels.mean(0))


def test_without_data_the_draws_stay_the_same() -> None:
    text = """
    model Line {
      input x: [1]
      Dense(1)
    }
    train Line {
      steps = 3
      batch_size = 50
      x = normal([1])
      minimize least_squares(Line(x) - 3 * x - 1) using LevenbergMarquardt
    }
    """
    model = loaded(text)
    rows = model.fit()
    assert model.weights["Line/dense/kernel"].item() == pytest.approx(3)
    assert rows[-1]["train.loss"] < 1e-20


# ------------------------------------------------------------------------------------------------ what ends them


def finish(model: Model) -> object:
    return list(model.training(model.train_named(None)))[-1]


def test_a_solver_ends_when_it_is_done() -> None:
    done = finish(loaded(line(NEWTON, epochs=50)))
    assert done.epochs < 5
    assert done.stopped.startswith("solved: no gradient is larger than")


def test_in_float32_it_ends_in_the_noise_and_keeps_what_was_best() -> None:
    model = loaded(line(SQUARES, epochs=50), precision="float32")
    done = finish(model)
    assert done.epochs < 20
    assert done.stopped is not None
    assert model.evaluate(part="train")["loss"] == pytest.approx(normal_equations()[2], rel=1e-6)


def test_a_loss_that_is_not_finite_is_told_of() -> None:
    model = loaded(valley("mean(log(0 * Rosenbrock(zero))) using Newton"))
    with pytest.raises(UserError) as failure:
        model.fit()
    assert failure.value.diagnostics[0].code == "NN617"


# ------------------------------------------------------------------------------------------------ standalone


def test_a_standalone_file_solves_bit_for_bit_alike(tmp_path: Path) -> None:
    model = loaded(NETWORK.replace("SOLVER", "Newton(cg_iterations=5)").replace("epochs = 25", "epochs = 4"))
    losses = [row["train.loss"] for row in model.fit()]
    columns = BuiltinTable("digits", None, None).read_columns(("image", "label"))
    np.savez(tmp_path / "digits.npz", **columns)
    (tmp_path / "m.py").write_text(model.source, encoding="utf-8")
    command = [sys.executable, "m.py", "train", "digits.npz", "--weights", "w.npz", "--history", "h.csv"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    history = np.genfromtxt(tmp_path / "h.csv", delimiter=",", names=True)
    assert history["trainloss"].tolist() == losses
