"""Draws in source: what they call, and that their numbers are addressed, not consumed."""

from __future__ import annotations

import numpy as np

from nndsl import ops
from nndsl.ir import Builder, DType, Emission, Kind, Node, Op, TensorType
from nndsl.ops.random import site_key
from nndsl.runtime.standalone import random
from tests.evaluation import planned, shape_of, textbook


def draw(op: Op, kind: Kind, dtype: DType = DType.FLOAT, **attributes: float) -> Node:
    return op.make(Builder(), TensorType(dtype, (2, 3), kind), site="Digits/dropout", **attributes)


def test_sites_have_the_numbers_that_the_runtime_gives_them() -> None:
    for site in ("", "Digits/dropout", "größe[0]"):
        assert site_key(site) == random.site_key(site)
        assert 0 <= site_key(site) < 1 << 64


def test_textbook_and_planned_forms_draw_the_same_numbers() -> None:
    for kind in (Kind.SAMPLE, Kind.SHARED):
        for node in (
            draw(ops.random_uniform, kind),
            draw(ops.random_normal, kind),
            draw(ops.random_bernoulli, kind, DType.BOOL, probability=0.3),
        ):
            for floats in ("float32", "float64"):
                expected = textbook(node, [], floats=floats)
                assert expected.shape == shape_of(node.type)
                np.testing.assert_array_equal(planned(node, [], floats=floats), expected)


def test_a_draw_of_each_sample_depends_on_step_and_position_and_a_shared_one_does_not() -> None:
    key = site_key("Digits/dropout")
    for kind, call in (
        (Kind.SAMPLE, f"uniform(out, seed, {key}, step, first)"),
        (Kind.SHARED, f"uniform(out, seed, {key}, 0, 0, shared=True)"),
    ):
        node = draw(ops.random_uniform, kind)
        rule = node.op.numpy
        assert rule.statements is not None
        assert rule.statements(Emission(node, (), "out")) == [call]


def test_the_same_site_is_one_draw_and_another_site_another() -> None:
    builder = Builder()
    type = TensorType(DType.FLOAT, (2,), Kind.SAMPLE)
    first = ops.random_normal.make(builder, type, site="a")
    assert ops.random_normal.make(builder, type, site="a") is first
    assert ops.random_normal.make(builder, type, site="b") is not first
