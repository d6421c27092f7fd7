"""Promises that every op in the table keeps, over its own samples."""

from __future__ import annotations

import math
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from nndsl import ops
from nndsl.ir import Builder, DType, Kind, NoGradient, Op, RuleError, Sample, TensorType
from tests.evaluation import (
    applied,
    check_gradients,
    draws,
    dtype_of,
    field,
    garbage,
    inner_product,
    planned,
    shape_of,
    textbook,
    workspace,
)

ALL = list(ops.OPS.values())
COMPUTED = [op for op in ALL if not op.leaf and op not in (ops.grad, ops.scan)]
CASES = [pytest.param(op, sample, id=f"{op.name}-{i}") for op in COMPUTED for i, sample in enumerate(op.samples)]
SMOOTH = [case for case in CASES if not isinstance(case.values[0].gradient, NoGradient)]


def float_inputs(sample: Sample) -> list[int]:
    return [i for i, type in enumerate(sample.types) if type.dtype is DType.FLOAT]


@pytest.mark.parametrize("op", ALL, ids=lambda op: op.name)
def test_every_op_brings_samples_and_documentation(op: Op) -> None:
    assert op.leaf or op.samples or op is ops.scan  # tests/test_loops.py is about loops
    assert op.documentation.endswith(".")
    assert ops.OPS[op.name] is op
    assert getattr(ops, op.name) is op
    for sample in op.samples:
        assert tuple(sorted(sample.attributes)) == op.attributes


def test_ops_are_known_without_numpy() -> None:
    code = "import sys, nndsl.ops; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(("op", "sample"), CASES)
@pytest.mark.parametrize("floats", ["float64", "float32"])
def test_textbook_and_planned_forms_compute_the_same(op: Op, sample: Sample, floats: str) -> None:
    node, arrays = applied(op, sample), draws(op, sample, floats=floats)
    expected = np.asarray(textbook(node, arrays, floats=floats))
    actual = planned(node, arrays, floats=floats)
    assert expected.shape == actual.shape == shape_of(node.type)
    tolerance = 1e-12 if floats == "float64" else 2e-5
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


def _widened(value: np.ndarray) -> bool:
    """Whether this NumPy makes a float64 of a float32 without axes and a Python number, as it did before 2.0."""
    return int(np.__version__.partition(".")[0]) < 2 and value.ndim == 0


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_forms_compute_in_the_number_type_of_the_program(op: Op, sample: Sample) -> None:
    node, arrays = applied(op, sample), draws(op, sample, floats="float32")
    value = np.asarray(textbook(node, arrays, floats="float32"))
    if node.type.dtype is not DType.INT and not _widened(value):
        assert value.dtype == dtype_of(node.type.dtype, "float32")
    assert value.dtype.kind == dtype_of(node.type.dtype).kind


@pytest.mark.parametrize(("op", "sample"), [c for c in CASES if c.values[0].numpy.in_place])
def test_results_may_overwrite_the_operands_that_the_rule_names(op: Op, sample: Sample) -> None:
    node = applied(op, sample)
    for position in op.numpy.in_place:
        if node.inputs[position].type != node.type:
            continue
        expected = planned(node, draws(op, sample))
        np.testing.assert_array_equal(planned(node, draws(op, sample), in_place=position), expected)


@pytest.mark.parametrize("op", [op for op in COMPUTED if not op.numpy.view], ids=lambda op: op.name)
def test_planned_forms_do_not_write_into_their_operands(op: Op) -> None:
    for sample in op.samples:
        node, arrays = applied(op, sample), draws(op, sample)
        before = [array.copy() for array in arrays]
        planned(node, arrays)
        for array, copy in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, copy)


_ALLOCATING = {ops.orthogonalize, ops.clip_by_norm, ops.from_step, ops.normal_quantile}


@pytest.mark.parametrize(
    "op",
    [op for op in COMPUTED if not op.numpy.view and op not in _ALLOCATING and op is not ops.share_total],
    ids=lambda op: op.name,
)
def test_planned_forms_allocate_next_to_nothing(op: Op) -> None:
    n = 200_000
    sample = next(s for s in op.samples if any(t.kind is Kind.SAMPLE for t in s.types))
    node, arrays = applied(op, sample), draws(op, sample, n, "float32")
    lines, names = workspace(node, arrays, n, "float32")
    code = compile("\n".join(lines), op.name, "exec")
    tracemalloc.start()
    try:
        exec(code, names)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < min(array.nbytes for array in (*arrays, garbage(node.type, n)) if array.size >= n)


# ------------------------------------------------------------------------------------------------ derivatives


@pytest.mark.parametrize(("op", "sample"), SMOOTH)
def test_first_and_second_derivatives_match_central_differences(op: Op, sample: Sample) -> None:
    node = applied(op, sample)
    positions = float_inputs(sample)
    if node.type.dtype is not DType.FLOAT or not positions:
        pytest.skip("whole numbers and truth values have no slope")
    root, factors = inner_product(node, "factors")
    values = dict(zip(node.inputs, draws(op, sample), strict=True))
    values[factors] = np.random.default_rng(1).uniform(-1, 1, shape_of(factors.type))
    check_gradients(root, values, [node.inputs[position] for position in positions])


@pytest.mark.parametrize("op", [op for op in ALL if isinstance(op.gradient, NoGradient)], ids=lambda op: op.name)
def test_ops_without_gradient_say_why(op: Op) -> None:
    assert isinstance(op.gradient, NoGradient)
    assert len(op.gradient.reason.split()) >= 4
    assert not op.gradient.reason.endswith(".")


