"""A device's schedules of whole steps, of updates, and of any other group of nodes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import ByPlan, Call, Product, device_form
from nndsl.ir.graph import reachable
from nndsl.ir.types import DType, Kind
from nndsl.ops import scan, state
from nndsl.plan.device.bodies import new_values_in_place, parameters_copied
from nndsl.plan.device.regions import CarryOf, Region, Regions
from nndsl.plan.device.schedule import Call as CallKernel
from nndsl.plan.device.schedule import (
    ClearGradient,
    DeviceAction,
    DeviceLoop,
    DeviceSchedule,
    Multiply,
    StateOf,
    Target,
)
from nndsl.plan.device.values import DeviceValues, device_values, is_number, source_of
from nndsl.plan.loops import array_operands, loops_of
from nndsl.plan.order import order_step
from nndsl.plan.schedule import (
    AddTotal,
    ApplyUpdate,
    Compute,
    Given,
    GradientOf,
    InBuffer,
    InPlace,
    Loop,
    Meet,
    SetFlat,
    SetGradient,
    SetState,
)
from nndsl.plan.step import plan_updates
from nndsl.plan.tenants import Tenants
from nndsl.plan.update import flat_name, new_values

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import StepGraph, Update
    from nndsl.plan.loops import LoopOutputs
    from nndsl.plan.schedule import Action


def device_step(graph: StepGraph) -> DeviceSchedule:
    """The schedule of a training or evaluation step."""
    sequence = order_step(graph, plan_updates(graph))
    outputs = tuple(node for _, node, _ in graph.predictions)
    return _planned(sequence.actions, outputs)


def device_nodes(roots: Iterable[Node]) -> DeviceSchedule:
    """The schedule that computes `roots`, its outputs in their order."""
    outputs = tuple(roots)
    return _planned([Compute(node) for node in outputs], outputs)


def device_body(outputs: LoopOutputs) -> DeviceSchedule:
    """The schedule of one step of a loop: its new values, each where the loop has it (see `schedule.InPlace`)."""
    planning = _Planning([SetFlat(name, node) for name, node in outputs.new_values.items()], (), outputs)
    return planning.schedule()


def device_update(update: Update) -> DeviceSchedule:
    """The schedule of one update: what is summed up first, then one kernel over the flat vectors, in place."""
    sinks = {name: node for name, node in new_values(update).items() if node.type.kind is not Kind.STEP}
    stores: list[Action] = [SetFlat(name, node) for name, node in sinks.items() if flat_name(node) != name]
    return _planned(stores, ())


# ------------------------------------------------------------------------------------------------ planning


def _planned(actions: list[Action], outputs: tuple[Node, ...]) -> DeviceSchedule:
    return _Planning(actions, outputs).schedule()


@dataclass(slots=True)
class _Planning:
    """Makes a device's schedule of the actions of a schedule for the host, in their order."""

    actions: list[Action]
    outputs: tuple[Node, ...]
    body: LoopOutputs | None = None
    places: dict[Node, Target] = field(default_factory=dict["Node", "Target"])
    _visited: set[Node] = field(default_factory=set["Node"])
    _loops: dict[Node, LoopOutputs] = field(default_factory=dict["Node", "LoopOutputs"])

    def schedule(self) -> DeviceSchedule:
        """Everything in its place."""
        actions = self.actions
        copied = self._copied()
        values = self._values(copied)
        self._loops = loops_of(values.nodes)
        counts = Counter(operand for node in values.nodes for operand in set(node.inputs))
        regions = Regions(values, counts, small=self.body is not None)
        if self.body is None:
            direct = _gradients_in_place(actions, values, self.outputs)
        else:
            direct = new_values_in_place(self.body, values)
        for node in sorted(_crossing_states(actions), key=lambda node: node.id):
            regions.compute(node, copies=True)
            self._visited.add(node)
        began = False
        for action in actions:
            if isinstance(action, SetState | SetFlat) and not began and self.body is None:
                began = True
                for sink in (a.node for a in actions if isinstance(a, SetState | SetFlat)):
                    self._visit(sink, regions, values, copied)
                regions.barrier()
            self._act(action, regions, values, copied, direct)
        if self.body is None:
            regions.store_together((a.node, InPlace(a.name)) for a in actions if isinstance(a, SetFlat))
        for node in self.outputs:
            self._visit(node, regions, values, copied)
        regions.finish()
        return self._placed(regions, values, direct)

    def _copied(self) -> set[Node]:
        """Leaves of which a copy is read."""
        if self.body is not None:
            return parameters_copied(self.body)
        computed = (action.node for action in self.actions if isinstance(action, Compute))
        leaves = {node for node in computed if node.op.leaf and node.op.numpy.statements is None}
        return {node for node in leaves if not is_number(node)} | _crossing_states(self.actions)

    def _values(self, copied: Collection[Node]) -> DeviceValues:
        segments: dict[Node, int] = {}
        sinks: dict[Node, int] = {}
        roots: list[Node] = [*self.outputs]
        segment = 0
        for action in self.actions:
            match action:
                case Compute(node=node):
                    segments[node] = segment
                    roots.append(node)
                case Loop(outputs=outputs):
                    segments |= dict.fromkeys(outputs.nodes, segment)
                    roots += outputs.nodes
                case AddTotal(node=node) | SetState(node=node) | SetFlat(node=node) | SetGradient(node=node):
                    if node is not None:
                        sinks[node] = max(sinks.get(node, 0), segment)
                        roots.append(node)
                case ApplyUpdate():
                    segment += 1
                case Meet():
                    pass
        roots = [node for node in roots if node.type.kind is not Kind.STEP]
        return device_values(roots, self.outputs, segments, sinks, copied)

    def _act(
        self,
        action: Action,
        regions: Regions,
        values: DeviceValues,
        copied: Collection[Node],
        direct: Mapping[Node, Target],
    ) -> None:
        match action:
            case Compute(node=node):
                if node.type.kind is not Kind.STEP and node in values.there:
                    self._visit(node, regions, values, copied)
            case Loop(outputs=outputs):
                self._visit(outputs.chief, regions, values, copied)
            case Meet(nodes=nodes):
                raise InternalError(f"plan: shares of a batch on a device: {nodes!r}")
            case AddTotal(index, node):
                self._visit(node, regions, values, copied)
                regions.total(node, index)
            case SetGradient(path, node):
                if node is None:
                    regions.act(ClearGradient(path), (), (), barrier=False)
                    return
                self._visit(node, regions, values, copied)
                if direct.get(source_of(node)) != GradientOf(path):
                    regions.store(node, GradientOf(path))
            case SetState(path, node):
                regions.store(node, StateOf(path))
            case SetFlat(name, node) if self.body is not None:
                self._visit(node, regions, values, copied)
                if direct.get(source_of(node)) != InPlace(name):
                    regions.store(node, InPlace(name))
            case SetFlat():
                pass  # all of them together, at the end
            case ApplyUpdate():
                regions.act(action, (), (), barrier=True)

    def _visit(self, root: Node, regions: Regions, values: DeviceValues, copied: Collection[Node]) -> None:
        """Compute what `root` needs in memory, itself included, each once."""
        stack = [root]
        while stack:
            node = stack[-1]
            if node in self._visited:
                stack.pop()
                continue
            inputs = () if node in copied or is_number(node) else node.inputs
            pending = [operand for operand in inputs if operand not in self._visited]
            if pending:
                stack.extend(reversed(pending))
                continue
            stack.pop()
            self._visited.add(node)
            if node in values.there:
                self._compute(node, regions, copied)

    def _compute(self, node: Node, regions: Regions, copied: Collection[Node]) -> None:
        form = device_form(node)
        if node in copied:
            regions.compute(node, copies=True)
        elif isinstance(form, Product):
            regions.act(Multiply(node), node.inputs, (node,), barrier=False)
        elif isinstance(form, Call):
            regions.act(CallKernel(node), node.inputs, (node,), barrier=False)
        elif node.op is scan:
            self._loop(self._loops[node], regions)
        else:
            regions.compute(node)

    def _loop(self, outputs: LoopOutputs, regions: Regions) -> None:
        """A loop, all outputs of it at once."""
        self._visited.update(outputs.nodes)
        for number in outputs.carries:
            regions.start(outputs.outside(outputs.body.carries[number]), CarryOf(outputs.chief, number))
        loop = DeviceLoop(outputs, device_body(outputs))
        regions.act(loop, array_operands(outputs.chief), outputs.nodes, barrier=False)

    # -------------------------------------------------------------------------------------------- places

    def _placed(self, regions: Regions, values: DeviceValues, direct: Mapping[Node, Target]) -> DeviceSchedule:
        """Buffers for what is read from memory, shared by values whose lives do not overlap."""
        places, tenants = self.places, Tenants()
        carries: dict[CarryOf, tuple[int, ...]] = {}
        for node in values.nodes:
            held = node.op.leaf and isinstance(device_form(node), ByPlan) and not is_number(node)
            if node in values.filled or (held and node not in values.there):
                places[node] = Given()
        last: dict[Node, int] = {}
        for position, region in enumerate(regions.regions):
            for node in region.reads:
                last[node] = position
        ends = {source_of(node) for node in self.outputs}
        stored: set[Node] = {node for node in last if node in values.there} | ends
        made: list[tuple[Region, list[Node]]] = []
        for position, region in enumerate(regions.regions):
            here = _makes(region)
            self._carry(region, tenants, carries)
            for node in here:
                if node in places:
                    continue
                if node in direct:
                    places[node] = direct[node]
                    stored.add(node)
                elif node in stored or region.action is not None:
                    places[node] = InBuffer(_taken(node, tenants))
            for node in [*region.reads, *here]:
                place = places.get(node)
                if isinstance(place, InBuffer) and node not in ends and last.get(node, position) == position:
                    tenants.give_back(place.buffer)
            made.append((region, here))
        numbers, buffers = tenants.housed()
        for node, place in places.items():
            if isinstance(place, InBuffer):
                places[node] = InBuffer(numbers[place.buffer])
        housed = {carry: tuple([numbers[tenant] for tenant in tenants]) for carry, tenants in carries.items()}
        firsts = {carry: InBuffer(buffers[0]) for carry, buffers in housed.items()}
        actions: list[DeviceAction] = []
        for region, _ in made:
            match region.action:
                case None:
                    fused = regions.fused(region, stored, places, firsts)
                    actions += [fused] if fused.stores else []
                case DeviceLoop(outputs=outputs) as loop:
                    own = ((k, housed[CarryOf(outputs.chief, k)]) for k in outputs.carries)
                    actions.append(replace(loop, carries=tuple((k, (first, second)) for k, (first, second) in own)))
                case action:
                    actions.append(action)
        return DeviceSchedule(tuple(actions), places, tuple(buffers), self.outputs)

    def _carry(self, region: Region, tenants: Tenants, carries: dict[CarryOf, tuple[int, ...]]) -> None:
        """Buffers for the carries of loops: one from where its first value is written, another while the loop runs.

        The last value is in one of them; the other is given back behind the loop.
        """
        for unit in region.units:
            if isinstance(unit.target, CarryOf):
                carries[unit.target] = (_taken(unit.target.loop.inputs[unit.target.number], tenants),)
        if not isinstance(region.action, DeviceLoop):
            return
        outputs = region.action.outputs
        pairs = {k: CarryOf(outputs.chief, k) for k in outputs.carries}
        for k, carry in pairs.items():
            carries[carry] = (*carries[carry], _taken(outputs.body.carries[k], tenants))
        for node in outputs.nodes:
            if not str(node["output"]).startswith("last"):
                self.places[node] = InBuffer(_taken(node, tenants))
        for k, carry in pairs.items():
            last = outputs.output(f"last:{k}")
            for step, tenant in enumerate(carries[carry]):
                if last is not None and step == outputs.length % 2:
                    self.places[last] = InBuffer(tenant)
                else:
                    tenants.give_back(tenant)


