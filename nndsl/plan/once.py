"""What is the same for a row of the data in every epoch: taken out of the steps, computed once for the data set.

A value that follows from fields of the data, from weights that the block does not train and from what was learnt from
data (the features of a frozen network, say) is the same whenever its row comes up. Some of these values are kept, as
further fields of the data, so that nothing behind them is computed again. Which ones is a minimum cut: each value that
a step needs is gathered with the batch, or computed from others, whichever takes less time in all.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.program import Once, StepGraph
from nndsl.ir.types import Kind
from nndsl.passes.loops import replaced
from nndsl.plan.cut import Network
from nndsl.plan.report import report
from nndsl.plan.sharing import gathering, seconds_of
from nndsl.plan.step import plan_step
from nndsl.plan.work import bytes_of, work_at, work_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.ir.graph import Node
    from nndsl.ir.program import Program, TrainProgram

_WORTH_IT = 0.1
"""The part of a step's time that must be spared: less is not worth the memory."""

_MUCH = 0.5
"""The part of a step's time that is worth much memory."""

_LITTLE_MEMORY = 4
"""Values that take more than so many times what the data takes are kept only where they spare much."""

_TAKES_MEMORY = 1.1
"""Gathering what is kept counts as so much dearer than gathering a field, which is there anyway."""

_GIVEN = (ops.constant, ops.array, ops.learnt, ops.field)
"""Leaves that are the same in every step, or the same for a row."""


def with_once(program: Program, float_bytes: int) -> Program:
    """An optimised program whose steps compute nothing again that is worth keeping for each row."""
    return replace(program, trains=tuple(_with_once(program, train, float_bytes) for train in program.trains))


def _with_once(program: Program, train: TrainProgram, float_bytes: int) -> TrainProgram:
    settings = dict(train.settings)
    samples = settings["batch_size"]
    if train.data is None or settings["epochs"] == 1 or not isinstance(samples, int):
        return train
    same = _unchanging(train, reachable(_roots(train)))
    if not any(row and not node.op.leaf and not node.op.numpy.view for node, row in same.items()):
        return train
    before = seconds_of(work_of(train.training.roots(), samples, float_bytes), float_bytes)
    if seconds_of(work_at(same, samples, float_bytes), float_bytes) < _WORTH_IT * before:
        return train
    kept = _frontier(_roots(train), same, samples, float_bytes)
    if not kept:
        return train
    made = _apart(program, train, kept)
    after = seconds_of(work_of(made.training.roots(), samples, float_bytes), float_bytes)
    data = program.data_named(train.data)
    there = sum(bytes_of(each.node.type, 1, float_bytes) for each in data.fields if each.name in train.fields)
    enough = _MUCH if sum(bytes_of(node.type, 1, float_bytes) for node in kept) > _LITTLE_MEMORY * there else _WORTH_IT
    if before - after < enough * before:
        return train
    assert made.once is not None
    flops = [report(program, each, plan_step(each.training), samples).flops for each in (train, made)]
    return replace(made, once=replace(made.once, spared=1 - flops[1] / flops[0]))


def bytes_of_row(once: Once, float_bytes: int) -> int:
    """What is kept for each row."""
    return sum(bytes_of(type, 1, float_bytes) for _, type in once.values)


# ------------------------------------------------------------------------------------------------ what stays the same


def _reported(train: TrainProgram) -> StepGraph:
    """The graph of evaluation without predictions, which are asked of new rows."""
    return replace(train.evaluation, predictions=())


def _roots(train: TrainProgram) -> list[Node]:
    """Whatever is computed of a batch while the block is trained."""
    graphs = [train.training, _reported(train), *([] if train.curvature is None else [train.curvature])]
    return [root for graph in graphs for root in graph.roots()]


def _unchanging(train: TrainProgram, nodes: Iterable[Node]) -> dict[Node, bool]:
    """Those of `nodes` that are the same in every step, for a row; for each whether it depends on the row."""
    trained = {path for minimize in train.training.minimizes for path in minimize.weights}
    moving = {path for path, node in train.training.states if not (node.op is ops.state and node["path"] == path)}
    found: dict[Node, bool] = {}
    for node in nodes:
        if node.op.leaf:
            same = node.op in _GIVEN
            same |= node.op is ops.weight and node["path"] not in trained
            same |= node.op is ops.state and node["path"] not in moving
            if same:
                found[node] = node.op is ops.field
        elif all(operand in found for operand in node.inputs) and not _over_batch(node):
            found[node] = any(found[operand] for operand in node.inputs)
    return found


