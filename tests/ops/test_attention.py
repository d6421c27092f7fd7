"""Attention in blocks computes what attention with all scores at once does, whatever the blocks."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from nndsl import ops
from nndsl.ir import Builder, DType, Kind, Node, TensorType
from nndsl.ops.attention import SCORES
from nndsl.runtime.standalone import attention as blocks
from tests.evaluation import planned

N = 5
CASES = [
    # times, keys, heads, size, value size, causal, masked
    pytest.param(130, 130, 3, 4, 5, True, False, id="causal, blocks of some queries"),
    pytest.param(40, 40, 2, 4, 4, True, False, id="causal, halves"),
    pytest.param(150, 70, 3, 2, 4, False, False, id="of another sequence"),
    pytest.param(130, 130, 2, 4, 3, True, True, id="causal, with a mask"),
    pytest.param(9, 150, 2, 3, 3, False, True, id="with a mask"),
    pytest.param(3, 3, 1, 2, 2, True, False, id="short"),
]


def made(times: int, keys: int, heads: int, size: int, value_size: int, causal: bool, masked: bool) -> Node:
    builder = Builder()
    shapes = ((times, heads, size), (keys, heads, size), (keys, heads, value_size))
    mask = [TensorType(DType.BOOL, (heads, times, keys), Kind.SAMPLE)] if masked else []
    types = [*(TensorType(DType.FLOAT, shape, Kind.SAMPLE) for shape in shapes), *mask]
    fields = [ops.field.make(builder, type, name=f"x{i}") for i, type in enumerate(types)]
    return ops.attention(*fields, scale=0.5, causal=causal)


def drawn(node: Node, spread: float = 1.0) -> list[Any]:
    rng = np.random.default_rng(3)
    floats = [spread * rng.standard_normal((N, *x.type.shape)) for x in node.inputs if x.type.dtype is DType.FLOAT]
    masks = [rng.random((N, *x.type.shape)) < 0.7 for x in node.inputs if x.type.dtype is DType.BOOL]
    for mask in masks:
        mask[0, :, 1] = False  # a query that sees nothing
    return [*floats, *masks]


@pytest.mark.parametrize("scores", [1, 4000, SCORES])
@pytest.mark.parametrize("spread", [1.0, 30.0])
@pytest.mark.parametrize(("times", "keys", "heads", "size", "value_size", "causal", "masked"), CASES)
def test_blocks_give_what_all_scores_at_once_do(
    times, keys, heads, size, value_size, causal, masked, spread, scores, monkeypatch
) -> None:
    monkeypatch.setattr(sys.modules["nndsl.ops.attention"], "SCORES", scores)
    monkeypatch.setattr("nndsl.runtime.standalone.attention._WORTH_HALVING", 0)
    node = made(times, keys, heads, size, value_size, causal, masked)
    arrays = drawn(node, spread)
    expected = blocks.attention(*arrays[:3], 0.5, causal, *arrays[3:])
    np.testing.assert_allclose(planned(node, arrays, N), expected, rtol=1e-10, atol=1e-12)
    back = ops.attention_gradient(node, node, *node.inputs, scale=0.5, causal=causal)
    ct = np.random.default_rng(4).standard_normal(expected.shape)
    slopes = blocks.attention_gradient(ct, expected, *arrays[:3], 0.5, causal, *arrays[3:])
    np.testing.assert_allclose(planned(back, [ct, expected, *arrays], N), slopes, rtol=1e-9, atol=1e-10)


def test_scores_that_are_no_numbers_stay_so() -> None:
    node = made(4, 4, 1, 2, 2, True, False)
    arrays = drawn(node)
    arrays[0][0, 2] = np.nan
    with np.errstate(invalid="ignore"):
        out = planned(node, arrays, N)
    assert np.isnan(out[0, 2]).all()
    assert np.isfinite(out[1:]).all()


def test_scratch_memory_grows_with_the_number_of_keys_and_not_with_its_square() -> None:
    def needed(times: int) -> int:
        node = made(times, times, 4, 32, 32, True, False)
        back = ops.attention_gradient(node, node, *node.inputs, scale=0.5, causal=True)
        rules = [(each, each.op.numpy.scratch) for each in (node, back)]
        return sum(int(np.prod(shape)) for each, rule in rules if rule is not None for shape, _, _ in rule(each))

    assert needed(16384) < 2.5 * needed(8192)
    assert needed(16384) < 16384 * 16384 / 20


def test_flops_of_causal_attention_count_the_keys_that_are_seen() -> None:
    whole, causal = (made(64, 64, 2, 8, 8, each, False) for each in (False, True))
    assert ops.attention.flops(causal) == pytest.approx(ops.attention.flops(whole) * 65 / 128)
