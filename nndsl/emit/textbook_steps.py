"""The functions of a train block in textbook form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.emit.clocked import step_headings
from nndsl.emit.definitions import DTYPES, array_shape, count_text
from nndsl.emit.host import HostNumbers, tidy
from nndsl.emit.module import indented, snake_case
from nndsl.emit.names import Names
from nndsl.emit.steps import (
    LOCALS,
    Conditions,
    Part,
    counted_step,
    documentation,
    learnt_text,
    mapping,
    step_leaf,
    total_uses,
    update_key,
)
from nndsl.emit.text import REAL, one_line, ruled, shape, string
from nndsl.emit.textbook import TextbookCode
from nndsl.emit.updates import slot_names, update_documentation, update_leaf
from nndsl.ir.graph import reachable
from nndsl.ops import constant, direction, flat_gradient, flat_weight, learnt, slot, state, weight
from nndsl.ops import field as field_leaf

if TYPE_CHECKING:
    from nndsl.emit.headings import Headings
    from nndsl.emit.module import Module
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, StepGraph, TrainProgram, Update
    from nndsl.ir.types import TensorType


@dataclass(slots=True)
class TextbookStep:
    """A part of a train block in the making: weights and states are views of the memory, each step makes all else."""

    module: Module
    train: TrainProgram
    part: Part
    names: Names
    headings: Headings = field(init=False)
    code: TextbookCode = field(init=False)
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    held: dict[str, str] = field(default_factory=dict[str, str])
    definitions: list[str] = field(default_factory=list[str])
    functions: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    counts: list[str] = field(default_factory=list[str])
    conditions: Conditions = field(init=False)

    def __post_init__(self) -> None:
        self.conditions = Conditions(self.names)
        module, graph = self.module, self.part.graph
        host = HostNumbers(lambda node: step_leaf(self.train, node), self.names, module.node_names)
        self.headings = headings = step_headings(module, self.train, self.part)
        self.code = TextbookCode(self.leaf, self.names, module.node_names, host, module.spelling, headings=headings)
        for minimize in graph.minimizes:
            for number, update in enumerate(minimize.updates):
                self.functions[minimize.index, number] = textbook_update(module, minimize, update)
        self.names.keep_free(self.functions.values())

    def leaf(self, node: Node) -> str | None:
        """How a leaf is called."""
        if node.op is field_leaf:
            return self.inputs[str(node["name"])]
        if node.op is weight:
            return self.hold("weight", str(node["path"]), node.type)
        if node.op is direction:
            return self.hold("direction", str(node["path"]), node.type, "_direction")
        if node.op is learnt:
            return self.define(learnt_text(node), str(node["name"]), node.type)
        return self.hold("state", str(node["path"]), node.type) if node.op is state else None

    def hold(self, kind: str, path: str, type: TensorType, ending: str = "") -> str:
        """A variable for a weight, a direction's part or a state, made once outside of the step."""
        return self.define(f"memory.{kind}({string(path)})", f"{self.module.node_names.path(path)}{ending}", type)

    def define(self, value: str, wish: str, type: TensorType) -> str:
        """A variable for what is made once outside of the step."""
        if value not in self.held:
            self.held[value] = self.names.unique(wish)
            self.definitions.append(f"{self.held[value]} = {value}  # {shape(type.shape)}")
        return self.held[value]

    def input_lines(self) -> list[str]:
        """The buffers that the caller fills."""
        lines: list[str] = []
        for name, type in self.part.fields:
            self.inputs[name] = self.names.unique(name)
            lines.append(f"{self.inputs[name]} = np.empty({array_shape(type)}, {DTYPES[type.dtype]})")
        return lines

    def write_values(self) -> None:
        """Write every value, its totals behind it, and after each minimize's values its updates."""
        graph, code = self.part.graph, self.code
        kept, nodes, lives = _stages(graph)
        code.survey(nodes, kept)
        code.stages = lives.stage
        uses = total_uses(graph)
        indices: dict[Node, list[int]] = {}
        for index, total in enumerate(graph.totals):
            indices.setdefault(total.node, []).append(index)
            if total.node.op is constant:
                self.counts.append(_total_line(code, index, total.node, uses))
        for stage in range(len(graph.minimizes) + 1):
            for node in nodes:
                if lives.stage[node] != stage:
                    continue
                code.write(node)
                if node in lives.copied:
                    before = self.names.unique(f"{self.module.node_names.path(str(node['path']))}_before")
                    code.lines.append(f"{before} = {code.text(node)}.copy()")
                    code.rename(node, before)
                if node in indices and node.op is not constant:
                    totals = [_total_line(code, index, node, uses) for index in indices[node]]
                    code.lines += [*self.counts, *totals]
                    self.counts = []
            if stage < len(graph.minimizes):
                self._write_minimize(stage)
        code.lines += self.counts

    def write_results(self) -> None:
        """Write what outlives the step: predictions and states. All new states are there before one is replaced."""
        graph, code = self.part.graph, self.code
        for name, node, _ in graph.predictions:
            code.lines.append(f"outputs[{string(name)}] = {code.array(node)}")
        changing = [(path, node) for path, node in graph.states if not (node.op is state and node["path"] == path)]
        if not changing:
            return
        code.lines += ["", ruled("states", inset=8), ""]
        values: list[str] = []
        for path, node in changing:
            text = code.text(node)
            if node.op is state:
                before = self.names.unique(f"new_{self.module.node_names.path(path)}")
                code.lines.append(f"{before} = {text}.copy()")
                text = before
            values.append(text)
        for (path, node), value in zip(changing, values, strict=True):
            code.lines.append(f"{self.hold('state', path, node.type)}[...] = {value}")

    def _write_minimize(self, index: int) -> None:
        """The gradients into the memory, then the updates."""
        code, minimize = self.code, self.part.graph.minimizes[index]
        code.lines += ["", ruled("update", inset=8), ""]
        for path, node in minimize.gradients:
            code.lines.append(f"memory.gradient({string(path)})[...] = {code.text(node)}")
        for number, update in enumerate(minimize.updates):
            comments = self.headings.update(update, minimize.every)
            code.lines += ["", *comments, *_update_call(self, minimize, number, update)]