def _over_batch(node: Node) -> bool:
    """Whether it is a sum over the samples of a batch, which are others in every epoch."""
    return node.type.kind is Kind.SHARED and any(operand.type.kind is Kind.SAMPLE for operand in node.inputs)


# ------------------------------------------------------------------------------------------------ what is kept of it


def _frontier(roots: list[Node], same: dict[Node, bool], samples: int, float_bytes: int) -> list[Node]:
    """The values that are to be kept for each row; none where it is best to compute them all in every step.

    roots: of the steps. same: as `_unchanging` gives it. Two vertices stand for each value: it is needed in the steps;
    it is computed there. The cut parts what holds from what does not. Keeping a value breaks the edge from its first
    vertex to the second, for the time that gathering it takes; computing it breaks the edge behind the second, and
    needs its operands.
    """
    needed = {operand for node in reachable(roots) if node not in same for operand in node.inputs if operand in same}
    needed |= {root for root in roots if root in same}
    needed = {node for node in needed if same[node]}
    outputs = _outputs(same)
    network = Network()
    for node in reachable(needed):
        size = bytes_of(node.type, samples, float_bytes)
        if node.op is ops.field:
            network.edge((node, "computed"), None, gathering(size))
        elif not node.op.leaf:
            work = seconds_of(work_at([node], samples, float_bytes), float_bytes)
            network.edge((node, "computed"), None, work / outputs.get(_loop(node), 1))
        keeps = same[node] and not node.op.leaf and node.type.kind is Kind.SAMPLE
        network.edge((node, "needed"), (node, "computed"), _TAKES_MEMORY * gathering(size) if keeps else inf)
        for operand in node.inputs:
            network.edge((node, "computed"), (operand, "needed"), inf)
    within = network.source_side([(node, "needed") for node in needed])
    return [node for node in reachable(needed) if (node, "needed") in within and (node, "computed") not in within]


def _loop(node: Node) -> tuple[object, ...]:
    """What all outputs of one loop have in common."""
    return (ops.body_of(node), node.inputs) if node.op is ops.scan else (node,)


def _outputs(nodes: Iterable[Node]) -> dict[tuple[object, ...], int]:
    """For each loop among the nodes how many of them it computes, in one go."""
    counts: dict[tuple[object, ...], int] = {}
    for node in nodes:
        if node.op is ops.scan:
            counts[_loop(node)] = counts.get(_loop(node), 0) + 1
    return counts


# ------------------------------------------------------------------------------------------------ taken out


def _apart(program: Program, train: TrainProgram, kept: list[Node]) -> TrainProgram:
    """The block with fields that stand for the values that are kept."""
    taken = {field.name for data in program.data for field in data.fields}
    new: dict[Node, Node] = {}
    for node in kept:
        name = _unique(_place(node).rpartition("/")[2], taken)
        with node.builder.at(*node.origins):
            new[node] = ops.field.make(node.builder, node.type, name=name)
    predictions = tuple((str(field["name"]), node, None) for node, field in new.items())
    graph = StepGraph(totals=(), reported=(), predictions=predictions, states=(), minimizes=())

    def over(each: StepGraph) -> StepGraph:
        return each.with_roots(replaced(each.roots(), new))

    evaluation = replace(over(_reported(train)), predictions=train.evaluation.predictions)
    return replace(
        train,
        training=over(train.training),
        evaluation=evaluation,
        curvature=None if train.curvature is None else over(train.curvature),
        once=Once(graph, tuple(map(_place, kept)), 0.0),
    )


def _place(node: Node) -> str:
    """Whose output a value is: the path of a step of a model, as far as it is one's, or the user's own name."""
    named = next((name for name in reversed(node.names) if name), "")
    scope = node.origins[0].scope if node.origins else ""
    return named or scope or "kept"


def _unique(wish: str, taken: set[str]) -> str:
    name, number = wish, 2
    while name in taken:
        name, number = f"{wish} {number}", number + 1
    taken.add(name)
    return name
