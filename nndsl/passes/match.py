"""What rewrites ask about nodes, and how they make common ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.types import DType, Kind, TensorType

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Op


def number(node: Node) -> float | None:
    """The number (true is 1) that `node` is everywhere, known while compiling; None where it isn't one."""
    while node.op in (ops.broadcast, ops.reshape):
        node = node.inputs[0]
    if node.op is not ops.constant:
        return None
    value = node["value"]
    return value if isinstance(value, int | float) else None


def is_number(node: Node, value: float) -> bool:
    """Is `node` the number `value` everywhere?"""
    return number(node) == value


def full(like: Node, value: float) -> Node:
    """`value` everywhere, in the type of `like`."""
    return full_of(like, like.type, value)


def full_of(anywhere: Node, type: TensorType, value: float) -> Node:
    """`value` everywhere, in the given type; `anywhere` says in which graph."""
    exact = {DType.FLOAT: float, DType.INT: int, DType.BOOL: bool}[type.dtype](value)
    return ops.constant.make(anywhere.builder, type, value=exact)


def is_step_splat(node: Node) -> bool:
    """Is `node` one number of the step, cast once, everywhere?"""
    if node.op is ops.broadcast:
        node = node.inputs[0]
    return node.op is ops.from_step


def is_splat(node: Node) -> bool:
    """Is `node` one number everywhere: known while compiling, or a number of the step?"""
    return node.op is ops.constant or node.type.kind is Kind.STEP or is_step_splat(node)


def on_host(node: Node) -> Node:
    """A splat's number as a number of the step."""
    if node.type.kind is Kind.STEP:
        return node
    if node.op is ops.constant:
        value = node["value"]
        return full_of(node, TensorType(node.type.dtype, (), Kind.STEP), value if isinstance(value, int | float) else 0)
    source = node.inputs[0] if node.op is ops.broadcast else node
    return source.inputs[0]


def kind_word(kind: Kind) -> str:
    """A kind as `broadcast` and `einsum` write it."""
    return "sample" if kind is Kind.SAMPLE else "shared"


def spread(node: Node, type: TensorType) -> Node:
    """`node` broadcast to the shape and kind of `type`; itself where it has them."""
    if node.type.shape == type.shape and node.type.kind is type.kind:
        return node
    return ops.broadcast(node, shape=type.shape, kind=kind_word(type.kind))


def either(node: Node, op: Op) -> tuple[Node, Node] | None:
    """Of a node with two operands, one made by `op` and the other one; None where neither is."""
    a, b = node.inputs
    if a.op is op:
        return a, b
    if b.op is op:
        return b, a
    return None


def with_number(node: Node) -> tuple[Node, float] | None:
    """Of a node with two operands, one and the number that the other one is; None where neither is a number."""
    a, b = node.inputs
    if (value := number(b)) is not None:
        return a, value
    if (value := number(a)) is not None:
        return b, value
    return None


def integers(node: Node, attribute: str) -> tuple[int, ...]:
    """An attribute that holds whole numbers."""
    value = node[attribute]
    return tuple(item for item in value if isinstance(item, int)) if isinstance(value, tuple) else ()


def integer(node: Node, attribute: str) -> int:
    """An attribute that holds a whole number."""
    value = node[attribute]
    return value if isinstance(value, int) else 0
