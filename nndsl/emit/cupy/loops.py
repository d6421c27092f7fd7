"""Loops on a device: a Python loop over times that launches the kernels of a step, which are told the time.

While a graph is captured it unrolls by itself: its launches, one after another. Nothing is copied from step to step:
carries change places between two buffers, sequences are read and written where they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.emit.cupy.code import GIVEN, STORED, DeviceCode
from nndsl.emit.module import indented
from nndsl.plan.schedule import Given, InPlace

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.plan.device import DeviceLoop, Target
    from nndsl.plan.loops import LoopOutputs

_WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(slots=True)
class LoopCode(DeviceCode):
    """The code of one step of a loop, inside of another's: it shares names, sections and numbers with that.

    before, after: the variables of carries, by number. each: products of each time: (variable, list of them).
    """

    outputs: LoopOutputs | None = None
    before: dict[int, str] = field(default_factory=dict[int, str])
    after: dict[int, str] = field(default_factory=dict[int, str])
    each: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    list_name: str = ""
    time: str = "t"

    @property
    def loop(self) -> LoopOutputs:
        """The loop."""
        assert self.outputs is not None
        return self.outputs

    @property
    def variables(self) -> list[str]:
        """Those that change from time to time, besides products: the time, carries before and after the step."""
        return [self.time, *(name for k in self.before for name in (self.before[k], self.after[k]))]

    # -------------------------------------------------------------------------------------------- arrays

    def given(self, node: Node) -> str:
        """The array of a parameter of the body; of a sequence all of it."""
        body, around = self.loop.body, self.around
        assert around is not None
        if node in body.carries:
            return self.before[body.carries.index(node)]
        if node in body.parameters:
            return around.memory(self.loop.outside(node))
        return around.given(node)

    def flat(self, name: str) -> str:
        """The array of a carry after the step, or of an output; of that all of it."""
        what, _, number = name.partition(":")
        if what == "carry":
            return self.after[int(number)]
        output = self.loop.output(name)
        assert self.around is not None and output is not None  # only what is needed is computed
        return self.around.memory(output)

    def stored(self, target: Target, node: Node) -> str:
        """The type of elements at a place."""
        body, around = self.loop.body, self.around
        assert around is not None
        match target:
            case InPlace():
                return STORED[node.type.dtype]
            case Given() if node in body.carries:
                return STORED[node.type.dtype]
            case Given() if node in body.parameters:
                return around.storage(self.loop.outside(node))
            case Given():
                return GIVEN[node.type.dtype]
            case _:
                return DeviceCode.stored(self, target, node)

    def original(self, node: Node) -> tuple[str, str, int]:
        """The array of a parameter that is copied."""
        return self.given(node), self.stored(Given(), node), self.times(Given(), node)

    def times(self, target: Target, node: Node) -> int:
        """Sequences and outputs hold all times."""
        match target:
            case InPlace(name) if name.startswith("stack"):
                return self.loop.length
            case Given() if node in self.loop.body.elements:
                return self.loop.length
            case _:
                return 0

    def number(self, node: Node) -> str:
        """A number of the step of training: they are the same at all times."""
        assert self.around is not None
        return self.around.number(node)

    # -------------------------------------------------------------------------------------------- products

    def one_time(self, node: Node) -> str:
        """The array that holds a node, from its first element of this time on."""
        if not self.times_of(node):
            return self.memory(node)
        size = node.type.size
        return f"{self.memory(node)}[int({self.time}){f' * {size}' if size != 1 else ''}:]"

    def product(self, wish: str, text: str) -> str:
        """The variable of a product; one for each time, where its arrays are not always the same."""
        if not set(_WORD.findall(text)) & set(self.variables):
            return DeviceCode.product(self, wish, text)
        made = self.names.unique(f"{wish}s")
        self.sections["loops"].append(f"{made} = [{text} for {', '.join(self.variables)} in {self.list_name}]")
        self.each.append((self.names.unique(wish), made))
        return self.each[-1][0]


def written_loop(around: DeviceCode, loop: DeviceLoop) -> list[str]:
    """The lines of a loop within the code of a schedule, whose kernels before it have put first values into carries."""
    outputs = loop.outputs
    host, headings = around.host, around.headings.inside(outputs.length)
    code = LoopCode(around.module, loop.schedule, around.names, host, headings, outputs=outputs, around=around)
    code.sections, code.kernel_texts = around.sections, around.kernel_texts
    if isinstance(around, LoopCode):
        code.time = around.names.unique("t")
    code.list_name = around.names.unique(f"{around.module.node_names.wish(outputs.chief)}_loop")
    turns: list[str] = []
    for k, buffers in loop.carries:
        carry = outputs.body.carries[k]
        wish = around.module.node_names.wish(carry)
        names = [around.buffered(buffer, carry.type.dtype, wish, (outputs.chief, k)) for buffer in buffers]
        code.before[k], code.after[k] = (around.names.unique(f"{wish}_{when}") for when in ("before", "after"))
        turns += [f"in_turn({', '.join(names)})", f"in_turn({', '.join(reversed(names))})"]
    times = f"times({outputs.length}{', reverse=True' if outputs.reverse else ''})"
    made = f"list(zip({', '.join([times, *turns])}))" if turns else times
    around.sections["loops"].append(f"{code.list_name} = {made}")
    code.prepare()
    for action in code.schedule.actions:
        code.act(action)
    lines = code.lines[1:] if code.lines and not code.lines[0] else code.lines
    return [_heading(code), *indented(lines or ["pass"])]


def _heading(code: LoopCode) -> str:
    """The `for` line."""
    variables = ", ".join(code.variables)
    if not code.each:
        return f"for {variables} in {code.list_name}:"
    names = ", ".join(name for name, _ in code.each)
    lists = ", ".join(made for _, made in code.each)
    variables = f"({variables})" if len(code.variables) > 1 else variables
    return f"for {variables}, {names} in zip({code.list_name}, {lists}):"
