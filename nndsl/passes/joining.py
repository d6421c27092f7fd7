"""Sums of products within loops as one product: fewer and larger calls, and no sequence of products to keep."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ops import body_of
from nndsl.ops.rules import text
from nndsl.passes.loops import (
    is_long,
    mapped,
    new_constant,
    over_constants,
    replaced,
    steady_nodes,
    with_body,
)
from nndsl.passes.match import full_of
from nndsl.passes.row_products import is_row, row_bias, row_product
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ops import Body


@record
class _Sum:
    """`value @ matrix + ... + bias + ... + rest + ...` in a step: what varies, by what is the same in every step.

    values: [k] per sample each, matrices: [k, m] shared, biases: [m] shared, rest: [m] per sample.
    """

    top: Node
    values: tuple[Node, ...]
    matrices: tuple[Node, ...]
    biases: tuple[Node, ...]
    rest: tuple[Node, ...]


def joined_products(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """x_t @ a + h @ b + c -> concatenate(x_t, h, 1) @ concatenate(a, b, c) in steps; the matrix, before the loop."""
    if all(node.op is not ops.scan for node in reachable(roots)):
        return roots
    return mapped(roots, _with_joined_products)


def _with_joined_products(node: Node, inputs: tuple[Node, ...]) -> Node:
    body = body_of(node)
    sums = _sums(body) if is_long(node) else []
    if not sums:
        return with_body(node, body, inputs, text(node, "output"))
    outer = dict(zip(body.parameters, inputs, strict=True))
    joined: dict[Node, Node] = {}
    for each in sums:
        matrix = _joined_matrix(each, outer)
        joined[each.top] = new_constant(node, body, matrix.type, len(joined))
        outer[joined[each.top]] = matrix
    made = _rewritten(body, {each.top: each for each in sums}, joined)
    return over_constants(node, body, made, (*body.constants, *joined.values()), outer)


# ------------------------------------------------------------------------------------------------ finding them


def _sums(body: Body) -> list[_Sum]:
    """The sums of a step that are worth joining: of two products or more.

    One product and a bias are left: the product may leave the loop, and what is joined has to be copied together.
    """
    nodes = reachable(body.roots)
    reads = Counter(operand for node in nodes for operand in node.inputs)
    reads.update(body.roots)
    steady = steady_nodes(body, nodes)
    within = {o for node in nodes if node.op is ops.add for o in node.inputs if o.op is ops.add and reads[o] == 1}
    tops = [node for node in nodes if node.op is ops.add and node not in within and is_row(node)]
    found = [_sum(top, _terms(top, reads), reads, steady) for top in tops]
    return [each for each in found if len(each.values) > 1]


def _terms(top: Node, reads: Mapping[Node, int]) -> list[Node]:
    """What a tree of sums adds up."""
    terms: list[Node] = []
    stack = list(reversed(top.inputs))
    while stack:
        node = stack.pop()
        if node.op is ops.add and reads[node] == 1:
            stack += reversed(node.inputs)
        else:
            terms.append(node)
    return terms


def _sum(top: Node, terms: Sequence[Node], reads: Mapping[Node, int], steady: set[Node]) -> _Sum:
    products: list[tuple[Node, Node]] = []
    biases: list[Node] = []
    rest: list[Node] = []
    for term in terms:
        if reads[term] == 1 and (product := row_product(term, steady)) is not None:
            products.append(product)
        elif (bias := row_bias(term, steady)) is not None:
            biases.append(bias)
        else:
            rest.append(term)
    return _Sum(top, tuple(v for v, _ in products), tuple(m for _, m in products), tuple(biases), tuple(rest))


# ------------------------------------------------------------------------------------------------ joining them


def _joined_matrix(each: _Sum, outer: Mapping[Node, Node]) -> Node:
    """The matrices one above the other, and below them the sum of the biases, if any: outside of the loop."""
    with each.top.builder.at(*each.top.origins):
        parts = list(replaced(each.matrices, outer))
        if each.biases:
            bias, *others = replaced(each.biases, outer)
            for other in others:
                bias = ops.add(bias, other)
            parts.append(ops.reshape(bias, shape=(1, *bias.type.shape)))
        matrix = parts[0] if len(parts) == 1 else ops.concatenate(*parts, axis=0)
        names = [name for part in each.matrices[:1] for name in part.names]
        for name in names:
            matrix.named(f"{name}_joined")
        return matrix


def _rewritten(body: Body, sums: Mapping[Node, _Sum], joined: Mapping[Node, Node]) -> tuple[Node, ...]:
    """The roots of a step, with each of the sums as one product with its `joined` matrix, and what is left of it."""
    made: dict[Node, Node] = {}
    for node in reachable(body.roots):
        each = sums.get(node)
        if each is None:
            made[node] = node.builder.again(node, tuple(made[operand] for operand in node.inputs))
            continue
        with node.builder.at(*node.origins):
            values = [made[value] for value in each.values]
            if each.biases:
                values.append(full_of(node, values[0].type.with_shape((1,)), 1.0))
            value = values[0] if len(values) == 1 else ops.concatenate(*values, axis=0)
            total = ops.einsum(value, joined[node], equation="y,yz->z", kind="sample")
            for other in each.rest:
                total = ops.add(total, made[other])
        for name in node.names:
            total.named(name)
        made[node] = total
    return tuple(made[root] for root in body.roots)
