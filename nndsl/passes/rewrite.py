"""The driver: applies tables of rewrites to a graph, inputs first, until no rule of a node's op changes it any more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping

from nndsl.diagnostics import InternalError
from nndsl.ir.graph import Node, reachable
from nndsl.ir.op import Op

Rule = Callable[[Node], Node | None]
"""A rewrite: a node equal to the one given (of the same type), or None where the rule has nothing to say.

Its docstring is its equation.
"""

SparingRule = Callable[[Node, Callable[[Node], bool]], Node | None]
"""A rewrite that pays only if it makes an operand unnecessary; it asks whether a node is read once."""

Table = Mapping[Op, tuple[Rule, ...]]
SparingTable = Mapping[Op, tuple[SparingRule, ...]]


def table(*rows: tuple[Op | tuple[Op, ...], Rule]) -> Table:
    """Rules by the op that they begin at (several for one rule where it reads the same), in the order of the rows."""
    found: dict[Op, list[Rule]] = defaultdict(list)
    for ops, rule in rows:
        for op in ops if isinstance(ops, tuple) else (ops,):
            found[op].append(rule)
    return {op: tuple(rules) for op, rules in found.items()}


def joined(*tables: Table) -> Table:
    """All rules of several tables, those of the first ones first."""
    ops = dict.fromkeys(op for each in tables for op in each)
    return {op: tuple(rule for each in tables for rule in each.get(op, ())) for op in ops}


def rewrite(
    roots: Iterable[Node], rules: Table, sparing: SparingTable | None = None, known: dict[Node, Node] | None = None
) -> tuple[Node, ...]:
    """`roots` (of one builder) with every node in its normal form under `rules`. Types, origins and names stay.

    known: normal forms that other graphs of the builder had under the same rules; those of this one are added to them.
    (Not with sparing rules, which ask who else in a graph reads a node.)
    Work grows with the number of nodes. Raises InternalError for rules that change a type or never come to an end.
    """
    roots = tuple(roots)
    sparing = sparing or {}
    nodes = reachable(roots)
    if not any(node.op in rules or node.op in sparing for node in nodes):
        return roots
    rewriting = _Rewriting(nodes, roots, rules, sparing, {} if known is None or sparing else known)
    for node in nodes:  # inputs before users, so most are done in one step
        rewriting.reach(node)
    return tuple([rewriting.normal(root) for root in roots])


class _Rewriting:
    """Normal forms found so far. A node on its way to one is in `_becomes`."""

    def __init__(
        self, nodes: list[Node], roots: tuple[Node, ...], rules: Table, sparing: SparingTable, known: dict[Node, Node]
    ) -> None:
        self._rules = rules
        self._sparing = sparing
        self._normal = known
        self._becomes: dict[Node, Node] = {}
        self._reads: Counter[Node] = Counter()
        if sparing:
            self._reads.update(operand for node in nodes for operand in set(node.inputs))
            self._reads.update(roots)
        self._most_steps = 1000 + 200 * len(nodes)

    def reach(self, node: Node) -> None:
        """Find the normal form of a node whose operands have theirs."""
        normal = self._normal
        if node in normal:
            return
        inputs = tuple([normal[operand] for operand in node.inputs])
        over_normal = node if inputs == node.inputs else node.builder.again(node, inputs)
        if over_normal not in normal:
            following = self._ruled(over_normal)
            if following is over_normal:
                normal[over_normal] = over_normal
            else:
                self._becomes[over_normal] = following
                self.normal(over_normal)
        if over_normal is not node:
            self._settle(node, normal[over_normal])

    def normal(self, root: Node) -> Node:
        """The normal form of `root`."""
        stack = [root] if root not in self._normal else []
        while stack:
            node = stack[-1]
            if node in self._normal:
                stack.pop()
                continue
            pending = [operand for operand in node.inputs if operand not in self._normal]
            if pending:
                stack.extend(pending)
                continue
            following = self._becomes.get(node) or self._step(node)
            if following is node:
                self._settle(node, node)
            elif following in self._normal:
                self._settle(node, self._normal[following])
            elif following in self._becomes:
                raise InternalError(f"passes: the rules for {node!r} never come to an end")
            else:
                self._becomes[node] = following
                stack.append(following)
                self._count()
        return self._normal[root]

    def _settle(self, node: Node, normal: Node) -> None:
        self._normal[node] = normal
        self._becomes.pop(node, None)
        if normal is not node and self._sparing:
            self._reads[normal] += self._reads.get(node, 0)

    def _count(self) -> None:
        self._most_steps -= 1
        if self._most_steps < 0:
            raise InternalError("passes: the rules never come to an end")

    def _step(self, node: Node) -> Node:
        """`node` over its operands' normal forms, or what a rule makes of that; itself where it is normal."""
        inputs = tuple([self._normal[operand] for operand in node.inputs])
        return node.builder.again(node, inputs) if inputs != node.inputs else self._ruled(node)

    def _ruled(self, node: Node) -> Node:
        """What the first rule that has something to say makes of `node`; itself where none has."""
        if node.op not in self._rules and node.op not in self._sparing:
            return node
        before = node.builder.exchange_origins(tuple(node.origins))
        made = self._first_made(node)
        node.builder.exchange_origins(before)
        return made

    def _first_made(self, node: Node) -> Node:
        for rule in self._rules.get(node.op, ()):
            if (made := rule(node)) is not None:
                return _named_like(node, made, rule)
        for rule in self._sparing.get(node.op, ()):
            if (made := rule(node, self._is_read_once)) is not None:
                return _named_like(node, made, rule)
        return node

    def _is_read_once(self, node: Node) -> bool:
        return self._reads.get(node, 1) <= 1


def _named_like(node: Node, made: Node, rule: Callable[..., Node | None]) -> Node:
    if made.type != node.type:
        name = getattr(rule, "__name__", "a rule")
        raise InternalError(f"passes: {name} turns {node!r} into {made!r}, of another type")
    if not made.op.leaf and not made.names:
        for name in node.names:
            made.named(name)
    return made
