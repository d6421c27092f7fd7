"""The functions of a train block: one step of training, of evaluation, of prediction, and what is reported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.definitions import DTYPES, Definition, Surroundings, array_shape, count_text, number_name
from nndsl.emit.host import HostLeaf, HostNumbers, tidy
from nndsl.emit.module import indented, snake_case
from nndsl.emit.names import Names, identifier
from nndsl.emit.planned import PlannedCode
from nndsl.emit.text import REAL, number, one_line, plain, ruled, shape, string
from nndsl.ir.graph import reachable
from nndsl.ops import array, batch_size, constant, direction, epoch, gradient, learnt, state, step, total, weight
from nndsl.ops import field as field_leaf
from nndsl.plan import ApplyUpdate, is_elementwise

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from nndsl.emit.module import Module
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, StepGraph, TrainProgram, Update
    from nndsl.ir.types import TensorType

_LONGEST_CALL = 100

LOCALS = frozenset({"n", "memory", "seed", "step", "epoch", "first", "run", "totals", "samples", "update", "t", REAL})
"""Names that the functions of a train block use for themselves."""


@dataclass(frozen=True, slots=True)
class Part:
    """One of the graphs of a train block as a function: `digits_training` of `graph`, over these fields.

    trains: it is the step of training, or a part of that.
    """

    name: str
    title: str
    graph: StepGraph
    fields: tuple[tuple[str, TensorType], ...]
    trains: bool = False


def learnt_text(node: Node) -> str:
    """What data taught, out of the memory."""
    return f"memory.learnt({string(str(node['data']))}, {string(str(node['name']))}, {shape(node.type.shape)})"


def update_key(train: TrainProgram, minimize: int, number: int, slot: str) -> str:
    """What the memory calls a slot: `Digits/0.0/m`."""
    return f"{train.name}/{minimize}.{number}/{slot}"


def field_types(roots: Iterable[Node]) -> dict[str, TensorType]:
    """The fields that these nodes read, and their types."""
    return {str(node["name"]): node.type for node in reachable(roots) if node.op is field_leaf}


def total_uses(graph: StepGraph) -> dict[int, list[str]]:
    """For each total the reported numbers that it goes into."""
    uses: dict[int, list[str]] = {}
    for reported in graph.reported:
        for node in reachable([reported.value]):
            if node.op is total:
                index = node["index"]
                uses.setdefault(index if isinstance(index, int) else -1, []).append(reported.name)
    return uses


def step_leaf(train: TrainProgram, node: Node, batch: str = "n") -> HostLeaf:
    """A number of the step inside a workspace, where the batch has `batch` samples."""
    if node.op is step:
        return HostLeaf(counted_step(train, str(node["counts"])))
    if node.op is epoch:
        return HostLeaf("epoch")
    if node.op is batch_size:
        return HostLeaf(batch, changes=False)
    raise InternalError(f"emit: {node!r} in a step")


def counted_step(train: TrainProgram, counts: str) -> str:
    """The step counter of the block, or that of one minimize: it acts on each `every`th step."""
    every = 1 if counts == "train" else train.training.minimizes[int(counts)].every
    return "step" if every == 1 else f"(step // {every})"


@dataclass(slots=True)
class PlannedStep(Surroundings):
    """The surroundings of a step's schedule: fields, the memory's parts, updates.

    on_threads: whether updates share out over the threads of the step's `tiles`, where they can. share: whether it is
    the step of one share of a batch, which waits where the rest makes an update. going_on: the minimizes after whose
    updates the shares go on. adding: whether updates on threads add up the gradients of all shares as well.
    """

    module: Module
    train: TrainProgram
    part: Part
    names: Names
    code: PlannedCode | None = None
    on_threads: bool = False
    share: bool = False
    going_on: Set[int] = frozenset()
    adding: bool = False
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    uses: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    functions: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    conditions: Conditions = field(init=False)

    def __post_init__(self) -> None:
        self.conditions = Conditions(self.names)
        sharing = self.module.sharings.get(self.train.name)
        self.blocks = sharing is None or sharing.blocks

    def given(self, node: Node) -> Definition:
        """A field's buffer, a part of the memory, or a constant."""
        if node.op is field_leaf:
            return self.input(str(node["name"]), node.type)
        if node.op is weight:
            path = str(node["path"])
            return Definition(
                "weights", self.module.node_names.path(path), f"memory.weight({string(path)})", _shape(node)
            )
        if node.op is direction:
            path = str(node["path"])
            name = f"{self.module.node_names.path(path)}_direction"
            return Definition("weights", name, f"memory.direction({string(path)})", _shape(node))
        if node.op is gradient:
            return self.gradient(str(node["path"]))
        if node.op is state:
            return self.state(str(node["path"]))
        if node.op is learnt:
            return Definition("weights", str(node["name"]), learnt_text(node), _shape(node))
        wish = self.module.node_names.wish(node)
        if node.op is constant:
            value = number(node["value"], node.type.dtype.value).strip("()")
            wish = f"all_{number_name(node)}"
            return Definition("numbers", wish, f"np.full({array_shape(node.type)}, {value}, {DTYPES[node.type.dtype]})")
        if node.op is array:
            return Definition("numbers", wish, f"np.array({node['value']!r}, {DTYPES[node.type.dtype]})")
        raise InternalError(f"emit: {node!r} in a step")

    def input(self, name: str, type: TensorType) -> Definition:
        """The buffer of a field."""
        return Definition(
            "inputs",
            name,
            f"aligned({array_shape(type)}, {DTYPES[type.dtype]})",
            "" if identifier(name) == name else f"field {one_line(name)}",
        )

    def gradient(self, path: str) -> Definition:
        """A part of the memory's gradients."""
        return Definition(
            "weights", f"{self.module.node_names.path(path)}_gradient", f"memory.gradient({string(path)})"
        )

    def state(self, path: str) -> Definition:
        """A part of the memory's states."""
        return Definition("weights", self.module.node_names.path(path), f"memory.state({string(path)})")

    def total_remark(self, index: int) -> str:
        """The reported numbers that the total goes into."""
        return one_line(", ".join(self.uses.get(index, ["not reported"])))

    def apply_update(self, action: ApplyUpdate) -> list[str]:
        """Call the update's function; groups that do not lie together are gathered before it and scattered after."""
        assert self.code is not None
        assert self.code.headings is not None
        update = action.update
        minimize = self.train.training.minimizes[action.minimize]
        if self.share:
            return [] if action.number else ["", *self.code.headings.pause(), "yield  # the weights change"]
        function = self.functions[action.minimize, action.number]
        before, arguments, after = self._flat_arguments(update)
        keys = [
            update_key(self.train, action.minimize, action.number, made.name)
            for made in update.slots
            if not made.scalar
        ]
        arguments += [f"memory.slots[{string(key)}]" for key in keys]
        call = f"{function}("
        if self.adding:
            (part,) = self.module.layout.ranges(update)
            call, arguments = "tiles.update_of_sums(", [function, str(part.start), str(part.stop), *arguments[2:]]
        elif self.on_threads and is_elementwise(action.schedule):
            call, arguments = "tiles.update(", [function, *arguments]
        value = f"{call}{', '.join(arguments)})"
        if len(value) > _LONGEST_CALL:
            value = "\n".join([call, *(f"    {argument}," for argument in arguments), ")"])
        called = self.code.define(Definition("updates", function.replace("_update", ""), value))
        places = [
            f"memory.scalars[{string(update_key(self.train, action.minimize, action.number, made.name))}]"
            for made in update.slots
            if made.scalar
        ]
        counted = counted_step(self.train, str(action.minimize)).strip("()")
        call = f"{called}({', '.join([counted, 'epoch', *places])})"
        lines = [*before, f"{', '.join(places)} = {call}" if places else call, *after]
        lines = self.conditions.guarded(self.train, minimize, action.number, lines)
        if action.minimize in self.going_on and action.number == len(minimize.updates) - 1:
            lines += ["", *self.code.headings.pause(), "tiles.go_on()"]
        return ["", ruled("update", inset=8), "", *self.code.headings.update(update, minimize.every), *lines]

    def _flat_arguments(self, update: Update) -> tuple[list[str], list[str], list[str]]:
        """Lines before the call, the flat weight and gradient as its arguments, lines after it."""
        assert self.code is not None
        ranges = self.module.layout.ranges(update)
        vectors = ("memory.weights", "memory.gradients")
        if len(ranges) == 1:
            return [], [f"{vector}[{ranges[0].start}:{ranges[0].stop}]" for vector in vectors], []
        size = sum(r.size for r in ranges)
        gathered: list[str] = []
        before: list[str] = []
        after: list[str] = []
        for vector, wish in zip(vectors, ("group_weights", "group_gradients"), strict=True):
            name = self.names.unique(wish)
            self.code.sections["buffers"].append(f"{name} = np.empty({size}, {REAL})")
            gathered.append(name)
            start = 0
            for r in ranges:
                before.append(f"{name}[{start}:{start + r.size}] = {vector}[{r.start}:{r.stop}]")
                if not after or wish == "group_weights":
                    after.append(f"{vector}[{r.start}:{r.stop}] = {name}[{start}:{start + r.size}]")
                start += r.size
        return before, gathered, after[: len(ranges)]


