"""Planned code: a workspace made once, and straight lines that compute into it.

`PlannedCode` writes one schedule, that of a step or of an optimizer's update. What the lines refer to is defined when
it is first referred to, in the section where a reader would look for it; nothing is defined that no line uses.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.definitions import (
    DTYPES,
    SECTIONS,
    Definition,
    Surroundings,
    array_shape,
    count_text,
    elements,
    number_name,
)
from nndsl.emit.headings import Headings
from nndsl.emit.host import tidy
from nndsl.emit.text import REAL, WIDTH, Spelling, number, shape, without_needless_parentheses
from nndsl.ir.op import Emission
from nndsl.ir.types import DType, Kind
from nndsl.ops import broadcast, constant
from nndsl.plan.loops import rule_over
from nndsl.plan.schedule import (
    AddTotal,
    ApplyUpdate,
    Compute,
    Given,
    GradientOf,
    Host,
    InBuffer,
    InPlace,
    Literal,
    Loop,
    Meet,
    SetFlat,
    SetGradient,
    SetState,
    ViewOf,
    lies_by_time,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.emit.host import HostNumbers
    from nndsl.emit.names import Names, NodeNames
    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType
    from nndsl.plan.schedule import Action, Schedule

_SMALL = 256
"""Elements of a sample below which going through samples one by one takes longer than what is done to them."""

_UFUNC_CALL = re.compile(r"np\.[a-z_0-9]+\([^()=]*, out=\w+\)")
_WORD = re.compile(r"[A-Za-z_]\w*")


def _within_page(line: str) -> list[str]:
    """A line of the step; where it is too long, the remark behind it goes before it."""
    line = without_needless_parentheses(line)
    code, _, remark = line.partition("  # ")
    return [line] if len(line) <= WIDTH - 8 or not remark else [f"# {remark}:", code]


def _by_time(type: TensorType) -> str:
    """The shape of the array of a sequence in which each time is one block."""
    return shape((type.shape[0], "n", *type.shape[1:]))


def _alike(type: TensorType) -> tuple[int, ...]:
    """The shape of what is the same for all samples, with an axis for them: for one sample NumPy need not broadcast."""
    return (1, *type.shape) if type.kind is Kind.SAMPLE else type.shape


@dataclass(slots=True)
class PlannedCode:
    """The code of one schedule: `sections` hold the definitions, `lines` the step (both without indentation)."""

    schedule: Schedule
    surroundings: Surroundings
    names: Names
    node_names: NodeNames
    host: HostNumbers
    spelling: Spelling
    headings: Headings | None = None
    sections: dict[str, list[str]] = field(default_factory=lambda: {section: [] for section in SECTIONS})
    lines: list[str] = field(default_factory=list[str])
    defined: dict[str, str] = field(default_factory=dict[str, str])
    _variables: dict[Node, str] = field(default_factory=dict["Node", str])
    _buffers: dict[int, str] = field(default_factory=dict[int, str])
    _buffer_users: Counter[int] = field(default_factory=Counter[int])
    _counts: list[str] = field(default_factory=list[str])

    def write(self) -> None:
        """Write every action of the schedule."""
        places = self.schedule.places
        self._buffer_users.update(place.buffer for place in places.values() if isinstance(place, InBuffer))
        for action in self.schedule.actions:
            if isinstance(action, Compute):
                self._buffer_users.update(action.scratch)
            if isinstance(action, Loop):
                unread = (number for k, number in action.carries if action.outputs.output(f"last:{k}") is None)
                self._buffer_users.update(unread)
            if isinstance(action, AddTotal) and action.node.op is constant:
                remark = self.surroundings.total_remark(action.index)
                self._counts.append(f"totals[{action.index}] += {count_text(action.node)}  # {remark}")
        scalars = [action.node for action in self.schedule.actions if isinstance(action, SetFlat)]
        self.host.survey(places, kept=[node for node in scalars if node.type.kind is Kind.STEP])
        for action in self.schedule.actions:
            if isinstance(action, Loop):
                self._head(action.outputs.chief)
            lines = self.act(action)
            if lines and not isinstance(action, ApplyUpdate | Loop | Meet):
                self._head(action.node)
            self.lines += [self.spelling(line) for line in lines]
        self.lines += self._counts

    def definitions(self, also: Iterable[str] = ()) -> list[str]:
        """The workspace: its sections under their titles, without what neither the lines nor `also` refer to."""
        used = set(_WORD.findall("\n".join((*self.lines, *also))))
        parts: list[list[str]] = []
        for section, title in reversed(SECTIONS.items()):
            kept: list[str] = []
            for line in reversed(self.sections[section]):
                if line.partition(" ")[0] in used:
                    used.update(_WORD.findall(line))
                    kept.append(line)
            if kept:
                parts.append([f"# {title}", *map(self.spelling, reversed(kept)), ""])
        return [line for part in reversed(parts) for line in part]

    def _head(self, node: Node | None) -> None:
        """Write the comments that lines of `node` need over them."""
        if self.headings is not None and node is not None:
            self.lines += self.headings.lines(node)

    # ------------------------------------------------------------------------------------------ actions

    def act(self, action: Action) -> list[str]:
        """The lines of an action."""
        match action:
            case Compute(node, scratch):
                return self._compute(node, scratch)
            case AddTotal(index, node):
                remark = self.surroundings.total_remark(index)
                if node.op is constant:
                    return []
                counts, self._counts = self._counts, []
                return [*counts, *self._add_total(f"totals[{index}]", self.array(node), remark)]
            case SetGradient(path, node):
                if node is None:
                    return [f"{self.define(self.surroundings.gradient(path))}.fill(0.0)"]
                return [f"np.copyto({self.define(self.surroundings.gradient(path))}, {self.operand(node)})"]
            case SetState(path, node):
                return [f"np.copyto({self.define(self.surroundings.state(path))}, {self.operand(node)})"]
            case SetFlat(name, node) if node.type.kind is Kind.STEP:
                return self.surroundings.set_scalar(name, self.host.text(node))
            case SetFlat(name, node):
                return [f"np.copyto({self.surroundings.flat(name)}, {self.operand(node)})"]
            case ApplyUpdate():
                counts, self._counts = self._counts, []
                return [*counts, *self.surroundings.apply_update(action)]
            case Loop():
                from nndsl.emit.loops import planned_loop  # whose steps are code like this

                return planned_loop(self, action)
            case Meet(nodes):
                arrays = ", ".join(map(self.array, nodes))
                return [f"yield [{arrays}]  # to be added up over all shares"]

    def _add_total(self, total: str, values: str, remark: str) -> list[str]:
        """Add the sum of `values`, one a sample, in float64: a copy and a dot product beat a sum that casts."""
        exact = self.define(Definition("buffers", "exact", "np.empty(n)", "in float64, for sums"))
        ones = self.define(Definition("buffers", "exact_ones", "np.ones(n)"))
        return [f"np.copyto({exact}, {values})", f"{total} += np.dot({exact}, {ones})  # {remark}"]

    def _compute(self, node: Node, scratch: tuple[int, ...]) -> list[str]:
        place = self.schedule.places[node]
        if isinstance(place, ViewOf):
            return []
        if isinstance(place, Host):
            line = self.host.compute(node)
            if line is None or self.host.changes(node):
                return [] if line is None else [line]
            self.sections["numbers"].append(line)
            return []
        rule = rule_over(node, self._lies_by_time)
        lines: list[str] = []
        if rule.statements is None:
            return [self._copy(node)]
        if node.op.elementwise and rule.scratch is None:
            operands = tuple(self._operand(operand, lines, whole=False) for operand in node.inputs)
            if rule.spread:
                operands = tuple(self._spread(*each, node) for each in zip(node.inputs, operands, strict=True))
            emission = Emission(node, operands, self.array(node), dtype=REAL, blocks=self.surroundings.blocks)
            if rule.prepare is None or not rule.prepare(emission):
                statements = rule.statements(emission)
                if len(statements) == 1 and _UFUNC_CALL.fullmatch(statements[0]):
                    return [*lines, *map(without_needless_parentheses, statements)]
        if node.inputs and all(operand.type.kind is Kind.STEP for operand in node.inputs):
            return self._from_host(node)
        operands = tuple(self._operand(operand, lines) for operand in node.inputs)
        emission = Emission(
            node,
            operands,
            self.array(node),
            self._scratch(node, scratch),
            dtype=REAL,
            blocks=self.surroundings.blocks,
        )
        if rule.prepare is not None and (wanted := rule.prepare(emission)):
            emission = replace(emission, prepared=self._prepared(wanted))
        return [*lines, *(part for line in rule.statements(emission) for part in _within_page(line))]

    def _lies_by_time(self, node: Node) -> bool:
        return lies_by_time(self.schedule.places[node])

    def _prepared(self, wanted: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """Variables for what an op wants made once; what several want alike, scratch included, is made once for all."""
        made: list[str] = []
        repeated: Counter[str] = Counter()
        for name, text in wanted:
            repeated[text] += 1
            key = f"{text} {repeated[text]}" if "np.empty(" in text else text
            made.append(self.define(Definition("views", name, text), key=key))
        return tuple(made)

    def _from_host(self, node: Node) -> list[str]:
        """A number of the host as an array that other ops than elementwise ones read."""
        text = tidy(self.host.text(node.inputs[0]))
        place = self.schedule.places[node]
        alone = isinstance(place, InBuffer) and self._buffer_users[place.buffer] == 1
        if alone and not self.host.changes(node.inputs[0]):
            value = f"np.array({text}, {DTYPES[node.type.dtype]})"
            self._variables[node] = self.define(Definition("numbers", self.node_names.wish(node), value))
            return []
        return [f"{self.array(node)}[...] = {text}"]

    def _copy(self, node: Node) -> str:
        """The line that fills the buffer of a node that has no statements: a leaf as it is now, or a view."""
        out, rule = self.array(node), node.op.numpy
        if node.op.leaf:
            return f"np.copyto({out}, {self.define(self.surroundings.given(node))})"
        (operand,) = node.inputs
        source = self.array(operand)
        if 0 in rule.contiguous:
            # A reshape that is no view, its operand having gaps: the result, seen in the operand's shape, takes it.
            wish, text = f"{self.node_names.wish(node)}_view", f"{out}.reshape{array_shape(operand.type)}"
            seen = self.define(Definition("views", wish, text))
            return f"np.copyto({seen}, {source})"
        text = rule.expression(Emission(node, (source,), "", dtype=REAL))
        if not text.isidentifier():
            text = self.define(Definition("views", f"{self.node_names.wish(node)}_view", text))
        return f"np.copyto({out}, {text})"

    def _scratch(self, node: Node, buffers: tuple[int, ...]) -> tuple[str, ...]:
        rule = rule_over(node, self._lies_by_time).scratch
        if rule is None:
            return ()
        named: list[str] = []
        for (sizes, dtype, per_sample), buffer in zip(rule(node), buffers, strict=True):
            type = replace(node.type, shape=sizes, dtype=DType(dtype), kind=Kind.SAMPLE if per_sample else Kind.SHARED)
            named.append(self.in_buffer(buffer, type, f"{self.node_names.wish(node)}_scratch"))
        return tuple(named)

    # ------------------------------------------------------------------------------------------ operands

    def operand(self, node: Node) -> str:
        """What an elementwise line reads: an array, or a number as an array without axes."""
        lines: list[str] = []
        text = self._operand(node, lines)
        self.lines += lines
        return text

    def _operand(self, node: Node, before: list[str], *, whole: bool = True) -> str:
        """What a line reads; `before` gets the lines that must come first.

        whole: in the node's full shape; otherwise as it is before NumPy broadcasts it.
        """
        source = node
        while isinstance(place := self.schedule.places[source], ViewOf):
            source = place.base
        match place:
            case Literal():
                return self._number(source)
            case Host():
                return self.host_number(source, before)
            case _:
                return self.array(node) if whole else self._before_broadcast(node)

    def _before_broadcast(self, node: Node) -> str:
        """What NumPy broadcasts to `node` by itself: `bias`, or a column where axes come behind the samples.

        What is as large as a sample gets an axis for the samples: where there is one alone, shapes are then the same,
        and NumPy calls its loop straight away.
        """
        source = node
        while source.op is broadcast and isinstance(self.schedule.places[source], ViewOf):
            (source,) = source.inputs
        text = self.array(source)
        missing = node.type.rank - source.type.rank
        if source.type.kind is not Kind.SAMPLE and node.type.kind is Kind.SAMPLE and not missing:
            return self.define(Definition("views", f"{text}_row", f"{text}[None]"))
        if source.type.kind is not Kind.SAMPLE or not missing:
            return text
        return self.define(Definition("views", f"{text}_column", f"{text}[:{', None' * missing}]"))

    def _spread(self, operand: Node, text: str, node: Node) -> str:
        """A constant among the operands of `node` as an array: for one sample, or for all where a sample is small."""
        while isinstance(place := self.schedule.places[operand], ViewOf):
            operand = place.base
        if not isinstance(place, Literal) or self.surroundings.all_alike or self._lies_by_time(node):
            return text
        per_sample = node.type.kind is Kind.SAMPLE and node.type.size < _SMALL
        sizes = array_shape(node.type) if per_sample else shape(_alike(node.type))
        value = number(operand["value"], operand.type.dtype.value).strip("()")
        name = f"all_{number_name(operand)}"
        return self.define(Definition("numbers", name, f"np.full({sizes}, {value}, {DTYPES[operand.type.dtype]})"))

    def _number(self, node: Node) -> str:
        """A constant, as an array without axes: ufuncs take it twice as fast as a Python number."""
        text = number(node["value"], node.type.dtype.value).strip("()")
        return self.define(Definition("numbers", number_name(node), f"np.array({text}, {DTYPES[node.type.dtype]})"))

    def host_number(self, node: Node, before: list[str]) -> str:
        """A number of the host, cast once, as an array without axes."""
        if node in self._variables:
            return self._variables[node]
        text, type = self.host.text(node), DTYPES[node.type.dtype]
        named = next((each for each in (node, *node.inputs) if self.node_names.given(each) is not None), node.inputs[0])
        wish = self.node_names.wish(named)
        if not self.host.changes(node):
            name = self.define(Definition("numbers", wish, f"np.array({tidy(text)}, {type})"))
        else:
            name = self.names.unique(wish)
            self.sections["numbers"].append(f"{name} = np.empty((), {type})")
            before.append(f"{name}[...] = {tidy(text)}")
        self._variables[node] = name
        return name

    def array(self, node: Node) -> str:
        """The variable that holds the value of `node`."""
        found = self._variables.get(node)
        if found is None:
            found = self._variables[node] = self._variable(node)
        return found

    def _variable(self, node: Node) -> str:
        match self.schedule.places[node]:
            case Given():
                return self.define(self.surroundings.given(node))
            case InBuffer(buffer, by_time=True):
                return self.in_buffer(buffer, node.type, self.node_names.wish(node), by_time=True)
            case InBuffer(buffer):
                shared = self._operand_in_place(node, buffer)
                named = self.node_names.given(node) is not None
                return shared or self.in_buffer(buffer, node.type, self.node_names.wish(node), named=named)
            case ViewOf():
                text = node.op.numpy.expression(Emission(node, (self.array(node.inputs[0]),), "", dtype=REAL))
                return (
                    text if text.isidentifier() else self.define(Definition("views", self.node_names.wish(node), text))
                )
            case GradientOf(path):
                return self.define(self.surroundings.gradient(path))
            case InPlace(name):
                return self.surroundings.flat(name)
            case Literal() | Host():
                raise InternalError(f"emit: {node!r} has no array")

    def _operand_in_place(self, node: Node, buffer: int) -> str | None:
        """The variable of an operand that `node` overwrites, where it has the name that the result would have too."""
        in_place = InBuffer(buffer)
        for position in node.op.numpy.in_place:
            operand = node.inputs[position]
            if self.schedule.places[operand] != in_place or operand.type != node.type:
                continue
            given = self.node_names.given(node)
            named_after = given is not None or operand is self.node_names.root_operand(node)
            if named_after and given == self.node_names.given(operand):
                return self.array(operand)
        return None

    # ------------------------------------------------------------------------------------------ definitions

    def define(self, definition: Definition, *, key: str | None = None) -> str:
        """The variable that holds the definition's value, defined now unless one is there (of the same `key`)."""
        if definition.section is None:
            return definition.name
        # Fields of one shape are made by the same text, and are not the same array.
        key = key or (f"{definition.name} {definition.value}" if definition.section == "inputs" else definition.value)
        found = self.defined.get(key)
        if found is None:
            found = self.defined[key] = self.names.unique(definition.name)
            remark = f"  # {definition.remark}" if definition.remark else ""
            self.sections[definition.section].append(f"{found} = {definition.value}{remark}")
        return found

    def in_buffer(self, buffer: int, type: TensorType, wish: str, *, named: bool = True, by_time: bool = False) -> str:
        """A variable for a value in a buffer: an array of its own, or a view of the memory that it shares."""
        made = self.schedule.buffers[buffer]
        per_sample = type.kind is Kind.SAMPLE
        alone = self._buffer_users[buffer] == 1 and made.part_of is None
        if alone and (named or not self.surroundings.all_alike):
            name = self.names.unique(wish)
            text = f"aligned({_by_time(type)}, {DTYPES[type.dtype]})" if by_time else self.surroundings.empty(type)
            self.sections["buffers"].append(f"{name} = {text}")
            return name
        text = self._buffer(buffer) if made.part_of is None else self._part(made.part_of, made.first, type)
        if self.surroundings.all_alike and type.rank == 1 and not named:
            return text
        if made.part_of is None and (made.size, made.per_sample) != (type.size, per_sample):
            text += f"[: {elements(type.size, per_sample)}]"
        if by_time:
            text += f".reshape{_by_time(type)}"
        elif type.rank + per_sample != 1:
            text += f".reshape{array_shape(type)}" if type.rank + per_sample else ".reshape(())"
        return self.define(Definition("views", wish, text), key=f"{text} {wish}")

    def _buffer(self, number: int) -> str:
        """The variable of a buffer that several values share."""
        if number not in self._buffers:
            text = self.surroundings.buffer(self.schedule.buffers[number])
            word = "scratch" if self.surroundings.all_alike else "buffer"
            self._buffers[number] = self.names.unique(f"{word}_{len(self._buffers) + 1}")
            self.sections["buffers"].append(f"{self._buffers[number]} = {text}")
        return self._buffers[number]

    def _part(self, whole: int, first: int, type: TensorType) -> str:
        """The part of a buffer that holds a value."""
        per_sample = type.kind is Kind.SAMPLE
        begin = elements(first, per_sample) if first else ""
        return f"{self._buffer(whole)}[{begin} : {elements(first + type.size, per_sample)}]".replace("[ ", "[")
