"""Plays a schedule through and checks that every value that is read is still where the schedule says it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from nndsl.diagnostics import InternalError
from nndsl.ir.types import DType, Kind
from nndsl.ops import constant, from_step, gradient, share_total, state, weight
from nndsl.plan.loops import apart, array_operands, contiguous_operands, rule_over
from nndsl.plan.schedule import (
    AddTotal,
    ApplyUpdate,
    Buffer,
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
from nndsl.plan.update import flat_name, new_values
from nndsl.plan.values import is_zero

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from nndsl.ir.graph import Node
    from nndsl.ir.program import StepGraph, Update
    from nndsl.plan.schedule import Action, Schedule

Cell = tuple[str, int | str]
"""A piece of memory: ("buffer", number), ("gradient", path) or ("flat", name)."""


def verify_schedule(schedule: Schedule, graph: StepGraph | None = None) -> None:
    """Raises InternalError where a value is not where the schedule says it is when it is read.

    That is: not computed yet, its memory overwritten, a weight, state or slot changed since, or its reader put over it.
    With `graph` also where a total, gradient, state or prediction of it is missing.
    """
    machine = _Machine(schedule)
    for position, action in enumerate(schedule.actions):
        machine.play(position, action, graph)
    for node in schedule.outputs:
        machine.read(node, None)
    if graph is not None:
        machine.check_complete(graph)


def verify_update(schedule: Schedule, update: Update) -> None:
    """As `verify_schedule`, for an update: at its end every slot and the weight have their new values."""
    machine = _Machine(schedule)
    for position, action in enumerate(schedule.actions):
        machine.play(position, action, None)
    for name, node in new_values(update).items():
        unchanged = flat_name(node) == name and ("flat", name) not in machine.contents
        if not unchanged and machine.contents.get(("flat", name)) is not node:
            machine.fail(f"the new {name} is not in its vector")


def verify_loop(loop: Loop, around: Schedule) -> None:
    """As `verify_schedule`, for one step of a loop: at its end every carry and every output has its value."""
    outputs = loop.outputs
    new, old = outputs.new_values, outputs.old_values
    elements, vectors = apart(outputs, {node for node, place in around.places.items() if lies_by_time(place)})
    machine = _Machine(loop.schedule, {node: name for name, node in old.items()}, elements, vectors)
    for position, action in enumerate(loop.schedule.actions):
        machine.play(position, action, None)
    for name, node in new.items():
        unchanged = old.get(name) is node and ("flat", name) not in machine.contents
        if not unchanged and machine.contents.get(("flat", name)) is not node:
            machine.fail(f"{name} has not its new value")


def _overlapping(schedule: Schedule) -> dict[Cell, list[Cell]]:
    """For each buffer that is a part of another those that have elements in common with it."""
    parts = [(number, buffer) for number, buffer in enumerate(schedule.buffers) if buffer.part_of is not None]
    return {
        ("buffer", number): [("buffer", k) for k, other in parts if k != number and buffer.overlaps(other)]
        for number, buffer in parts
    }


class _Machine:
    """Memory while a schedule runs: what each cell holds, and which versions weights have.

    carries: the leaves of a loop's body that are read from vectors, and those vectors' names. scattered: the leaves
    whose elements do not lie in one block; `vectors`: the names of vectors like that.
    """

    def __init__(
        self,
        schedule: Schedule,
        carries: Mapping[Node, str] | None = None,
        scattered: Collection[Node] = (),
        vectors: Collection[str] = (),
    ) -> None:
        self.schedule = schedule
        self.carries = carries
        self.scattered = scattered
        self.vectors = vectors
        self.contents: dict[Cell, Node | None] = {}
        self.versions: dict[str, int] = {}
        self.states: dict[str, Node] = {}
        self.totals: dict[int, Node] = {}
        self.updated: list[tuple[int, int]] = []
        self.computed: set[Node] = set()
        self.met: set[Node] = set()
        self.where = ""
        self.overlapping = _overlapping(schedule)

    def fail(self, what: str) -> NoReturn:
        raise InternalError(f"plan: {what}{self.where}")

    # ------------------------------------------------------------------------------------------ actions

    def play(self, position: int, action: Action, graph: StepGraph | None) -> None:
        self.where = f" (action {position}: {type(action).__name__})"
        match action:
            case Compute():
                self._compute(action)
            case AddTotal(index=index, node=node):
                if not isinstance(self.schedule.places.get(node), Literal):
                    self.read(node, None)
                is_number = node.type.kind is Kind.SAMPLE and not node.type.shape
                if not is_number or index in self.totals:
                    self.fail(f"total {index} is not one sum of a per-sample number")
                self.totals[index] = node
            case SetGradient(path=path, node=node):
                self._copy(("gradient", path), node)
            case SetState(path=path, node=node):
                self._copy(None, node)
                self.states[path] = node
            case SetFlat(name=name, node=node):
                self._copy(("flat", name), node)
            case ApplyUpdate():
                self._apply(action, graph)
            case Loop():
                self._loop(action)
            case Meet():
                self._meet(action)

    def _copy(self, cell: Cell | None, node: Node | None) -> None:
        if node is not None:
            self.read(node, node)
        if cell is not None:
            self.contents[cell] = node

    def _apply(self, action: ApplyUpdate, graph: StepGraph | None) -> None:
        verify_update(action.schedule, action.update)
        self.updated.append((action.minimize, action.number))
        wanted = {} if graph is None else dict(graph.minimizes[action.minimize].gradients)
        for path in action.update.weights:
            if graph is not None and not self._holds_gradient(path, wanted[path]):
                self.fail(f"the gradient of {path} is not in its place")
            self.versions[path] = self.versions.get(path, 0) + 1

    def _holds_gradient(self, path: str, wanted: Node) -> bool:
        cell = ("gradient", path)
        if cell not in self.contents:
            return wanted.op is gradient and wanted["path"] == path
        held = self.contents[cell]
        return held is wanted or (held is None and is_zero(wanted))

    def _compute(self, action: Compute) -> None:
        node = action.node
        place = self.schedule.places.get(node)
        if node in self.computed:
            self.fail(f"{node!r} is computed twice")
        if node.op.leaf:
            self._check_leaf(node)
        for operand in node.inputs:
            self.read(operand, node)
        cell = self._cell(node)
        if cell is None:
            if not isinstance(place, Host) or node.type.kind is not Kind.STEP:
                self.fail(f"{node!r} is computed and has no memory")
        else:
            self._check_room(node, cell)
            self._check_overwrites(node, cell)
            self._check_scratch(action, cell)
            self._put(cell, node)
        self.computed.add(node)

    def _meet(self, action: Meet) -> None:
        """What shares add up is in buffers that hold nothing else."""
        for node in action.nodes:
            self.met.add(node)
            self.read(node, None)
            cell = self._cell(node)
            if node.op is not share_total or cell is None or cell[0] != "buffer":
                self.fail(f"{node!r} is nothing to add up over shares")

    def _loop(self, action: Loop) -> None:
        """All inputs must be there at once; the outputs' buffers, and those of carries, are theirs alone."""
        verify_loop(action, self.schedule)
        outputs = action.outputs
        first = outputs.nodes[0]
        taken = set[Cell | None]()
        for operand in first.inputs:
            self.read(operand, operand if operand not in array_operands(first) else first)
            taken.add(self._cell(self._base(operand)))
        for position in contiguous_operands(first):
            if not self._whole(first.inputs[position]):
                self.fail(f"{first!r} needs {first.inputs[position]!r} contiguous")
        carries = dict(action.carries)
        for node in outputs.nodes:
            cell = self._cell(node)
            what, _, number = str(node["output"]).partition(":")
            if cell is None or cell[0] != "buffer" or self._meets(cell, taken) or node in self.computed:
                self.fail(f"{node!r} has no buffer of its own")
            if what == "last" and carries.get(int(number)) != cell[1]:
                self.fail(f"{node!r} is not where its carry is")
            self._check_room(node, cell)
            taken.add(cell)
            self._put(cell, node)
            self.computed.add(node)
        for k, number in action.carries:
            if outputs.output(f"last:{k}") is None:
                type = outputs.body.carries[k].type
                self._check_fits(Buffer(type.dtype, type.size, type.kind is Kind.SAMPLE), number)
                if self._meets(("buffer", number), taken):
                    self.fail(f"the buffer of carry {k} is in use")
                taken.add(("buffer", number))
                self._put(("buffer", number), None)
        if tuple(carries) != outputs.carries:
            self.fail(f"the carries {outputs.carries} need buffers")

    # ------------------------------------------------------------------------------------------ reading

    def read(self, node: Node, reader: Node | None) -> None:
        """`node` must be there, for `reader` (None: something that needs an array; the node itself: a copy of it)."""
        base = self._base(node)
        place = self.schedule.places.get(base)
        match place:
            case Literal() if base.op is constant:
                self._check_splat(node, reader)
            case Host():
                self._check_splat(node, reader)
                self._check_host(base)
            case Given():
                if not base.op.leaf:
                    self.fail(f"{base!r} is given and not a leaf")
                self._check_leaf(base)
            case InBuffer() | GradientOf() | InPlace():
                if base not in self.computed:
                    self.fail(f"{base!r} is read before it is computed")
                if base.op is share_total and base not in self.met:
                    self.fail(f"{base!r} is read before shares have met for it")
                if self.contents.get(self._cell(base) or ("", "")) is not base:
                    self.fail(f"{base!r} is read after its memory was overwritten")
            case _:
                self.fail(f"{base!r} has no place to be read from")

    def _base(self, node: Node) -> Node:
        seen = node
        while isinstance(place := self.schedule.places.get(seen), ViewOf):
            if not seen.op.numpy.view or place.base is not seen.inputs[0]:
                self.fail(f"{seen!r} is not a view of {place.base!r}")
            seen = place.base
            if self._lies_by_time(seen):
                self.fail(f"{node!r} is a view of {seen!r}, which lies time by time")
        is_splat = isinstance(self.schedule.places.get(seen), Literal | Host)
        if not is_splat and seen.op is not constant and not self._views_last(node):
            self.fail(f"{node!r} would be a copy made once, not a view")
        return seen

    def _views_last(self, node: Node) -> bool:
        """No view on the way needs a contiguous operand and has another."""
        chain: list[Node] = []
        while isinstance(place := self.schedule.places.get(node), ViewOf):
            chain.append(node)
            node = place.base
        rigid = [0 in view.op.numpy.contiguous for view in reversed(chain)]
        return rigid == sorted(rigid, reverse=True) and not (any(rigid) and self._lies_apart(node))

    def _whole(self, node: Node) -> bool:
        """Does `node` fill its base's memory in row-major order?"""
        while isinstance(place := self.schedule.places.get(node), ViewOf):
            if 0 not in node.op.numpy.contiguous:
                return False
            node = place.base
        return not self._lies_apart(node)

    def _lies_apart(self, node: Node) -> bool:
        """Is `node`, which is no view, in memory that others are in between?"""
        place = self.schedule.places.get(node)
        return place.name in self.vectors if isinstance(place, InPlace) else place == Given() and node in self.scattered

    def _lies_by_time(self, node: Node) -> bool:
        return lies_by_time(self.schedule.places.get(node))

    def _old_name(self, leaf: Node) -> str | None:
        """The flat vector whose old value a leaf is."""
        return flat_name(leaf) if self.carries is None else self.carries.get(leaf)

    def _check_splat(self, node: Node, reader: Node | None) -> None:
        takes = reader is node or (reader is not None and (reader.op.elementwise or reader.type.kind is Kind.STEP))
        if not takes and not (reader is not None and reader.op is from_step):
            self.fail(f"{node!r} is a number where an array is needed")

    def _check_host(self, node: Node) -> None:
        while node.op is from_step:
            node = node.inputs[0]
        if not node.op.leaf and node not in self.computed:
            self.fail(f"{node!r} is read before it is computed")

    def _check_leaf(self, leaf: Node) -> None:
        """A leaf still has the value that it stands for."""
        if leaf.op is weight and self.versions.get(str(leaf["path"]), 0) != leaf["version"]:
            self.fail(f"version {leaf['version']} of the weight {leaf['path']} is read when it is not there")
        if leaf.op is state and str(leaf["path"]) in self.states:
            self.fail(f"the state {leaf['path']} is read after it was set")
        name = self._old_name(leaf)
        if name is not None and leaf.type.kind is not Kind.STEP and ("flat", name) in self.contents:
            self.fail(f"the old {name} is read after its vector was overwritten")

    # ------------------------------------------------------------------------------------------ writing

    def _cell(self, node: Node) -> Cell | None:
        match self.schedule.places.get(node):
            case InBuffer(buffer=number):
                return ("buffer", number)
            case GradientOf(path=path):
                return ("gradient", path)
            case InPlace(name=name):
                return ("flat", name)
            case _:
                return None

    def _put(self, cell: Cell, node: Node | None) -> None:
        """`cell` holds `node` from now on, and what overlaps it nothing that is known."""
        for other in self.overlapping.get(cell, ()):
            self.contents[other] = None
        self.contents[cell] = node

    def _meets(self, cell: Cell, taken: Collection[Cell | None]) -> bool:
        """Is some of this memory taken?"""
        return cell in taken or any(other in taken for other in self.overlapping.get(cell, ()))

    def _check_room(self, node: Node, cell: Cell) -> None:
        per_sample = node.type.kind is Kind.SAMPLE
        if cell[0] == "buffer":
            self._check_fits(Buffer(node.type.dtype, node.type.size, per_sample), int(cell[1]))
        elif self.carries is None and (node.type.dtype is not DType.FLOAT or per_sample):
            self.fail(f"{node!r} can't be in the flat vector of {cell[1]}")

    def _check_fits(self, wanted: Buffer, number: int) -> None:
        buffer = self.schedule.buffers[number]
        alike = buffer.dtype is wanted.dtype and buffer.per_sample is wanted.per_sample
        if not alike or buffer.size < wanted.size:
            self.fail(f"buffer {number} is no room for {wanted}")

    def _check_overwrites(self, node: Node, cell: Cell) -> None:
        """What is computed over an operand must be allowed to, and read it there and nowhere else."""
        for position, operand in enumerate(node.inputs):
            base = self._base(operand)
            old = self._old_name(base) if isinstance(self.schedule.places.get(base), Given) else None
            if self._cell(base) in self.overlapping.get(cell, ()):
                self.fail(f"{node!r} is computed over a part of its operand {operand!r}")
            if self._cell(base) != cell and ("flat", old) != cell:
                continue
            allowed = position in node.op.numpy.in_place and self._whole(operand) and operand.type == node.type
            if not allowed:
                self.fail(f"{node!r} is computed over its operand {operand!r}")
        rule = rule_over(node, self._lies_by_time)
        for position in rule.contiguous if not rule.view else ():
            if rule is node.op.numpy and self._lies_by_time(node.inputs[position]):
                self.fail(f"{node!r} can't read {node.inputs[position]!r} time by time")
            if not self._whole(node.inputs[position]) and self._base(node.inputs[position]).op is not constant:
                self.fail(f"{node!r} needs {node.inputs[position]!r} contiguous")

    def _check_scratch(self, action: Compute, cell: Cell) -> None:
        rule = rule_over(action.node, self._lies_by_time)
        wanted = rule.scratch(action.node) if rule.scratch is not None and not rule.view else ()
        if len(wanted) != len(action.scratch):
            self.fail(f"{action.node!r} asks for {len(wanted)} scratch buffers and has {len(action.scratch)}")
        taken = {cell, *(self._cell(self._base(operand)) for operand in action.node.inputs)}
        for (shape, dtype, per_sample), number in zip(wanted, action.scratch, strict=True):
            size = 1
            for length in shape:
                size *= length
            self._check_fits(Buffer(DType(dtype), size, per_sample), number)
            if self._meets(("buffer", number), taken):
                self.fail(f"scratch of {action.node!r} is in use")
            taken.add(("buffer", number))
            self._put(("buffer", number), None)

    # ------------------------------------------------------------------------------------------ the end

    def check_complete(self, graph: StepGraph) -> None:
        self.where = ""
        if self.totals != {index: total.node for index, total in enumerate(graph.totals)}:
            self.fail("not every total is added")
        for path, node in graph.states:
            own = node.op is state and node["path"] == path
            if not own and self.states.get(path) is not node:
                self.fail(f"the state {path} is not set")
        expected = [(i, j) for i, minimize in enumerate(graph.minimizes) for j in range(len(minimize.updates))]
        if self.updated != expected:
            self.fail(f"updates {self.updated} happen, not {expected}")
        if self.schedule.outputs != tuple(node for _, node, _ in graph.predictions):
            self.fail("outputs are not the predictions")
