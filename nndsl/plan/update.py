"""Schedules of updates: how a group's flat weights and slots change, computed over the old ones where that is safe."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl.ir.op import Emission
from nndsl.ir.types import Kind
from nndsl.ops import broadcast, flat_gradient, flat_weight, scan, slot
from nndsl.plan.buffers import Allocator, Loan, last_reads, may_overwrite
from nndsl.plan.order import Sequence
from nndsl.plan.schedule import Compute, Given, InBuffer, InPlace, Schedule, SetFlat, ViewOf
from nndsl.plan.values import Role, Values, survey

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Update


BLOCK = 1 << 16
"""Elements of a block: those of all vectors of an optimizer fit into a second-level cache together."""

_MOST_AT_ONCE = 4 * BLOCK
"""Vectors of up to so many elements are gone through as a whole: they stay in the cache as well, with fewer calls."""


def plan_update(update: Update) -> Schedule:
    """The schedule of one update, over flat weights, gradients and slots (float[size] shared) and host numbers."""
    sinks = new_values(update)
    leaves = survey(sinks.values()).nodes
    schedule = plan_vectors(sinks, {name: leaf for leaf in leaves if (name := flat_name(leaf)) is not None})
    large = update.new_weight.type.size > _MOST_AT_ONCE
    return replace(schedule, block=BLOCK) if large and is_elementwise(schedule) else schedule


def is_elementwise(schedule: Schedule) -> bool:
    """Does a schedule treat each element of the flat vectors by itself, without any other array than buffers?"""
    for node, place in schedule.places.items():
        if isinstance(place, Given) and flat_name(node) is None and node.op is not flat_gradient:
            return False
        if isinstance(place, ViewOf) and node.op is not broadcast:
            return False
        if isinstance(place, InPlace | InBuffer) and not _writes_alone(node):
            return False
    return True


def _writes_alone(node: Node) -> bool:
    """Is `node` elementwise, and nothing but its operands and its result needed to compute it?"""
    rule = node.op.numpy
    if not node.op.elementwise or rule.scratch is not None:
        return False
    names = tuple([f"x{position}" for position in range(len(node.inputs))])
    return rule.prepare is None or not rule.prepare(Emission(node, names, "out"))


def plan_vectors(
    sinks: Mapping[str, Node],
    old: Mapping[str, Node],
    *,
    saved: Collection[Node] = (),
    kept_out: Collection[str] = (),
    unlent: Collection[str] = (),
) -> Schedule:
    """The schedule that computes `sinks`, the new values of flat vectors, by name; `old` are the leaves that read them.

    saved: leaves to copy before anything else. kept_out: vectors that nothing is computed into, only copied; `unlent`
    may hold nothing but their own new values.
    """
    values = survey(sinks.values(), saved=saved)
    first = [(name, n) for name, n in sinks.items() if name not in old and values.roles[n] is Role.GIVEN]
    late = {name: node for name, node in sinks.items() if (name, node) not in first}
    saved = {*saved, *(values.base[n] for name, n in late.items() if _copies_what_changes(name, n, old, values))}
    if saved:
        values = survey(sinks.values(), saved=saved)
    readers = _readers(values, {leaf: name for name, leaf in old.items() if values.roles.get(leaf) is Role.GIVEN})
    candidates = {name: node for name, node in late.items() if name not in kept_out}
    in_place = _in_place(candidates, readers, old, values)

    sequence = Sequence(values, after={sink: readers.get(name, ()) for name, sink in in_place.items()})
    for leaf in sorted(saved, key=lambda leaf: leaf.id):
        sequence.visit(leaf)
    sequence.actions += [SetFlat(name, node) for name, node in first]
    for node in sinks.values():
        sequence.visit(node)
    copied = [(name, node) for name, node in late.items() if name not in in_place and old.get(name) is not node]
    actions = [*sequence.actions, *(SetFlat(name, node) for name, node in copied)]

    computed_at = {action.node: position for position, action in enumerate(actions) if isinstance(action, Compute)}
    read = last_reads(actions, values)
    loans = [
        Loan(name, sink, computed_at[sink], old[name] if old.get(name) in read else None, lent=name not in unlent)
        for name, sink in in_place.items()
    ]
    allocator = Allocator(actions, values, loans=loans)
    return Schedule(tuple(allocator.actions), allocator.places, tuple(allocator.buffers))


def new_values(update: Update) -> dict[str, Node]:
    """The new slots by their names, in order, and the new "weight" at last."""
    return dict(zip((s.name for s in update.slots), update.new_slots, strict=True)) | {"weight": update.new_weight}


def flat_name(leaf: Node) -> str | None:
    """The flat vector ("weight" or a slot's name) or scalar slot that `leaf` is; None for anything else."""
    if leaf.op is flat_weight:
        return "weight"
    return str(leaf["name"]) if leaf.op is slot else None


def _copies_what_changes(name: str, node: Node, old: Mapping[str, Node], values: Values) -> bool:
    """Is the new value `node` nothing but another old value (or a view of its own), which may have changed by then?"""
    base = values.base[node]
    return base.type.kind is not Kind.STEP and base in old.values() and old.get(name) is not node


def _readers(values: Values, names: Mapping[Node, str]) -> dict[str, list[Node]]:
    """By flat vector: the computed nodes that read its old value."""
    readers: dict[str, list[Node]] = {}
    for node in values.nodes:
        if values.roles[node] is not Role.COMPUTED:
            continue
        for leaf in dict.fromkeys(values.base[operand] for operand in node.inputs):
            if leaf in names:
                readers.setdefault(names[leaf], []).append(node)
    return readers


def _in_place(
    sinks: Mapping[str, Node], readers: dict[str, list[Node]], old: Mapping[str, Node], values: Values
) -> dict[str, Node]:
    """The new values that can be computed into their own vectors: every other read of the old value can come before.

    Takes each sink out of its own vector's `readers`: what stays there must come before it.
    """
    found: dict[str, Node] = {}
    for name, sink in sinks.items():
        others = [reader for reader in readers.get(name, ()) if reader is not sink]
        reads_itself = len(others) < len(readers.get(name, ()))
        is_copied_leaf = sink.op.leaf and sink.op.numpy.statements is None
        if values.roles[sink] is not Role.COMPUTED or is_copied_leaf or sink.op is scan or sink in found.values():
            continue
        if reads_itself and not _over_its_old_value(sink, old[name], values):
            continue
        before = {found[earlier]: readers.get(earlier, ()) for earlier in found}
        if sink in _needed_by(others, before):
            continue
        readers[name] = others
        found[name] = sink
    return found


def _over_its_old_value(sink: Node, leaf: Node, values: Values) -> bool:
    return any(values.base[i] is leaf and may_overwrite(sink, i, values) for i in sink.inputs)


def _needed_by(nodes: Iterable[Node], after: Mapping[Node, Iterable[Node]]) -> set[Node]:
    """`nodes` and everything that must come before them, by their inputs and by `after`."""
    needed: set[Node] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        if node not in needed:
            needed.add(node)
            stack.extend(node.inputs)
            stack.extend(after.get(node, ()))
    return needed
