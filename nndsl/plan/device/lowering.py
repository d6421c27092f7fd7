"""Products as a device's matrix products take them: axes in stretches, one stretch of stacks; the rest in other ops.

What has to be copied into another order becomes a `transpose`, which the kernels that make or read the value do on the
way. What sums nothing, or gives one number for each stack, is a kernel's business anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import body_of, einsum, scan
from nndsl.ops.contraction import Contraction, Matrix
from nndsl.ops.products import contraction_of
from nndsl.ops.rules import kind_name
from nndsl.passes.loops import settled

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import StepGraph


def lowered(graph: StepGraph) -> StepGraph:
    """The step over products that a device can compute."""
    return graph.with_roots(settled(_lowered(graph.roots())))


def _lowered(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The same values over products that a device can compute."""
    made: dict[Node, Node] = {}
    for node in reachable(roots):
        inputs = tuple([made[operand] for operand in node.inputs])
        if node.op is scan:
            made[node] = _loop(node, inputs)
        elif node.op is einsum:
            with node.builder.at(*node.origins):
                made[node] = _product(node.builder.again(node, inputs))
            for name in node.names:
                made[node].named_if_nameless(name)
        else:
            made[node] = node.builder.again(node, inputs) if inputs else node
    return tuple([made[root] for root in roots])


def _loop(node: Node, inputs: tuple[Node, ...]) -> Node:
    body = body_of(node)
    attributes = tuple(
        (name, body.with_roots(_lowered(body.roots)) if name == "body" else value) for name, value in node.attributes
    )
    made = node.builder.like(node, inputs, attributes)
    made.names += [name for name in node.names if name not in made.names]
    made.origins += [origin for origin in node.origins if origin not in made.origins]
    return made


def _product(node: Node) -> Node:
    """A product as a device takes it."""
    c = contraction_of(node)
    a, b = node.inputs
    if not c.summed:
        return _multiplied(node, c)
    gemm = c.gemm
    samples = _samples(c)
    vectors = not gemm.out.first or not gemm.out.second
    if vectors and (not (gemm.out.first or gemm.out.second) or (gemm.out.batch and samples not in gemm.out.batch)):
        return _multiplied(node, c)
    left, right = (c.right, c.left) if gemm.swapped else (c.left, c.right)
    first, second = (b, a) if gemm.swapped else (a, b)
    wanted = [stored(matrix, axes, samples) for matrix, axes in ((gemm.left, left), (gemm.right, right))]
    out = stored(gemm.out, c.out, samples)
    if wanted == [left, right] and out == c.out:
        return node
    first, second = _turned(first, left, wanted[0], samples), _turned(second, right, wanted[1], samples)
    letters = [each.replace(samples, "") for each in (*wanted, out)]
    equation = f"{letters[0]},{letters[1]}->{letters[2]}"
    made = einsum(first, second, equation=equation, kind=kind_name(node.type.kind))
    return _turned(made, out, c.out, samples)


def stored(matrix: Matrix, axes: str, samples: str) -> str:
    """How an array's axes should be stored: as they are, or, where they do not stand together, one group at a time.

    The samples come first, whichever group they are in.
    """
    groups = [group for group in (matrix.batch, matrix.first, matrix.second) if group]
    if all(group in axes for group in groups) and not (matrix.batch and axes.endswith(matrix.batch)):
        return axes
    own = [group for group in (matrix.first, matrix.second) if group]
    if any(samples in group for group in own):
        own.sort(key=lambda group: samples not in group)
        return "".join((own[0], matrix.batch, *own[1:]))
    return "".join((matrix.batch, *own))


def _samples(c: Contraction) -> str:
    """The letter of the samples' axis; a letter that is not there if no array has it."""
    return next(letter for letter, size in c.sizes if size is None)


def _turned(node: Node, axes: str, wanted: str, samples: str) -> Node:
    """A value with its axes in another order."""
    own, new = axes.replace(samples, ""), wanted.replace(samples, "")
    return node if own == new else ops.transpose(node, permutation=tuple(own.index(letter) for letter in new))


