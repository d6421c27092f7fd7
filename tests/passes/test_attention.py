"""Attention that is written out becomes one operation, where that is all that its weights are for."""

from __future__ import annotations

import numpy as np
import pytest

from nndsl import ops
from nndsl.ir import Builder, DType, Kind, Node, TensorType, reachable
from nndsl.passes.attention import attention_in_blocks
from tests.evaluation import evaluate

T, S, H, D, N = 4, 4, 2, 3, 3


def field(builder: Builder, name: str, *shape: int, kind: Kind = Kind.SAMPLE, dtype: DType = DType.FLOAT) -> Node:
    return ops.field.make(builder, TensorType(dtype, shape, kind), name=name)


def softmax(x: Node) -> Node:
    last = x.type.rank - 1

    def spread(row: Node) -> Node:
        return ops.broadcast(ops.reshape(row, shape=(*row.type.shape, 1)), shape=x.type.shape, kind="sample")

    powers = ops.exp(ops.subtract(x, spread(ops.stop_gradient(ops.max(x, axes=(last,))))))
    return ops.divide(powers, spread(ops.sum(powers, axes=(last,))))


def before(builder: Builder, times: int) -> Node:
    places = ops.array.make(builder, TensorType(DType.INT, (times,), Kind.SHARED), value=tuple(range(times)))
    rows, columns = (
        ops.broadcast(ops.reshape(places, shape=shape), shape=(times, times), kind="shared")
        for shape in ((times, 1), (1, times))
    )
    return ops.greater_equal(rows, columns)


def hidden(scores: Node, seen: Node) -> Node:
    seen = ops.broadcast(seen, shape=scores.type.shape, kind="sample")
    return ops.where(seen, scores, ops.splat(scores, -1e9))


def several_heads(q: Node, k: Node, v: Node, *masks: Node, swapped: bool = False) -> Node:
    scores = ops.einsum(q, k, equation="thk,shk->hts", kind="sample")
    scores = ops.divide(scores, ops.splat(scores, 2.0))
    for mask in masks:
        scores = hidden(scores, mask)
    if swapped:
        return ops.einsum(v, softmax(scores), equation="bca,cxb->xca", kind="sample")
    return ops.einsum(softmax(scores), v, equation="hts,shk->thk", kind="sample")


def operands(builder: Builder) -> list[Node]:
    return [field(builder, name, length, H, D) for name, length in (("q", T), ("k", S), ("v", S))]


def found(root: Node) -> list[Node]:
    return [node for node in reachable([root]) if node.op is ops.attention]


def check(root: Node) -> Node:
    """The root over attention as one operation, which has the value that it had."""
    (made,) = attention_in_blocks((root,))
    rng = np.random.default_rng(0)
    leaves = [node for node in reachable([root]) if node.op is ops.field]
    values = {
        leaf: rng.standard_normal((N, *leaf.type.shape))
        if leaf.type.dtype is DType.FLOAT
        else rng.random((N, *leaf.type.shape)) < 0.6
        for leaf in leaves
    }
    for one, other in zip(evaluate([root], values, N), evaluate([made], values, N), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-13)
    assert not any(node.op is ops.exp for node in reachable([made]))
    (attention,) = found(made)
    return attention


def test_attention_of_several_heads() -> None:
    attention = check(several_heads(*operands(Builder())))
    assert attention["scale"] == 0.5
    assert attention["causal"] is False
    assert len(attention.inputs) == 3


def test_times_that_see_themselves_and_those_before_are_causal_without_a_mask() -> None:
    builder = Builder()
    attention = check(several_heads(*operands(builder), before(builder, T)))
    assert attention["causal"] is True
    assert len(attention.inputs) == 3


def test_keys_that_are_hidden_are_a_mask() -> None:
    builder = Builder()
    mask = field(builder, "mask", S, dtype=DType.BOOL)
    attention = check(several_heads(*operands(builder), before(builder, T), mask))
    assert attention["causal"] is True
    assert len(attention.inputs) == 4


def test_one_head_in_matrices() -> None:
    builder = Builder()
    q, k, v = (field(builder, name, T, D) for name in "qkv")
    scores = ops.einsum(q, k, equation="td,sd->ts", kind="sample")
    check(ops.einsum(softmax(scores), v, equation="xy,yz->xz", kind="sample"))


def test_heads_in_front() -> None:
    builder = Builder()
    q, k, v = (field(builder, name, H, T, D) for name in "qkv")
    scores = hidden(ops.einsum(q, k, equation="hqd,hkd->hqk", kind="sample"), before(builder, T))
    check(ops.einsum(softmax(scores), v, equation="hqk,hkd->hqd", kind="sample"))


@pytest.mark.parametrize("what", ["weights are read", "sizes come first", "keys are shared", "hidden in another way"])
def test_what_is_not_attention_alone_stays_as_it_is(what: str) -> None:
    builder = Builder()
    q, k, v = operands(builder)
    if what == "weights are read":
        weights = softmax(ops.einsum(q, k, equation="thk,shk->hts", kind="sample"))
        mixed = ops.einsum(weights, v, equation="hts,shk->thk", kind="sample")
        root = ops.add(ops.sum(mixed, axes=(0, 1, 2)), ops.sum(weights, axes=(0, 1, 2)))
    elif what == "sizes come first":
        q = field(builder, "turned", D, T, H)
        scores = ops.einsum(q, k, equation="kth,shk->hts", kind="sample")
        root = ops.einsum(softmax(scores), v, equation="hts,shk->thk", kind="sample")
    elif what == "keys are shared":
        root = several_heads(q, field(builder, "k", S, H, D, kind=Kind.SHARED), v)
    else:
        scores = ops.einsum(q, k, equation="thk,shk->hts", kind="sample")
        seen = ops.broadcast(before(builder, T), shape=scores.type.shape, kind="sample")
        scores = ops.where(seen, scores, ops.splat(scores, -3.0))
        root = ops.einsum(softmax(scores), v, equation="hts,shk->thk", kind="sample")
    assert found(attention_in_blocks((root,))[0]) == []
