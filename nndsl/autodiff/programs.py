"""Differentiating a program: every `grad(y, x)` written out, every `minimize` given its weights' gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.autodiff.curvature import curvature
from nndsl.autodiff.reverse import gradients
from nndsl.ir.graph import reachable

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, Program, StepGraph, TrainProgram
    from nndsl.ir.types import TensorType


def differentiate(program: Program) -> Program:
    """The program with every `grad(y, x)` replaced by its graph, and every `minimize` given its weights' gradients."""
    types = {weight.path: weight.type for weight in program.weights}
    return replace(
        program,
        trains=tuple(_differentiated(train, types) for train in program.trains),
        networks=tuple(replace(network, graph=_expanded(network.graph)) for network in program.networks),
    )


def _differentiated(train: TrainProgram, types: Mapping[str, TensorType]) -> TrainProgram:
    training = _with_gradients(_expanded(train.training), types)
    solved = next((minimize for minimize in training.minimizes if minimize.solver is not None), None)
    return replace(
        train,
        training=_without_residuals(training),
        evaluation=_expanded(train.evaluation),
        shows=tuple(replace(show, graph=_expanded(show.graph)) for show in train.shows),
        curvature=None if solved is None else curvature(solved, types),
    )


def _without_residuals(graph: StepGraph) -> StepGraph:
    """The graph without what only differentiating needs to know: it would be computed for nothing."""
    solved = (
        replace(minimize, solver=replace(minimize.solver, residual=None)) if minimize.solver is not None else minimize
        for minimize in graph.minimizes
    )
    return replace(graph, minimizes=tuple(solved))


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
        paths = minimize.weights
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
