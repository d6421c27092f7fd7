"""What a builder remembers of large graphs is what walking them finds."""

from __future__ import annotations

from nndsl import ops
from nndsl.ir import Builder, DType, Kind, Node, TensorType, reachable


def _chain(builder: Builder, length: int) -> Node:
    node = ops.field.make(builder, TensorType(DType.FLOAT, (4,), Kind.SAMPLE), name="x")
    for number in range(length):
        node = (ops.tanh, ops.exp)[number % 2](node)
    return node


def test_a_list_that_a_caller_changes_is_nobody_elses() -> None:
    root = _chain(Builder(), 1000)
    first = reachable([root])
    whole = list(first)
    first.clear()
    assert reachable([root]) == whole


def test_other_roots_of_a_builder_reach_other_nodes() -> None:
    builder = Builder()
    root = _chain(builder, 1000)
    inner = root.inputs[0].inputs[0]
    assert reachable([root])[-1] is root
    assert reachable([inner]) == reachable([root])[:-2]
    assert reachable([inner, root]) == reachable([root, inner])


def test_a_builder_remembers_few_graphs() -> None:
    builder = Builder()
    node = _chain(builder, 600)
    for _ in range(50):
        node = ops.tanh(node)
        reachable([node])
    assert len(builder.reached) <= 8
    assert len(reachable([])) == 0
