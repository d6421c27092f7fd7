"""The typed graph: immutable, hash-consed nodes, made by a builder.

An expression written twice with the same operands is one node. What tells two nodes apart is op, inputs, attributes and
type; where a node came from (its origins) and how a person called it (its names) do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

from nndsl.ir.op import PLAIN
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.op import Attribute, NodeAttribute, Op, Subgraph
    from nndsl.ir.types import TensorType
    from nndsl.source import Span


@record
class Origin:
    """Where a node came from: the user's line (`span`) and the step it belongs to.

    scope: path of the step, as weights are named by it ("Digits/features"); "" outside any model.
    title: the step as the user wrote it ("features: Dense(hidden, activation=relu)"); the line's text outside of one.
    library: the line of the library, inside a library layer or function.
    backward: made by differentiation.
    """

    span: Span
    scope: str = ""
    title: str = ""
    library: Span | None = None
    backward: bool = False


class Node:
    """One operation applied to nodes. Made by `Builder` only; equal nodes of one builder are the same object.

    `id` grows with creation, so ordering by it is a topological order. turn: 0, except for nodes that `Builder.twin`
    made: which time it is that this value is computed.
    """

    __slots__ = ("attributes", "builder", "id", "inputs", "names", "op", "origins", "turn", "type")

    def __init__(
        self,
        builder: Builder,
        id: int,
        op: Op,
        inputs: tuple[Node, ...],
        attributes: tuple[tuple[str, NodeAttribute], ...],
        type: TensorType,
    ) -> None:
        self.builder = builder
        self.id = id
        self.op = op
        self.inputs = inputs
        self.attributes = attributes
        self.type = type
        self.turn = 0
        self.origins: list[Origin] = []
        self.names: list[str] = []

    def __getitem__(self, attribute: str) -> Attribute:
        """The attribute called `attribute`; KeyError where there is none, or where it is a graph."""
        for name, value in self.attributes:
            if name == attribute and isinstance(value, PLAIN):
                return value
        raise KeyError(attribute)

    @property
    def plain_attributes(self) -> tuple[str, ...]:
        """Names of the attributes that are no graphs."""
        return tuple(name for name, value in self.attributes if isinstance(value, PLAIN))

    @property
    def subgraphs(self) -> tuple[Subgraph, ...]:
        """The graphs inside this node: the body of a loop."""
        return tuple(value for _, value in self.attributes if not isinstance(value, PLAIN))

    def named(self, name: str) -> Node:
        """This node, remembered as `name`, for the generated source: the name given last is the one a reader sees.

        A name inside a step carries the step's path, as weights do ("Digits/features/y"); one of the user's own lines
        outside of models stands alone ("scores"). A gradient's name is what it is the gradient of, with "_gradient"
        behind.
        """
        if self.builder.journal is not None:
            self.builder.journal.append(Named(self, name, only_nameless=False))
        if name not in self.names:
            self.names.append(name)
        return self

    def named_if_nameless(self, name: str) -> Node:
        """This node, remembered as `name` unless it has a name already."""
        if self.builder.journal is not None:
            self.builder.journal.append(Named(self, name, only_nameless=True))
        if not self.names:
            self.names.append(name)
        return self

    def __repr__(self) -> str:
        return f"<{self.op.name} %{self.id}: {self.type}>"


@dataclass(slots=True)
class Made:
    """In a builder's journal: a node that was made, or found, while nodes came from `origins`."""

    node: Node
    origins: tuple[Origin, ...]


@dataclass(slots=True)
class Named:
    """In a builder's journal: a name that a node was given, or was to be given if it had none."""

    node: Node
    name: str
    only_nameless: bool


_id = attrgetter("id")
_LARGE, _REMEMBERED = 500, 8
"""Of the largest graphs asked for last (nodes, how many), a builder remembers what is reachable: passes ask in turn."""

Key = tuple["Op", tuple[Node, ...], tuple[tuple[str, "NodeAttribute"], ...], "TensorType | None"]
"""What tells nodes apart. The type is said for leaves alone: of all others it follows from the rest."""


