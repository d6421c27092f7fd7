"""Where values live: memory that is used again once nobody reads what is in it, and flat vectors on loan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from nndsl.ir.types import DType, Kind
from nndsl.plan.loops import rule_over
from nndsl.plan.schedule import (
    AddTotal,
    ApplyUpdate,
    Compute,
    Given,
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
)
from nndsl.plan.tenants import END, Tenants
from nndsl.plan.values import Role, Values

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType
    from nndsl.plan.schedule import Action, Buffer, Place


def reads(action: Action) -> tuple[Node, ...]:
    """The nodes that an action reads (an update reads none: its flat vectors are not nodes of the step)."""
    match action:
        case Compute(node=node):
            return node.inputs
        case Loop(outputs=outputs):
            return outputs.nodes[0].inputs
        case AddTotal(node=node) | SetState(node=node) | SetFlat(node=node):
            return (node,)
        case SetGradient(node=node):
            return () if node is None else (node,)
        case Meet(nodes=nodes):
            return nodes
        case ApplyUpdate():
            return ()


def computed_by(action: Action) -> tuple[Node, ...]:
    """The nodes that an action computes."""
    match action:
        case Compute(node=node):
            return (node,)
        case Loop(outputs=outputs):
            return outputs.nodes
        case _:
            return ()


def last_reads(actions: Iterable[Action], values: Values, outputs: Iterable[Node] = ()) -> dict[Node, int]:
    """For each node whose memory is read (itself or through views): the position of the last action that does so."""
    last = {values.base[node]: position for position, action in enumerate(actions) for node in reads(action)}
    return last | dict.fromkeys((values.base[node] for node in outputs), END)


def may_overwrite(node: Node, operand: Node, values: Values) -> bool:
    """Does `node`'s op allow computing it over `operand`, and does it read that memory only as that operand?"""
    base = values.base[operand]
    if node.type != operand.type or not values.whole[operand]:
        return False
    positions = [i for i, other in enumerate(node.inputs) if values.base[other] is base]
    allowed = set(node.op.numpy.in_place)
    return bool(positions) and all(node.inputs[i] is operand and i in allowed for i in positions)


@dataclass(slots=True)
class Loan:
    """A flat vector of an update: the place of `sink`, its new value, which the action at `due` computes.

    Before that, values of its type may borrow it if it is `lent`. holder: whose value is in it (first the old one, if
    it is read).
    """

    name: str
    sink: Node
    due: int
    holder: Node | None
    lent: bool = True

    def suits(self, node: Node, last: int, values: Values) -> bool:
        """May `node`, which is read last by the action at `last`, be in this vector?"""
        if node is self.sink:
            return True
        if not self.lent or node.type != self.sink.type or last > self.due:
            return False
        return last < self.due or may_overwrite(self.sink, node, values)


