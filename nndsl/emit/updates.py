"""Optimizers in planned code: a function for each that updates a whole flat vector of weights in place."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.definitions import DTYPES, Definition, Surroundings, number_name
from nndsl.emit.host import HostLeaf, HostNumbers
from nndsl.emit.loops import RepeatedCode
from nndsl.emit.module import indented, snake_case
from nndsl.emit.names import Names
from nndsl.emit.planned import PlannedCode
from nndsl.emit.text import REAL, number, one_line, plain, shape, wrapped
from nndsl.ir.types import DType
from nndsl.ops import array, epoch, flat_gradient, flat_weight, slot, step
from nndsl.plan.schedule import Buffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.emit.module import Module
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, Update
    from nndsl.ir.types import TensorType
    from nndsl.plan.schedule import Schedule


_REAL_LINE = f"{REAL} = weight.dtype.type"


@dataclass(frozen=True, slots=True)
class UpdateNames:
    """How an update's function calls its slots: parameters of the function, and what its `update` takes and gives."""

    arrays: dict[str, str]
    scalars: dict[str, str]


def slot_names(update: Update, names: Names) -> UpdateNames:
    """A variable for each slot of the update."""
    called = {made.name: names.unique(made.name) for made in update.slots}
    return UpdateNames(
        {made.name: called[made.name] for made in update.slots if not made.scalar},
        {made.name: called[made.name] for made in update.slots if made.scalar},
    )


def update_leaf(node: Node, every: int, scalars: dict[str, str]) -> HostLeaf:
    """A number of the step inside an update, whose `step` counts the steps of its own minimize."""
    if node.op is step:
        return HostLeaf(f"(step * {every})" if node["counts"] == "train" and every > 1 else "step")
    if node.op is epoch:
        return HostLeaf("epoch")
    if node.op is slot:
        return HostLeaf(scalars[str(node["name"])])
    raise InternalError(f"emit: {node!r} in an optimizer's update")


@dataclass(slots=True)
class _PlannedUpdate(Surroundings):
    """The surroundings of an update's schedule: the parameters of its function."""

    update: Update
    called: UpdateNames
    new_scalars: dict[str, str]
    block: int | None

    def given(self, node: Node) -> Definition:
        if node.op is flat_weight:
            return Definition(None, "weight")
        if node.op is flat_gradient:
            return Definition(None, "gradient")
        if node.op is slot:
            return Definition(None, self.called.arrays[str(node["name"])])
        if node.op is array:
            raise InternalError(f"emit: {node!r} in an optimizer's update")
        value = number(node["value"], node.type.dtype.value).strip("()")
        name = f"all_{number_name(node)}"
        return Definition("numbers", name, f"np.full(weight.size, {value}, {DTYPES[node.type.dtype]})")

    def flat(self, name: str) -> str:
        return "weight" if name == "weight" else self.called.arrays[name]

    def set_scalar(self, name: str, value: str) -> list[str]:
        self.new_scalars[name] = value
        return []

    all_alike = True

    def empty(self, type: TensorType) -> str:
        if self.block is not None:
            return f"np.empty({self.block}, {DTYPES[type.dtype]})"
        if type.shape == self.update.new_weight.type.shape:
            return self.buffer(Buffer(type.dtype, type.size, per_sample=False))
        return f"np.empty({shape(type.shape)}, {DTYPES[type.dtype]})"

    def buffer(self, buffer: Buffer) -> str:
        if self.block is not None:
            return f"np.empty({self.block}, {DTYPES[buffer.dtype]})"
        if buffer.size != self.update.new_weight.type.size:
            return f"np.empty({buffer.size}, {DTYPES[buffer.dtype]})"
        floats = buffer.dtype is DType.FLOAT
        return "np.empty_like(weight)" if floats else f"np.empty(weight.size, {DTYPES[buffer.dtype]})"


def planned_update(module: Module, minimize: Minimize, update: Update, schedule: Schedule) -> str:
    """Write the function of an update, or find one that is alike; its name.

    `adam_update(weight, gradient, m, v)` gives `update(step, epoch)`, which takes and gives the scalar slots besides.
    """
    names = Names({*module.reserved, "weight", "gradient", "step", "epoch", "update", REAL})
    called = slot_names(update, names)
    host = HostNumbers(lambda node: update_leaf(node, minimize.every, called.scalars), names, module.node_names)
    surroundings = _PlannedUpdate(update, called, {}, schedule.block)
    kind = PlannedCode if schedule.block is None else RepeatedCode
    code = kind(schedule, surroundings, names, module.node_names, host, module.spelling)
    code.write()
    prelude = code.prelude if isinstance(code, RepeatedCode) else []
    results = [surroundings.new_scalars.get(name, variable) for name, variable in called.scalars.items()]
    body = [
        *update_documentation(update, called),
        _REAL_LINE,
        "",
        *code.definitions(prelude),
        *_blocks(code, called),
        f"def update({', '.join(['step', 'epoch', *called.scalars.values()])}):",
        *indented([*prelude, *_repeated(code, called)] or ([] if results else ["pass"])),
        *([f"    return {', '.join(results)}"] if results else []),
        "",
        "return update",
    ]
    if not any(REAL in line for line in body[body.index(_REAL_LINE) + 1 :]):
        body.remove(_REAL_LINE)
    return module.function(
        f"{snake_case(update.optimizer)}_update",
        f"({', '.join(['weight', 'gradient', *called.arrays.values()])})",
        body,
    )


def _blocks(code: PlannedCode, called: UpdateNames) -> list[str]:
    """The definition of the blocks that an update goes through; nothing where it takes the vectors as a whole."""
    if code.schedule.block is None:
        return []
    arrays = ", ".join(_tuple(names) for names in _read_by_block(code, called))
    return [
        "# parts of the vectors that stay in the processor's cache from the first line to the last",
        f"blocks = in_blocks({code.schedule.block}, {arrays})",
        "",
    ]


def _repeated(code: PlannedCode, called: UpdateNames) -> list[str]:
    """The lines of an update, for each of its blocks where it has some."""
    if code.schedule.block is None or not code.lines:
        return code.lines
    flats, scratch = _read_by_block(code, called)
    return [f"for {_tuple([*flats, *scratch]).strip('()')} in blocks:", *indented(code.lines)]


def _tuple(names: Sequence[str]) -> str:
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


def _read_by_block(code: PlannedCode, called: UpdateNames) -> tuple[list[str], list[str]]:
    """The flat vectors that the lines of an update refer to, and the buffers, by all their names."""
    used = {word for line in code.lines for word in re.findall(r"[A-Za-z_]\w*", line)}
    buffers = [line.partition(" ")[0] for line in (*code.sections["buffers"], *code.sections["views"])]
    flats = ["weight", "gradient", *called.arrays.values()]
    return [name for name in flats if name in used], [name for name in buffers if name in used]


def update_documentation(update: Update, called: UpdateNames) -> list[str]:
    """The docstring of an update's function."""
    span = update.origin.span
    place = f"{one_line(span.file.name)}:{span.line}"
    lines = [f'"""{plain(update.optimizer)}, for all weights of a group at once.  ({plain(place)})', ""]
    lines += wrapped(
        "weight, gradient"
        + "".join(f", {name}" for name in called.arrays.values())
        + ": flat vectors, changed in place."
        + (
            f" {', '.join(called.scalars.values())}: numbers, given back as they are for the next step."
            if called.scalars
            else ""
        )
    )
    return [*lines, '"""']
