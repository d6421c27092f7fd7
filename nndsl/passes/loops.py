"""Loops: rewrites inside their bodies, products that leave them, one body for all outputs of a loop."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import Body, body_of
from nndsl.ops.rules import integer, text
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType

Change = Callable[[tuple["Node", ...]], tuple["Node", ...]]
"""New roots for old ones, of the same types and in the same order."""

_TIME = "T"
"""Label of the time axis in an einsum over whole sequences; equations use small letters."""

_STEPS_WORTH_A_COPY = 8
"""A matrix is put into another order before a loop of so many steps."""


@record
class _Loop:
    """A loop, whatever is read of it: what its outputs have in common."""

    carries: tuple[Node, ...]
    elements: tuple[Node, ...]
    constants: tuple[Node, ...]
    next: tuple[Node, ...]
    inputs: tuple[Node, ...]
    reverse: bool

    @staticmethod
    def of(node: Node) -> _Loop:
        """The loop that a `scan` node is an output of."""
        body = body_of(node)
        return _Loop(body.carries, body.elements, body.constants, body.next, node.inputs, bool(node["reverse"]))


def into_bodies(change: Change) -> Change:
    """The change, made in the bodies of loops too, the innermost first."""

    def everywhere(roots: tuple[Node, ...]) -> tuple[Node, ...]:
        nodes = reachable(roots)
        bodies = dict.fromkeys(body_of(node) for node in nodes if node.op is ops.scan)
        new = {body: body.with_roots(everywhere(body.roots)) for body in bodies}
        return change(_with_bodies(roots, new) if bodies else roots)

    return everywhere


def _with_bodies(roots: tuple[Node, ...], new: dict[Body, Body]) -> tuple[Node, ...]:
    return mapped(roots, lambda node, inputs: with_body(node, new[body_of(node)], inputs, text(node, "output")))


def mapped(roots: tuple[Node, ...], of_scan: Callable[[Node, tuple[Node, ...]], Node]) -> tuple[Node, ...]:
    """`roots` with every output of a loop made anew by `of_scan(node, its inputs made anew)`."""
    made: dict[Node, Node] = {}
    for node in reachable(roots):
        inputs = tuple(made[operand] for operand in node.inputs)
        made[node] = of_scan(node, inputs) if node.op is ops.scan else node.builder.again(node, inputs)
    return tuple(made[root] for root in roots)


def with_body(node: Node, body: Body, inputs: tuple[Node, ...], output: str) -> Node:
    """`node` with another body, other inputs, another number for its output; its origins and names kept."""
    with node.builder.at(*node.origins):
        made = ops.scan(*inputs, body=body, length=node["length"], output=output, reverse=node["reverse"])
    for name in node.names:
        made.named(name)
    return made


def is_long(node: Node) -> bool:
    """Does a loop take so many steps that a matrix may be put into another order, or joined with others, before it?"""
    return integer(node, "length") >= _STEPS_WORTH_A_COPY


# ------------------------------------------------------------------------------------------------ one body a loop


def merged(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Outputs of one loop get one body, which stacks what some output reads and takes in what a step reads.

    What a loop was given for each time is not stacked again.
    """
    if all(node.op is not ops.scan for node in reachable(roots)):
        return roots
    roots = mapped(roots, _given_or_stacked)
    loops: dict[_Loop, dict[Node, int]] = defaultdict(dict)
    for node in reachable(roots):
        if node.op is ops.scan:
            read = loops[_Loop.of(node)]
            if (kept := _stacked(node)) is not None:
                read.setdefault(kept, len(read))
    bodies = {loop: _needed(loop, tuple(read)) for loop, read in loops.items()}

    def anew(node: Node, inputs: tuple[Node, ...]) -> Node:
        loop = _Loop.of(node)
        body, positions = bodies[loop]
        kept = _stacked(node)
        output = text(node, "output") if kept is None else f"stack:{loops[loop][kept]}"
        return with_body(node, body, tuple(inputs[position] for position in positions), output)

    return mapped(roots, anew)


def _given_or_stacked(node: Node, inputs: tuple[Node, ...]) -> Node:
    """A sequence itself, where that is what an output of a loop stacks."""
    body, kept = body_of(node), _stacked(node)
    if kept in body.elements:
        return inputs[len(body.carries) + body.elements.index(kept)]
    return with_body(node, body, inputs, text(node, "output"))


