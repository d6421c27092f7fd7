"""Optimizers on a device: kernels over whole flat vectors, launched at the end of a step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.cupy.code import GIVEN, DeviceCode
from nndsl.emit.definitions import count_text
from nndsl.emit.headings import Headings
from nndsl.emit.host import HostLeaf, HostNumbers, tidy
from nndsl.emit.module import indented, snake_case
from nndsl.emit.steps import accumulates, counted_step, update_key
from nndsl.emit.text import ruled, string
from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import constant, epoch, flat_gradient, flat_weight, slot, step
from nndsl.plan.device import device_update
from nndsl.plan.update import new_values

if TYPE_CHECKING:
    from nndsl.emit.steps import Part
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, TrainProgram, Update
    from nndsl.plan.device import Target
    from nndsl.plan.schedule import ApplyUpdate


@dataclass(slots=True)
class UpdateCode(DeviceCode):
    """The code of an update's schedule, inside of the step's: it shares names, sections and numbers with it."""

    flats: dict[str, str] = field(default_factory=dict[str, str])

    def flat(self, name: str) -> str:
        """A flat vector of the update's weights, or a slot."""
        return self.flats[name]

    def stored(self, target: Target, node: Node) -> str:
        """Updates are computed as exactly as weights are kept."""
        del target
        return GIVEN[node.type.dtype]

    def given(self, node: Node) -> str:
        """The flat vectors are what an update reads."""
        if node.op is flat_weight:
            return self.flats["weight"]
        if node.op is flat_gradient:
            return self.flats["gradient"]
        if node.op is slot:
            return self.flats[str(node["name"])]
        return DeviceCode.given(self, node)


