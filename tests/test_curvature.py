"""Curvature times direction, against matrices made number by number in float64."""

from __future__ import annotations

from textwrap import dedent

import numpy as np
import pytest

from nndsl.runtime.load import model_of
from tests.check.programs import checked

PROGRAM = """
data d {
  x = [[0.1, 0.7, -1], [1.2, -0.3, 0.4], [-0.6, 0.2, 0.9], [0.3, 0.3, -0.8]]
  y = [[0.2, 1], [1, -0.5], [0.4, 0.1], [-1, 0.7]]
  w = [1, 0.5, 2, 1]
}
model M {
  input x
  NETWORK
}
train M on d {
  minimize LOSS
}
"""
DENSE = "Dense(3, activation=tanh)\n  Dense(2)"
LOOP = "reshape(x, [3, 1]) -> LSTM(2)"
IMAGE = "reshape(x, [3, 1]) -> Conv1D(2, 2, padding=same, activation=tanh) -> MaxPooling1D(2) -> Flatten\n  Dense(2)"


class Solved:
    """The pieces that a solver works with, as functions of flat weights."""

    def __init__(self, network: str, loss: str, level: int) -> None:
        text = dedent(PROGRAM).replace("NETWORK", network).replace("LOSS", loss)
        model = model_of(checked(text), precision="float64", level=level, verify=True)
        self.program = model.generated.program
        (self.train,) = self.program.trains.values()
        self.memory = self.program.memory(3)
        rng = np.random.default_rng(1)
        self.memory.weights[:] = 0.7 * rng.normal(size=self.memory.weights.size)
        self.memory.begin(self.train)
        fields = model.parts(model.train_named(None))["train"]
        self.step = self.train.training(4, self.memory, 0)
        self.curvature = self.train.solver.curvature(4, self.memory, 0)
        for step in (self.step, self.curvature):
            for name, target in step.inputs.items():
                target[...] = fields[name]

    def gradient(self, weights: np.ndarray) -> np.ndarray:
        self.memory.weights[:] = weights
        self.step.run(1, 1, 0)
        return self.memory.gradients.copy()

    def product(self, direction: np.ndarray) -> np.ndarray:
        self.memory.directions[:] = direction
        self.curvature.run(1, 1, 0)
        return self.memory.gradients.copy()


NETWORKS = [(DENSE, 0), (DENSE, 1), (LOOP, 1), (IMAGE, 1)]
NAMES = ["dense, plain", "dense", "loop", "image"]


@pytest.mark.parametrize(("network", "level"), NETWORKS, ids=NAMES)
def test_newton_asks_for_products_with_the_hessian(network: str, level: int) -> None:
    solved = Solved(network, "mean((M(x) - y)^4) + l2(M, 0.1) weighted by w using Newton", level)
    weights = solved.memory.weights.copy()
    direction = np.random.default_rng(2).normal(size=weights.size)
    h = 1e-5
    slope = (solved.gradient(weights + h * direction) - solved.gradient(weights - h * direction)) / (2 * h)
    solved.memory.weights[:] = weights
    np.testing.assert_allclose(solved.product(direction), slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("network", "level"), NETWORKS, ids=NAMES)
def test_least_squares_asks_for_products_with_the_matrix_of_gauss_and_newton(
    network: str, level: int, weighted: bool
) -> None:
    by = " weighted by w" if weighted else ""
    solved = Solved(network, f"least_squares(M(x) - y){by} using LevenbergMarquardt", level)
    weights = solved.memory.weights.copy()
    factors = np.array([1, 0.5, 2, 1]) if weighted else np.ones(4)

    def gradient_for(targets: np.ndarray) -> np.ndarray:
        solved.step.inputs["y"][...] = targets
        return solved.gradient(weights)

    # The loss's gradient is J^T (M(x) - y), each sample scaled, and linear in y: a row of J for each number of y.
    zero = gradient_for(np.zeros((4, 2)))
    scale = np.repeat(factors, 2) / factors.sum()
    jacobian = np.stack([zero - gradient_for(each) for each in np.eye(8).reshape(8, 4, 2)]) / scale[:, None]
    direction = np.random.default_rng(2).normal(size=weights.size)
    expected = jacobian.T @ (scale * (jacobian @ direction))
    np.testing.assert_allclose(solved.product(direction), expected, rtol=1e-8, atol=1e-11)
