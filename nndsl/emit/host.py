"""Numbers of the host: step scalars and what is reported, as Python arithmetic in float64."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.text import number
from nndsl.ir.op import Emission
from nndsl.ir.types import Kind
from nndsl.ops import constant, from_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nndsl.emit.names import Names, NodeNames
    from nndsl.ir.graph import Node

_LONGEST_INLINED = 70


@dataclass(frozen=True, slots=True)
class HostLeaf:
    """How a leaf is written, and whether it changes from step to step (the size of a batch does not)."""

    text: str
    changes: bool = True


def tidy(expression: str) -> str:
    """The expression without needless parentheses."""
    return ast.unparse(ast.parse(expression, mode="eval"))


@dataclass(slots=True)
class HostNumbers:
    """Texts of nodes of kind STEP. A number that is used once and has no name is written where it is used."""

    leaf: Callable[[Node], HostLeaf]
    names: Names
    node_names: NodeNames
    _texts: dict[Node, str] = field(default_factory=dict["Node", str])
    _changes: dict[Node, bool] = field(default_factory=dict["Node", bool])
    _uses: Counter[Node] = field(default_factory=Counter["Node"])
    _copied: set[Node] = field(default_factory=set["Node"])

    def survey(self, nodes: Iterable[Node], kept: Iterable[Node] = ()) -> None:
        """Count who uses which number. `nodes` are all that will be asked for, `kept` those that are used besides."""
        for node in nodes:
            if node.op is from_step:
                self._copied.add(node.inputs[0])
            if node.type.kind is Kind.STEP or node.op is from_step:
                self._uses.update(node.inputs)
        self._uses.update(kept)

    def compute(self, node: Node) -> str | None:
        """The line that computes `node`, None where it is written into the lines that use it."""
        expression = self._expression(node)
        self._changes[node] = any(self.changes(operand) for operand in node.inputs)
        named = self.node_names.given(node) is not None and node not in self._copied
        if self._uses[node] <= 1 and not named and len(expression) <= _LONGEST_INLINED:
            self._texts[node] = f"({expression})"
            return None
        name = self.names.unique(self.node_names.wish(node))
        self._texts[node] = name
        return f"{name} = {tidy(expression)}"

    def text(self, node: Node) -> str:
        """An atom with the value of `node`."""
        if node.op is from_step:
            return self.text(node.inputs[0])
        if node.op is constant:
            return number(node["value"], node.type.dtype.value)
        if node.op.leaf:
            return self.leaf(node).text
        return self._texts[node]

    def changes(self, node: Node) -> bool:
        """Whether the number may differ from one step to the next."""
        if node.op is from_step:
            return self.changes(node.inputs[0])
        if node.op is constant:
            return False
        return self.leaf(node).changes if node.op.leaf else self._changes[node]

    def _expression(self, node: Node) -> str:
        rule = node.op.numpy.host
        if rule is None:
            raise InternalError(f"emit: {node!r} can't be computed on the host")
        return rule(Emission(node, tuple(self.text(operand) for operand in node.inputs), ""))
