"""What single ops mean: against references, at the edges of their domains, where operands tie, for repeated ids."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.ir import Builder, DType, Kind, Node, Op, TensorType
from tests.evaluation import check_gradients, evaluate, field, inner_product, planned, shape_of, textbook

FLOAT, INT, BOOL = DType.FLOAT, DType.INT, DType.BOOL


def leaf(builder: Builder, dtype: DType, *shape: int, kind: Kind = Kind.SAMPLE, name: str = "x") -> Node:
    return field(builder, TensorType(dtype, shape, kind), name)


def scalar(value: float) -> np.ndarray:
    return np.array([value])


def slopes_at(op: Op, *numbers: float, **attributes: Any) -> list[float]:
    """Gradients of an op of per-sample scalars, by each operand."""
    builder = Builder()
    leaves = [leaf(builder, FLOAT, name=f"x{i}") for i in range(len(numbers))]
    found = gradients(op(*leaves, **attributes), leaves)
    values = {each: scalar(number) for each, number in zip(leaves, numbers, strict=True)}
    return [0.0 if g is None else float(evaluate([g], values, 1)[0][0]) for g in found]


# ------------------------------------------------------------------------------------------------ references

UNARY: list[tuple[Op, Callable[[float], float], tuple[float, ...]]] = [
    (ops.negate, lambda x: -x, (-1.5, 0.0, 2.0)),
    (ops.absolute, abs, (-1.5, 0.0, 2.0)),
    (ops.square, lambda x: x * x, (-1.5, 0.0, 2.0)),
    (ops.sqrt, math.sqrt, (0.0, 0.25, 2.0)),
    (ops.reciprocal, lambda x: 1 / x, (-0.5, 3.0)),
    (ops.sign, lambda x: (x > 0) - (x < 0), (-2.0, 0.0, 0.5)),
    (ops.floor, math.floor, (-1.5, -1.0, 0.5)),
    (ops.ceil, math.ceil, (-1.5, -1.0, 0.5)),
    (ops.round, round, (-1.5, -0.5, 0.5, 1.5, 2.4)),
    (ops.exp, math.exp, (-700.0, 0.0, 3.0)),
    (ops.expm1, math.expm1, (1e-12, 0.0, 3.0)),
    (ops.log, math.log, (1e-300, 1.0, 3.0)),
    (ops.log1p, math.log1p, (1e-12, 1.0, -0.5)),
    (ops.sigmoid, lambda x: 1 / (1 + math.exp(-x)), (-3.0, 0.0, 0.7)),
    (ops.softplus, lambda x: math.log(1 + math.exp(x)), (-3.0, 0.0, 3.0)),
    (ops.sin, math.sin, (-3.0, 0.0, 1.0)),
    (ops.cos, math.cos, (-3.0, 0.0, 1.0)),
    (ops.tan, math.tan, (-1.0, 0.0, 1.0)),
    (ops.tanh, math.tanh, (-3.0, 0.0, 30.0)),
    (ops.erf, math.erf, (-6.5, -0.4, 0.0, 0.5, 1.0, 4.0, 7.0)),
]


@pytest.mark.parametrize(("op", "reference", "points"), UNARY, ids=lambda value: getattr(value, "name", None))
def test_functions_of_one_number(op: Op, reference: Callable[[float], float], points: tuple[float, ...]) -> None:
    node = op(leaf(Builder(), FLOAT))
    expected = [reference(point) for point in points]
    for form in (textbook, planned):
        actual = form(node, [np.array(points)], len(points))
        np.testing.assert_allclose(actual, expected, rtol=2e-15, atol=1e-15)


@pytest.mark.parametrize("op", [ops.sigmoid, ops.softplus, ops.tanh, ops.erf], ids=lambda op: op.name)
def test_saturating_functions_stay_finite_without_a_warning(op: Op) -> None:
    node, x = op(leaf(Builder(), FLOAT)), np.array([-1e4, -100.0, 100.0, 1e4], np.float32)
    expected = {"sigmoid": [0, 0, 1, 1], "softplus": [0, 0, 100, 1e4], "tanh": [-1, -1, 1, 1], "erf": [-1, -1, 1, 1]}
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        for form in (textbook, planned):
            np.testing.assert_allclose(form(node, [x], 4, "float32"), expected[op.name], atol=1e-7)


BINARY: list[tuple[Op, Callable[[Any, Any], Any]]] = [
    (ops.add, lambda a, b: a + b),
    (ops.subtract, lambda a, b: a - b),
    (ops.multiply, lambda a, b: a * b),
    (ops.divide, lambda a, b: a / b),
    (ops.floor_divide, lambda a, b: a // b),
    (ops.remainder, lambda a, b: a % b),
    (ops.maximum, max),
    (ops.minimum, min),
    (ops.power, lambda a, b: abs(a) ** b),
    (ops.equal, lambda a, b: a == b),
    (ops.not_equal, lambda a, b: a != b),
    (ops.less, lambda a, b: a < b),
    (ops.less_equal, lambda a, b: a <= b),
    (ops.greater, lambda a, b: a > b),
    (ops.greater_equal, lambda a, b: a >= b),
]
PAIRS = ((7.0, 2.0), (-7.0, 2.0), (3.0, 3.0), (0.5, -1.5), (2.0, 3.0))


@pytest.mark.parametrize(("op", "reference"), BINARY, ids=lambda value: getattr(value, "name", None))
def test_functions_of_two_numbers(op: Op, reference: Callable[[Any, Any], Any]) -> None:
    builder = Builder()
    node = op(leaf(builder, FLOAT, name="a"), leaf(builder, FLOAT, name="b"))
    a, b = np.array(PAIRS).T
    a = np.abs(a) if op is ops.power else a
    expected = [reference(*pair) for pair in PAIRS]
    for form in (textbook, planned):
        np.testing.assert_allclose(form(node, [a, b], len(PAIRS)), expected, rtol=1e-15)


@pytest.mark.parametrize("op", [ops.logical_and, ops.logical_or], ids=lambda op: op.name)
def test_truth_tables(op: Op) -> None:
    builder = Builder()
    node = op(leaf(builder, BOOL, name="a"), leaf(builder, BOOL, name="b"))
    a, b = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], bool).T
    expected = [False, False, False, True] if op is ops.logical_and else [False, True, True, True]
    for form in (textbook, planned):
        np.testing.assert_array_equal(form(node, [a, b], 4), expected)


# ------------------------------------------------------------------------------------------------ powers


def constant_power(exponent: float, base: float) -> tuple[float, float]:
    """Value and slope of `base ^ exponent` with a constant exponent."""
    builder = Builder()
    x = leaf(builder, FLOAT)
    out = ops.power(x, ops.constant.make(builder, x.type, value=exponent))
    (slope,) = gradients(out, [x])
    values = {x: scalar(base)}
    with np.errstate(all="ignore"):
        value = float(evaluate([out], values, 1)[0][0])
        return value, 0.0 if slope is None else float(evaluate([slope], values, 1)[0][0])


@pytest.mark.parametrize(
    ("exponent", "base", "value", "slope"),
    [
        (2.0, 0.0, 0.0, 0.0),
        (2.0, -3.0, 9.0, -6.0),
        (3.0, 0.0, 0.0, 0.0),
        (3.0, -2.0, -8.0, 12.0),
        (1.0, 0.0, 0.0, 1.0),
        (0.0, 0.0, 1.0, 0.0),
        (0.0, -2.0, 1.0, 0.0),
        (1.5, 0.0, 0.0, 0.0),
        (0.5, 0.0, 0.0, math.inf),
        (0.5, 4.0, 2.0, 0.25),
        (-1.0, 2.0, 0.5, -0.25),
        (-1.0, 0.0, math.inf, -math.inf),
    ],
)
def test_constant_powers_have_the_right_slope_at_zero_too(
    exponent: float, base: float, value: float, slope: float
) -> None:
    assert constant_power(exponent, base) == (value, slope)


def test_second_derivative_of_a_square_is_two_at_zero() -> None:
    builder = Builder()
    x = leaf(builder, FLOAT)
    out = ops.power(x, ops.constant.make(builder, x.type, value=2.0))
    (first,) = gradients(out, [x])
    assert first is not None
    (second,) = gradients(first, [x])
    assert second is not None
    assert evaluate([second], {x: scalar(0.0)}, 1)[0] == [2.0]


def test_power_with_a_varying_exponent_is_right_where_the_base_is_zero() -> None:
    assert slopes_at(ops.power, 0.0, 2.0) == [0.0, 0.0]
    assert slopes_at(ops.power, 0.0, 1.0) == [1.0, 0.0]
    assert slopes_at(ops.power, 0.0, 0.0) == [0.0, 0.0]
    np.testing.assert_allclose(slopes_at(ops.power, 2.0, 0.0), [0.0, math.log(2)])
    np.testing.assert_allclose(slopes_at(ops.power, -2.0, 3.0)[0], 12.0)


# ------------------------------------------------------------------------------------------------ ties and kinks


@pytest.mark.parametrize("op", [ops.maximum, ops.minimum], ids=lambda op: op.name)
def test_ties_of_two_numbers_are_split(op: Op) -> None:
    assert slopes_at(op, 1.0, 1.0) == [0.5, 0.5]
    assert sorted(slopes_at(op, 1.0, 2.0)) == [0.0, 1.0]
    assert slopes_at(op, 1.0, 2.0) == ([0.0, 1.0] if op is ops.maximum else [1.0, 0.0])


def test_slope_of_absolute_at_zero_is_zero() -> None:
    assert slopes_at(ops.absolute, 0.0) == [0.0]


@pytest.mark.parametrize("op", [ops.max, ops.min], ids=lambda op: op.name)
@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_gradient_of_an_extreme_goes_to_the_first_in_row_major_order(op: Op, axes: tuple[int, ...]) -> None:
    x = leaf(Builder(), FLOAT, 2, 3, 2)
    out = op(x, axes=axes)
    root, factors = inner_product(out, "factors")
    (gradient,) = gradients(root, [x])
    assert gradient is not None
    rng = np.random.default_rng(len(axes))
    array = rng.integers(0, 2, (3, 2, 3, 2)).astype(float)
    weights = rng.standard_normal(shape_of(out.type))
    (actual,) = evaluate([gradient], {x: array, factors: weights})
    np.testing.assert_array_equal(actual, _first_extremes(array, weights, op, axes))


def _first_extremes(array: np.ndarray, weights: np.ndarray, op: Op, axes: tuple[int, ...]) -> np.ndarray:
    """By looking at every element in order."""
    expected = np.zeros_like(array)
    kept = [axis for axis in range(3) if axis not in axes]
    best: dict[tuple[int, ...], tuple[int, ...]] = {}
    for index in np.ndindex(array.shape):
        key = (index[0], *(index[axis + 1] for axis in kept))
        better = key not in best or (
            array[index] > array[best[key]] if op is ops.max else array[index] < array[best[key]]
        )
        if better:
            best[key] = index
    for key, index in best.items():
        expected[index] = weights[key]
    return expected


def test_positions_are_those_of_the_first_of_several() -> None:
    x = leaf(Builder(), FLOAT, 4)
    array = np.array([[1.0, 3.0, 3.0, 0.0], [0.0, 0.0, 1.0, 1.0]])
    for form in (textbook, planned):
        np.testing.assert_array_equal(form(ops.argmax(x, axis=0), [array], 2), [1, 2])
        np.testing.assert_array_equal(form(ops.argmin(x, axis=0), [array], 2), [3, 0])


# ------------------------------------------------------------------------------------------------ choices


def test_where_leaves_what_was_not_chosen_out_even_if_it_has_no_value() -> None:
    builder = Builder()
    condition, a, b = leaf(builder, BOOL, name="c"), leaf(builder, FLOAT, name="a"), leaf(builder, FLOAT, name="b")
    node = ops.where(condition, a, b)
    arrays = [
        np.array([True, False, True, False]),
        np.array([1, np.nan, -np.inf, np.inf]),
        np.array([np.nan, 2, 0, -0.0]),
    ]
    for floats in ("float64", "float32"):
        typed = [arrays[0], arrays[1].astype(floats), arrays[2].astype(floats)]
        for form in (textbook, planned):
            chosen = form(node, typed, 4, floats)
            np.testing.assert_array_equal(chosen, np.array([1, 2, -np.inf, -0.0], floats))
            assert np.signbit(chosen[3])


@pytest.mark.parametrize("zero_first", [False, True])
def test_where_with_a_zero_on_one_side(zero_first: bool) -> None:
    builder = Builder()
    condition, x = leaf(builder, BOOL, 3), leaf(builder, FLOAT, 3, name="x")
    zero = ops.constant.make(builder, x.type, value=0.0)
    node = ops.where(condition, zero, x) if zero_first else ops.where(condition, x, zero)
    truth, array = np.array([[True, False, True]]), np.array([[np.nan, np.inf, 3.0]])
    truth = ~truth if zero_first else truth
    operands = [truth, np.zeros((1, 3)), array] if zero_first else [truth, array, np.zeros((1, 3))]
    for form in (textbook, planned):
        np.testing.assert_array_equal(form(node, operands, 1), [[np.nan, 0.0, 3.0]])


def test_no_gradient_flows_into_a_condition_or_behind_a_stop() -> None:
    builder = Builder()
    x = leaf(builder, FLOAT)
    zero = ops.constant.make(builder, x.type, value=0.0)
    chosen = ops.where(ops.greater(x, zero), zero, zero)
    assert gradients(chosen, [x]) == [None]
    assert gradients(ops.stop_gradient(x), [x]) == [None]
    assert gradients(ops.floor(x), [x]) == [None]


def test_casts_cut_and_compare() -> None:
    x = leaf(Builder(), FLOAT)
    array = np.array([-1.7, -0.2, 0.0, 2.9])
    for form in (textbook, planned):
        np.testing.assert_array_equal(form(ops.cast(x, to="int"), [array], 4), [-1, 0, 0, 2])
        np.testing.assert_array_equal(form(ops.cast(x, to="bool"), [array], 4), [True, True, False, True])


# ------------------------------------------------------------------------------------------------ looking up


def test_rows_that_are_looked_up_twice_get_both_gradients() -> None:
    builder = Builder()
    table = leaf(builder, FLOAT, 4, 2, kind=Kind.SHARED, name="table")
    ids = leaf(builder, INT, 3, name="ids")
    root, factors = inner_product(ops.gather(table, ids), "factors")
    (gradient,) = gradients(root, [table])
    assert gradient is not None
    where = np.array([[0, 0, 2], [2, 0, 2]], np.int32)
    weights = np.arange(12.0).reshape(2, 3, 2)
    (actual,) = evaluate([gradient], {table: np.zeros((4, 2)), ids: where, factors: weights}, 2)
    expected = np.zeros((4, 2))
    np.add.at(expected, where, weights)
    np.testing.assert_array_equal(actual, expected)
    assert (actual[[1, 3]] == 0).all()


@pytest.mark.parametrize("shared_ids", [False, True])
def test_each_sample_looks_up_in_its_own_table(shared_ids: bool) -> None:
    builder = Builder()
    table = leaf(builder, FLOAT, 4, 2, name="table")
    ids = leaf(builder, INT, 3, kind=Kind.SHARED if shared_ids else Kind.SAMPLE, name="ids")
    node = ops.gather(table, ids)
    rng = np.random.default_rng(0)
    tables = rng.standard_normal((5, 4, 2))
    where = rng.integers(0, 4, (3,) if shared_ids else (5, 3)).astype(np.int32)
    expected = np.stack([tables[i][where if shared_ids else where[i]] for i in range(5)])
    for form in (textbook, planned):
        np.testing.assert_array_equal(form(node, [tables, where], 5), expected)
    root, factors = inner_product(node, "factors")
    values = {table: tables, ids: where, factors: rng.standard_normal(expected.shape)}
    check_gradients(root, values, [table], 5)


def test_placing_ones_is_the_one_hot_form() -> None:
    builder = Builder()
    index = leaf(builder, INT, name="index")
    ones = ops.constant.make(builder, TensorType(FLOAT, (), Kind.SAMPLE), value=1.0)
    node = ops.place(ones, index, size=4)
    where = np.array([2, 0, 3], np.int32)
    expected = np.eye(4, dtype=np.float32)[where]
    np.testing.assert_array_equal(textbook(node, ["1.0", where], floats="float32"), expected)
    np.testing.assert_array_equal(planned(node, [np.ones(3, np.float32), where], floats="float32"), expected)


# ------------------------------------------------------------------------------------------------ sums and moves


def test_sums_agree_with_numpy_over_every_choice_of_axes() -> None:
    rng = np.random.default_rng(0)
    for kind in (Kind.SAMPLE, Kind.SHARED):
        x = leaf(Builder(), FLOAT, 2, 3, 4, kind=kind)
        array = rng.standard_normal(shape_of(x.type))
        for mask in range(1, 8):
            axes = tuple(axis for axis in range(3) if mask >> axis & 1)
            expected = array.sum(axis=tuple(a + (kind is Kind.SAMPLE) for a in axes))
            for form in (textbook, planned):
                np.testing.assert_allclose(form(ops.sum(x, axes=axes), [array]), expected, rtol=1e-13)


def test_whole_numbers_are_summed_as_whole_numbers() -> None:
    x = leaf(Builder(), INT, 3)
    array = np.array([[1, 2, 3], [-4, 5, 6]], np.int32)
    for node, expected in ((ops.sum(x, axes=(0,)), [6, 7]), (ops.batch_sum(x), [-3, 7, 9])):
        for form in (textbook, planned):
            result = form(node, [array], 2)
            np.testing.assert_array_equal(result, expected)
            assert result.dtype == np.int32


def test_gradient_of_a_shared_value_is_the_sum_over_samples() -> None:
    builder = Builder()
    bias = leaf(builder, FLOAT, 2, kind=Kind.SHARED, name="bias")
    out = ops.sum(ops.broadcast(bias, shape=(3, 2), kind="sample"), axes=(0, 1))
    (gradient,) = gradients(out, [bias])
    assert gradient is not None
    assert gradient.type == bias.type
    np.testing.assert_array_equal(evaluate([gradient], {bias: np.zeros(2)}, 5)[0], [15.0, 15.0])


@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("start", [0, 2])
@pytest.mark.parametrize("stop", [5, 7])
def test_gradient_of_every_slice_puts_each_element_back(start: int, stop: int, step: int) -> None:
    x = leaf(Builder(), FLOAT, 7)
    out = ops.slice(x, starts=(start,), stops=(stop,), steps=(step,))
    root, factors = inner_product(out, "factors")
    (gradient,) = gradients(root, [x])
    assert gradient is not None
    weights = np.arange(1.0, 1 + out.type.size)[None]
    (actual,) = evaluate([gradient], {x: np.zeros((1, 7)), factors: weights}, 1)
    expected = np.zeros((1, 7))
    expected[:, start:stop:step] = weights
    np.testing.assert_array_equal(actual, expected)
