"""The verifier finds every way in which a graph can be broken; each broken graph is made by hand."""

from __future__ import annotations

import pytest

from nndsl import ops
from nndsl.diagnostics import InternalError
from nndsl.ir import Builder, DType, Kind, Node, Origin, TensorType
from nndsl.ir.verify import verify
from nndsl.source import SourceFile, Span

TYPE = TensorType(DType.FLOAT, (3,), Kind.SAMPLE)


def leaf(builder: Builder, type: TensorType = TYPE) -> Node:
    return ops.field.make(builder, type, name="x")


def test_a_valid_graph_passes() -> None:
    x = leaf(Builder())
    verify([ops.sum(ops.multiply(x, ops.splat(x, 2.0)), axes=(0,)), x])
    verify([])


def refused(node: Node, message: str, *more: Node) -> None:
    with pytest.raises(InternalError, match=message) as caught:
        verify([*more, node], after="fold")
    assert "verify after fold" in str(caught.value)
    assert f"%{node.id} = {node.op.name}" in str(caught.value)


def test_a_node_of_another_builder_is_found() -> None:
    refused(leaf(Builder()), "another builder", ops.sin(leaf(Builder())))


def test_an_input_that_is_younger_than_its_user_is_found() -> None:
    x = leaf(Builder())
    refused(Node(x.builder, 0, ops.sin, (ops.cos(x),), (), TYPE), "not older")


def test_a_wrong_type_is_found() -> None:
    x = leaf(Builder())
    refused(Node(x.builder, 9, ops.sin, (x,), (), TYPE.with_shape((4,))), r"its inputs make it float\[3\]")


def test_operands_that_do_not_fit_are_found() -> None:
    x = leaf(Builder())
    other = leaf(x.builder, TYPE.with_shape((4,)))
    refused(Node(x.builder, 9, ops.add, (x, other), (), TYPE), r"operands do not fit: \[3\] is not \[4\]")


def test_a_missing_and_an_unknown_attribute_are_found() -> None:
    x = leaf(Builder())
    refused(Node(x.builder, 9, ops.sum, (x,), (), TYPE.with_shape(())), "attributes")
    refused(Node(x.builder, 9, ops.sin, (x,), (("axis", 0),), TYPE), "attributes")


def test_a_leaf_with_inputs_and_an_op_without_are_found() -> None:
    x = leaf(Builder())
    refused(Node(x.builder, 9, ops.epoch, (x,), (), TensorType(DType.FLOAT, (), Kind.STEP)), "leaves have no inputs")
    refused(Node(x.builder, 9, ops.sin, (), (), TYPE), "leaves have no inputs")


def test_a_step_scalar_with_axes_is_found() -> None:
    node = ops.epoch.make(Builder(), TensorType(DType.FLOAT, (2,), Kind.STEP))
    refused(node, r"can't have the shape \[2\]")


def test_the_node_is_described_with_the_line_that_it_came_from() -> None:
    builder = Builder()
    file = SourceFile("digits.nn", "a\nb\n")
    with builder.at(Origin(Span(file, 2, 3))):
        node = ops.epoch.make(builder, TensorType(DType.FLOAT, (2,), Kind.STEP))
    refused(node, r"digits\.nn:2:1")


def loop(builder: Builder, number: int = 0, *more: Node, wrong: bool = False) -> tuple[Node, ops.Body]:
    """A sum over time, with something added in each step."""
    first = leaf(builder)
    x = leaf(builder, TYPE.with_shape((4, 3)))
    parameters = ops.LoopParameters(builder, number)
    carry, element = parameters.make("carry", TYPE), parameters.make("element", TYPE)
    new = ops.add(carry, element)
    for node in more:
        new = ops.add(new, node)
    if wrong:
        new = Node(builder, new.id, ops.add, (carry, x), (), TYPE)
    body = ops.Body((carry,), (element,), (), (new,), ())
    return ops.scan(first, x, body=body, length=4, output="last:0", reverse=False), body


def test_a_loop_passes() -> None:
    verify([loop(Builder())[0]])


def test_a_parameter_outside_of_its_loop_is_found() -> None:
    node, body = loop(Builder())
    refused(node, "read outside of it", ops.sin(body.carries[0]))


def test_a_parameter_of_another_loop_is_found() -> None:
    builder = Builder()
    _, body = loop(builder)
    refused(loop(builder, 1, body.elements[0])[0], "a parameter of another")


def test_a_mistake_in_a_body_is_found() -> None:
    with pytest.raises(InternalError, match=r"add: .*operands do not fit"):
        verify([loop(Builder(), wrong=True)[0]])
