"""Schedules of whole steps: training, evaluation, prediction, and any other group of nodes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.types import DType
from nndsl.ops import weight
from nndsl.plan.buffers import Allocator, last_reads
from nndsl.plan.order import Sequence, order_step
from nndsl.plan.schedule import ApplyUpdate, Compute, Given, GradientOf, Schedule, SetGradient, SetState, ViewOf
from nndsl.plan.update import plan_update
from nndsl.plan.values import Role, Values, survey

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import StepGraph
    from nndsl.plan.schedule import Action, Place


def plan_step(graph: StepGraph) -> Schedule:
    """The schedule of a training or evaluation step. Raises InternalError for an update that has no gradients."""
    for minimize in graph.minimizes:
        having = {path for path, _ in minimize.gradients}
        lacking = [path for update in minimize.updates for path in update.weights if path not in having]
        if lacking:
            raise InternalError(f"plan: minimize {minimize.index} updates {lacking[0]} and has no gradient for it")
    return plan_ordered(graph, order_step(graph, plan_updates(graph)))


def plan_updates(graph: StepGraph) -> dict[tuple[int, int], Schedule]:
    """The schedules of a step's updates, by (minimize, number)."""
    return {
        (index, number): plan_update(update)
        for index, minimize in enumerate(graph.minimizes)
        for number, update in enumerate(minimize.updates)
    }


def plan_ordered(graph: StepGraph, sequence: Sequence) -> Schedule:
    """The schedule of a step whose order is known."""
    outputs = tuple(node for _, node, _ in graph.predictions)
    direct = _gradients_in_place(sequence.actions, sequence.values, outputs)
    actions = [a for a in sequence.actions if not (isinstance(a, SetGradient) and a.node in direct)]
    return _allocated(actions, sequence.values, outputs, direct)


def plan_share(graph: StepGraph) -> Schedule:
    """The schedule of a share of a batch: states are set before the last update where nothing else comes behind it.

    Shares wait for updates (see `Tiled`), and need not wait for the last one then.
    """
    schedule = plan_step(graph)
    actions = schedule.actions
    updates = [position for position, action in enumerate(actions) if isinstance(action, ApplyUpdate)]
    if not updates:
        return schedule
    behind = actions[updates[-1] + 1 :]
    if not all(isinstance(action, SetState) and not _is_weight(action.node, schedule) for action in behind):
        return schedule
    first = updates[-1] - len(graph.minimizes[-1].updates) + 1
    return replace(schedule, actions=(*actions[:first], *behind, *actions[first : updates[-1] + 1]))


def _is_weight(node: Node, schedule: Schedule) -> bool:
    """Is it a weight, or a view of one, which an update changes?"""
    while isinstance(place := schedule.places[node], ViewOf):
        node = place.base
    return node.op is weight and isinstance(place, Given)


def plan_prediction(graph: StepGraph) -> Schedule:
    """The schedule that computes the predictions of an evaluation graph and nothing else."""
    return plan_nodes([node for _, node, _ in graph.predictions])


def plan_nodes(roots: Iterable[Node]) -> Schedule:
    """The schedule that computes `roots`, its outputs in their order."""
    outputs = tuple(roots)
    sequence = Sequence(survey(outputs, arrays=set(outputs)))
    for node in outputs:
        sequence.visit(node)
    return _allocated(sequence.actions, sequence.values, outputs, {})


def _allocated(
    actions: list[Action], values: Values, outputs: tuple[Node, ...], direct: Mapping[Node, Place]
) -> Schedule:
    allocator = Allocator(actions, values, outputs, fixed=direct)
    return Schedule(tuple(allocator.actions), allocator.places, tuple(allocator.buffers), outputs)


def _gradients_in_place(actions: list[Action], values: Values, outputs: tuple[Node, ...]) -> dict[Node, Place]:
    """The gradients that are computed straight into the flat vector.

    Each is the gradient of one weight in one minimize, computed after the weight's update before (which reads the same
    memory), and read by nothing after the update that it is for.
    """
    uses = Counter(action.node for action in actions if isinstance(action, SetGradient))
    computed_at = {action.node: position for position, action in enumerate(actions) if isinstance(action, Compute)}
    last = last_reads(actions, values, outputs)
    updated_at: dict[str, list[int]] = defaultdict(list)
    for position, action in enumerate(actions):
        if isinstance(action, ApplyUpdate):
            for path in action.update.weights:
                updated_at[path].append(position)
    found: dict[Node, Place] = {}
    for position, action in enumerate(actions):
        if not isinstance(action, SetGradient) or action.node is None or values.roles[action.node] is not Role.COMPUTED:
            continue
        node, updates = action.node, updated_at[action.path]
        before = max((at for at in updates if at < position), default=-1)
        after = min((at for at in updates if at > position), default=len(actions))
        reads_end = last.get(node, position)
        if (
            uses[node] == 1
            and before < computed_at.get(node, -1)
            and reads_end < after
            and node.type.dtype is DType.FLOAT
        ):
            found[node] = GradientOf(action.path)
    return found
