"""The order of a schedule's actions: values close to their readers, and every read of a weight before it changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ops import constant, gradient, share_total, state, weight
from nndsl.ops.rules import integer
from nndsl.plan.loops import loops_of
from nndsl.plan.schedule import AddTotal, ApplyUpdate, Compute, Loop, Meet, SetGradient, SetState
from nndsl.plan.values import Role, Values, is_zero, survey

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, StepGraph, Update
    from nndsl.plan.schedule import Action, Schedule


class Sequence:
    """Actions in the making. `visit` appends what a node needs and then the node, each once, deepest operands first.

    `after` names nodes that must come before another although it does not read them. `meetings` has for each sum over
    shares all those that are added up at once. `examined` counts the work done.
    ways_back: of each minimize the actions that compute its gradients, as (first, behind the last).
    """

    def __init__(
        self,
        values: Values,
        after: Mapping[Node, Iterable[Node]] | None = None,
        meetings: Mapping[Node, tuple[Node, ...]] | None = None,
    ) -> None:
        self.values = values
        self.actions: list[Action] = []
        self.ways_back: list[tuple[int, int]] = []
        self.examined = 0
        self._after = dict(after or {})
        self._meetings = meetings or {}
        for node, together in self._meetings.items():
            self._after[node] = [*self._after.get(node, ()), *(each.inputs[0] for each in together)]
        self._done: set[Node] = set()
        self._totals: dict[Node, list[int]] = defaultdict(list)
        self._depth: dict[Node, int] = {}
        self._loops = loops_of(values.nodes)
        for node in values.nodes:
            self._depth[node] = 1 + max([self._depth[i] for i in node.inputs], default=0)

    def depth(self, node: Node) -> int:
        """Length of the longest path from a leaf to `node`."""
        return self._depth[node]

    def add_total_of(self, node: Node, index: int) -> None:
        """Have total `index` added as soon as `node` is there."""
        self._totals[node].append(index)

    def visit(self, root: Node) -> None:
        """Append what `root` still needs."""
        stack = [root]
        while stack:
            node = stack[-1]
            self.examined += 1
            if node in self._done:
                stack.pop()
                continue
            before = (*node.inputs, *self._after[node]) if node in self._after else node.inputs
            pending = [i for i in before if i not in self._done]
            if pending:
                stack.extend(sorted(pending, key=self.depth))
                continue
            stack.pop()
            self._compute(node)

    def _compute(self, node: Node) -> None:
        """Append what computes `node`, and what comes with it; then the totals of what is there.

        With an output of a loop come all others, with a sum over shares all that are added up at once.
        """
        from nndsl.plan.body import plan_body  # which plans with this module

        outputs, together = self._loops.get(node), self._meetings.get(node, ())
        if outputs is not None:
            self.actions.append(Loop(outputs, plan_body(outputs, self.values.by_time)))
        elif together:
            self.actions += [*map(Compute, together), Meet(together)]
        elif self.values.acts(node):
            self.actions.append(Compute(node))
        for made in (together or (node,)) if outputs is None else outputs.nodes:
            self._done.add(made)
            if made in self._totals:
                self.actions.extend([AddTotal(index, made) for index in self._totals[made]])


@dataclass(slots=True)
class _Lives:
    """When values can be computed, counted in minimizes.

    stage: how many must be applied before a node can be computed. overwritten: which one overwrites a weight leaf.
    """

    stage: dict[Node, int] = field(default_factory=dict["Node", int])
    overwritten: dict[Node, int] = field(default_factory=dict["Node", int])


def order_step(graph: StepGraph, updates: Mapping[tuple[int, int], Schedule]) -> Sequence:
    """All actions of a step. Each gradient has a SetGradient; `updates` are schedules by (minimize, number).

    Statements take effect in order: totals, states and predictions are computed as soon as the weights that they read
    are there, then the gradients (last layers first), then what else must see the weights of before, then the updates.
    """
    outputs = [node for _, node, _ in graph.predictions]
    arrays = {*outputs, *(total.node for total in graph.totals if total.node.op is not constant)}
    roots = [*_sinks(graph), *outputs]
    values = survey(roots, arrays=arrays)
    lives = _lives(values, graph.minimizes)
    early, saved = _reads_before_updates(values, lives, graph)
    if saved:
        values = survey(roots, arrays=arrays, saved=saved)
    return _sequence(graph, updates, Sequence(values, meetings=_meetings(values, lives)), lives, early)


def _sequence(
    graph: StepGraph,
    updates: Mapping[tuple[int, int], Schedule],
    sequence: Sequence,
    lives: _Lives,
    early: Mapping[int, list[Node]],
) -> Sequence:
    for index, total in enumerate(graph.totals):
        sequence.add_total_of(total.node, index)
    others = [node for _, node, _ in graph.predictions] + [node for _, node in graph.states]
    waiting: dict[int, list[Node]] = defaultdict(list)
    for node in [*(total.node for total in graph.totals), *others]:
        waiting[lives.stage[node]].append(node)
    for stage, minimize in enumerate(graph.minimizes):
        for node in waiting[stage]:
            sequence.visit(node)
        begin = len(sequence.actions)
        for path, node in sorted(minimize.gradients, key=lambda gradient: sequence.depth(gradient[1])):
            if lives.stage[node] > stage:
                raise InternalError(f"plan: minimize {stage} reads weights that it makes, in the gradient of {path}")
            sequence.visit(node)
            if not _is_own_gradient(path, node):
                sequence.actions.append(SetGradient(path, None if is_zero(node) else node))
        for node in early.get(stage, ()):
            sequence.visit(node)
        sequence.ways_back.append((begin, len(sequence.actions)))
        for number, update in enumerate(minimize.updates):
            sequence.actions.append(ApplyUpdate(stage, number, update, updates[stage, number]))
    for node in waiting[len(graph.minimizes)]:
        sequence.visit(node)
    for path, node in graph.states:
        if not _is_own_state(path, node):
            sequence.actions.append(SetState(path, node))
    return sequence


def _meetings(values: Values, lives: _Lives) -> dict[Node, tuple[Node, ...]]:
    """For each sum over shares those that shares can add up when they meet for it: as few meetings as there can be.

    They are the sums that need as many meetings before them, and as many updates: none of them is made of another.
    """
    before: dict[Node, int] = {}
    together: dict[tuple[int, int], list[Node]] = defaultdict(list)
    for node in values.nodes:
        before[node] = max([before[operand] for operand in node.inputs], default=0)
        if node.op is share_total:
            together[lives.stage[node], before[node]].append(node)
            before[node] += 1
    return {node: tuple(nodes) for nodes in together.values() for node in nodes}


def _sinks(graph: StepGraph) -> list[Node]:
    """What a step computes for itself: totals, new states and gradients (not losses: their totals are reported)."""
    gradients = [node for minimize in graph.minimizes for _, node in minimize.gradients]
    return [*(total.node for total in graph.totals), *(node for _, node in graph.states), *gradients]


def _updated_paths(updates: Iterable[Update]) -> list[str]:
    return [path for update in updates for path in update.weights]


def _lives(values: Values, minimizes: tuple[Minimize, ...]) -> _Lives:
    makers: dict[str, list[int]] = defaultdict(list)
    for stage, minimize in enumerate(minimizes):
        for path in _updated_paths(minimize.updates):
            makers[path].append(stage)
    lives = _Lives()
    for node in values.nodes:
        lives.stage[node] = max([lives.stage[i] for i in node.inputs], default=0)
        if node.op is gradient:
            lives.stage[node] = integer(node, "minimize")
        if node.op is not weight:
            continue
        path, version = str(node["path"]), node["version"]
        if not isinstance(version, int) or version > len(makers[path]):
            raise InternalError(f"plan: nothing makes version {version} of the weight {path}")
        lives.stage[node] = makers[path][version - 1] + 1 if version > 0 else 0
        if version < len(makers[path]):
            lives.overwritten[node] = makers[path][version]
    return lives


def _reads_before_updates(values: Values, lives: _Lives, graph: StepGraph) -> tuple[dict[int, list[Node]], set[Node]]:
    """What reads weights that minimize k overwrites and comes before it, by k; and leaves to copy for later."""
    early: dict[int, list[Node]] = defaultdict(list)
    saved: set[Node] = set()
    for node in values.nodes:
        if values.roles[node] is not Role.COMPUTED:
            continue
        for leaf in {values.base[operand] for operand in node.inputs} & lives.overwritten.keys():
            if lives.stage[node] <= lives.overwritten[leaf]:
                early[lives.overwritten[leaf]].append(node)
            else:
                saved.add(leaf)
    for stage, minimize in enumerate(graph.minimizes):
        for _, node in minimize.gradients:
            leaf = values.base[node]
            if leaf in lives.overwritten and lives.overwritten[leaf] < stage:
                saved.add(leaf)
    read_at_end = {values.base[node] for _, node, _ in graph.predictions} | {
        values.base[node] for _, node in graph.states
    }
    saved |= read_at_end & lives.overwritten.keys()
    saved |= {values.base[node] for path, node in graph.states if _reads_other_state(path, node, values)}
    for leaf in sorted(saved & lives.overwritten.keys(), key=lambda leaf: leaf.id):
        early[lives.overwritten[leaf]].append(leaf)
    return early, saved


def _is_own_gradient(path: str, node: Node) -> bool:
    return node.op is gradient and node["path"] == path


def _is_own_state(path: str, node: Node) -> bool:
    return node.op is state and node["path"] == path


def _reads_other_state(path: str, node: Node, values: Values) -> bool:
    """Is `node` where a state lives, which may have changed by the time it is copied into the state `path`?"""
    return values.base[node].op is state and not _is_own_state(path, node)
