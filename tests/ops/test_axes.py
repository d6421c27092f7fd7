"""What ops say of an axis: its elements stay apart, or all are the same."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nndsl import ops
from nndsl.ir import Kind, Op, Sample
from tests.evaluation import applied, draws, textbook

COMPUTED = [op for op in ops.OPS.values() if not op.leaf and op not in (ops.grad, ops.scan)]
CASES = [pytest.param(op, sample, id=f"{op.name}-{i}") for op in COMPUTED for i, sample in enumerate(op.samples)]


def answers(op: Op, sample: Sample):
    """Each way to choose an axis of some operands, all of one length, that the op has a rule for."""
    node = applied(op, sample)
    for axes in product(*((None, *range(type.rank)) for type in sample.types)):
        lengths = {t.shape[axis] for t, axis in zip(sample.types, axes, strict=True) if axis is not None}
        if len(lengths) == 1 and any(axis is not None for axis in axes):
            along = op.keeps_apart(node, axes)
            if along is not None:
                yield node, along, lengths.pop()


def taken(array, axis, kind: Kind, element: int):
    """One element of an axis, which stays with length 1."""
    return np.take(array, [element], axis + (kind is Kind.SAMPLE))


@pytest.mark.parametrize(("op", "sample"), CASES)
def test_an_element_of_the_result_follows_from_those_of_the_operands(op: Op, sample: Sample) -> None:
    arrays = draws(op, sample)
    for node, along, length in answers(op, sample):
        whole = textbook(node, arrays)
        for element in range(length - 1 if along.last else 0, length):
            parts = [
                array if axis is None else taken(array, axis, operand.type.kind, element)
                for array, axis, operand in zip(arrays, along.operands, node.inputs, strict=True)
            ]
            types = tuple(
                operand.type
                if axis is None
                else operand.type.with_shape((*(s := operand.type.shape)[:axis], 1, *s[axis + 1 :]))
                for axis, operand in zip(along.operands, node.inputs, strict=True)
            )
            one = applied(op, Sample(types, attributes=dict(sample.attributes) | dict(along.attributes)))
            expected = taken(whole, along.axis, node.type.kind, 0 if along.last else element)
            np.testing.assert_allclose(textbook(one, parts), expected, rtol=1e-12)


@pytest.mark.parametrize(("op", "sample"), [case for case in CASES if case.values[0].repeats is not None])
def test_elements_that_an_op_repeats_are_the_same(op: Op, sample: Sample) -> None:
    node = applied(op, sample)
    value = np.asarray(textbook(node, draws(op, sample)))
    for axis in op.repeats(node):
        first = taken(value, axis, node.type.kind, 0)
        np.testing.assert_array_equal(value, np.broadcast_to(first, value.shape))


def test_a_constant_is_the_same_everywhere() -> None:
    like = applied(ops.add, ops.add.samples[0])
    node = ops.constant.make(like.builder, like.type, value=0.5)
    assert ops.constant.repeats(node) == tuple(range(like.type.rank))


@pytest.mark.parametrize(
    "name",
    [
        "add",
        "broadcast",
        "cast",
        "concatenate",
        "einsum",
        "gather",
        "max",
        "pad",
        "pick",
        "place",
        "reshape",
        "reverse",
        "slice",
        "sum",
        "transpose",
        "where",
    ],
)
def test_the_ops_that_layers_over_time_are_made_of_have_a_rule(name: str) -> None:
    op = ops.OPS[name]
    assert any(answer for sample in op.samples for answer in answers(op, sample))


@pytest.mark.parametrize("name", ["window_max", "windows", "batch_sum", "scatter_add"])
def test_the_ops_that_mix_their_elements_have_none(name: str) -> None:
    op = ops.OPS[name]
    assert not any(answer for sample in op.samples for answer in answers(op, sample))
