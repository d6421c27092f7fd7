"""Checks that a graph is one: what every pass must leave, and the next may rely on."""

from __future__ import annotations

from collections.abc import Iterable

from nndsl.diagnostics import InternalError
from nndsl.ir.graph import Node, reachable
from nndsl.ir.op import RuleError, Subgraph
from nndsl.ir.types import Kind


def verify(roots: Iterable[Node], after: str = "") -> None:
    """Raises InternalError where the graph of `roots` is not valid, naming the node and the pass that it came out of.

    Valid: all nodes are of one builder, which knows them; inputs are older than what uses them; types are what the ops
    make of their inputs; every attribute is there, and no other; step scalars have no axes; elementwise operands are of
    one shape and kind. The bodies of loops are graphs like that too; their parameters are read in them alone.
    """
    roots = list(roots)
    if not roots:
        return
    where = f"verify{f' after {after}' if after else ''}"
    nodes = reachable(roots)
    known = set(nodes)
    verified: set[Subgraph] = set()
    for node in nodes:
        mistake = _mistake(node, roots[0]) or _parameters_mistake(node, known)
        if mistake is not None:
            raise InternalError(f"{where}: {_described(node)}: {mistake}")
        for body in node.subgraphs:
            if body not in verified:
                verified.add(body)
                verify(body.roots, after)


def _mistake(node: Node, root: Node) -> str | None:
    """What is wrong with a node, or None."""
    if node.builder is not root.builder:
        return "it belongs to another builder than the first root"
    if any(operand.id >= node.id for operand in node.inputs):
        return "an input is not older than the node"
    names = tuple(name for name, _ in node.attributes)
    if names != tuple(sorted(node.op.attributes)):
        return f"its attributes are {names}, and `{node.op.name}` has {tuple(sorted(node.op.attributes))}"
    if node.op.leaf != (not node.inputs):
        return "leaves have no inputs, and every other op has"
    if node.type.kind is Kind.STEP and node.type.shape:
        return f"a number of the step can't have the shape {node.type.shape_text}"
    return _type_mistake(node)


def _parameters_mistake(node: Node, known: set[Node]) -> str | None:
    """What is wrong with the graphs inside of a node, whose own graph has the nodes `known`."""
    for body in node.subgraphs:
        if len(body.parameters) != len(node.inputs) or len(set(body.parameters)) != len(body.parameters):
            return f"{len(node.inputs)} inputs for a body of {len(body.parameters)} parameters"
        if any(parameter in known for parameter in body.parameters):
            return "a parameter of its body is read outside of it"
        if any(inner.builder is not node.builder for inner in body.roots):
            return "its body belongs to another builder"
        for inner in reachable(body.roots):
            is_parameter = any(inner.op is parameter.op for parameter in body.parameters)
            if inner.op.leaf and is_parameter and inner not in body.parameters:
                return f"its body reads {inner!r}, a parameter of another"
    return None


def _type_mistake(node: Node) -> str | None:
    if node.op.leaf:
        return None
    types = tuple(operand.type for operand in node.inputs)
    try:
        expected = node.op.type_rule(types, dict(node.attributes))
    except RuleError as error:
        return f"its operands do not fit: {error.message}"
    if expected != node.type:
        return f"its type is {node.type}, and its inputs make it {expected}"
    if node.op.elementwise and any((t.shape, t.kind) != (node.type.shape, node.type.kind) for t in types):
        return f"operands of an elementwise op are not of its shape and kind: {', '.join(map(str, types))}"
    return None


def _described(node: Node) -> str:
    where = f" ({node.origins[0].span})" if node.origins else ""
    return f"%{node.id} = {node.op.name}: {node.type}{where}"
