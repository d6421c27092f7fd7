"""A step over a batch as the same step over parts of it, whose gradients are summed, and what is done once at the end.

Samples meet in few places: in sums over the batch (a gradient by a weight) and in totals. Where nothing of one sample
depends on such a sum, each tile of a few samples can go through forward and backward alone, while what it computes is
in the processor's cache, and tiles can share out over threads.

Where something does (the statistics of a batch, a loss that sees the weights which an earlier one changed, new states),
the step falls into stages: all samples have to be through one before any goes through the next, and between them sums
are added up and weights updated. Then each thread has one share of the batch, and threads meet between stages
(`Tiled.meets`). A share goes through the very schedule that the whole batch would, with places in it where it waits for
the others (`Meet`, `ApplyUpdate`): its values stay in its buffers from stage to stage, and nothing is computed twice.
The other way, a graph for each stage, would have to hand over or compute again whatever crosses from one to the next.
Tiles smaller than a share would each need buffers of their own for the whole step, so that their values would no longer
stay in the cache, which is what tiles are for. So such steps know shares only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.program import Total
from nndsl.ir.types import Kind
from nndsl.plan.values import is_zero
from nndsl.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, StepGraph

_LINEAR_IN_ONE = (ops.multiply, ops.einsum, ops.negate, ops.sum, ops.pad)
"""Ops that are linear in an operand as long as the others stay the same; `divide` is in its first one alone."""


@record
class Tiling:
    """How a batch is divided: `tile` samples at a time, the tiles in equal shares on `threads` threads.

    tile: None gives each thread its share as one tile. least: samples that a thread is worth waking up for. processes:
    processes do what threads would.
    """

    tile: int | None
    threads: int = 1
    least: int = 1
    processes: bool = False

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
    meets: samples goes through in stages, one tile for each thread. Then it has the updates too, as places where shares
    wait until the rest is done, and sets states, of which each share has its own.
    """

    samples: StepGraph
    rest: StepGraph
    meets: bool


def tiled(graph: StepGraph) -> Tiled | None:
    """The two parts of a step, or None where a batch can't be divided: `obstacle` says why."""
    if obstacle(graph) is not None:
        return None
    sums = _Sums(graph)
    meets = _meeting(graph, sums) is not None
    apart = [_apart(minimize, sums, meets=meets) for minimize in graph.minimizes]
    samples = replace(
        graph,
        totals=tuple(Total(sums.total(total.node)) for total in graph.totals),
        predictions=tuple((name, sums.total(node), classes) for name, node, classes in graph.predictions),
        states=tuple((path, sums.total(node)) for path, node in graph.states),
        minimizes=tuple(samples for samples, _ in apart),
    )
    rest = replace(graph, totals=(), reported=(), predictions=(), states=(), minimizes=tuple(rest for _, rest in apart))
    return Tiled(samples, rest, meets)


def divided(graph: StepGraph, tiling: Tiling | None) -> Tiled | None:
    """The two parts of a step whose batches are divided like that; None where they go through whole."""
    parts = None if tiling is None else tiled(graph)
    if tiling is None or parts is None or (parts.meets and tiling.tile is not None):
        return None
    return parts


def obstacle(graph: StepGraph) -> str | None:
    """Why a batch can't be divided, as the end of a sentence; None where it can."""
    if any(minimize.solver is not None for minimize in graph.minimizes):
        return "a solver works on all samples at once"
    sums = _Sums(graph)
    if any(node.op is ops.scan and _meets_inside(node) for node in sums.within):
        return "samples meet inside of a loop"
    if any(node.type.kind is not Kind.SAMPLE for _, node, _ in graph.predictions):
        return "what is predicted is one value for all samples"
    gradients = [node for minimize in graph.minimizes for _, node in minimize.gradients]
    if any(sums.split(node) is None for node in gradients):
        return "a gradient is not a sum over the samples"
    return None


def meeting(graph: StepGraph) -> str | None:
    """Why a batch goes through in stages, as the end of a sentence; None where each tile goes through at one go."""
    return _meeting(graph, _Sums(graph))


def refusal(graph: StepGraph, *, tile: bool) -> str | None:
    """Why a batch can't be divided, into tiles smaller than a thread's share (`tile`) or at all; None where it can."""
    return obstacle(graph) or (meeting(graph) if tile else None)


def _meeting(graph: StepGraph, sums: _Sums) -> str | None:
    if len(graph.minimizes) > 1:
        return "a later loss sees the weights that an earlier one changed"
    if any(not (node.op is ops.state and node["path"] == path) for path, node in graph.states):
        return "states are made from the whole batch"
    if any(node.op is ops.weight and node["version"] != 0 for node in sums.within):
        return "something sees the weights after their update"
    outputs = [total.node for total in graph.totals] + [node for _, node, _ in graph.predictions]
    if any(sums.within[node] for node in (*sums.within, *outputs) if node.type.kind is Kind.SAMPLE):
        return "samples depend on a sum over the batch"
    splits = [sums.split(node) for minimize in graph.minimizes for _, node in minimize.gradients]
    parts = [part for split in splits if split is not None and (part := split[0]) is not None]
    if any(node.op is ops.share_total for node in reachable(parts)):
        return "a gradient depends on a sum over the batch"
    return None