@dataclass(slots=True)
class Updates:
    """The updates of a step: lines of the step, arguments that say which of them act, lines of the host before it.

    first_lines: lines at the start of the step.
    """

    train: TrainProgram
    part: Part
    code: DeviceCode
    arguments: list[str] = field(default_factory=list[str])
    host_lines: list[str] = field(default_factory=list[str])
    first_lines: list[str] = field(default_factory=list[str])

    def apply(self, action: ApplyUpdate) -> list[str]:
        """The lines that update one group of weights."""
        update = action.update
        minimize = self.part.graph.minimizes[action.minimize]
        flag = self._flag(minimize, action.number)
        code = self._code(action, minimize)
        lines = code.lines[1:] if code.lines and not code.lines[0] else code.lines
        host = self._host(action, minimize, code)
        self.host_lines += [f"if {flag}:", *indented(host)] if flag and host else host
        before, after = self._copies(code, update)
        whole = [*before, *lines, *after]
        guarded = [f"if {flag}:", *indented(whole)] if flag else whole
        heading = self.code.headings.update(update, minimize.every)
        if accumulates(self.train) and action.number == 0:
            guarded = [f"accumulation.take_in(batch_{minimize.index + 1})", *guarded]
        return ["", ruled("update", inset=8), "", *heading, *guarded]

    def _flag(self, minimize: Minimize, number: int) -> str | None:
        """The argument that says whether the updates of a minimize act; None: they always do."""
        conditions = ["memory.updating"] if len(self.part.graph.minimizes) > 1 else []
        if minimize.every > 1:
            conditions.append(f"step % {minimize.every} == 0")
        if accumulates(self.train):
            return self._accumulated(minimize, number, conditions)
        if not conditions:
            return None
        name = f"update_{minimize.index + 1}"
        if number == 0:
            self.arguments.append(name)
            self.host_lines.append(f"{name} = {' and '.join(conditions)}")
        return name

    def _accumulated(self, minimize: Minimize, number: int, conditions: list[str]) -> str:
        """The gradients of a batch among others are taken in before the first update; what that depends on."""
        name = f"batch_{minimize.index + 1}"
        if number == 0:
            self.arguments.append(name)
            left_out = f" if {' and '.join(conditions)} else BATCH_LEFT_OUT" if conditions else ""
            self.host_lines.append(f"{name} = memory.batch(){left_out}")
            self.code.sections["updates"] += ["memory.accumulating()", f"accumulation = {self._accumulation(minimize)}"]
            self.first_lines.append("accumulation.begin()")
        return f"{name} in BATCHES_WHOLE"

    def _accumulation(self, minimize: Minimize) -> str:
        """What makes the sums of gradients."""
        if minimize.counted is None:
            return "Accumulation(space, n)"
        node = self.part.graph.totals[minimize.counted].node
        if node.op is constant:
            return f"Accumulation(space, {count_text(node)})"
        return f"Accumulation(space, total=totals[{minimize.counted}:])"

    def _code(self, action: ApplyUpdate, minimize: Minimize) -> UpdateCode:
        """The kernels of an update, written into the step's."""
        around, update = self.code, action.update
        names = around.module.node_names
        host = HostNumbers(lambda node: self._leaf(node, minimize, action), around.names, names)
        code = UpdateCode(around.module, device_update(update), around.names, host, Headings())
        code.sections, code.kernel_texts = around.sections, around.kernel_texts
        code.around = around
        wish = snake_case(update.optimizer)
        code.flats["weight"], code.flats["gradient"] = self._vectors(update, wish)
        for made in update.slots:
            if not made.scalar:
                key = update_key(self.train, action.minimize, action.number, made.name)
                name = around.names.unique(f"{wish}_{made.name}")
                around.sections["updates"].append(f"{name} = space.slot({string(key)})")
                code.flats[made.name] = name
        code.prepare()
        for each in code.schedule.actions:
            code.act(each, wish=f"{wish}_update")
        return code

    def _vectors(self, update: Update, wish: str) -> tuple[str, str]:
        """The variables of the flat weights and gradients: parts of the memory's, or gathered from several."""
        around = self.code
        ranges = around.module.layout.ranges(update)
        found: list[str] = []
        for vector in ("weights", "gradients"):
            name = around.names.unique(f"{wish}_{vector}")
            if len(ranges) == 1:
                value = f'space.vector("{vector}")[{ranges[0].start}:{ranges[0].stop}]'
            else:
                value = f"space.empty({sum(r.size for r in ranges)}, real)"
            around.sections["updates"].append(f"{name} = {value}")
            found.append(name)
        return found[0], found[1]

    def _copies(self, code: UpdateCode, update: Update) -> tuple[list[str], list[str]]:
        """Lines that gather groups that do not lie together, and those that put the weights back."""
        ranges = self.code.module.layout.ranges(update)
        if len(ranges) == 1:
            return [], []
        before: list[str] = []
        after: list[str] = []
        for vector, name in (("weights", code.flats["weight"]), ("gradients", code.flats["gradient"])):
            whole = self.code.whole(vector)
            start = 0
            for r in ranges:
                before.append(f"{name}[{start}:{start + r.size}] = {whole}[{r.start}:{r.stop}]")
                if vector == "weights":
                    after.append(f"{whole}[{r.start}:{r.stop}] = {name}[{start}:{start + r.size}]")
                start += r.size
        return before, after

    def _host(self, action: ApplyUpdate, minimize: Minimize, code: UpdateCode) -> list[str]:
        """The lines that compute an update's numbers and its scalar slots."""
        del minimize
        scalars = {name: node for name, node in new_values(action.update).items() if node.type.kind is Kind.STEP}
        roots = [*code.numbers, *scalars.values()]
        nodes = [node for node in reachable(roots) if node.type.kind is Kind.STEP]
        code.host.survey(nodes, kept=roots)
        lines = [line for node in nodes if not node.op.leaf and (line := code.host.compute(node)) is not None]
        lines += [f"given[{place}] = {tidy(code.host.text(node))}" for node, place in code.numbers.items()]
        if scalars:
            keys = [update_key(self.train, action.minimize, action.number, name) for name in scalars]
            places = ", ".join(f"memory.scalars[{string(key)}]" for key in keys)
            values = ", ".join(tidy(code.host.text(node)) for node in scalars.values())
            lines.append(f"{places} = {values}")
        return lines

    def _leaf(self, node: Node, minimize: Minimize, action: ApplyUpdate) -> HostLeaf:
        if node.op is step:
            return HostLeaf("step" if node["counts"] == "train" else counted_step(self.train, str(minimize.index)))
        if node.op is epoch:
            return HostLeaf("epoch")
        if node.op is slot:
            key = update_key(self.train, action.minimize, action.number, str(node["name"]))
            return HostLeaf(f"memory.scalars[{string(key)}]")
        raise InternalError(f"emit: {node!r} in an optimizer's update")
