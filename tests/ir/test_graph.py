"""The builder: equal nodes are one node, whatever they are called and wherever they come from."""

from __future__ import annotations

from nndsl import ops
from nndsl.ir import Builder, DType, Kind, Node, Origin, TensorType, reachable
from nndsl.source import SourceFile, Span

TYPE = TensorType(DType.FLOAT, (3,), Kind.SAMPLE)
FILE = SourceFile("a.nn", "x\ny\n" * 20)


def leaf(builder: Builder, name: str = "x") -> Node:
    return ops.field.make(builder, TYPE, name=name)


def test_an_expression_written_twice_is_one_node_with_both_origins() -> None:
    builder = Builder()
    x = leaf(builder)
    with builder.at(Origin(Span(FILE, 0, 1))):
        first = ops.sin(x)
    with builder.at(Origin(Span(FILE, 2, 3))):
        second = ops.sin(x)
    assert first is second
    assert [origin.span.start for origin in first.origins] == [0, 2]


def test_other_inputs_attributes_and_types_are_other_nodes() -> None:
    builder = Builder()
    x, y = leaf(builder), leaf(builder, "y")
    zero = ops.splat(x, 0.0)
    assert len({ops.add(x, y), ops.add(y, x), ops.subtract(x, y)}) == 3
    assert ops.sum(ops.reshape(x, shape=(3, 1)), axes=(0,)) is not ops.sum(ops.reshape(x, shape=(3, 1)), axes=(0, 1))
    assert zero is ops.splat(y, 0.0)
    assert zero is not ops.constant.make(builder, TYPE.with_kind(Kind.SHARED), value=0.0)


def test_a_node_over_other_inputs_keeps_names_and_origins() -> None:
    builder = Builder()
    x, y = leaf(builder), leaf(builder, "y")
    with builder.at(Origin(Span(FILE, 0, 1))):
        node = ops.sum(x, axes=(0,)).named("total")
    again = builder.again(node, (y,))
    assert again.inputs == (y,)
    assert again.names == ["total"]
    assert again.origins == node.origins
    assert builder.again(node, (x,)) is node


def test_reachable_nodes_come_inputs_first_and_once() -> None:
    builder = Builder()
    x = leaf(builder)
    unused = ops.cos(x)
    root = ops.multiply(ops.sin(x), ops.sin(x))
    nodes = reachable([root, x])
    assert unused not in nodes
    assert [node.op for node in nodes] == [ops.field, ops.sin, ops.multiply]


def test_long_chains_are_walked_without_recursion() -> None:
    node = leaf(Builder())
    for _ in range(20_000):
        node = ops.negate(ops.sin(node))
    assert len(reachable([node])) == 40_001
