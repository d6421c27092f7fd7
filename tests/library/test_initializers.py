"""Initializers: bounds, spread and shape of what they draw; and that a seed decides it."""

from __future__ import annotations

import math

import numpy as np
import pytest

TEXT = """
layer Start {{
  input x: [1]
  weight values: {shape} = {initializer}
  output x * sum(values)
}}
data given {{ x = [[0.0]] }}
model Net {{
  input x: [1]
  step: Start
}}
train Net on given {{
  epochs = 1
  minimize sum(Net(x)) using SGD()
}}
"""


def drawn(network, initializer, shape, precision="float64", seed=0):
    return (
        network(TEXT.format(initializer=initializer, shape=list(shape)), precision, seed=seed).weight("values").copy()
    )


# Initializer, and its limit for a kernel of 300 inputs and 200 outputs.
UNIFORM = {
    "glorot_uniform": math.sqrt(6 / 500),
    "he_uniform": math.sqrt(6 / 300),
    "lecun_uniform": math.sqrt(3 / 300),
    "random_uniform": 0.05,
    "random_uniform(minval=-2, maxval=2)": 2.0,
    "uniform(low=-3, high=3)": 3.0,
}
# Initializer, its standard deviation, and how many standard deviations of the uncut normal it reaches.
NORMAL = {
    "glorot_normal": (math.sqrt(2 / 500), 2),
    "he_normal": (math.sqrt(2 / 300), 2),
    "lecun_normal": (math.sqrt(1 / 300), 2),
    "truncated_normal": (0.05 * 0.87962566103423978, 2),
    "truncated_normal(stddev=3)": (3 * 0.87962566103423978, 2),
    "random_normal": (0.05, None),
    "random_normal(stddev=0.2)": (0.2, None),
    "normal(mean=0, stddev=2)": (2.0, None),
}
CUT = 0.87962566103423978  # standard deviation of a standard normal cut off at two


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("initializer", UNIFORM)
def test_uniform_initializer_fills_its_bounds_evenly(initializer, precision, network):
    values, limit = drawn(network, initializer, (300, 200), precision), UNIFORM[initializer]
    assert values.dtype == precision
    assert np.abs(values).max() <= limit * (1 + 1e-6)
    assert values.max() > 0.999 * limit
    assert values.min() < -0.999 * limit
    assert abs(values.mean()) < 5 * limit / math.sqrt(3 * values.size)
    counts, _ = np.histogram(values, bins=20, range=(-limit, limit))
    expected = values.size / 20
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 60  # 19 degrees of freedom: one in three million goes past it


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("initializer", NORMAL)
def test_normal_initializer_has_its_spread_and_is_cut_where_it_says(initializer, precision, network):
    values = drawn(network, initializer, (300, 200), precision)
    stddev, cut = NORMAL[initializer]
    assert abs(values.mean()) < 5 * stddev / math.sqrt(values.size)
    assert abs(values.std() / stddev - 1) < 0.02
    if cut is None:
        assert np.abs(values).max() > 3.5 * stddev
    else:
        bound = cut * stddev / CUT
        assert 0.99 * bound < np.abs(values).max() <= bound * (1 + 1e-5)
    # The share within one standard deviation of the uncut normal.
    uncut = stddev if cut is None else stddev / CUT
    within = 0.6826894921370859 / (1 if cut is None else 0.9544997361036416)
    assert abs((np.abs(values) < uncut).mean() - within) < 0.01


def test_mean_of_normal_initializers_is_what_is_asked_for(network):
    for initializer in ("random_normal(mean=3, stddev=0.1)", "truncated_normal(mean=3, stddev=0.1)"):
        assert abs(drawn(network, initializer, (100, 100)).mean() - 3) < 0.01


@pytest.mark.parametrize(
    ("shape", "fan_in", "fan_out"), [((3, 3, 16, 32), 144, 288), ((400,), 400, 400), ((7, 50, 60), 350, 420)], ids=str
)
def test_fans_count_the_window_of_a_kernel(shape, fan_in, fan_out, network):
    assert np.abs(drawn(network, "he_uniform", shape)).max() == pytest.approx(math.sqrt(6 / fan_in), rel=0.03)
    glorot = np.abs(drawn(network, "glorot_uniform", shape)).max()
    assert glorot == pytest.approx(math.sqrt(6 / (fan_in + fan_out)), rel=0.03)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("shape", [(6, 6), (12, 5), (5, 12), (3, 4, 7)], ids=str)
def test_orthogonal_has_columns_or_rows_at_right_angles(shape, precision, network):
    matrix = drawn(network, "orthogonal(gain=2)", shape, precision).astype(np.float64).reshape(-1, shape[-1])
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    assert np.allclose(product, 4 * np.eye(len(product)), rtol=0, atol=1e-12 if precision == "float64" else 1e-5)


def test_orthogonal_prefers_no_direction(network):
    # Without the correction of signs, QR gives a diagonal of one sign far more often than not.
    corners = [drawn(network, "orthogonal", (3, 3), seed=seed) for seed in range(60)]
    signs = np.sign([matrix[0, 0] for matrix in corners])
    assert 15 < (signs > 0).sum() < 45
    determinants = np.linalg.det(corners)
    assert 15 < (determinants > 0).sum() < 45


def test_constant_starts_are_constant(network):
    assert (drawn(network, "zeros", (3, 2)) == 0).all()
    assert (drawn(network, "ones", (3, 2)) == 1).all()
    assert (drawn(network, "constant", (3, 2)) == 0).all()
    assert (drawn(network, "constant(value=0.25)", (3, 2)) == 0.25).all()
    assert (drawn(network, "full(value=0.25)", (3, 2)) == 0.25).all()


def test_seed_decides_the_start_and_weights_of_one_shape_differ(network):
    text = """
data given { x = [[0.0, 0.0, 0.0]] }
model Net {
  input x: [3]
  repeat 2 { Dense(3) }
}
train Net on given {
  epochs = 1
  minimize sum(Net(x)) using SGD()
}
"""
    first, again, other = network(text), network(text), network(text, seed=1)
    kernels = [path for path in first.weights() if path.endswith("kernel")]
    assert len(kernels) == 2
    for path in kernels:
        assert (first.weights()[path] == again.weights()[path]).all()
        assert (first.weights()[path] != other.weights()[path]).all()
    assert (first.weights()[kernels[0]] != first.weights()[kernels[1]]).all()
