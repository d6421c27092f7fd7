"""Graphs as text, for people: a node a line, numbered from 0, each behind what it needs.

%0 = field(name="image"): float[8, 8] per sample
%1 = reshape(%0, shape=[64]): float[64] per sample  # Digits/x, digits.nn:14

The body of a loop stands, further in and numbered for itself, under the first node that is computed by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from nndsl.ir.graph import Node, reachable

if TYPE_CHECKING:
    from nndsl.ir.op import Attribute, Subgraph
    from nndsl.ir.program import DataProgram, Minimize, Program, StepGraph, Update

_LONGEST_LIST = 60

Results = Sequence[tuple[str, Node]]
"""What a graph computes: (what it is called, its node)."""


def graph_text(results: Results) -> str:
    """The graph that computes the results: its nodes, then a line for each result."""
    return "\n".join(_graph_lines(results)) + "\n"


def nodes_text(roots: Iterable[Node]) -> str:
    """The nodes that `roots` need, without saying what they are for."""
    lines, _ = _numbered(roots)
    return "\n".join(lines) + "\n"


def step_text(graph: StepGraph) -> str:
    """What is computed for one batch, then the optimizers' updates, each a graph of its own."""
    results: list[tuple[str, Node]] = [(f"total {index}", total.node) for index, total in enumerate(graph.totals)]
    results += [(f"state {path}", node) for path, node in graph.states]
    results += [(f"predict {name}", node) for name, node, _ in graph.predictions]
    for minimize in graph.minimizes:
        results.append((f"minimize {minimize.index}", minimize.loss))
        results += [(f"gradient {minimize.index} {path}", node) for path, node in minimize.gradients]
    sections = [graph_text(results)]
    if graph.reported:
        sections.append("# reported\n" + graph_text([(each.name, each.value) for each in graph.reported]))
    sections += [_update_text(minimize, number, u) for minimize in graph.minimizes for number, u in _updates(minimize)]
    return "\n".join(sections)


def program_text(program: Program) -> str:
    """The whole program: initial weights and states, data, and every train block's two graphs."""
    sections: list[str] = []
    initial = [(f"weight {each.path}", each.initial) for each in program.weights]
    initial += [(f"state {each.path}", each.initial) for each in program.states]
    if initial:
        sections.append("# initial weights and states\n" + graph_text(initial))
    sections += [_data_text(data) for data in program.data]
    for train in program.trains:
        for name, graph in (("training", train.training), ("evaluation", train.evaluation)):
            sections.append(f"# {train.name}, {name}\n" + step_text(graph))
        if train.generation is not None and train.generation.one_time is not None:
            sections.append(f"# {train.name}, before the first time\n" + step_text(train.generation.one_time.first))
            sections.append(f"# {train.name}, one time\n" + step_text(train.generation.one_time.step))
        if train.curvature is not None:
            sections.append(f"# {train.name}, curvature\n" + step_text(train.curvature))
    return "\n".join(sections)


def _data_text(data: DataProgram) -> str:
    results = [(f"{fit.statistic} {fit.name}", fit.node) for fit in data.fits]
    results += [(f"series {series.name}", series.node) for series in data.series]
    results += [(f"field {field.name}", field.node) for field in data.fields]
    return f"# data {data.name}\n" + graph_text(results)


def _updates(minimize: Minimize) -> list[tuple[str, Update]]:
    return [(f"{minimize.index}.{number}", update) for number, update in enumerate(minimize.updates)]


def _update_text(minimize: Minimize, number: str, update: Update) -> str:
    every = f", every {minimize.every} steps" if minimize.every != 1 else ""
    title = f"# update {number}: {update.optimizer} over {', '.join(update.weights)}{every}\n"
    slots = zip(update.slots, update.new_slots, strict=True)
    return title + graph_text([("weight", update.new_weight), *((f"slot {slot.name}", node) for slot, node in slots)])


# ------------------------------------------------------------------------------------------------ nodes


def _graph_lines(results: Results) -> list[str]:
    lines, numbers = _numbered(node for _, node in results)
    return [*lines, *(f"{name} = %{numbers[node]}" for name, node in results)]


def _numbered(roots: Iterable[Node]) -> tuple[list[str], dict[Node, int]]:
    nodes = reachable(roots)
    numbers = {node: number for number, node in enumerate(nodes)}
    bodies: dict[Subgraph, int] = {}
    lines: list[str] = []
    for node in nodes:
        new = [body for body in node.subgraphs if body not in bodies]
        bodies.update({body: len(bodies) + position for position, body in enumerate(new)})
        lines.append(_node_line(node, numbers, bodies))
        for body in new:
            lines += [f"    {line}" for line in _graph_lines(body.results)]
    return lines, numbers


def _node_line(node: Node, numbers: dict[Node, int], bodies: dict[Subgraph, int]) -> str:
    arguments = [f"%{numbers[operand]}" for operand in node.inputs]
    arguments += [f"body {bodies[body]}" for body in node.subgraphs]
    arguments += [f"{name}={_attribute_text(node[name])}" for name in node.plain_attributes]
    line = f"%{numbers[node]} = {node.op.name}({', '.join(arguments)}): {node.type}"
    remark = _remark(node)
    return f"{line}  # {remark}" if remark else line


def _remark(node: Node) -> str:
    """What a person calls the node, and the line that it came from."""
    parts = [node.names[-1]] if node.names else []
    if node.origins:
        origin = node.origins[0]
        parts.append(f"{origin.span.file.name}:{origin.span.line}{' backward' if origin.backward else ''}")
    return ", ".join(parts)


def _attribute_text(value: Attribute) -> str:
    match value:
        case str():
            return f'"{value}"'
        case bool():
            return "true" if value else "false"
        case tuple():
            text = f"[{', '.join(map(_attribute_text, value))}]"
            return text if len(text) <= _LONGEST_LIST else f"[... {_count(value)} numbers]"
        case None:
            return "none"
        case _:
            return repr(value)


def _count(value: Attribute) -> int:
    return sum(map(_count, value)) if isinstance(value, tuple) else 1