class Allocator:
    """Gives every value of a list of actions its place: `places`, `buffers`, and `actions` with scratch buffers.

    First every value that wants memory of its own is a tenant, then tenants whose lives do not overlap share buffers.
    fixed: places decided before (gradients). loans: flat vectors of an update.
    """

    def __init__(
        self,
        actions: Sequence[Action],
        values: Values,
        outputs: Iterable[Node] = (),
        *,
        fixed: Mapping[Node, Place] | None = None,
        loans: Sequence[Loan] = (),
    ) -> None:
        self.actions: list[Action] = []
        self.buffers: list[Buffer] = []
        self.places: dict[Node, Place] = {}
        self._tenants = Tenants()
        self._values = values
        self._fixed = fixed or {}
        self._loans = loans
        self._last = last_reads(actions, values, outputs)
        self._unneeded: list[int] = []
        for node in values.nodes:
            if (place := _place_of_role(node, values)) is not None:
                self.places[node] = place
        for position, action in enumerate(actions):
            if isinstance(action, Compute) and action.node.type.kind is not Kind.STEP:
                self.actions.append(self._compute(position, action))
            elif isinstance(action, Loop):
                self.actions.append(self._loop(action))
            else:
                self.actions.append(action)
            self._release(position, action)
        self._house()

    def _house(self) -> None:
        """Put the numbers of buffers where those of tenants stand; tightly where values are computed again for that."""
        numbers, self.buffers = self._tenants.housed(tight=any(node.turn for node in self._values.nodes))
        for node, place in self.places.items():
            if isinstance(place, InBuffer):
                self.places[node] = InBuffer(numbers[place.buffer], place.by_time)
        for position, action in enumerate(self.actions):
            if isinstance(action, Compute) and action.scratch:
                scratch = tuple(numbers[tenant] for tenant in action.scratch)
                self.actions[position] = replace(action, scratch=scratch)
            elif isinstance(action, Loop):
                carries = tuple((k, numbers[tenant]) for k, tenant in action.carries)
                self.actions[position] = replace(action, carries=carries)

    def _compute(self, position: int, action: Compute) -> Compute:
        node = action.node
        self.places[node] = self._place(position, node)
        rule = rule_over(node, self._values.by_time.__contains__)
        if rule.scratch is None or rule.view:
            return action
        wanted = rule.scratch(node)
        take = self._tenants.take
        scratch = tuple(take(DType(dtype), prod(shape), per_sample) for shape, dtype, per_sample in wanted)
        for number in scratch:
            self._tenants.give_back(number)
        return Compute(node, scratch)

    def _loop(self, action: Loop) -> Loop:
        """A buffer for each output, none of which an input is in; a carry that nobody needs has one for the loop."""
        outputs = action.outputs
        for node in outputs.nodes:
            self.places[node] = InBuffer(self._take(node.type), node in self._values.by_time)
        carries: list[tuple[int, int]] = []
        for k in outputs.carries:
            last = outputs.output(f"last:{k}")
            place = None if last is None else self.places[last]
            number = place.buffer if isinstance(place, InBuffer) else self._take(outputs.body.carries[k].type)
            carries.append((k, number))
            if last is None:
                self._unneeded.append(number)
        return replace(action, carries=tuple(carries))

    def _take(self, type: TensorType) -> int:
        return self._tenants.take(type.dtype, type.size, type.kind is Kind.SAMPLE)

    def _place(self, position: int, node: Node) -> Place:
        if (place := self._fixed.get(node)) is not None:
            return place
        last = self._last.get(node, position)
        for loan in self._loans:
            if node is loan.sink:
                loan.holder = node
                return InPlace(loan.name)
        for operand in node.inputs:
            base = self._values.base[operand]
            if self._last.get(base) != position or not may_overwrite(node, operand, self._values):
                continue
            place = self.places[base]
            if isinstance(place, InBuffer):
                return place
            for loan in self._loans:
                if loan.holder is base and loan.suits(node, last, self._values):
                    loan.holder = node
                    return InPlace(loan.name)
        for loan in self._loans:
            if loan.holder is None and loan.due > position and loan.suits(node, last, self._values):
                loan.holder = node
                return InPlace(loan.name)
        return InBuffer(self._take(node.type), node in self._values.by_time)

    def _release(self, position: int, action: Action) -> None:
        """Give back what the action at `position` was the last to read, and what it computed if nobody reads that."""
        computed = computed_by(action)
        ended = dict.fromkeys([*(self._values.base[node] for node in reads(action)), *computed])
        kept = [self.places[node] for node in computed if self._last.get(node, position) != position]
        freed: dict[int, None] = dict.fromkeys(self._unneeded)
        self._unneeded.clear()
        for base in ended:
            if self._last.get(base, position) != position:
                continue
            place = self.places[base]
            if isinstance(place, InBuffer) and place not in kept:
                freed[place.buffer] = None
            for loan in self._loans:
                if loan.holder is base and base is not loan.sink:
                    loan.holder = None
        for number in freed:
            self._tenants.give_back(number)


def _place_of_role(node: Node, values: Values) -> Place | None:
    """The place of a node that has one without being computed, or of a host number; None: to be allocated."""
    match values.roles[node]:
        case Role.LITERAL:
            return Literal()
        case Role.HOST:
            return Host()
        case Role.GIVEN:
            return Given()
        case Role.VIEW:
            return ViewOf(node.inputs[0])
        case Role.COMPUTED:
            return None
