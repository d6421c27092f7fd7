"""Loops in textbook form: a `for` over time with the names of the `.nn` file, as a book writes an LSTM."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nndsl.emit.definitions import array_shape
from nndsl.emit.loops import TIME, time_of
from nndsl.emit.module import indented
from nndsl.emit.textbook import TextbookCode
from nndsl.ir.graph import reachable
from nndsl.ops import constant
from nndsl.ops.text import dtype_name

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.plan.loops import LoopOutputs

_WORD = re.compile(r"[A-Za-z_]\w*")


def textbook_loop(code: TextbookCode, outputs: LoopOutputs) -> None:
    """Write the loop, whose inputs were written before, and say where each of its outputs is."""
    body, chief = outputs.body, outputs.chief
    texts: dict[Node, str] = {}
    elements: list[str] = []
    time = TIME if code.depth == 0 else f"{TIME}_{code.depth + 1}"
    for parameter in outputs.read:
        value = outputs.outside(parameter)
        if parameter in body.constants:
            texts[parameter] = code.variable(value)
        else:
            texts[parameter] = code.names.unique(code.node_names.wish(parameter))
        if parameter in body.elements:
            elements.append(f"{texts[parameter]} = {time_of(code.variable(value), parameter.type, time)}")
    for k in outputs.carries:
        carry = body.carries[k]
        texts.setdefault(carry, code.names.unique(code.node_names.wish(carry)))
        code.line(chief, f"{texts[carry]} = {_first_value(code, outputs.outside(carry))}")
    kept = _kept_arrays(code, outputs)
    step = _step(code, outputs, texts)
    names = [texts[body.carries[k]] for k in outputs.carries]
    early, late = _kept_lines(code, outputs, step, kept, time)
    lines = _carried(names, [step.value(body.next[k]) for k in outputs.carries], [*step.lines, *late], early)
    used = {word for line in lines for word in _WORD.findall(line)}
    elements = [line for line in elements if line.partition(" ")[0] in used]
    times = f"range({outputs.length})"
    code.line(chief, f"for {time} in {f'reversed({times})' if outputs.reverse else times}:")
    code.lines += indented(elements + lines or ["pass"])
    for k, name in zip(outputs.carries, names, strict=True):
        last = outputs.output(f"last:{k}")
        if last is not None:
            code.rename(last, name)


def _first_value(code: TextbookCode, node: Node) -> str:
    """What a carry starts as: an array, for the first step and for who reads it after a loop."""
    if node.op is not constant:
        return code.value(node)
    shape, dtype = array_shape(node.type), dtype_name(node.type.dtype, code.dtype)
    return f"np.full({shape}, {code.value(node)}, {dtype})" if node["value"] else f"np.zeros({shape}, {dtype})"


def _kept_arrays(code: TextbookCode, outputs: LoopOutputs) -> dict[int, str]:
    """Write an array for each value that is kept for every time; their names."""
    kept: dict[int, str] = {}
    for k in outputs.stacks:
        output = outputs.output(f"stack:{k}")
        if output is not None:
            kept[k] = code.names.unique(code.node_names.wish(output))
            dtype = dtype_name(output.type.dtype, code.dtype)
            code.line(outputs.chief, f"{kept[k]} = np.empty({array_shape(output.type)}, {dtype})")
            code.rename(output, kept[k])
    return kept


def _step(code: TextbookCode, outputs: LoopOutputs, texts: dict[Node, str]) -> TextbookCode:
    """The lines of one step."""

    def leaf(node: Node) -> str | None:
        return texts[node] if node in texts else code.leaf(node)

    step = TextbookCode(
        leaf,
        code.names,
        code.node_names,
        code.host,
        code.spelling,
        code.dtype,
        None if code.headings is None else code.headings.inside(outputs.length),
        depth=code.depth + 1,
    )
    roots = outputs.new_values.values()
    nodes = reachable(roots)
    step.survey(nodes, roots)
    for node in nodes:
        step.write(node)
    if step.lines and not step.lines[0]:
        step.lines.pop(0)
    return step


def _kept_lines(
    code: TextbookCode, outputs: LoopOutputs, step: TextbookCode, kept: dict[int, str], time: str
) -> tuple[list[str], list[str]]:
    """The lines that keep a step's values: those of what is there before the step, and the others."""
    early: list[str] = []
    late: list[str] = []
    for k, array in kept.items():
        node = outputs.body.stacked[k]
        line = f"{time_of(array, node.type, time)} = {step.value(node)}"
        (early if node in outputs.body.carries else late).append(code.spelling(line))
    return early, late


def _carried(names: list[str], values: list[str], lines: list[str], early: list[str]) -> list[str]:
    """The lines of a step, at whose end every carry has its new value.

    A value that is computed when nobody reads the old one any more takes the carry's name: `h = o * np.tanh(c)`.
    """
    for position, (name, value) in enumerate(zip(names, values, strict=True)):
        made = next((at for at, line in enumerate(lines) if line.startswith(f"{value} = ")), None)
        if made is None or name in values or value in values[:position] or name == value:
            continue
        if any(name in _WORD.findall(line) for line in lines[made + 1 :]):
            continue
        renamed = re.compile(rf"\b{value}\b")
        lines = [*lines[:made], *(renamed.sub(name, line) for line in lines[made:])]
        values = [renamed.sub(name, other) for other in values]
    pairs = [(name, value) for name, value in zip(names, values, strict=True) if name != value]
    if pairs:
        lines = [*lines, f"{', '.join(name for name, _ in pairs)} = {', '.join(value for _, value in pairs)}"]
    return [*early, *lines]
