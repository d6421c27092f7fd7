"""What a step takes: memory by what it is for, arithmetic by layer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING

from nndsl.ir.types import DType, Kind
from nndsl.ops import field as field_of_data
from nndsl.plan.loops import rule_over
from nndsl.plan.schedule import ApplyUpdate, Compute, Given, InBuffer, Loop, Meet, lies_by_time
from nndsl.plan.step import plan_share, plan_step
from nndsl.plan.tiles import divided
from nndsl.plan.work import bytes_of, flops_of
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Program, StepGraph, TrainProgram, Update
    from nndsl.ir.types import TensorType
    from nndsl.plan.schedule import Schedule
    from nndsl.plan.tiles import Tiling


@record
class LayerCost:
    """One step of a model, by its path ("" for what stands outside of models), for one batch.

    parameters: trained numbers. activations: bytes of the values that it computes forward, each counted as if it had
    memory of its own. forward, backward: floating-point operations.
    """

    scope: str
    parameters: int = 0
    activations: int = 0
    forward: int = 0
    backward: int = 0


@record
class MemoryReport:
    """Bytes and floating-point operations of one step over `batch_size` samples; floats take `float_bytes` each.

    inputs: the batch's fields. buffers: all other values, in memory that is used again; buffers_without_reuse: if each
    value had its own. gradients and slots are 0 where nothing is trained.
    """

    batch_size: int
    float_bytes: int
    parameters: int
    weights: int
    gradients: int
    slots: int
    states: int
    inputs: int
    buffers: int
    buffers_without_reuse: int
    forward: int
    backward: int
    update: int
    layers: tuple[LayerCost, ...]

    @property
    def bytes(self) -> int:
        """Everything together."""
        return self.weights + self.gradients + self.slots + self.states + self.inputs + self.buffers

    @property
    def flops(self) -> int:
        """Floating-point operations of the whole step."""
        return self.forward + self.backward + self.update


def step_bytes(graph: StepGraph, samples: int, float_bytes: int, tiling: Tiling | None, gradients: int) -> int:
    """The buffers of a step over a batch; in tiles, those of all threads, whose `gradients` are their own."""
    parts = divided(graph, tiling)
    if tiling is None or parts is None:
        return plan_step(graph).bytes(samples, float_bytes)
    tile, threads = tiling.divided(samples)
    schedule = plan_share(parts.samples) if parts.meets else plan_step(parts.samples)
    fields = {node for node, place in schedule.places.items() if isinstance(place, Given) and node.op is field_of_data}
    own = sum(bytes_of(node.type, 1, float_bytes) for node in fields)
    rest = samples % tile
    values = threads * (schedule.bytes(tile, float_bytes) + tile * own) + schedule.bytes(rest, float_bytes) + rest * own
    meetings = [node for action in schedule.actions if isinstance(action, Meet) for node in action.nodes]
    values += threads * sum(bytes_of(node.type, 1, float_bytes) for node in meetings)
    if not graph.minimizes:
        return values
    states = sum(bytes_of(node.type, 1, float_bytes) for _, node in graph.states) if parts.meets else 0
    sums = threads - 1 if tile * threads >= samples else 2 * threads - 1
    return values + plan_step(parts.rest).bytes(samples, float_bytes) + sums * gradients + (threads - 1) * states


def report(
    program: Program,
    train: TrainProgram,
    schedule: Schedule,
    batch_size: int,
    float_bytes: int = 4,
    tiling: Tiling | None = None,
) -> MemoryReport:
    """What a step of `train` takes, by its schedule (of training, evaluation or prediction).

    tiling: how the batches of training are divided; then `buffers` are those of all threads.
    """
    sizes = {w.path: w.type.size for w in program.weights}
    updates = [action for action in schedule.actions if isinstance(action, ApplyUpdate)]
    schedules = [schedule, *(action.schedule for action in updates)]
    tally = _Tally(batch_size, float_bytes)
    for weight in program.weights:
        tally.layer(weight.origin.scope).parameters += weight.type.size
    tally.count_all(schedule)
    parameters = sum(sizes.values())
    settings = dict(train.settings)
    divided = 0
    if tiling is not None:
        divided = step_bytes(train.training, batch_size, float_bytes, tiling, parameters * float_bytes)
        divided -= schedule.bytes(batch_size, float_bytes)
    given = [node for node, place in schedule.places.items() if isinstance(place, Given) and node.op is field_of_data]
    return MemoryReport(
        batch_size=batch_size,
        float_bytes=float_bytes,
        parameters=parameters,
        weights=parameters * float_bytes,
        gradients=parameters * float_bytes * (2 if settings.get("gradient_accumulation_steps", 1) != 1 else 1)
        if updates
        else 0,
        slots=sum(_slot_bytes(u, sizes, float_bytes) for m in train.training.minimizes for u in m.updates)
        + (2 * parameters * float_bytes if settings.get("use_ema") else 0)
        if updates
        else 0,
        states=sum(s.type.size for s in program.states) * float_bytes,
        inputs=sum(tally.bytes(node.type) for node in given),
        buffers=sum(each.bytes(batch_size, float_bytes) for each in schedules) + divided,
        buffers_without_reuse=sum(tally.without_reuse(each) for each in schedules),
        forward=sum(layer.forward for layer in tally.layers.values()),
        backward=sum(layer.backward for layer in tally.layers.values()),
        update=sum(tally.flops(node) for action in updates for node in _computed(action.schedule)),
        layers=tuple(layer.cost() for layer in tally.layers.values()),
    )


def _slot_bytes(update: Update, sizes: dict[str, int], float_bytes: int) -> int:
    """Bytes of an update's slots: arrays like the group's weights, and float64 numbers."""
    size = sum(sizes[path] for path in update.weights)
    return sum(8 if slot.scalar else size * float_bytes for slot in update.slots)


def _computed(schedule: Schedule) -> Iterator[Node]:
    return (action.node for action in schedule.actions if isinstance(action, Compute))


@dataclass(slots=True)
class _Layer:
    scope: str
    parameters: int = 0
    activations: int = 0
    forward: int = 0
    backward: int = 0

    def cost(self) -> LayerCost:
        return LayerCost(self.scope, self.parameters, self.activations, self.forward, self.backward)


@dataclass(slots=True)
class _Tally:
    batch_size: int
    float_bytes: int
    layers: dict[str, _Layer] = field(default_factory=dict[str, _Layer])

    def layer(self, scope: str) -> _Layer:
        return self.layers.setdefault(scope, _Layer(scope))

    def bytes(self, type: TensorType) -> int:
        return self._bytes(type.size, type.dtype, type.kind is Kind.SAMPLE)

    def _bytes(self, size: int, dtype: DType, per_sample: bool) -> int:
        return size * dtype.bytes(self.float_bytes) * (self.batch_size if per_sample else 1)

    def flops(self, node: Node) -> int:
        return flops_of(node, self.batch_size)

    def count(self, node: Node, times: int) -> None:
        """Count a node's arithmetic `times` times, and its memory once."""
        origin = node.origins[0] if node.origins else None
        layer = self.layer(origin.scope if origin is not None else "")
        if origin is not None and origin.backward:
            layer.backward += times * self.flops(node)
            return
        layer.forward += times * self.flops(node)
        if node.type.kind is not Kind.STEP:
            layer.activations += self.bytes(node.type)

    def count_all(self, schedule: Schedule, times: int = 1) -> None:
        """Count what a schedule computes, `times` times over: the steps of its loops as often as they run."""
        for action in schedule.actions:
            if isinstance(action, Compute):
                self.count(action.node, times)
            elif isinstance(action, Loop):
                for node in action.outputs.nodes:
                    self.count(node, 0)
                self.count_all(action.schedule, times * action.outputs.length)

    def without_reuse(self, schedule: Schedule) -> int:
        total = 0
        for action in schedule.actions:
            if isinstance(action, Loop):
                total += sum(self.bytes(node.type) for node in action.outputs.nodes)
                total += self.without_reuse(action.schedule)
            if not isinstance(action, Compute):
                continue
            node = action.node
            rule = rule_over(node, lambda each: lies_by_time(schedule.places.get(each)))
            if isinstance(schedule.places[node], InBuffer):
                total += self.bytes(node.type)
            if action.scratch and rule.scratch is not None:
                total += sum(self._bytes(prod(shape), DType(dtype), each) for shape, dtype, each in rule.scratch(node))
        return total
