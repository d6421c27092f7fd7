"""Functions to plot: values and derivatives are those of the library's definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.diagnostics import UserError
from nndsl.runtime.curves import curves_of

KNOWN = {
    "tanh": (np.tanh, lambda x: 1 - np.tanh(x) ** 2),
    "relu": (lambda x: np.maximum(x, 0), lambda x: (x > 0).astype(float)),
    "sigmoid": (lambda x: 1 / (1 + np.exp(-x)), lambda x: np.exp(-x) / (1 + np.exp(-x)) ** 2),
    "leaky_relu(negative_slope=0.3)": (lambda x: np.where(x > 0, x, 0.3 * x), lambda x: np.where(x > 0, 1, 0.3)),
}


def test_values_and_derivatives_are_right():
    curves = curves_of(list(KNOWN), -3, 3)
    assert [curve.name for curve in curves] == list(KNOWN)
    for curve in curves:
        value, slope = KNOWN[curve.name]
        np.testing.assert_allclose(curve.values, value(curve.x), rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(curve.slopes, slope(curve.x), rtol=1e-12, atol=1e-15)


def test_derivatives_agree_with_differences_away_from_kinks():
    for curve in curves_of(["gelu", "mish", "softplus", "silu", "elu"], 0.5, 4):
        between = np.gradient(curve.values, curve.x, edge_order=2)
        np.testing.assert_allclose(curve.slopes, between, atol=1e-4)


def test_a_file_brings_its_own_functions(tmp_path: Path):
    (tmp_path / "mine.nn").write_text("function cube(x, factor = 1) = factor * x^3\n")
    cube, twice, tanh = curves_of(["cube", "cube(factor=2)", "tanh"], -1, 1, tmp_path / "mine.nn")
    np.testing.assert_allclose(cube.values, cube.x**3, atol=1e-15)
    np.testing.assert_allclose(twice.slopes, 6 * cube.x**2, atol=1e-12)
    np.testing.assert_allclose(tanh.values, np.tanh(cube.x))


@pytest.mark.parametrize(("function", "code"), [("rleu", "NN101"), ("Dense", "NN3"), ("3", "NN616"), ("a\nb", "NN616")])
def test_what_is_no_function_of_a_number_is_a_mistake(function: str, code: str):
    with pytest.raises(UserError) as mistake:
        curves_of([function], -1, 1)
    assert mistake.value.diagnostics[0].code.startswith(code)
