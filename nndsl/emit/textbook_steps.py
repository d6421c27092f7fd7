"""The functions of a train block in textbook form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.emit.headings import Headings
from nndsl.emit.host import HostNumbers, tidy
from nndsl.emit.module import indented, snake_case
from nndsl.emit.names import Names
from nndsl.emit.planned import DTYPES, array_shape, count_text
from nndsl.emit.steps import (
    LOCALS,
    Part,
    counted_step,
    documentation,
    mapping,
    step_leaf,
    total_uses,
    update_comment,
    update_key,
)
from nndsl.emit.text import REAL, one_line, ruled, shape, string
from nndsl.emit.textbook import TextbookCode
from nndsl.emit.updates import slot_names, update_documentation, update_leaf
from nndsl.ir.graph import reachable
from nndsl.ops import constant, flat_gradient, flat_weight, slot, state, weight
from nndsl.ops import field as field_leaf

if TYPE_CHECKING:
    from nndsl.emit.module import Module
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, StepGraph, TrainProgram, Update


@dataclass(slots=True)
class TextbookStep:
    """A part of a train block in the making: weights and states are views of the memory, each step makes all else."""

    module: Module
    train: TrainProgram
    part: Part
    names: Names
    inputs: dict[str, str] = field(default_factory=dict[str, str])
    held: dict[str, str] = field(default_factory=dict[str, str])
    definitions: list[str] = field(default_factory=list[str])
    functions: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])
    code: TextbookCode | None = None

    def leaf(self, node: Node) -> str | None:
        """How a leaf is called."""
        if node.op is field_leaf:
            return self.inputs[str(node["name"])]
        if node.op is weight:
            return self.hold(f"memory.weight({string(str(node['path']))})", str(node["path"]), shape(node.type.shape))
        if node.op is state:
            return self.hold(f"memory.state({string(str(node['path']))})", str(node["path"]), shape(node.type.shape))
        return None

    def hold(self, value: str, path: str, remark: str) -> str:
        """A variable for a part of the memory, made once outside of the step."""
        if value not in self.held:
            self.held[value] = self.names.unique(self.module.node_names.path(path))
            self.definitions.append(f"{self.held[value]} = {value}  # {remark}")
        return self.held[value]


def textbook_step(module: Module, train: TrainProgram, part: Part) -> str:
    """Write a part of a train block; the name of its function."""
    graph = part.graph
    names = Names(module.reserved | LOCALS | {"outputs"})
    made = TextbookStep(module, train, part, names)
    for minimize in graph.minimizes:
        for number, update in enumerate(minimize.updates):
            made.functions[minimize.index, number] = textbook_update(module, minimize, update)
    names.keep_free(made.functions.values())
    inputs: list[str] = []
    for name, type in part.fields:
        made.inputs[name] = names.unique(name)
        inputs.append(f"{made.inputs[name]} = np.empty({array_shape(type)}, {DTYPES[type.dtype]})")
    host = HostNumbers(lambda node: step_leaf(train, node), names, module.node_names)
    code = made.code = TextbookCode(
        made.leaf,
        names,
        module.node_names,
        host,
        module.spelling,
        headings=Headings(two_ways=bool(graph.minimizes)),
    )
    nodes, lives = _stages(graph)
    kept = [total.node for total in graph.totals] + [node for _, node in graph.states]
    kept += [node for _, node, _ in graph.predictions]
    kept += [node for minimize in graph.minimizes for _, node in minimize.gradients]
    code.survey(nodes, kept)
    uses = total_uses(graph)
    indices: dict[Node, list[int]] = {}
    counts: list[str] = []
    for index, total in enumerate(graph.totals):
        if total.node.op is constant:
            counts.append(_total_line(code, index, total.node, uses))
        else:
            indices.setdefault(total.node, []).append(index)
    ordered = sorted(nodes, key=lambda node: (lives.stage[node], node.id))
    for stage in range(len(graph.minimizes) + 1):
        for node in ordered:
            if lives.stage[node] == stage:
                code.write(node)
                if node in indices:
                    code.lines += [*counts, *(_total_line(code, index, node, uses) for index in indices[node])]
                    counts = []
        if stage < len(graph.minimizes):
            _minimize_lines(made, code, stage, lives)
    code.lines += counts
    for name, node, _ in graph.predictions:
        code.lines.append(f"outputs[{string(name)}] = {code.array(node)}")
    if graph.states:
        code.lines += ["", ruled("states", inset=8)]
        targets = [
            made.hold(f"memory.state({string(path)})", path, shape(node.type.shape)) for path, node in graph.states
        ]
        for target, (_, node) in zip(targets, graph.states, strict=True):
            code.lines.append(f"{target}[...] = {code.text(node)}")
    uses_real = any(REAL in line for line in (*inputs, *code.lines))
    lines = code.lines[1:] if code.lines and not code.lines[0] else code.lines
    body = [
        *documentation(part),
        *([f"{REAL} = memory.dtype.type"] if uses_real else []),
        *inputs,
        *made.definitions,
        f"totals = np.zeros({len(graph.totals)})",
        *(["outputs = {}"] if graph.predictions else []),
        "",
        "def run(step, epoch, first):",
        *(indented(lines) or ["    pass"]),
        "",
        f"return Step(run, {mapping(made.inputs)}, {'outputs' if graph.predictions else '{}'}, totals)",
    ]
    return module.function(part.name, "(n, memory, seed)", body)


def _total_line(code: TextbookCode, index: int, node: Node, uses: dict[int, list[str]]) -> str:
    summed = count_text(node) if node.op is constant else f"np.sum({code.array(node)}, dtype=np.float64)"
    return f"totals[{index}] += {summed}  # {one_line(', '.join(uses.get(index, ['not reported'])))}"


@dataclass(slots=True)
class _Lives:
    """After how many minimizes each node can be computed, and leaves that are read after a minimize overwrote them."""

    stage: dict[Node, int] = field(default_factory=dict["Node", int])
    copied: dict[int, list[Node]] = field(default_factory=dict[int, list["Node"]])


def _stages(graph: StepGraph) -> tuple[list[Node], _Lives]:
    roots = [total.node for total in graph.totals] + [node for _, node in graph.states]
    roots += [node for _, node, _ in graph.predictions]
    roots += [node for minimize in graph.minimizes for _, node in minimize.gradients]
    makers: dict[str, list[int]] = {}
    for index, minimize in enumerate(graph.minimizes):
        for update in minimize.updates:
            for path in update.weights:
                makers.setdefault(path, []).append(index)
    lives = _Lives()
    nodes = reachable(roots)
    last_read: dict[Node, int] = {}
    for node in nodes:
        stage = max((lives.stage[operand] for operand in node.inputs), default=0)
        if node.op is weight and isinstance(version := node["version"], int) and version > 0:
            stage = makers[str(node["path"])][version - 1] + 1
        lives.stage[node] = stage
        for operand in node.inputs:
            last_read[operand] = max(last_read.get(operand, 0), stage)
    for node in nodes:
        if node.op is weight:
            following = makers.get(str(node["path"]), [])[int(node["version"]) :]  # type: ignore[arg-type]  # a number
            if following and last_read.get(node, 0) > following[0]:
                lives.copied.setdefault(following[0], []).append(node)
    return nodes, lives


def _minimize_lines(made: TextbookStep, code: TextbookCode, index: int, lives: _Lives) -> None:
    """The gradients into the memory, copies of old weights that are read later, the updates."""
    module = made.module
    minimize = made.part.graph.minimizes[index]
    code.lines += ["", ruled("update", inset=8), ""]
    for path, node in minimize.gradients:
        code.lines.append(f"memory.gradient({string(path)})[...] = {code.text(node)}")
    for node in lives.copied.get(index, ()):
        before = made.names.unique(f"{module.node_names.path(str(node['path']))}_before")
        code.lines.append(f"{before} = {code.text(node)}.copy()")
        code.rename(node, before)
    for number, update in enumerate(minimize.updates):
        code.lines += ["", update_comment(update), *_update_call(made, minimize, number, update)]


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
    lines = [*before, *call, *after]
    if minimize.every > 1:
        lines = [f"if step % {minimize.every} == 0:", *indented(lines)]
    return lines


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
            values.append(code.text(node))
    targets.append("weight[:]")
    values.append(code.text(update.new_weight))
    parameters = ["weight", "gradient", *called.arrays.values(), "step", "epoch", *called.scalars.values()]
    body = [
        *update_documentation(update, called),
        *([f"{REAL} = weight.dtype.type"] if any(REAL in line for line in code.lines) else []),
        *code.lines,
        f"{', '.join(targets)} = {', '.join(values)}",
        *([f"return {', '.join(results)}"] if results else []),
    ]
    return module.function(f"{snake_case(update.optimizer)}_update", f"({', '.join(parameters)})", body)