def _meets_inside(loop: Node) -> bool:
    """Do samples meet in the body of a loop?"""
    nodes = reachable(ops.body_of(loop).roots)
    return any(_is_sum(node) or (node.op is ops.scan and _meets_inside(node)) for node in nodes)


def _is_sum(node: Node) -> bool:
    """Is it shared by all samples, and made of what each has?"""
    return node.type.kind is Kind.SHARED and any(operand.type.kind is Kind.SAMPLE for operand in node.inputs)


_Split = tuple["Node | None", "Node | None"]
"""The part of a gradient that is a sum over samples, and the part that no sample has a part in."""


class _Sums:
    """Which nodes are sums over the samples, or depend on one (`within`); and what a share makes of them."""

    def __init__(self, graph: StepGraph) -> None:
        self.within: dict[Node, bool] = {}
        self._totals: dict[Node, Node] = {}
        self._splits: dict[Node, _Split | None] = {}
        losses = [minimize.loss for minimize in graph.minimizes]
        gradients = [node for minimize in graph.minimizes for _, node in minimize.gradients]
        others = [*(total.node for total in graph.totals), *(node for _, node, _ in graph.predictions)]
        for node in reachable([*losses, *gradients, *others, *(node for _, node in graph.states)]):
            self.within[node] = _is_sum(node) or any(self.within[operand] for operand in node.inputs)

    def total(self, node: Node) -> Node:
        """What a share computes for `node` where it needs all of it: over sums that shares have added up."""
        if not self.within[node]:
            return node
        for each in self.within if not self._totals else ():
            self._totals[each] = self._total(each)
        return self._totals[node]

    def _total(self, node: Node) -> Node:
        made = _over(node, [self._totals[operand] for operand in node.inputs])
        return ops.share_total(made) if _is_sum(node) else made

    def split(self, node: Node) -> _Split | None:
        """The parts of a gradient; None where it is no linear function of sums over the samples."""
        if node not in self._splits:
            self._splits[node] = self._split(node)
        return self._splits[node]

    def _split(self, node: Node) -> _Split | None:
        if not self.within[node]:
            return None, None if is_zero(node) else node
        if _is_sum(node):
            return _over(node, [self.total(operand) for operand in node.inputs]), None
        if node.op is ops.add:
            first, second = map(self.split, node.inputs)
            if first is None or second is None:
                return None
            return _added(first[0], second[0]), _added(first[1], second[1])
        for position in self._linear(node):
            split = self.split(node.inputs[position])
            if split is not None and split[0] is not None and split[1] is None:
                inputs = [self.total(operand) for operand in node.inputs]
                inputs[position] = split[0]
                return _over(node, inputs), None
        return None

    def _linear(self, node: Node) -> Iterable[int]:
        """The operands made of sums in which a node is linear as long as the others stay the same."""
        if node.op is ops.divide or node.op.numpy.view:
            positions = range(1)
        else:
            positions = range(len(node.inputs)) if node.op in _LINEAR_IN_ONE else range(0)
        alone = [k for k in positions if node.inputs.count(node.inputs[k]) == 1]
        return [k for k in alone if self.within[node.inputs[k]]]


def _over(node: Node, inputs: list[Node]) -> Node:
    """`node` over other operands; another computation of a value stays one."""
    if node.turn and inputs != list(node.inputs):
        return node.builder.twin(node, tuple(inputs), node.turn)
    return node.builder.again(node, tuple(inputs))


def _added(a: Node | None, b: Node | None) -> Node | None:
    return ops.add(a, b) if a is not None and b is not None else a or b


def _apart(minimize: Minimize, sums: _Sums, *, meets: bool) -> tuple[Minimize, Minimize]:
    """The parts of a minimize for one tile and for the whole batch. meets: that of a tile keeps its updates."""
    of_samples: list[tuple[str, Node]] = []
    rest: list[tuple[str, Node]] = []
    for path, node in minimize.gradients:
        split = sums.split(node)
        assert split is not None  # or there was an obstacle
        summed, alone = split
        whole = ops.gradient.make(node.builder, node.type, minimize=minimize.index, path=path)
        if summed is None:
            rest.append((path, node))
            if meets:
                of_samples.append((path, ops.splat(node, 0.0)))
            continue
        of_samples.append((path, summed))
        rest.append((path, whole if alone is None else ops.add(whole, alone)))
    updates = minimize.updates if meets else ()
    loss = sums.total(minimize.loss) if meets else minimize.loss
    return (
        replace(minimize, loss=loss, gradients=tuple(of_samples), updates=updates),
        replace(minimize, gradients=tuple(rest)),
    )
