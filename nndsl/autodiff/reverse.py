"""Reverse-mode differentiation, graph to graph. It knows no op by name: each brings its own gradient rule.

The gradient is a graph like any other, so it can be differentiated again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.autodiff.loops import Loops, backward_loop
from nndsl.diagnostics import Diagnostic, InternalError, Label, UserError, error
from nndsl.ir.graph import Origin, reachable
from nndsl.ir.op import NoGradient
from nndsl.ir.types import DType, Kind

if TYPE_CHECKING:
    from nndsl.ir.graph import Node

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
    return pulled_back([(output, ops.splat(output, 1.0) if seed is None else seed)], targets)


def pulled_back(seeds: Sequence[tuple[Node, Node]], targets: Sequence[Node]) -> list[Node | None]:
    """The gradient by each target of the sum of output times seed, over pairs (output, seed) of one type each."""
    nodes = reachable(output for output, _ in seeds)
    active = _depending(nodes, targets)
    cuts = set(targets)
    loops = Loops(nodes)
    received: dict[Node, list[Node]] = defaultdict(list)
    for output, seed in seeds:
        received[output].append(seed)
    found: dict[Node, Node] = {}
    flowing: dict[Node, Node] = {}
    for node in reversed(nodes):
        contributions = received.pop(node, None)
        if node not in active:
            contributions = None
        if contributions is None and not loops.is_due(node):
            continue
        with node.builder.at(*_backward(node.origins)):
            if contributions is not None:
                ct = _total(contributions)
                _name(ct, node)
                found[node] = ct
                if node not in cuts:
                    flowing[node] = ct
            if node not in flowing and not loops.is_due(node):
                continue
            for operand, gradient in _flows(node, flowing, loops):
                if operand in active:
                    received[operand].append(gradient)
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


def _flows(node: Node, flowing: Mapping[Node, Node], loops: Loops) -> list[tuple[Node, Node]]:
    """What flows from `node` into its operands. Outputs of a loop wait for the first of them: one loop goes back."""
    if node.op is ops.scan:
        return backward_loop(loops.outputs(node), flowing) if loops.is_due(node) else []
    rule = node.op.gradient
    if isinstance(rule, NoGradient):
        raise UserError(_not_differentiable(node, rule))
    flows: list[tuple[Node, Node]] = []
    for operand, gradient in zip(node.inputs, rule(flowing[node], node), strict=True):
        if gradient is None:
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
    return [Origin(each.span, each.scope, each.title, each.library, backward=True) for each in origins]


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
