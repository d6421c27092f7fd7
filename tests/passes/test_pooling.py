"""What moves behind max pooling: the same values, the same gradients, on a quarter of the elements."""

from __future__ import annotations

import numpy as np

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.ir import Node
from nndsl.passes.pooling import POOLING, SPARING_POOLING
from nndsl.passes.rewrite import rewrite
from tests.executor import evaluate
from tests.passes.graphs import SAMPLES, Graph, spread, values

PITCH = {"sizes": (2, 2), "strides": (2, 2), "dilations": (1, 1), "before": (0, 0), "counts": (2, 3)}


def relu(x: Node) -> Node:
    zero = ops.constant.make(x.builder, x.type, value=0.0)
    return ops.where(ops.greater(x, zero), x, zero)


def between(node: Node):
    """Values of leaves, positive and negative ones."""
    return values(node, low=-1.5, high=1.5)


def test_relu_and_bias_move_behind_the_maximum() -> None:
    graph = Graph()
    x, bias = graph.x("x", 4, 6, 3), graph.w("bias", 3)
    before = ops.window_max(relu(ops.add(x, spread(bias, x))), **PITCH)
    (after,) = rewrite([before], POOLING, SPARING_POOLING)
    m = ops.window_max(x, **PITCH)
    assert after is relu(ops.add(m, spread(bias, m)))
    np.testing.assert_array_equal(*evaluate([before, after], between, SAMPLES))
    totals = [ops.batch_sum(ops.sum(ops.square(pooled), axes=(0, 1, 2))) for pooled in (before, after)]
    for one, other in zip(*(gradients(total, [x, bias]) for total in totals), strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(*evaluate([one, other], between, SAMPLES), rtol=1e-12, atol=1e-14)


def test_what_others_read_as_well_stays_where_it_is() -> None:
    graph = Graph()
    active = relu(graph.x("x", 4, 6, 3))
    pooled = ops.window_max(active, **PITCH)
    assert rewrite([pooled, active], POOLING, SPARING_POOLING) == (pooled, active)


def test_what_differs_within_a_window_stays_where_it_is() -> None:
    graph = Graph()
    x, y = graph.x("x", 4, 6, 3), graph.w("y", 6, 3)
    pooled = ops.window_max(ops.add(x, spread(y, x)), **PITCH)
    assert rewrite([pooled], POOLING, SPARING_POOLING) == (pooled,)


def convolved(x: Node, kernel: Node, count: int) -> Node:
    """A convolution of x: [lengths, c] by kernel: [2, 2, c, filters], of `count` windows along both axes."""
    patches = ops.windows(x, **{**PITCH, "strides": (1, 1), "counts": (count, count)})
    size = 4 * x.type.shape[-1]
    rows = ops.reshape(patches, shape=(count, count, size))
    filters = kernel.type.shape[-1]
    return ops.einsum(rows, ops.reshape(kernel, shape=(size, filters)), equation="abx,xy->aby", kind="sample")


def test_what_no_window_sees_of_a_convolution_is_not_computed() -> None:
    graph = Graph()
    x, kernel = graph.x("x", 6, 6, 2), graph.w("kernel", 2, 2, 2, 3)
    pitch = {**PITCH, "counts": (2, 2)}
    before = ops.window_max(convolved(x, kernel, 5), **pitch)
    (after,) = rewrite([before], POOLING, SPARING_POOLING)
    assert after is ops.window_max(convolved(x, kernel, 4), **pitch)
    np.testing.assert_array_equal(*evaluate([before, after], between, SAMPLES))
    totals = [ops.batch_sum(ops.sum(ops.square(pooled), axes=(0, 1, 2))) for pooled in (before, after)]
    for one, other in zip(*(gradients(total, [x, kernel]) for total in totals), strict=True):
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(*evaluate([one, other], between, SAMPLES), rtol=1e-12, atol=1e-14)


def test_a_convolution_that_others_read_as_well_is_computed_whole() -> None:
    graph = Graph()
    y = convolved(graph.x("x", 6, 6, 2), graph.w("kernel", 2, 2, 2, 3), 5)
    pooled = ops.window_max(y, **{**PITCH, "counts": (2, 2)})
    assert rewrite([pooled, y], POOLING, SPARING_POOLING) == (pooled, y)
