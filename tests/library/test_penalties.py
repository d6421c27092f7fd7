"""Penalties on weights: their value and gradient, once a step whatever the batch size."""

from __future__ import annotations

import numpy as np
import pytest

TEXT = """
data given {{
  x = [[0.0, 0.0, 0.0]]
}}
model Net {{
  input x
  first: Dense(4, activation=tanh)
  BatchNormalization()
  second: Dense(1)
}}
train Net on given {{
  epochs = 1
  value = Net(x)
  minimize 0 * sum(value) + {penalty} using SGD(learning_rate=0)
}}
"""

PENALTIES = {
    "l1(Net, 0.3)": (lambda w: 0.3 * np.abs(w).sum(), lambda w: 0.3 * np.sign(w)),
    "l2(Net, 0.3)": (lambda w: 0.3 * (w**2).sum(), lambda w: 0.6 * w),
    "l1(Net)": (lambda w: 0.01 * np.abs(w).sum(), lambda w: 0.01 * np.sign(w)),
    "l2(Net)": (lambda w: 0.01 * (w**2).sum(), lambda w: 0.02 * w),
    "l1_l2(Net, l1=0.2, l2=0.3)": (
        lambda w: 0.2 * np.abs(w).sum() + 0.3 * (w**2).sum(),
        lambda w: 0.2 * np.sign(w) + 0.6 * w,
    ),
}


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("samples", [1, 6])
@pytest.mark.parametrize("penalty", PENALTIES)
def test_penalty_is_on_kernels_alone_and_counts_once(penalty, samples, precision, network, close):
    made = network(TEXT.format(penalty=penalty), precision)
    for path, value in made.weights().items():
        value[...] = np.random.default_rng(len(path)).standard_normal(value.shape)
    kernels = {path: value for path, value in made.weights().items() if path.endswith("kernel")}
    value_of, gradient_of = PENALTIES[penalty]
    wanted = sum(value_of(kernel.astype(np.float64)) for kernel in kernels.values())
    reported = made.training_step({"x": np.ones((samples, 3))})
    close(reported["loss"], wanted, precision, penalty)
    for path, weight in made.weights().items():
        gradient = gradient_of(weight.astype(np.float64)) if path in kernels else np.zeros(weight.shape)
        close(made.memory.gradient(path), gradient, precision, path)


def test_penalty_on_a_part_leaves_the_rest_alone(network, close):
    made = network(TEXT.format(penalty="l2(Net.first, 1)"))
    made.training_step({"x": np.ones((2, 3))})
    close(made.gradient("first/kernel"), 2 * made.weight("first/kernel"), "float64")
    assert not made.gradient("second/kernel").any()
