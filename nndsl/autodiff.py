"""Reverse-mode differentiation, graph to graph. It knows no op by name: each brings its own gradient rule.

The gradient is a graph like any other, so it can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.diagnostics import Diagnostic, InternalError, Label, UserError, error
from nndsl.ir.graph import reachable
from nndsl.ir.op import NoGradient
from nndsl.ir.types import DType, Kind

if TYPE_CHECKING:
    from nndsl.ir.graph import Node, Origin
    from nndsl.ir.program import Minimize, Program, StepGraph
    from nndsl.ir.types import TensorType

# ------------------------------------------------------------------------------------------------ gradients


def gradients(output: Node, targets: Sequence[Node], seed: Node | None = None) -> list[Node | None]:
    """The gradient of `output` by each target, of the target's type; None where `output` does not depend on it.

    output: one number, per sample or shared. seed: what its own gradient is (1 unless given, of its type). targets: any
    float nodes; each is held to vary on its own, so no gradient flows through one target into another. A shared
    target of a per-sample output gets the sum over the samples. Raises UserError (NN520) where the way to a target
    leads through an op that can't be differentiated.
    """
    if seed is not None and seed.type != output.type:
        raise InternalError(f"autodiff: the seed of {output!r} is {seed!r}")
    nodes = reachable([output])
    active = _depending(nodes, targets)
    cuts = set(targets)
    received: dict[Node, list[Node]] = {output: [ops.splat(output, 1.0) if seed is None else seed]}
    found: dict[Node, Node] = {}
    for node in reversed(nodes):
        contributions = received.pop(node, None)
        if contributions is None or node not in active:
            continue
        with node.builder.at(*_backward(node.origins)):
            ct = _total(contributions)
            _name(ct, node)
            found[node] = ct
            if node in cuts:
                continue
            for operand, gradient in _flows(node, ct, active):
                received.setdefault(operand, []).append(gradient)
    return [found.get(target) for target in targets]


def _depending(nodes: Iterable[Node], targets: Iterable[Node]) -> set[Node]:
    """The nodes through which a gradient may flow to a target, and the targets."""
    active = set(targets)
    for node in nodes:
        if any(operand in active for operand in node.inputs) and _lets_through(node):
            active.add(node)
    return active


def _lets_through(node: Node) -> bool:
    """Whether a gradient flows through the node: a float value whose slope is not 0 everywhere."""
    rule = node.op.gradient
    if isinstance(rule, NoGradient) and rule.zero:
        return False
    return node.type.dtype is DType.FLOAT and node.type.kind is not Kind.STEP


def _flows(node: Node, ct: Node, active: set[Node]) -> list[tuple[Node, Node]]:
    """What flows from `node` into those of its operands that depend on a target."""
    rule = node.op.gradient
    if isinstance(rule, NoGradient):
        raise UserError(_not_differentiable(node, rule))
    flows: list[tuple[Node, Node]] = []
    for operand, gradient in zip(node.inputs, rule(ct, node), strict=True):
        if gradient is None or operand not in active:
            continue
        if gradient.type != operand.type:
            raise InternalError(
                f"autodiff: the gradient of `{node.op.name}` (%{node.id}) by an operand of type {operand.type} is "
                f"{gradient.type}"
            )
        flows.append((operand, gradient))
    return flows


def _total(contributions: list[Node]) -> Node:
    """Their sum, in the order in which they came: that of the users, last first."""
    total, *others = contributions
    for other in others:
        total = ops.add(total, other)
    return total


def _backward(origins: Iterable[Origin]) -> list[Origin]:
    return [replace(origin, backward=True) for origin in origins]


def _name(ct: Node, node: Node) -> None:
    """Call a gradient after what it is the gradient of: of several values, the one nearest to the end."""
    if node.names and not ct.names and not ct.op.leaf:
        ct.named(f"{node.names[-1]}_gradient")


def _not_differentiable(node: Node, rule: NoGradient) -> Diagnostic:
    message = f"`{node.op.name}` can't be differentiated: {rule.reason}"
    if not node.origins:
        return error("NN520", message)
    origin = node.origins[0]
    more = [] if origin.library is None else [Label(origin.library, "inside the library, here")]
    help = "write `stop_gradient(...)` around it, or leave it out of what is minimized"
    return error("NN520", message, origin.span, "its gradient is needed here", more=more, help=help)


# ------------------------------------------------------------------------------------------------ programs


def differentiate(program: Program) -> Program:
    """The program with every `grad(y, x)` replaced by its graph, and every `minimize` given its weights' gradients."""
    types = {weight.path: weight.type for weight in program.weights}
    return replace(
        program,
        trains=tuple(
            replace(
                train,
                training=_with_gradients(_expanded(train.training), types),
                evaluation=_expanded(train.evaluation),
            )
            for train in program.trains
        ),
    )


def _expanded(graph: StepGraph) -> StepGraph:
    return graph.with_roots(expand(graph.roots()))


def expand(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """`roots` with every `grad(y, x)` replaced by its graph: those inside others first."""
    nodes = reachable(roots)
    if all(node.op is not ops.grad for node in nodes):
        return roots
    new: dict[Node, Node] = {}
    for node in nodes:
        made = node.builder.again(node, tuple(new[operand] for operand in node.inputs))
        new[node] = _derivative(made) if made.op is ops.grad else made
    return tuple(new[root] for root in roots)


def _derivative(node: Node) -> Node:
    """The graph that `grad(y, x)` stands for, under its names; zeros where y does not depend on x."""
    y, x = node.inputs
    (gradient,) = gradients(y, [x])
    if gradient is None:
        gradient = ops.splat(x, 0.0)
    for name in node.names:
        gradient.named(name)
    return gradient


def _with_gradients(graph: StepGraph, types: Mapping[str, TensorType]) -> StepGraph:
    updated: dict[str, int] = {}
    minimizes: list[Minimize] = []
    for minimize in graph.minimizes:
        paths = [path for update in minimize.updates for path in update.weights]
        minimizes.append(replace(minimize, gradients=_weight_gradients(minimize.loss, paths, updated, types)))
        for path in paths:
            updated[path] = updated.get(path, 0) + 1
    return replace(graph, minimizes=tuple(minimizes))


def _weight_gradients(
    loss: Node, paths: Sequence[str], updated: Mapping[str, int], types: Mapping[str, TensorType]
) -> tuple[tuple[str, Node], ...]:
    """Gradient of the loss by each weight as it is before this `minimize`. updated: how often each changed before."""
    leaves = [ops.weight.make(loss.builder, types[path], path=path, version=updated.get(path, 0)) for path in paths]
    found = gradients(loss, leaves)
    return tuple(
        (path, ops.splat(leaf, 0.0) if gradient is None else gradient)
        for path, leaf, gradient in zip(paths, leaves, found, strict=True)
    )