@dataclass(slots=True)
class Conditions:
    """What the updates of a training step depend on, and the variables that they need for it.

    Some act on each `every`th step. Where a block has several minimizes, a check of their gradients asks for none of
    them to act. Where gradients are accumulated, the last batch of each group acts; the others only add to a sum.
    """

    names: Names
    _whole: dict[int, str] = field(default_factory=dict[int, str])
    _before: dict[int, str] = field(default_factory=dict[int, str])

    def guarded(self, train: TrainProgram, minimize: Minimize, number: int, lines: list[str]) -> list[str]:
        """The lines of the update `number` of a minimize, under its conditions."""
        conditions = ["memory.updating"] if len(train.training.minimizes) > 1 else []
        if minimize.every > 1:
            conditions.append(f"step % {minimize.every} == 0")
        if not accumulates(train):
            return [f"if {' and '.join(conditions)}:", *indented(lines)] if conditions else lines
        if number == 0:
            self._whole[minimize.index] = self.names.unique("whole")
            conditions.append(f"memory.accumulated({self._counted(train, minimize)})")
        whole = self._whole[minimize.index]
        first = [f"{whole} = {' and '.join(conditions)}"] if number == 0 else []
        return [*first, f"if {whole}:", *indented(lines)]

    def start(self) -> list[str]:
        """Lines for the start of the step, after all updates are written."""
        return [f"{name} = float(totals[{index}])" for index, name in self._before.items()]

    def _counted(self, train: TrainProgram, minimize: Minimize) -> str:
        """The weight of this batch's gradient among others: its samples, or the sum of their weights."""
        if minimize.counted is None:
            return "n"
        node = train.training.totals[minimize.counted].node
        if node.op is constant:
            return count_text(node)
        before = self._before[minimize.counted] = self.names.unique("weight_before")
        return f"totals[{minimize.counted}] - {before}"


