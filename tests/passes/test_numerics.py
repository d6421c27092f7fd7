"""Formulas at points where, computed as they are written, they overflow, vanish or have no gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.ir import Builder, DType, Kind, Node, TensorType
from nndsl.passes.pipeline import numerics, simplify
from tests.executor import evaluate

if TYPE_CHECKING:
    from collections.abc import Callable

VECTOR = TensorType(DType.FLOAT, (3,), Kind.SAMPLE)


def one(x: Node) -> Node:
    return ops.splat(x, 1.0)


def total(x: Node) -> Node:
    return ops.sum(x, axes=(0,))


def spread(x: Node) -> Node:
    return ops.broadcast(ops.reshape(x, shape=(1,)), shape=(3,), kind="sample")


def softmax(x: Node) -> Node:
    return ops.divide(ops.exp(x), spread(total(ops.exp(x))))


def sigmoid(x: Node) -> Node:
    half = ops.splat(x, 0.5)
    return ops.add(ops.multiply(half, ops.tanh(ops.multiply(half, x))), half)


def value_and_gradient(formula: Callable[[Node], Node], at: list[float]) -> tuple[Any, Any]:
    """The formula summed, and its gradient, as a program would compute them."""
    x = ops.field.make(Builder(), VECTOR, name="x")
    (y,) = numerics((formula(x),))
    y = total(y) if y.type.rank else y
    (gradient,) = gradients(y, [x])
    assert gradient is not None
    value, slope = evaluate(simplify((y, gradient)), lambda _: np.array([at]), 1)
    return value[0], slope[0]


CASES: dict[str, tuple[Callable[[Node], Node], list[float], float, list[float]]] = {
    "log(1 + exp(x))": (
        lambda x: ops.log(ops.add(one(x), ops.exp(x))),
        [1000, -1000, 0],
        1000 + np.log(2),
        [1, 0, 0.5],
    ),
    "log(sigmoid(x))": (lambda x: ops.log(sigmoid(x)), [1000, -1000, 0], -1000 - np.log(2), [0, 1, 0.5]),
    "log(1 - sigmoid(x))": (
        lambda x: ops.log(ops.subtract(one(x), sigmoid(x))),
        [1000, -1000, 0],
        -1000 - np.log(2),
        [-1, 0, -0.5],
    ),
    "log(sum(exp(x)))": (lambda x: ops.log(total(ops.exp(x))), [1000, 0, -1000], 1000, [1, 0, 0]),
    "log(softmax(x))": (lambda x: ops.log(softmax(x)), [1000, 0, -1000], -3000, [-2, 1, 1]),
    "norm(x) at 0": (lambda x: ops.sqrt(total(ops.square(x))), [0, 0, 0], 0, [0, 0, 0]),
    "norm(x)": (lambda x: ops.sqrt(total(ops.square(x))), [3, 0, 4], 5, [0.6, 0, 0.8]),
    "sqrt(x^2) at 0": (lambda x: ops.sqrt(ops.square(x)), [0, -2, 3], 5, [0, -1, 1]),
}


@pytest.mark.parametrize(("formula", "at", "value", "gradient"), CASES.values(), ids=CASES)
def test_formula_has_its_value_and_gradient(
    formula: Callable[[Node], Node], at: list[float], value: float, gradient: list[float]
) -> None:
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        found = value_and_gradient(formula, at)
    assert np.allclose(found[0], value)
    assert np.allclose(found[1], gradient)


def test_a_norm_of_what_is_not_a_number_is_none() -> None:
    value, gradient = value_and_gradient(lambda x: ops.sqrt(total(ops.square(x))), [3, np.nan, 4])
    assert np.isnan(value)
    assert np.isnan(gradient).all()


def test_small_numbers_keep_their_digits() -> None:
    tiny = [1e-12, 2e-12, -1e-12]
    value, _ = value_and_gradient(lambda x: ops.subtract(ops.exp(x), one(x)), tiny)
    assert np.isclose(value, 2e-12, rtol=1e-9)
    value, _ = value_and_gradient(lambda x: ops.log(ops.add(one(x), x)), tiny)
    assert np.isclose(value, 2e-12, rtol=1e-9)


def test_a_cross_entropy_written_out_is_the_librarys() -> None:
    def formula(x: Node) -> Node:
        index = ops.constant.make(x.builder, TensorType(DType.INT, (), Kind.SAMPLE), value=2)
        return ops.negate(ops.log(ops.pick(softmax(x), index)))

    value, gradient = value_and_gradient(formula, [800.0, 0.0, -800.0])
    assert value == 1600
    assert np.allclose(gradient, [1, 0, -1])


def test_the_shift_of_a_softmax_by_its_maximum_is_left_alone() -> None:
    x = ops.field.make(Builder(), VECTOR, name="x")
    shifted = ops.subtract(x, spread(ops.stop_gradient(ops.max(x, axes=(0,)))))
    logarithm = ops.log(total(ops.exp(shifted)))
    assert numerics((logarithm,)) == (logarithm,)