def _taken(node: Node, tenants: Tenants) -> int:
    """Memory for a value."""
    return tenants.take(node.type.dtype, node.type.size, node.type.kind is Kind.SAMPLE)


def _makes(region: Region) -> list[Node]:
    """The values that a place in the list makes."""
    match region.action:
        case Multiply(node=node) | CallKernel(node=node):
            return [node]
        case DeviceLoop(outputs=outputs):
            return [*outputs.nodes]
        case None:
            return [unit.node for unit in region.units if unit.made]
        case _:
            return []


def _crossing_states(actions: Iterable[Action]) -> set[Node]:
    """States that some other state's new value reads: by then they may have changed."""
    found: set[Node] = set()
    changed = {action.path for action in actions if isinstance(action, SetState)}
    for action in actions:
        if isinstance(action, SetState):
            leaves = [node for node in reachable([action.node]) if node.op is state]
            found.update(leaf for leaf in leaves if leaf["path"] != action.path and leaf["path"] in changed)
    return found


def _gradients_in_place(actions: list[Action], values: DeviceValues, outputs: tuple[Node, ...]) -> dict[Node, Target]:
    """The gradients that are computed straight into the flat vector.

    Each is the gradient of one weight in one minimize and computed after the update before it, which reads the same
    memory; nothing reads it after the update that it is for.
    """
    uses = Counter(source_of(a.node) for a in actions if isinstance(a, SetGradient) and a.node is not None)
    segment, computed = 0, dict["Node", int]()
    updated: dict[str, list[int]] = defaultdict(list)
    for action in actions:
        if isinstance(action, ApplyUpdate):
            for path in action.update.weights:
                updated[path].append(segment)
            segment += 1
        elif isinstance(action, Compute):
            computed[action.node] = segment
    found: dict[Node, Target] = {}
    segment = 0
    for action in actions:
        segment += isinstance(action, ApplyUpdate)
        if not isinstance(action, SetGradient) or action.node is None:
            continue
        node = source_of(action.node)
        before = max((at for at in updated[action.path] if at < segment), default=-1)
        after = min((at for at in updated[action.path] if at >= segment), default=1 << 30)
        fits = (
            node in values.there
            and not (node.op.leaf or node.op is scan)
            and node.type.dtype is DType.FLOAT
            and node not in outputs
        )
        if fits and uses[node] == 1 and computed.get(node, segment) > before and values.last[node] <= after:
            found[node] = GradientOf(action.path)
    return found