def textbook_step(module: Module, train: TrainProgram, part: Part) -> str:
    """Write a part of a train block; the name of its function."""
    made = TextbookStep(module, train, part, Names(module.reserved | LOCALS | {"outputs"}))
    inputs = made.input_lines()
    made.write_values()
    made.write_results()
    lines = made.code.lines
    lines = [*made.conditions.start(), *(lines[1:] if lines and not lines[0] else lines), *made.headings.after_step()]
    uses_real = any(REAL in line for line in (*inputs, *lines))
    outputs = "outputs" if part.graph.predictions else "{}"
    body = [
        *documentation(part),
        *([f"{REAL} = memory.dtype.type"] if uses_real else []),
        *inputs,
        *made.definitions,
        f"totals = np.zeros({len(part.graph.totals)})",
        *(["outputs = {}"] if part.graph.predictions else []),
        "",
        *made.headings.before_step(),
        "def run(step, epoch, first):",
        *(indented(lines) or ["    pass"]),
        "",
        f"return Step(run, {mapping(made.inputs)}, {outputs}, totals)",
    ]
    return module.function(part.name, "(n, memory, seed)", body)


def _total_line(code: TextbookCode, index: int, node: Node, uses: dict[int, list[str]]) -> str:
    summed = count_text(node) if node.op is constant else f"np.sum({code.array(node)}, dtype=np.float64)"
    return f"totals[{index}] += {summed}  # {one_line(', '.join(uses.get(index, ['not reported'])))}"


@dataclass(slots=True)
class _Lives:
    """After how many minimizes each node can be computed, and weights that are read after a minimize overwrote them."""

    stage: dict[Node, int] = field(default_factory=dict["Node", int])
    copied: set[Node] = field(default_factory=set["Node"])


def _stages(graph: StepGraph) -> tuple[list[Node], list[Node], _Lives]:
    """The values that a step keeps, all that they need in the order in which they are computed, and their lives."""
    kept = [total.node for total in graph.totals] + [node for _, node in graph.states]
    kept += [node for _, node, _ in graph.predictions]
    kept += [node for minimize in graph.minimizes for _, node in minimize.gradients]
    makers: dict[str, list[int]] = {}
    for index, minimize in enumerate(graph.minimizes):
        for update in minimize.updates:
            for path in update.weights:
                makers.setdefault(path, []).append(index)
    lives = _Lives()
    nodes = reachable(kept)
    last_read: dict[Node, int] = {}
    for node in nodes:
        stage = max((lives.stage[operand] for operand in node.inputs), default=0)
        if node.op is weight and (version := _version(node)) > 0:
            stage = makers[str(node["path"])][version - 1] + 1
        lives.stage[node] = stage
    for node in reversed(nodes):
        # A view reads its operand whenever somebody reads the view.
        read = max(lives.stage[node], last_read.get(node, 0) if node.op.numpy.view else 0)
        last_read.update({operand: max(last_read.get(operand, 0), read) for operand in node.inputs})
    for node in nodes:
        following = makers.get(str(node["path"]), [])[_version(node) :] if node.op is weight else []
        if following and last_read.get(node, 0) > following[0]:
            lives.copied.add(node)
    return kept, sorted(nodes, key=lambda node: (lives.stage[node], node.id)), lives


