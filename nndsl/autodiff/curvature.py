"""What solvers ask for besides gradients: second derivatives of a loss, multiplied by a direction in weight space.

Neither matrix is ever made. A product with the Hessian is the gradient of the gradient along the direction; one with
the matrix of Gauss and Newton goes forward to the residuals (differentiating backwards twice), and back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.autodiff.reverse import gradients, pulled_back
from nndsl.diagnostics import InternalError
from nndsl.ir.program import Minimize, StepGraph
from nndsl.ir.types import Kind

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType

_WITHOUT_CURVATURE = frozenset({"LBFGS"})
"""Solvers that gradients are enough for."""


def curvature(minimize: Minimize, types: Mapping[str, TensorType]) -> StepGraph | None:
    """The step whose gradients are curvature times direction, for the solver of a `minimize` that has its gradients.

    The curvature is the Gauss-Newton matrix where the solver works with residuals, else the Hessian. None for a solver
    that needs neither.
    """
    solver = minimize.solver
    if solver is None or solver.name in _WITHOUT_CURVATURE:
        return None
    builder = minimize.loss.builder
    leaves = [ops.weight.make(builder, types[path], path=path, version=0) for path in solver.weights]
    directions = [ops.direction.make(builder, types[path], path=path) for path in solver.weights]
    if solver.residual is None:
        slope = _along([node for _, node in minimize.gradients], directions)
        products = gradients(slope, leaves)
    else:
        products = _gauss_newton(minimize.loss, solver.residual, leaves, directions)
    found = tuple(
        (path, ops.splat(leaf, 0.0) if product is None else product)
        for path, leaf, product in zip(solver.weights, leaves, products, strict=True)
    )
    return StepGraph((), (), (), (), (Minimize(0, minimize.loss, (), 1, minimize.span, found),))


def _gauss_newton(
    loss: Node, residual: Node, leaves: Sequence[Node], directions: Sequence[Node]
) -> Sequence[Node | None]:
    """The gradient by each weight of the loss's quadratic form in J v, where J is the residual's by the weights."""
    (by_residual,) = gradients(loss, [residual])
    if by_residual is None:
        raise InternalError(f"autodiff: the loss does not depend on its residual {residual!r}")
    # J^T u is linear in u, so its derivative by u along v is J v whatever u is. A node of its own, met nowhere else.
    u = ops.stop_gradient(by_residual)
    pulled = pulled_back([(residual, u)], leaves)
    reached = [(node, v) for node, v in zip(pulled, directions, strict=True) if node is not None]
    slope = _along([node for node, _ in reached], [v for _, v in reached])
    (forward,) = gradients(slope, [u])
    if forward is None:
        return [None] * len(leaves)
    bend = ops.multiply(by_residual, ops.stop_gradient(forward))
    (outer,) = gradients(_total(bend), [residual])
    return [None] * len(leaves) if outer is None else pulled_back([(residual, outer)], leaves)


def _along(vectors: Sequence[Node], directions: Sequence[Node]) -> Node:
    """The sum over all weights of vector times direction: a shared number."""
    parts = [_total(ops.multiply(vector, v)) for vector, v in zip(vectors, directions, strict=True)]
    total, *others = parts
    for part in others:
        total = ops.add(total, part)
    return total


def _total(node: Node) -> Node:
    """The sum of all elements, of all samples where it is per sample."""
    if node.type.rank:
        node = ops.sum(node, axes=tuple(range(node.type.rank)))
    return ops.batch_sum(node) if node.type.kind is Kind.SAMPLE else node