def _stacked(node: Node) -> Node | None:
    """What an output of a loop is, of each step; None for a carry's last value."""
    what, _, number = text(node, "output").partition(":")
    return body_of(node).stacked[int(number)] if what == "stack" else None


def _needed(loop: _Loop, stacked: tuple[Node, ...]) -> tuple[Body, list[int]]:
    """The body that computes this and no more, and which of the loop's inputs it takes."""
    read = set(reachable((*loop.next, *stacked)))
    parameters = (*loop.carries, *loop.elements, *loop.constants)
    carries = len(loop.carries)
    positions = [number for number, parameter in enumerate(parameters) if number < carries or parameter in read]
    elements = tuple(parameter for parameter in loop.elements if parameter in read)
    constants = tuple(parameter for parameter in loop.constants if parameter in read)
    return Body(loop.carries, elements, constants, loop.next, stacked), positions


# ------------------------------------------------------------------------------------------------ out of the loop


def hoisted(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """x_t @ w -> (x @ w)_t: products with what is the same in every step are done for all times before the loop."""
    if all(node.op is not ops.scan for node in reachable(roots)):
        return roots
    return mapped(roots, _with_products_outside)


def _with_products_outside(node: Node, inputs: tuple[Node, ...]) -> Node:
    body = body_of(node)
    outer = dict(zip(body.parameters, inputs, strict=True))
    products = [inner for inner in reachable(body.roots) if _is_product_of_element(inner, body)]
    if not products:
        return with_body(node, body, inputs, text(node, "output"))
    loop = body.carries[0]["loop"] if body.carries else body.elements[0]["loop"]
    elements = [
        ops.loop_parameter.make(node.builder, p.type, loop=loop, role="element", index=len(body.elements) + number)
        for number, p in enumerate(products)
    ]
    for product, element in zip(products, elements, strict=True):
        for name in product.names or _name_of_product(product, body):
            element.named(name)
    made = replaced(body.roots, dict(zip(products, elements, strict=True)))
    wider = Body(body.carries, (*body.elements, *elements), body.constants, *parted(made, len(body.next)))
    ends = len(body.carries) + len(body.elements)
    sequences = [_over_time(product, body, outer) for product in products]
    return with_body(node, wider, (*inputs[:ends], *sequences, *inputs[ends:]), text(node, "output"))


def parted(roots: tuple[Node, ...], count: int) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The first `count` of `roots` (what carries become) and the others (what is stacked)."""
    return roots[:count], roots[count:]


def _is_product_of_element(node: Node, body: Body) -> bool:
    """A product of one element (itself, not what is computed from it) and a constant."""
    if node.op is not ops.einsum:
        return False
    left, right = node.inputs
    return (left in body.elements and right in body.constants) or (right in body.elements and left in body.constants)


def _over_time(product: Node, body: Body, outer: dict[Node, Node]) -> Node:
    """The product for all times at once."""
    labels, result = text(product, "equation").split("->")
    parts = labels.split(",")
    equation = ",".join(
        f"{_TIME}{part}" if operand in body.elements else part
        for part, operand in zip(parts, product.inputs, strict=True)
    )
    operands = [outer[operand] for operand in product.inputs]
    kind = "sample" if product.type.kind is Kind.SAMPLE else "shared"
    with product.builder.at(*product.origins):
        made = ops.einsum(*operands, equation=f"{equation}->{_TIME}{result}", kind=kind)
    for name in product.names or _name_of_product(product, body):
        made.named(name)
    return made


def _name_of_product(product: Node, body: Body) -> list[str]:
    """`x_t @ kernel` is called x_t_kernel."""
    element, constant = sorted(product.inputs, key=lambda operand: operand not in body.elements)
    if not element.names or not constant.names:
        return []
    return [f"{element.names[-1]}_{constant.names[-1].rpartition('/')[2]}"]


# ------------------------------------------------------------------------------------------------ what stays the same


def steady_nodes(body: Body, nodes: Iterable[Node]) -> set[Node]:
    """Those of a body's `nodes` (inputs before users) that are the same in every step: made of its constants alone."""
    steady = set(body.constants)
    for node in nodes:
        if node.inputs and all(operand in steady for operand in node.inputs):
            steady.add(node)
    return steady


def settled(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """f(c) -> d, with d = f(c) computed once before the loop: what is the same in every step, of shared values."""
    if all(node.op is not ops.scan for node in reachable(roots)):
        return roots
    return mapped(roots, _with_steady_outside)


def _with_steady_outside(node: Node, inputs: tuple[Node, ...]) -> Node:
    body = body_of(node)
    nodes = reachable(body.roots)
    shared = {each for each in steady_nodes(body, nodes) if each.type.kind is Kind.SHARED}
    read = [*(operand for each in nodes if each not in shared for operand in each.inputs), *body.roots]
    found = [each for each in dict.fromkeys(read) if each in shared and each.inputs]
    if not found:
        return with_body(node, body, inputs, text(node, "output"))
    outer = dict(zip(body.parameters, inputs, strict=True))
    new: dict[Node, Node] = {}
    for each, value in zip(found, replaced(found, outer), strict=True):
        new[each] = new_constant(node, body, each.type, len(new))
        outer[new[each]] = value
        for name in each.names:
            new[each].named(name)
    return over_constants(node, body, replaced(body.roots, new), (*body.constants, *new.values()), outer)


def new_constant(node: Node, body: Body, type: TensorType, number: int) -> Node:
    """Parameter `number` (from 0) of those that a loop's body gets for more that is the same in every step."""
    after = 1 + max(integer(constant, "index") for constant in body.constants)
    loop = body.constants[0]["loop"]
    return ops.loop_parameter.make(node.builder, type, loop=loop, role="constant", index=after + number)


def over_constants(
    node: Node, body: Body, roots: tuple[Node, ...], constants: Iterable[Node], outer: Mapping[Node, Node]
) -> Node:
    """The loop with other roots, over those of the `constants` that they read; `outer`: what parameters stand for."""
    read = set(reachable(roots))
    kept = tuple(each for each in constants if each in read)
    wider = Body(body.carries, body.elements, kept, *parted(roots, len(body.next)))
    return with_body(node, wider, tuple(outer[parameter] for parameter in wider.parameters), text(node, "output"))


# ------------------------------------------------------------------------------------------------ constants turned


def turned(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """Products x @ c.T -> x @ d, with d = c.T put in order once before a loop of some steps: BLAS reads it faster."""
    if all(node.op is not ops.scan for node in reachable(roots)):
        return roots
    return mapped(roots, _with_constants_turned)


def _with_constants_turned(node: Node, inputs: tuple[Node, ...]) -> Node:
    body = body_of(node)
    products = [inner for inner in reachable(body.roots) if _is_product_turned(inner, body)]
    if not products or not is_long(node):
        return with_body(node, body, inputs, text(node, "output"))
    outer = dict(zip(body.parameters, inputs, strict=True))
    new: dict[Node, Node] = {}
    for constant in dict.fromkeys(product.inputs[1] for product in products):
        type = constant.type.with_shape(constant.type.shape[::-1])
        new[constant] = new_constant(node, body, type, len(new))
        outer[new[constant]] = ops.transpose(outer[constant], permutation=(1, 0))
        for name in constant.names:
            new[constant].named(f"{name}_turned")
    made = replaced(body.roots, {product: _turned_product(product, new) for product in products})
    return over_constants(node, body, made, (*body.constants, *new.values()), outer)


def _is_product_turned(node: Node, body: Body) -> bool:
    """A product of something of each sample and a matrix, the same in every step, over the matrix's second axis."""
    if node.op is not ops.einsum or node.inputs[1] not in body.constants:
        return False
    value, matrix = node.inputs
    if matrix.type.kind is not Kind.SHARED or value.type.kind is not Kind.SAMPLE or matrix.type.rank != 2:
        return False
    labels, result = text(node, "equation").split("->")
    left, (first, second) = labels.split(",")
    return second in left and second not in result and first not in left


def _turned_product(product: Node, new: dict[Node, Node]) -> Node:
    value, matrix = product.inputs
    labels, result = text(product, "equation").split("->")
    left, right = labels.split(",")
    with product.builder.at(*product.origins):
        made = ops.einsum(value, new[matrix], equation=f"{left},{right[::-1]}->{result}", kind=text(product, "kind"))
    for name in product.names:
        made.named(name)
    return made


def replaced(roots: Sequence[Node], new: Mapping[Node, Node]) -> tuple[Node, ...]:
    """`roots` with some nodes replaced by others of the same type."""
    made = dict(new)
    for node in reachable(roots):
        if node not in made:
            made[node] = node.builder.again(node, tuple(made[operand] for operand in node.inputs))
    return tuple(made[root] for root in roots)