def _aligned(node: Node, axes: str, c: Contraction, wanted: str) -> Node:
    """A factor with all axes that are wanted, in their order; where it lacks some, it is the same along them."""
    samples = _samples(c)
    letters = wanted.replace(samples, "")
    turned = _turned(node, axes, "".join(letter for letter in letters if letter in axes), samples)
    sizes = dict(c.sizes)
    shape = tuple([(sizes[letter] or 1) if letter in axes else 1 for letter in letters])
    if shape != turned.type.shape:
        turned = ops.reshape(turned, shape=shape)
    full = tuple([sizes[letter] or 1 for letter in letters])
    kind = Kind.SAMPLE if samples in wanted else Kind.SHARED
    if shape == full and kind is node.type.kind:
        return turned
    return ops.broadcast(turned, shape=full, kind=kind_name(kind))


def _multiplied(node: Node, c: Contraction) -> Node:
    """The product as numbers multiplied and summed; what is summed stands together, with the samples if they are."""
    samples = _samples(c)
    over_samples = samples in c.summed
    order = c.summed + c.out if over_samples else c.out + c.summed
    a, b = node.inputs
    found = ops.multiply(_aligned(a, c.left, c, order), _aligned(b, c.right, c, order))
    summed, rank = len(c.summed.replace(samples, "")), len(order.replace(samples, ""))
    if summed:
        found = ops.sum(found, axes=tuple(range(summed) if over_samples else range(rank - summed, rank)))
    return ops.batch_sum(found) if over_samples else found


# ------------------------------------------------------------------------------------------------ strides


@dataclass(frozen=True, slots=True)
class Operand:
    """A matrix of a product, or a stack of them, stored row by row.

    turned: its second axis is stored before its first. leading: elements from one stored row to the next. stride: from
    one matrix of the stack to the next. Each is (do the samples count, number).
    """

    turned: bool
    leading: tuple[bool, int]
    stride: tuple[bool, int]


@dataclass(frozen=True, slots=True)
class MatrixProduct:
    """[rows, inner] times [inner, columns], `stack` times; swapped: the node's second operand is the left matrix."""

    swapped: bool
    rows: tuple[bool, int]
    columns: tuple[bool, int]
    inner: tuple[bool, int]
    stack: tuple[bool, int]
    left: Operand
    right: Operand
    out: Operand


def takes_one_time(node: Node, position: int) -> bool:
    """Can a lowered product take one time out of an array [samples, time, ...]? position: of the operand; 2: into one.

    It can where rows or whole matrices of the samples lie further apart then, but nothing else does.
    """
    c = contraction_of(node)
    gemm, samples = c.gemm, _samples(c)
    matrix = (*((gemm.right, gemm.left) if gemm.swapped else (gemm.left, gemm.right)), gemm.out)[position]
    if samples not in matrix.axes:
        return True
    return samples == matrix.batch or (
        samples in (matrix.first, matrix.second) and bool(matrix.first and matrix.second)
    )


def matrix_product(node: Node, times: tuple[int, int, int] = (0, 0, 0)) -> MatrixProduct:
    """The product that a lowered `einsum` is.

    times: of how many the arrays of the node's operands and of its result hold one; 0: they hold no others.
    """
    c = contraction_of(node)
    gemm = c.gemm
    sizes = dict(c.sizes)
    samples = _samples(c)
    left, right = (c.right, c.left) if gemm.swapped else (c.left, c.right)
    first, second, third = (times[1], times[0], times[2]) if gemm.swapped else times

    def count(letters: str) -> tuple[bool, int]:
        number = 1
        for letter in letters:
            number *= sizes[letter] or 1
        return any(sizes[letter] is None for letter in letters), number

    def operand(matrix: Matrix, axes: str, times: int) -> Operand:
        def behind(group: str) -> tuple[bool, int]:
            found = count(axes[axes.index(group) + len(group) :])
            return (found[0], found[1] * times) if times and group == samples else found

        stride = behind(matrix.batch) if matrix.batch else (False, 0)
        if not matrix.first or not matrix.second:
            group = matrix.first or matrix.second
            turned = bool(matrix.first) and bool(group)
            return Operand(turned, count(group), stride)
        if behind(matrix.second) == (False, 1):
            return Operand(False, behind(matrix.first), stride)
        return Operand(True, behind(matrix.second), stride)

    return MatrixProduct(
        gemm.swapped,
        count(gemm.left.first),
        count(gemm.right.second),
        count(gemm.left.second),
        count(gemm.out.batch),
        operand(gemm.left, left, first),
        operand(gemm.right, right, second),
        operand(gemm.out, c.out, third),
    )
