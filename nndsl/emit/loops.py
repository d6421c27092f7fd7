"""Loops in planned code: a `for` over views that are made once, one for each time.

What changes from time to time (`x_t`) is a variable of the `for` line. What is made of it once, outside the step, is
made for every time, and is such a variable itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.emit.definitions import Definition, Surroundings
from nndsl.emit.module import indented
from nndsl.emit.planned import PlannedCode
from nndsl.emit.text import WIDTH, number, wrapped
from nndsl.ir.types import Kind
from nndsl.ops import constant
from nndsl.plan.schedule import Compute, Host, InBuffer

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType
    from nndsl.plan.loops import LoopOutputs
    from nndsl.plan.schedule import Action, Loop

TIME = "t"
"""The variable that counts times; nothing else is called so."""

_LONGEST = WIDTH - 12
_WORD = re.compile(r"[A-Za-z_]\w*")


def time_of(array: str, type: TensorType, time: str = TIME) -> str:
    """One time's part of an array [time, ...] whose parts have this type, always a view: `x[:, t]`."""
    if type.kind is Kind.SAMPLE:
        return f"{array}[:, {time}]"
    return f"{array}[{time}]" if type.rank else f"{array}[{time}, ...]"


def planned_loop(around: PlannedCode, loop: Loop) -> list[str]:
    """The lines of a loop within the code of a schedule: first values into the carries, then the `for`."""
    outputs = loop.outputs
    surroundings = _Inside(around, outputs, Times(around, outputs.length))
    body = _StepCode(
        schedule=loop.schedule,
        surroundings=surroundings,
        names=around.names,
        node_names=around.node_names,
        host=around.host,
        spelling=around.spelling,
        headings=None if around.headings is None else around.headings.inside(outputs.length),
        sections=around.sections,
        defined=around.defined,
        times=surroundings.times,
    )
    first: list[str] = []
    for position, buffer in loop.carries:
        carry = outputs.body.carries[position]
        last = outputs.output(f"last:{position}")
        if last is None:
            name = around.in_buffer(buffer, carry.type, around.node_names.wish(carry))
        else:
            name = around.array(last)
        surroundings.vectors[f"carry:{position}"] = name
        first += _started(around, name, outputs.outside(carry))
    body.write()
    lines = body.lines[1:] if body.lines and not body.lines[0] else body.lines
    used = {word for line in lines for word in _WORD.findall(line)}
    heading = surroundings.times.heading(used, reverse=outputs.reverse)
    return [*first, *body.prelude, *heading.split("\n"), *indented(lines or ["pass"])]


def _started(around: PlannedCode, carry: str, first: Node) -> list[str]:
    """The lines that put the first value into a carry."""
    if first.op is constant:
        return [f"{carry}.fill({number(first['value'], first.type.dtype.value).strip('()')})"]
    return [f"np.copyto({carry}, {around.operand(first)})"]


def _filled(before: str, words: list[str], behind: str, *, brackets: bool = False) -> str:
    """The words with commas between them; on lines of their own where one line is too short for all."""
    line = f"{before}{', '.join(words)}{behind}"
    if len(line) <= _LONGEST:
        return line
    inner = wrapped(", ".join(words), "    ", _LONGEST)
    opening, closing = ("(", ")") if brackets else ("", "")
    return "\n".join([f"{before}{opening}", *inner, f"{closing}{behind}"])


@dataclass(slots=True)
class Times:
    """The variables of a `for` line, and the lists that they go through: one item for each time, made once."""

    around: PlannedCode
    length: int
    lists: dict[str, str] = field(default_factory=dict[str, str])
    _of_list: dict[str, str] = field(default_factory=dict[str, str])

    def part(self, sequence: Node, type: TensorType, wish: str) -> str:
        """The variable for this time's part of a sequence `[time, ...]` whose parts have this type."""
        array = self.around.array(sequence)
        place = self.around.schedule.places[sequence]
        if isinstance(place, InBuffer) and place.by_time:
            text = f"list({array})"
        else:
            text = f"[{time_of(array, type)} for {TIME} in range({self.length})]"
        return self._variable(self.around.define(Definition("views", f"{array}_by_time", text)), wish)

    def of_each(self, wish: str, text: str) -> str | None:
        """The variable for what `text` makes of variables of the `for` line, None where it has none of them."""
        used = [word for word in dict.fromkeys(_WORD.findall(text)) if word in self.lists]
        if not used:
            return None
        lists = [self.lists[name] for name in used]
        source = lists[0] if len(lists) == 1 else f"zip({', '.join(lists)})"
        made = self.around.define(Definition("views", f"{wish}_by_time", f"[{text} for {', '.join(used)} in {source}]"))
        return self._variable(made, wish)

    def heading(self, used: set[str], *, reverse: bool) -> str:
        """The `for` line, with those of the variables that are used under it."""
        names = [name for name in self.lists if name in used]
        if not names:
            return f"for _ in range({self.length}):"
        lists = [self.lists[name] for name in names]
        if len(lists) > 1:
            lists = [self.around.define(Definition("views", "times", _filled("list(zip(", lists, "))")))]
        return _filled("for ", names, f" in {f'reversed({lists[0]})' if reverse else lists[0]}:", brackets=True)

    def _variable(self, made: str, wish: str) -> str:
        found = self._of_list.get(made)
        if found is None:
            found = self._of_list[made] = self.around.names.unique(wish)
            self.lists[found] = made
        return found


@dataclass(slots=True)
class _Inside(Surroundings):
    """The surroundings of one step: the parameters of the body, the arrays of carries, this time's parts of outputs."""

    around: PlannedCode
    outputs: LoopOutputs
    times: Times
    vectors: dict[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        self.blocks = self.around.surroundings.blocks

    def given(self, node: Node) -> Definition:
        body = self.outputs.body
        if node in body.carries:
            return Definition(None, self.vectors[f"carry:{body.carries.index(node)}"])
        if node in body.elements:
            sequence = self.outputs.outside(node)
            return Definition(None, self.times.part(sequence, node.type, self.around.node_names.wish(node)))
        if node in body.constants:
            return Definition(None, self.around.array(self.outputs.outside(node)))
        return self.around.surroundings.given(node)

    def flat(self, name: str) -> str:
        if name not in self.vectors:
            output = self.outputs.output(name)
            assert output is not None  # only what is needed has a vector
            node = self.outputs.new_values[name]
            self.vectors[name] = self.times.part(output, node.type, f"{self.around.node_names.wish(node)}_t")
        return self.vectors[name]


@dataclass(slots=True)
class RepeatedCode(PlannedCode):
    """Code that a loop repeats. prelude: lines that come before the loop: numbers of the step."""

    prelude: list[str] = field(default_factory=list[str])

    def act(self, action: Action) -> list[str]:
        """As for other code; what is computed on the host is computed before the loop."""
        lines = PlannedCode.act(self, action)
        if isinstance(action, Compute) and isinstance(self.schedule.places[action.node], Host):
            self.prelude += [self.spelling(line) for line in lines]
            return []
        return lines

    def host_number(self, node: Node, before: list[str]) -> str:
        """As for other code, cast before the loop."""
        return PlannedCode.host_number(self, node, self.prelude)


@dataclass(slots=True)
class _StepCode(RepeatedCode):
    """The code of one step of a loop over time."""

    times: Times | None = None

    def define(self, definition: Definition, *, key: str | None = None) -> str:
        """As for other code; what is made of variables of the `for` line is made for every time."""
        if definition.section is not None and self.times is not None:
            made = self.times.of_each(definition.name, definition.value)
            if made is not None:
                return made
        return PlannedCode.define(self, definition, key=key)