def _version(node: Node) -> int:
    version = node["version"]
    return version if isinstance(version, int) else 0


def _update_call(made: TextbookStep, minimize: Minimize, number: int, update: Update) -> list[str]:
    module, train, function = made.module, made.train, made.functions[minimize.index, number]
    ranges = module.layout.ranges(update)
    vectors: list[str] = []
    for vector in ("memory.weights", "memory.gradients"):
        parts = [f"{vector}[{r.start}:{r.stop}]" for r in ranges]
        vectors.append(parts[0] if len(parts) == 1 else f"np.concatenate([{', '.join(parts)}])")
    before: list[str] = []
    after: list[str] = []
    if len(ranges) > 1:
        before.append(f"group_weights = {vectors[0]}")
        vectors[0] = "group_weights"
        start = 0
        for r in ranges:
            after.append(f"memory.weights[{r.start}:{r.stop}] = group_weights[{start}:{start + r.size}]")
            start += r.size
    keys = [(made.scalar, update_key(train, minimize.index, number, made.name)) for made in update.slots]
    arguments = [*vectors, *(f"memory.slots[{string(key)}]" for scalar, key in keys if not scalar)]
    scalars = [f"memory.scalars[{string(key)}]" for scalar, key in keys if scalar]
    arguments += [counted_step(train, str(minimize.index)).strip("()"), "epoch", *scalars]
    call = [f"{function}(", *(f"    {argument}," for argument in arguments), ")"]
    if scalars:
        call[0] = f"{', '.join(scalars)} = {call[0]}"
    return made.conditions.guarded(train, minimize, number, [*before, *call, *after])


def _copied(code: TextbookCode, node: Node) -> str:
    """The value of `node`, in memory of its own even where it is another flat vector."""
    return f"{code.text(node)}.copy()" if node.op in (flat_weight, flat_gradient, slot) else code.text(node)


def textbook_update(module: Module, minimize: Minimize, update: Update) -> str:
    """Write `adam_update(weight, gradient, m, v, step, epoch)`, which changes the flat vectors in place; its name."""
    names = Names({*module.reserved, "weight", "gradient", "step", "epoch", REAL})
    called = slot_names(update, names)

    def leaf(node: Node) -> str | None:
        if node.op is flat_weight:
            return "weight"
        if node.op is flat_gradient:
            return "gradient"
        return called.arrays[str(node["name"])] if node.op is slot else None

    host = HostNumbers(lambda node: update_leaf(node, minimize.every, called.scalars), names, module.node_names)
    code = TextbookCode(leaf, names, module.node_names, host, module.spelling)
    roots = [*update.new_slots, update.new_weight]
    nodes = reachable(roots)
    code.survey(nodes, roots)
    for node in nodes:
        code.write(node)
    targets: list[str] = []
    values: list[str] = []
    results: list[str] = []
    for made, node in zip(update.slots, update.new_slots, strict=True):
        if made.scalar:
            results.append(tidy(code.text(node)))
        else:
            targets.append(f"{called.arrays[made.name]}[:]")
            values.append(_copied(code, node))
    targets.append("weight[:]")
    values.append(_copied(code, update.new_weight))
    parameters = ["weight", "gradient", *called.arrays.values(), "step", "epoch", *called.scalars.values()]
    body = [
        *update_documentation(update, called),
        *([f"{REAL} = weight.dtype.type"] if any(REAL in line for line in code.lines) else []),
        *code.lines,
        f"{', '.join(targets)} = {', '.join(values)}",
        *([f"return {', '.join(results)}"] if results else []),
    ]
    return module.function(f"{snake_case(update.optimizer)}_update", f"({', '.join(parameters)})", body)
