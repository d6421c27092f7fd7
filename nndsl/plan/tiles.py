"""A step over a batch as the same step over tiles of it, whose gradients are summed, and what is done once at the end.

Samples meet in few places: in sums over the batch (a gradient by a weight) and in totals. Where nothing of one sample
depends on such a sum, each tile of a few samples can go through forward and backward alone, while what it computes is
in the processor's cache, and tiles can share out over threads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.plan.values import is_zero
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, StepGraph

_LINEAR_IN_ONE = (ops.multiply, ops.einsum, ops.negate, ops.sum, ops.pad)
"""Ops that are linear in an operand as long as the others stay the same; `divide` is in its first one alone."""


@record
class Tiling:
    """How a batch is divided: `tile` samples at a time, the tiles in equal shares on `threads` threads.

    tile: None gives each thread its share as one tile. least: samples that a thread is worth waking up for.
    """

    tile: int | None
    threads: int = 1
    least: int = 1

    @property
    def size(self) -> str:
        """The samples of a tile as source, for a batch of n."""
        if self.tile is not None:
            return str(self.tile)
        share = f"-(-n // {self.threads})"
        return share if self.least == 1 else f"max({self.least}, {share})"

    def divided(self, samples: int) -> tuple[int, int]:
        """The samples of a tile, and the threads that have some, for a batch of so many."""
        tile = min(samples, self.tile or max(self.least, -(-samples // self.threads)))
        return tile, min(self.threads, -(-samples // tile))


@record
class Tiled:
    """A step in two parts.

    samples: for one tile, with the part of each gradient that is a sum over samples; it changes no weights.
    rest: once for the batch, over the sums (leaf `gradient`): what else gradients have, and the updates.
    """

    samples: StepGraph
    rest: StepGraph


def tiled(graph: StepGraph) -> Tiled | None:
    """The two parts of a step, or None where samples meet on the way: `obstacle` says how."""
    if obstacle(graph) is not None:
        return None
    sums = _Sums(graph)
    apart = [_apart(minimize, sums) for minimize in graph.minimizes]
    samples = replace(graph, minimizes=tuple(samples for samples, _ in apart))
    nothing = replace(graph, totals=(), reported=(), predictions=())
    return Tiled(samples, replace(nothing, minimizes=tuple(rest for _, rest in apart)))


def obstacle(graph: StepGraph) -> str | None:
    """Why a batch can't be divided, as the end of a sentence; None where it can."""
    if len(graph.minimizes) > 1:
        return "a later loss sees the weights that an earlier one changed"
    if any(not (node.op is ops.state and node["path"] == path) for path, node in graph.states):
        return "states are made from the whole batch"
    if any(minimize.solver is not None for minimize in graph.minimizes):
        return "a solver works on all samples at once"
    sums = _Sums(graph)
    if any(node.op is ops.weight and node["version"] != 0 for node in sums.within):
        return "something sees the weights after their update"
    if any(sums.within[node] for node in sums.within if node.type.kind is Kind.SAMPLE):
        return "samples depend on a sum over the batch"
    outputs = [total.node for total in graph.totals] + [node for _, node, _ in graph.predictions]
    if any(sums.within[node] or node.type.kind is not Kind.SAMPLE for node in outputs if node.inputs):
        return "what is reported depends on a sum over the batch"
    gradients = [node for minimize in graph.minimizes for _, node in minimize.gradients]
    if any(not sums.separable(node) for node in gradients):
        return "a gradient is not a sum over the samples"
    return None


class _Sums:
    """Which nodes are sums over the samples, or depend on one (`within`)."""

    def __init__(self, graph: StepGraph) -> None:
        self.within: dict[Node, bool] = {}
        gradients = [node for minimize in graph.minimizes for _, node in minimize.gradients]
        totals = [total.node for total in graph.totals]
        for node in reachable([*gradients, *totals, *(node for _, node, _ in graph.predictions)]):
            self.within[node] = self.is_sum(node) or any(self.within[operand] for operand in node.inputs)

    def is_sum(self, node: Node) -> bool:
        """Is it shared by all samples, and made of what each has?"""
        return node.type.kind is Kind.SHARED and any(operand.type.kind is Kind.SAMPLE for operand in node.inputs)

    def separable(self, node: Node) -> bool:
        """Is it a linear function of sums over the samples, plus what no sample has a part in?"""
        if not self.within[node] or self.is_sum(node):
            return True
        if node.op is ops.add:
            return all(map(self.separable, node.inputs))
        return self._linear(node) and self.alone(self._summed(node)) is None and self.separable(self._summed(node))

    def _summed(self, node: Node) -> Node:
        return next(operand for operand in node.inputs if self.within[operand])

    def _linear(self, node: Node) -> bool:
        summed = [operand for operand in node.inputs if self.within[operand]]
        if len(summed) > 1:
            return False
        if node.op is ops.divide:
            return node.inputs[0] is summed[0]
        return node.op.numpy.view or node.op in _LINEAR_IN_ONE

    def of_samples(self, node: Node) -> Node | None:
        """The part of a separable node that is a sum over the samples."""
        if not self.within[node]:
            return None
        if node.op is not ops.add or self.is_sum(node):
            return node
        return _added(*map(self.of_samples, node.inputs))

    def alone(self, node: Node) -> Node | None:
        """The part of a separable node that no sample has a part in."""
        if not self.within[node]:
            return None if is_zero(node) else node
        if node.op is not ops.add or self.is_sum(node):
            return None
        return _added(*map(self.alone, node.inputs))


def _added(a: Node | None, b: Node | None) -> Node | None:
    return ops.add(a, b) if a is not None and b is not None else a or b


def _apart(minimize: Minimize, sums: _Sums) -> tuple[Minimize, Minimize]:
    """The parts of a minimize for one tile and for the whole batch."""
    of_samples: list[tuple[str, Node]] = []
    rest: list[tuple[str, Node]] = []
    for path, node in minimize.gradients:
        summed, alone = sums.of_samples(node), sums.alone(node)
        whole = ops.gradient.make(node.builder, node.type, path=path)
        if summed is None:
            rest.append((path, node))
            continue
        of_samples.append((path, summed))
        rest.append((path, whole if alone is None else ops.add(whole, alone)))
    return (
        replace(minimize, gradients=tuple(of_samples), updates=()),
        replace(minimize, gradients=tuple(rest)),
    )