def accumulates(train: TrainProgram) -> bool:
    """Whether the gradients of several batches make one update."""
    return dict(train.settings).get("gradient_accumulation_steps", 1) != 1


def _shape(node: Node) -> str:
    return shape(node.type.shape)


def documentation(part: Part) -> list[str]:
    """The docstring of a part's function."""
    return [f'"""{plain(part.title)}"""']


def mapping(variables: dict[str, str]) -> str:
    """A dictionary of variables by name, as source."""
    return "{" + ", ".join(f"{string(key)}: {variable}" for key, variable in variables.items()) + "}"


# ------------------------------------------------------------------------------------------------ reports


def report(module: Module, train: TrainProgram) -> str:
    """Write the function that computes the reported numbers from totals; its name."""
    names = Names(module.reserved | LOCALS)
    host = HostNumbers(lambda node: _report_leaf(train, node), names, module.node_names)
    reported = train.evaluation.reported
    nodes = reachable(r.value for r in reported)
    host.survey(nodes, kept=[r.value for r in reported])
    lines = [line for node in nodes if not node.op.leaf and (line := host.compute(node)) is not None]
    title = f"What {train.name} reports, from the sums over the samples of a part."
    body = [f'"""{plain(title)}"""', *lines, "return {"]
    body += [f"    {string(each.name)}: {tidy(host.text(each.value))}," for each in reported] + ["}"]
    return module.function(f"{snake_case(train.name)}_report", "(totals, samples, step, epoch)", body)


def _report_leaf(train: TrainProgram, node: Node) -> HostLeaf:
    if node.op is batch_size:
        return HostLeaf("samples")
    if node.op is total:
        return HostLeaf(f"totals[{node['index']}]")
    return step_leaf(train, node)
