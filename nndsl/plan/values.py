"""What each value of a schedule is before it has a place: a number, a given array, a view, or computed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Set
from enum import Enum
from typing import TYPE_CHECKING

from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import constant, from_step
from nndsl.plan.loops import array_operands, asked_contiguous, laid_by_time
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node


class Role(Enum):
    """How a node gets its value.

    LITERAL: written where it is read. HOST: a number of the step, computed unless it is a leaf or a `from_step`.
    GIVEN: held for the schedule. VIEW: of its operand 0. COMPUTED: an array that a Compute action fills.
    """

    LITERAL = "literal"
    HOST = "host"
    GIVEN = "given"
    VIEW = "view"
    COMPUTED = "computed"


@record
class Values:
    """The nodes that a schedule needs (inputs before users), and for each its role and the node whose memory it is in.

    base: what a view's views begin at; any other node itself. whole: the value fills its base's memory, in order.
    by_time: sequences in which each time is one block (see `InBuffer`).
    """

    nodes: tuple[Node, ...]
    roles: dict[Node, Role]
    base: dict[Node, Node]
    whole: dict[Node, bool]
    by_time: Set[Node]

    def acts(self, node: Node) -> bool:
        """Does `node` need a Compute action of its own?"""
        role = self.roles[node]
        return role is Role.COMPUTED or (role is Role.HOST and not node.op.leaf and node.op is not from_step)

    def is_splat(self, node: Node) -> bool:
        """Is `node` a number instead of an array (directly or through views)?"""
        return self.roles[self.base[node]] in (Role.LITERAL, Role.HOST)


def survey(roots: Iterable[Node], *, arrays: Collection[Node] = (), saved: Collection[Node] = ()) -> Values:
    """The values that `roots` need. `arrays` may not be splats; `saved` are leaves to be copied while they hold."""
    roots = list(roots)
    nodes = reachable(roots)
    needs_array = _array_readers(nodes, arrays)
    contiguity_asked = asked_contiguous(node for node in nodes if not node.op.numpy.view)
    roles: dict[Node, Role] = {}
    base: dict[Node, Node] = {}
    whole: dict[Node, bool] = {}
    for node in nodes:
        role = _role(node, roles, base, whole, needs_array, contiguity_asked)
        if node in saved and role is Role.GIVEN:
            role = Role.COMPUTED
        roles[node] = role
        viewed = node.inputs[0] if role is Role.VIEW else None
        base[node] = node if viewed is None else base[viewed]
        whole[node] = viewed is None or (whole[viewed] and 0 in node.op.numpy.contiguous)
    return Values(tuple(nodes), roles, base, whole, laid_by_time(nodes, {*roots, *arrays}))


def _role(
    node: Node,
    roles: dict[Node, Role],
    base: dict[Node, Node],
    whole: dict[Node, bool],
    needs_array: set[Node],
    contiguity_asked: set[Node],
) -> Role:
    rule = node.op.numpy
    if node.type.kind is Kind.STEP:
        return Role.LITERAL if node.op is constant else Role.HOST
    if node.op is constant:
        return Role.GIVEN if node in needs_array else Role.LITERAL
    if node.op is from_step:
        return Role.COMPUTED if node in needs_array else Role.HOST
    if node.op.leaf:
        return Role.GIVEN if rule.statements is None else Role.COMPUTED
    if not rule.view:
        return Role.COMPUTED
    source = base[node.inputs[0]]
    if roles[source] in (Role.LITERAL, Role.HOST):
        return Role.VIEW
    lasts = whole[node.inputs[0]] if 0 in rule.contiguous else node not in contiguity_asked
    return Role.VIEW if lasts or source.op is constant else Role.COMPUTED


def _array_readers(nodes: Iterable[Node], arrays: Collection[Node]) -> set[Node]:
    """The nodes that something reads which can't take a number in an array's place: only elementwise ops can."""
    needs = set(arrays)
    for node in sorted(nodes, key=lambda node: node.id, reverse=True):
        reads_arrays = node in needs if node.op.numpy.view else not node.op.elementwise
        if reads_arrays and node.type.kind is not Kind.STEP:
            needs.update(array_operands(node))
    return needs


def is_zero(node: Node) -> bool:
    """Is `node` 0 everywhere, known while compiling?"""
    return node.op is constant and node["value"] == 0
