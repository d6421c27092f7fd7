"""Textbook code: plain NumPy expressions over whole batches, a line for each value that has a name.

A value that nobody named and that one line uses is written where it is used, as a person would; NumPy's own
broadcasting stands for the graph's explicit one wherever it does the same.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.emit.headings import Headings
from nndsl.emit.host import HostNumbers, tidy
from nndsl.emit.text import REAL, Spelling, number
from nndsl.ir.op import Emission
from nndsl.ir.types import Kind
from nndsl.ops import broadcast, constant
from nndsl.plan.loops import loops_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from nndsl.emit.names import Names, NodeNames
    from nndsl.ir.graph import Node
    from nndsl.plan.loops import LoopOutputs

_LONGEST_INLINED = 60
_GROUPING = re.compile(r"(?<![\w\])])\(|\+ -")
_PLACEHOLDER = re.compile(r"\boperand_(\d+)_\b")


@dataclass(slots=True)
class TextbookCode:
    """The lines of a graph. `leaf` says how a leaf is called (None: as its op's rule says); `dtype` what floats are.

    depth: how many loops the lines stand in.
    """

    leaf: Callable[[Node], str | None]
    names: Names
    node_names: NodeNames
    host: HostNumbers
    spelling: Spelling
    dtype: str = REAL
    headings: Headings | None = None
    stages: Mapping[Node, int] = field(default_factory=dict["Node", int])
    depth: int = 0
    lines: list[str] = field(default_factory=list[str])
    _texts: dict[Node, str] = field(default_factory=dict["Node", str])
    _inlined: dict[Node, str] = field(default_factory=dict["Node", str])
    _uses: Counter[Node] = field(default_factory=Counter["Node"])
    _loops: dict[Node, LoopOutputs] = field(default_factory=dict["Node", "LoopOutputs"])
    _user: dict[Node, Node] = field(default_factory=dict["Node", "Node"])

    def survey(self, nodes: Iterable[Node], kept: Iterable[Node] = ()) -> None:
        """Count who uses which value. `nodes` are all that will be written, `kept` those that are used besides."""
        nodes = list(nodes)
        kept = list(kept)
        self._loops = loops_of(nodes)
        for node in nodes:
            self._uses.update(node.inputs)
            self._user.update(dict.fromkeys(node.inputs, node))
        self._uses.update(kept)
        self._uses.update(kept)  # so that each has a line of its own
        self.host.survey(nodes, [node for node in kept if node.type.kind is Kind.STEP])

    def write(self, node: Node) -> None:
        """Write the line that computes `node`, whose inputs were written before."""
        if node.type.kind is Kind.STEP:
            line = None if node.op.leaf else self.host.compute(node)
            if line is not None:
                self.line(node, line)
            return
        if node.op is constant or (node.op is broadcast and not self._is_number(node.inputs[0])):
            return
        if node.op.leaf and (text := self.leaf(node)) is not None:
            self._texts[node] = text
            return
        if node in self._loops:
            if node not in self._texts:
                from nndsl.emit.textbook_loops import textbook_loop  # whose steps are code like this

                textbook_loop(self, self._loops[node])
            return
        expression = self._expression(node)
        if expression.isidentifier():
            self._texts[node] = expression
            return
        if self._uses[node] == 1 and len(expression) <= _LONGEST_INLINED and not self._has_own_line(node):
            self._inlined[node] = expression
            return
        self._texts[node] = self.names.unique(self.node_names.wish(node))
        self.line(node, f"{self._texts[node]} = {expression if node.op.leaf else _tidied(expression)}")

    def _has_own_line(self, node: Node) -> bool:
        """Whether a person gave the node a name that its only user does not have too (`y = x @ k` and `y = y + b`).

        Or it has to be computed while old weights are still there, long before its user.
        """
        user = self._user.get(node)
        if user is not None and self.stages.get(user, 0) != self.stages.get(node, 0):
            return True
        given = self.node_names.given(node)
        return given is not None and (user is None or self.node_names.given(user) != given)

    def value(self, node: Node) -> str:
        """As `text`, without parentheses around the whole."""
        return _tidied(self._inlined[node]) if node in self._inlined else self.text(node)

    def text(self, node: Node) -> str:
        """An atom with the value of `node`, an array of its full shape (or a number that is the same everywhere)."""
        if node.type.kind is Kind.STEP:
            return self.host.text(node)
        if node.op is constant:
            return number(node["value"], node.type.dtype.value)
        if node in self._inlined:
            return f"({self._inlined[node]})"
        if node not in self._texts and node.op is broadcast:
            self._texts[node] = self.names.unique(self.node_names.wish(node))
            self.line(node, f"{self._texts[node]} = {_tidied(self._expression(node))}")
        return self._texts[node]

    def rename(self, node: Node, name: str) -> None:
        """From here on the value of `node` is in the variable `name`."""
        self._texts[node] = name

    def variable(self, node: Node) -> str:
        """As `array`, and a name even where the value would be written into the line that uses it."""
        return self._own_line(node) if node in self._inlined else self.array(node)

    def array(self, node: Node) -> str:
        """As `text`, and an array in any case."""
        if not self._is_number(node):
            return self.text(node)
        spread = self.names.unique(self.node_names.wish(node))
        shape = ", ".join(map(str, (*(["n"] if node.type.kind is Kind.SAMPLE else []), *node.type.shape, "")))
        self.line(node, f"{spread} = np.full(({shape.strip()}), {self.text(node)}, np.{self.dtype})")
        return spread

    def _is_number(self, node: Node) -> bool:
        """Whether the text of `node` is a number, not an array."""
        return node.op is constant or node.type.kind is Kind.STEP

    def line(self, node: Node, line: str) -> None:
        """Write a line of `node`, under its heading."""
        if self.headings is not None:
            self.lines += self.headings.lines(node)
        self.lines.append(self.spelling(line))

    def _expression(self, node: Node) -> str:
        """The node's rule over its operands. It sees a name in place of an expression, and takes that for an array."""
        texts = self._operands(node)
        expression = self._applied(node, texts)
        repeated = Counter(_PLACEHOLDER.findall(expression))
        if any(count > 1 for count in repeated.values()):
            for position, count in repeated.items():
                if count > 1 and node.inputs[int(position)] in self._inlined:
                    texts[int(position)] = self._own_line(node.inputs[int(position)])
            expression = self._applied(node, texts)
        return _PLACEHOLDER.sub(lambda match: texts[int(match[1])], expression)

    def _applied(self, node: Node, texts: list[str]) -> str:
        seen = tuple(
            text if self._is_number(operand) or text.isidentifier() else f"operand_{position}_"
            for position, (text, operand) in enumerate(zip(texts, node.inputs, strict=True))
        )
        return node.op.numpy.expression(Emission(node, seen, "", dtype=self.dtype))

    def _own_line(self, node: Node) -> str:
        """Give an inlined value a line after all: what uses it names it more than once."""
        expression = self._inlined.pop(node)
        self._texts[node] = self.names.unique(self.node_names.wish(node))
        self.line(node, f"{self._texts[node]} = {_tidied(expression)}")
        return self._texts[node]

    def _operands(self, node: Node) -> list[str]:
        """Texts of the operands; beside one of full shape, elementwise ops take the others before broadcasting."""
        full = [not self._is_number(operand) and operand.op is not broadcast for operand in node.inputs]
        if not node.op.elementwise or not any(full):
            return [self.text(operand) for operand in node.inputs]
        return [
            self._before_broadcast(operand) if operand.op is broadcast else self.text(operand)
            for operand in node.inputs
        ]

    def _before_broadcast(self, node: Node) -> str:
        """What NumPy broadcasts to `node` by itself: `bias`, or `mean[:, None]` where axes come behind the samples."""
        source = node
        while source.op is broadcast and source not in self._texts:
            (source,) = source.inputs
        missing = node.type.rank - source.type.rank
        text = self.text(source)
        if self._is_number(source) or source.type.kind is not Kind.SAMPLE or missing == 0:
            return text
        return f"{text}[:{', None' * missing}]"


def _tidied(expression: str) -> str:
    return tidy(expression) if _GROUPING.search(expression) else expression