# ------------------------------------------------------------------------------------------------ bare numbers


def _floats_only(op: Op) -> list[Sample]:
    return [s for s in op.samples if s.types[0].kind is not Kind.STEP and all(t.dtype is DType.FLOAT for t in s.types)]


@pytest.mark.parametrize("op", [op for op in COMPUTED if _floats_only(op)], ids=lambda op: op.name)
def test_textbook_form_takes_a_bare_number_for_a_value_that_is_the_same_everywhere(op: Op) -> None:
    for sample in _floats_only(op):
        shape = shape_of(applied(op, sample).type)
        for replaced in ({i} for i in range(len(sample.types))), [set(range(len(sample.types)))]:
            for positions in replaced:
                node = _with_constants(op, sample, positions)
                arrays = draws(op, sample, floats="float32")
                operands = ["0.75" if i in positions else array for i, array in enumerate(arrays)]
                filled = [np.full_like(array, 0.75) if i in positions else array for i, array in enumerate(arrays)]
                value = np.asarray(textbook(node, operands, floats="float32"))
                assert value.shape == shape
                if node.type.dtype is not DType.INT and not _widened(value):
                    assert value.dtype == dtype_of(node.type.dtype, "float32")
                expected = textbook(applied(op, sample), filled, floats="float32")
                np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def _with_constants(op: Op, sample: Sample, positions: set[int]):
    builder = Builder()
    inputs = [
        ops.constant.make(builder, type, value=0.75) if i in positions else field(builder, type, f"x{i}")
        for i, type in enumerate(sample.types)
    ]
    return op(*inputs, **sample.attributes)


@pytest.mark.parametrize(
    "op", [op for op in COMPUTED if op.elementwise and op is not ops.stop_gradient], ids=lambda op: op.name
)
def test_elementwise_planned_form_takes_arrays_without_axes_and_bare_numbers(op: Op) -> None:
    for sample in _floats_only(op):
        for position in range(len(sample.types)):
            node = _with_constants(op, sample, {position})
            arrays = draws(op, sample)
            full = [np.full_like(a, 0.75) if i == position else a for i, a in enumerate(arrays)]
            splat = [np.array(0.75) if i == position else a for i, a in enumerate(arrays)]
            np.testing.assert_array_equal(planned(node, splat), planned(node, full))


# ------------------------------------------------------------------------------------------------ numbers of the host


@pytest.mark.parametrize("op", [op for op in COMPUTED if op.numpy.host is not None], ids=lambda op: op.name)
def test_host_form_computes_what_the_textbook_form_does(op: Op) -> None:
    for sample in op.samples:
        step = Sample(
            tuple(TensorType(t.dtype, (), Kind.STEP) for t in sample.types), sample.domains, sample.attributes
        )
        shared = Sample(tuple(t.with_kind(Kind.SHARED) for t in step.types), sample.domains, sample.attributes)
        numbers = [array.item() for array in draws(op, shared)]
        expected = textbook(applied(op, shared), [np.array(number) for number in numbers])
        actual = textbook(applied(op, step), numbers)
        assert type(actual) in (float, int, bool), actual
        assert math.isclose(actual, expected, rel_tol=1e-12)


@pytest.mark.parametrize(
    ("op", "numbers", "expected"),
    [
        (ops.divide, (1.0, 0.0), math.inf),
        (ops.divide, (0.0, 0.0), math.nan),
        (ops.floor_divide, (1.0, 0.0), math.inf),
        (ops.remainder, (1.0, 0.0), math.nan),
        (ops.power, (0.0, -1.0), math.inf),
        (ops.power, (10.0, 1e6), math.inf),
        (ops.power, (-8.0, 0.5), math.nan),
        (ops.sqrt, (-1.0,), math.nan),
        (ops.exp, (1e4,), math.inf),
        (ops.expm1, (1e4,), math.inf),
        (ops.log, (0.0,), -math.inf),
        (ops.log, (-1.0,), math.nan),
        (ops.log1p, (-1.0,), -math.inf),
        (ops.reciprocal, (0.0,), math.inf),
        (ops.floor, (math.inf,), math.inf),
        (ops.sin, (math.inf,), math.nan),
        (ops.normal_quantile, (0.0,), -math.inf),
    ],
)
def test_numbers_of_the_host_never_raise(op: Op, numbers: tuple[float, ...], expected: float) -> None:
    sample = Sample(tuple(TensorType(DType.FLOAT, (), Kind.STEP) for _ in numbers))
    np.testing.assert_equal(textbook(applied(op, sample), list(numbers)), expected)


# ------------------------------------------------------------------------------------------------ types and costs


@pytest.mark.parametrize("op", [op for op in COMPUTED if op.elementwise], ids=lambda op: op.name)
def test_elementwise_ops_refuse_operands_that_are_not_alike(op: Op) -> None:
    builder = Builder()
    types = op.samples[0].types
    if len(types) == 1:
        pytest.skip("one operand is alike")
    for wrong, words in (
        (types[-1].with_shape((7,)), r"\[7\]"),
        (types[-1].with_kind(Kind.SHARED), "two kinds"),
    ):
        inputs = [field(builder, type, "x") for type in (*types[:-1], wrong)]
        with pytest.raises(RuleError, match=words) as caught:
            op(*inputs, **op.samples[0].attributes)
        assert caught.value.operands


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_costs_are_whole_numbers_that_are_not_negative(op: Op, sample: Sample) -> None:
    cost = op.flops(applied(op, sample))
    assert isinstance(cost, int)
    assert cost >= 0
