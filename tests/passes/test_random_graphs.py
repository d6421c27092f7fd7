from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.ir import DType, Kind, Node, reachable
from nndsl.ir.verify import verify
from nndsl.passes.numerics import NUMERICS
from nndsl.passes.pipeline import SIMPLIFY
from nndsl.passes.reductions import SPARING
from nndsl.passes.rewrite import rewrite
from nndsl.passes.sharing import share
from tests.executor import evaluate
from tests.passes.graphs import SAMPLES, values
from tests.random_graphs import Maker, graphs

LIMIT = 1e4
LEAST_LOGARITHM = -7.0
TOLERANCE = 1e-7
SETTINGS = settings(max_examples=100, deadline=None)


def leaf_values(node: Node) -> object:
    return values(node, low=-1.5, high=1.5)


def tame(roots: list[Node]) -> list[Node]:
    """Those of `roots` on whose way all values are finite and not so large that their rounding errors show.

    Nor so small, where a logarithm is taken: its value then has only the few digits that its operand kept.
    """
    nodes = reachable(roots)
    good: dict[Node, bool] = {}
    with np.errstate(all="ignore"):
        for node, value in zip(nodes, evaluate(nodes, leaf_values, SAMPLES), strict=True):
            size = np.abs(value)
            good[node] = bool(np.all(size < LIMIT)) and all(good[operand] for operand in node.inputs)
            if node.op is ops.log and node.type.dtype is DType.FLOAT:
                good[node] &= bool(np.all(np.asarray(value) > LEAST_LOGARITHM))
    return [root for root in roots if good[root]]


def assert_same(before: list[Node], after: tuple[Node, ...]) -> None:
    with np.errstate(all="ignore"):
        expected, actual = evaluate(before, leaf_values, SAMPLES), evaluate(after, leaf_values, SAMPLES)
    for node, x, y in zip(before, expected, actual, strict=True):
        assert np.allclose(x, y, rtol=TOLERANCE, atol=TOLERANCE), (node, x, y)


def simplified(roots: list[Node]) -> tuple[Node, ...]:
    return share(rewrite(roots, SIMPLIFY, SPARING))


@SETTINGS
@given(graphs())
def test_simplified_graphs_have_the_same_values(maker: Maker) -> None:
    roots = tame(maker.floats)
    assert_same(roots, simplified(roots))


@SETTINGS
@given(graphs())
def test_numerics_keeps_values(maker: Maker) -> None:
    roots = tame(maker.floats)
    assert_same(roots, rewrite(roots, NUMERICS))


@SETTINGS
@given(graphs())
def test_simplified_gradients_have_the_same_values(maker: Maker) -> None:
    roots = tame(maker.floats)[-1:]
    found = tame(derivatives(roots[0]) if roots else [])
    assume(found)
    assert_same(found, simplified(found))


def derivatives(root: Node) -> list[Node]:
    """The gradients of the sum of `root` by the float leaves that it reads."""
    total = ops.sum(root, axes=tuple(range(root.type.rank))) if root.type.rank else root
    leaves = [node for node in reachable([root]) if node.op is ops.field and node.type.dtype is DType.FLOAT]
    targets = [leaf for leaf in leaves if leaf.type.kind is not Kind.STEP]
    return [gradient for gradient in gradients(total, targets) if gradient is not None]


@SETTINGS
@given(graphs())
def test_a_simplified_graph_has_nothing_left_to_simplify(maker: Maker) -> None:
    once = rewrite(maker.floats, SIMPLIFY)
    assert rewrite(once, SIMPLIFY) == once


@SETTINGS
@given(graphs())
def test_rewritten_graphs_are_valid_and_of_the_same_types(maker: Maker) -> None:
    roots = maker.floats
    for made in (rewrite(roots, NUMERICS), simplified(roots)):
        verify(made)
        assert [node.type for node in made] == [node.type for node in roots]
