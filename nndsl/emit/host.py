"""Numbers of the host: step scalars and what is reported, as Python arithmetic in float64."""

from __future__ import annotations

import ast
import keyword
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
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
_LONGEST_REPEATED = 24
_WORD = re.compile(r"\b[A-Za-z_]\w*")
_MEANINGFUL = frozenset({*keyword.kwlist, "host_divide", "n", "samples"})
"""Words that are no names, or that `_Plainer` looks at."""
_QUOTED = re.compile(r"'([^'\"\\]*)'")


@dataclass(frozen=True, slots=True)
class HostLeaf:
    """How a leaf is written, and whether it changes from step to step (the size of a batch does not)."""

    text: str
    changes: bool = True


class _Plainer(ast.NodeTransformer):
    """Writes what means the same as a person would: `a - 1` for `a + -1`, `a / n` where n can't be 0."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        """A guarded division whose divisor is a number other than 0, a count, or whose operands are NumPy's."""
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Name(id="host_divide"), args=[dividend, divisor]) if _divides_safely(*node.args):
                return ast.BinOp(dividend, ast.Div(), divisor)
            case _:
                return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """The sum with a negative number."""
        self.generic_visit(node)
        match node:
            case ast.BinOp(left, ast.Add(), ast.UnaryOp(ast.USub(), ast.Constant() as right)):
                return ast.BinOp(left, ast.Sub(), right)
            case _:
                return node


def _divides_safely(dividend: ast.expr, divisor: ast.expr) -> bool:
    """Whether a plain division can't raise: totals are NumPy's numbers, and the counts of samples are never 0."""
    match divisor:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Name(id=name):
            return name in ("n", "samples")
        case _:
            return _is_total(dividend) or _is_total(divisor)


def _is_total(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Subscript) and isinstance(expression.value, ast.Name)


def tidy(expression: str) -> str:
    """The expression without needless parentheses, strings in double quotes."""
    if "'" in expression or '"' in expression:
        return _tidied(expression)
    # Layers alike have expressions alike but for their names, and parsing takes long: it is done once for all of them.
    names = list(dict.fromkeys(word for word in _WORD.findall(expression) if word not in _MEANINGFUL))
    numbered = {name: f"name_{number}" for number, name in enumerate(names)}
    plainer = _tidied(_WORD.sub(lambda word: numbered.get(word[0], word[0]), expression))
    named = {number: name for name, number in numbered.items()}
    return _WORD.sub(lambda word: named.get(word[0], word[0]), plainer)


@lru_cache(maxsize=4096)
def _tidied(expression: str) -> str:
    return _QUOTED.sub(r'"\1"', ast.unparse(_Plainer().visit(ast.parse(expression, mode="eval"))))


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
        copied = node in self._copied
        if not self._changes[node] and len(expression) <= _LONGEST_REPEATED:
            self._texts[node] = f"({expression})"
            return None
        named = self.node_names.given(node) is not None or len(expression) > _LONGEST_INLINED
        if self._uses[node] <= 1 and (copied or not named):
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