class Builder:
    """Makes nodes, each different one once. `at(origin)` says where the nodes made meanwhile come from.

    journal: while it is a list, what is made and named is written down there. reached: what `reachable` keeps in mind.
    """

    def __init__(self) -> None:
        self.journal: list[Made | Named] | None = None
        self.reached: dict[tuple[Node, ...], tuple[Node, ...]] = {}
        self._nodes: dict[Key, Node] = {}
        self._twins = 0
        self._origins: tuple[Origin, ...] = ()

    def node(self, op: Op, inputs: tuple[Node, ...], attributes: Mapping[str, NodeAttribute]) -> Node:
        """The node of `op` over `inputs`. Raises RuleError for operands or attributes that the op can't take."""
        type = op.type_rule(tuple(node.type for node in inputs), attributes)
        return self._intern(op, inputs, tuple(sorted(attributes.items())), type)

    def leaf(self, op: Op, type: TensorType, attributes: Mapping[str, NodeAttribute]) -> Node:
        """The node of a leaf op, of the given type."""
        return self._intern(op, (), tuple(sorted(attributes.items())), type)

    def again(self, node: Node, inputs: tuple[Node, ...]) -> Node:
        """`node` over other inputs: its op and attributes, the type computed anew, its origins and names kept."""
        if inputs == node.inputs:
            return node
        type, types = node.type, tuple([operand.type for operand in inputs])
        if types != tuple([operand.type for operand in node.inputs]):
            type = node.op.type_rule(types, dict(node.attributes))
        before = self.exchange_origins(tuple(node.origins))
        made = self._intern(node.op, inputs, node.attributes, type)
        self._origins = before
        for name in node.names:
            made.named(name)
        return made

    def like(self, node: Node, inputs: tuple[Node, ...], attributes: tuple[tuple[str, NodeAttribute], ...]) -> Node:
        """The node of `node`'s op and type over other inputs, each of the type of the one that it stands for."""
        return self._intern(node.op, inputs, attributes, node.type)

    def twin(self, node: Node, inputs: tuple[Node, ...], turn: int) -> Node:
        """The value of `node` computed another time, over inputs that are the same values: never `node` itself.

        A plan makes these, to compute again what it does not keep; no pass may see them, or it would make them one.
        """
        made = Node(self, len(self._nodes) + self._twins, node.op, inputs, node.attributes, node.type)
        self._twins += 1
        made.turn = turn
        made.origins += node.origins
        made.names += node.names
        return made

    def _intern(
        self, op: Op, inputs: tuple[Node, ...], attributes: tuple[tuple[str, NodeAttribute], ...], type: TensorType
    ) -> Node:
        key = (op, inputs, attributes, None if inputs else type)
        node = self._nodes.get(key)
        if node is None:
            node = Node(self, len(self._nodes) + self._twins, op, inputs, attributes, type)
            self._nodes[key] = node
        origins = node.origins
        for origin in self._origins:
            if len(origins) < 8 and origin not in origins:
                origins.append(origin)
        if self.journal is not None:
            self.journal.append(Made(node, self._origins))
        return node

    def at(self, *origins: Origin) -> _Place:
        """A context manager: nodes made (or found) inside come from `origins`."""
        return _Place(self, origins)

    def exchange_origins(self, origins: tuple[Origin, ...]) -> tuple[Origin, ...]:
        """Nodes made from now on come from `origins`; where they came from before."""
        before, self._origins = self._origins, origins
        return before


class _Place:
    """What `Builder.at` gives; a class, since a generator takes three times as long and compiling enters so many."""

    __slots__ = ("_builder", "_origins")

    def __init__(self, builder: Builder, origins: tuple[Origin, ...]) -> None:
        self._builder = builder
        self._origins = origins

    def __enter__(self) -> None:
        self._origins = self._builder.exchange_origins(self._origins)

    def __exit__(self, *_: object) -> None:
        self._origins = self._builder.exchange_origins(self._origins)


def reachable(roots: Iterable[Node]) -> list[Node]:
    """Every node that `roots` need, themselves included, inputs before users (in order of their ids)."""
    roots = tuple(roots)
    if not roots:
        return []
    known = roots[0].builder.reached
    if (found := known.get(roots)) is not None:
        return list(found)
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(node.inputs)
    nodes = sorted(seen, key=_id)
    if len(nodes) >= _LARGE:
        while len(known) >= _REMEMBERED:
            del known[next(iter(known))]
        known[roots] = tuple(nodes)
    return nodes
