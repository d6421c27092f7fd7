"""The same function of several parts of a row (sigmoids of gates) in the steps of loops, as one call for them all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ops import body_of
from nndsl.ops.rules import text
from nndsl.passes.loops import is_long, mapped, merged, new_constant, over_constants, replaced, steady_nodes, with_body
from nndsl.passes.match import full_of, integers, number
from nndsl.passes.row_products import is_row, row_bias, row_product

if TYPE_CHECKING:
    from collections.abc import Hashable

    from nndsl.ir.graph import Node
    from nndsl.ops import Body

Span = tuple[int, int]
"""Where a part of a row begins and ends."""


def grouped(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """f(z[i:j]), f(z[j:k]) -> f(z[i:k])[i:j], f(z[i:k])[j:k] in the steps of loops, for elementwise f.

    Parts that are not neighbours become so, where z is a sum of products: the columns of the matrices change places
    before the loop.
    """
    if all(node.op is not ops.scan for node in reachable(roots)):
        return roots
    return mapped(merged(roots), _with_groups)


def _with_groups(node: Node, inputs: tuple[Node, ...]) -> Node:
    body = body_of(node)
    if not is_long(node):
        return with_body(node, body, inputs, text(node, "output"))
    outer = dict(zip(body.parameters, inputs, strict=True))
    arranging = _Arranging(node, body, outer, steady_nodes(body, reachable(body.roots)))
    roots = together(replaced(body.roots, arranging.parts()))
    return over_constants(node, body, roots, (*body.constants, *arranging.constants), outer)


def _is_part(node: Node) -> bool:
    """Is it a part of a row, without gaps?"""
    return node.op is ops.slice and is_row(node) and integers(node, "steps") == (1,)


def _span(part: Node) -> Span:
    return integers(part, "starts")[0], integers(part, "stops")[0]


def _part(node: Node, span: Span) -> Node:
    """A part along the last axis."""
    rank = node.type.rank
    starts, stops = (0,) * (rank - 1) + span[:1], (*node.type.shape[:-1], span[1])
    return (
        node
        if node.type.shape == stops and not span[0]
        else ops.slice(node, starts=starts, stops=stops, steps=(1,) * rank)
    )


# ------------------------------------------------------------------------------------------------ one call for several


def together(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """`roots` with every elementwise op over neighbouring parts of the same rows done once."""
    while (found := _neighbours(roots)) is not None:
        roots = replaced(roots, _done_once(found))
    return roots


def _neighbours(roots: tuple[Node, ...]) -> list[Node] | None:
    """Nodes that one call can compute together, in the order of their parts; None where there are no more."""
    alike: dict[Hashable, list[Node]] = defaultdict(list)
    for node in reachable(roots):
        key = _key(node)
        if key is not None:
            alike[key].append(node)
    for nodes in alike.values():
        nodes.sort(key=_spans)
        runs: list[list[Node]] = [[nodes[0]]]
        for before, node in pairwise(nodes):
            touches = all(a[1] == b[0] for a, b in zip(_spans(before), _spans(node), strict=True))
            runs[-1].append(node) if touches else runs.append([node])
        run = max(runs, key=len)
        if len(run) > 1:
            return run
    return None


def _key(node: Node) -> Hashable | None:
    """What nodes have in common that one call can compute together; None where there is no such thing."""
    if not node.op.elementwise or not is_row(node) or not any(map(_is_part, node.inputs)):
        return None
    operands = tuple(operand.inputs[0] if _is_part(operand) else number(operand) for operand in node.inputs)
    return None if None in operands else (node.op, node.attributes, operands)


def _spans(node: Node) -> list[Span]:
    return [_span(operand) for operand in node.inputs if _is_part(operand)]


def _done_once(nodes: Sequence[Node]) -> dict[Node, Node]:
    """For each of several nodes its part of one that computes them all."""
    first, last = nodes[0], nodes[-1]
    size = sum(node.type.size for node in nodes)
    operands: list[Node] = []
    for begin, end in zip(first.inputs, last.inputs, strict=True):
        value = number(begin)
        if value is None:
            operands.append(_part(begin.inputs[0], (_span(begin)[0], _span(end)[1])))
        else:
            operands.append(full_of(begin, first.type.with_shape((size,)), value))
    origins = dict.fromkeys(origin for node in nodes for origin in node.origins)
    with first.builder.at(*origins):
        whole = first.builder.node(first.op, tuple(operands), dict(first.attributes))
        made: dict[Node, Node] = {}
        begin = 0
        for node in nodes:
            made[node] = _part(whole, (begin, begin + node.type.size))
            begin += node.type.size
            for name in node.names:
                made[node].named(name)
    return made


# ------------------------------------------------------------------------------------------------ neighbours


@dataclass(slots=True)
class _Arranging:
    """Sums of products in the steps of one loop with their parts in the order of what is done with them.

    outer: what parameters of the body stand for, new ones included.
    """

    node: Node
    body: Body
    outer: dict[Node, Node]
    steady: set[Node]
    _constants: dict[tuple[Node, tuple[Span, ...]], Node] = field(
        default_factory=dict[tuple["Node", tuple[Span, ...]], "Node"]
    )

    @property
    def constants(self) -> tuple[Node, ...]:
        """The parameters that the sums need."""
        return tuple(self._constants.values())

    def parts(self) -> dict[Node, Node]:
        """For parts of sums the same parts of sums in another order."""
        nodes = reachable(self.body.roots)
        readers: dict[Node, list[Node]] = defaultdict(list)
        for node in nodes:
            for operand in node.inputs:
                readers[operand].append(node)
        made: dict[Node, Node] = {}
        for top in nodes:
            order = self._order(top, readers)
            if order is None:
                continue
            arranged = self._arranged(top, tuple(map(_span, order)))
            begin = 0
            for part in order:
                with part.builder.at(*part.origins):
                    made[part] = _part(arranged, (begin, begin + part.type.size))
                for name in part.names:
                    made[part].named(name)
                begin += part.type.size
        return made

    def _order(self, top: Node, readers: Mapping[Node, list[Node]]) -> list[Node] | None:
        """The parts that a sum is read in, those together that one function is applied to; None where they are."""
        parts = sorted(dict.fromkeys(readers[top]), key=lambda part: part.id)
        if not is_row(top) or top in self.body.roots or not all(map(_is_part, parts)) or not self._can_arrange(top):
            return None
        parts.sort(key=_span)
        if any(a[1] > b[0] for a, b in pairwise(map(_span, parts))):
            return None
        functions = [_function(readers[part]) for part in parts]
        first = {function: place for place, function in reversed(list(enumerate(functions)))}
        order = sorted(range(len(parts)), key=lambda place: (first[functions[place]], place))
        alone = [function for function, _ in groupby(functions)]
        return [parts[place] for place in order] if len(alone) > len(first) else None

    def _can_arrange(self, node: Node) -> bool:
        """Is it a sum of products and biases, whose columns can change places before the loop?"""
        if node.op is ops.add:
            return all(map(self._can_arrange, node.inputs))
        product = row_product(node, self.steady)
        return row_bias(node, self.steady) is not None or (product is not None and product[0] is node.inputs[0])

    def _arranged(self, node: Node, spans: tuple[Span, ...]) -> Node:
        """The parts of a sum one behind another."""
        with node.builder.at(*node.origins):
            if node.op is ops.add:
                return ops.add(*(self._arranged(operand, spans) for operand in node.inputs))
            if node.op is ops.broadcast:
                made = self._constant(node.inputs[0], spans)
                return ops.broadcast(made, shape=made.type.shape, kind="sample")
            value, matrix = node.inputs
            return ops.einsum(value, self._constant(matrix, spans), equation=text(node, "equation"), kind="sample")

    def _constant(self, whole: Node, spans: tuple[Span, ...]) -> Node:
        """A parameter for parts, along the last axis, of what is the same in every step, put together outside."""
        found = self._constants.get((whole, spans))
        if found is not None:
            return found
        (outside,) = replaced((whole,), self.outer)
        parts = [_part(outside, span) for span in _runs(spans)]
        value = parts[0] if len(parts) == 1 else ops.concatenate(*parts, axis=whole.type.rank - 1)
        made = new_constant(self.node, self.body, value.type, len(self._constants))
        for name in whole.names:
            made.named(name)
            value.named(f"{name}_in_order")
        self._constants[whole, spans] = made
        self.outer[made] = value
        return made


def _function(readers: Sequence[Node]) -> Hashable:
    """What is done with a part, where that is one function of one number; None for anything else."""
    if len(readers) != 1 or not readers[0].op.elementwise or len(readers[0].inputs) != 1:
        return None
    return readers[0].op, readers[0].attributes


def _runs(spans: Sequence[Span]) -> list[Span]:
    """Spans with neighbours as one."""
    runs = [spans[0]]
    for begin, end in spans[1:]:
        if runs[-1][1] == begin:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((begin, end))
    return runs
