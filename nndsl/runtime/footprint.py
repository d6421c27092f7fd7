"""What training takes of the memory, against what there is: known before anything is allocated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.diagnostics import UserError, error
from nndsl.diagnostics.amounts import in_bytes
from nndsl.ir import Kind, reachable
from nndsl.precision import float_bytes, products_of
from nndsl.runtime.machine import free_memory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.ir import Node
    from nndsl.ir.program import Program, TrainProgram
    from nndsl.plan import Tiling
    from nndsl.runtime.machine import FreeMemory

LOOK_CLOSER = 0.25
"""Of the free memory: what a bound must reach before the plan is made to know exactly."""

DRAWING = 3
"""Numbers that drawing a weight takes for each of its own: random bits, uniform numbers, and what is made of them."""

PRODUCTS = 32 << 20
"""The workspace that cuBLAS is given, as `nndsl.runtime.device.products` has it."""

_NAMES = 3


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes, at the same time.

    updating: what the optimizers compute with. activations: all values of a batch, in training and (other buffers) in
    evaluation; the larger of both where memory was limited. kept: copies of the weights. once: what is computed once
    for the data set, for all rows. largest: the steps whose values take most, each as if it had memory of its own.
    products: what matrix products take on a device besides.
    """

    weights: int
    gradients: int
    slots: int
    states: int
    updating: int
    activations: int
    batch: int
    kept: int
    data: int = 0
    once: int = 0
    batch_size: int = 1
    largest: tuple[tuple[str, int], ...] = ()
    products: int = 0

    @property
    def bytes(self) -> int:
        """Everything together."""
        return self.network + self.data

    @property
    def network(self) -> int:
        """Everything but the data."""
        return (
            self.weights
            + self.gradients
            + self.slots
            + self.states
            + self.updating
            + self.activations
            + self.batch
            + self.kept
            + self.once
            + self.products
        )

    def table(self) -> str:
        """What takes how much, a line each."""
        rows = [
            ("weights", self.weights),
            ("their gradients", self.gradients),
            ("what the optimizer remembers", self.slots),
            ("what the optimizer computes with", self.updating),
            ("moving statistics", self.states),
            ("weights that are kept besides (best epoch, averages)", self.kept),
            (f"activations of {self.batch_size:,} samples", self.activations),
            ("the batch itself", self.batch),
            ("values that are computed once for all rows", self.once),
            ("matrix products: their workspace, narrow weights", self.products),
            ("data", self.data),
        ]
        told = [(name, in_bytes(count)) for name, count in rows if count]
        width = max(len(count) for _, count in told)
        return "".join(f"\n  {count:>{width}}  {name}" for name, count in told)


def refuse_weights(program: Program, float_bytes: int) -> None:
    """Before the weights are made. Raises UserError NN640 where making them, with their gradients, does not fit."""
    sizes = [weight.type.size for weight in program.weights]
    numbers = 2 * sum(sizes) + sum(state.type.size for state in program.states)
    needed = (numbers + DRAWING * max(sizes, default=0)) * float_bytes
    free = free_memory()
    if free is None or needed <= free.bytes:
        return
    for train in program.trains[:1]:
        training = footprint(program, train, float_bytes, batch_size(train))
        if training.bytes > free.bytes:
            raise too_large(training, free, train)
    message = f"making the weights takes {in_bytes(needed)}, and {free.limit} {in_bytes(free.bytes)}"
    raise UserError(error("NN640", message, help="a smaller network"))


def refuse_training(
    program: Program,
    train: TrainProgram,
    float_bytes: int,
    samples: int,
    data: int,
    made: int,
    planned: Program | None = None,
    tiling: Tiling | None = None,
    rows: int = 0,
) -> None:
    """Before a block is trained in batches of `samples`. Raises UserError NN640 where it does not fit.

    data: bytes of the data's rows. made: bytes of all this that are there already, and so are no longer free. planned:
    the program as it was planned, where it was. tiling: how batches are divided. rows: of so many rows what can be
    computed once is kept.
    """
    free = free_memory()
    block = train if planned is None else block_of(planned, train)
    bound = _bound(program, train, float_bytes, samples) + data + rows * width_of(block, float_bytes) - made
    if free is None or bound <= LOOK_CLOSER * free.bytes:
        return
    needed = footprint(program, train, float_bytes, samples, data, planned, tiling, rows)
    if needed.bytes - made > free.bytes:
        raise too_large(needed, free, train)


def footprint(
    program: Program,
    train: TrainProgram,
    float_bytes: int,
    samples: int,
    data: int = 0,
    planned: Program | None = None,
    tiling: Tiling | None = None,
    rows: int = 0,
) -> Footprint:
    """What training a block takes in batches of `samples`, by its plan; arguments as `refuse_training` has them."""
    from nndsl.passes import optimise

    optimised = optimise(program) if planned is None else planned
    return planned_footprint(optimised, block_of(optimised, train), float_bytes, samples, data, tiling, rows)


def block_of(planned: Program, train: TrainProgram) -> TrainProgram:
    """A checked train block as it was planned."""
    return next(each for each in planned.trains if each.name == train.name)


def width_of(train: TrainProgram, float_bytes: int) -> int:
    """The bytes of what a planned block computes once for a row."""
    from nndsl.plan import bytes_of_row

    return 0 if train.once is None else bytes_of_row(train.once, float_bytes)


def planned_footprint(
    program: Program,
    train: TrainProgram,
    float_bytes: int,
    samples: int,
    data: int = 0,
    tiling: Tiling | None = None,
    rows: int = 0,
) -> Footprint:
    """What training a block of an optimised program takes."""
    from nndsl.plan import plan_step, report, step_bytes

    schedule = plan_step(train.training)
    reported = replace(train.evaluation, predictions=())
    training = report(program, train, schedule, samples, float_bytes)
    evaluation = report(program, train, plan_step(reported), samples, float_bytes)
    weights = training.gradients
    values = step_bytes(train.training, samples, float_bytes, tiling, weights)
    evaluating = step_bytes(reported, samples, float_bytes, tiling, weights)
    going = values + evaluating if train.recomputing is None else max(values, evaluating)
    before = 0 if train.once is None else step_bytes(train.once.graph, samples, float_bytes, tiling, 0)
    largest = sorted(training.layers, key=lambda layer: -layer.activations)[:_NAMES]
    copies = sum(callback.name == "EarlyStopping" for callback in train.callbacks)
    copies += bool(dict(train.settings).get("use_ema"))
    copies += dict(train.settings).get("gradient_accumulation_steps", 1) != 1
    return Footprint(
        training.weights,
        training.gradients,
        training.slots,
        training.states,
        training.buffers - schedule.bytes(samples, float_bytes),
        max(going, before) if rows else going + before,
        training.inputs + evaluation.inputs,
        copies * (training.weights + training.states),
        data,
        rows * width_of(train, float_bytes),
        samples,
        tuple((layer.scope, layer.activations) for layer in largest if layer.scope),
    )


def on_device(planned: Program, train: TrainProgram, samples: int, room: tuple[int, int], precision: str) -> Footprint:
    """What training a block takes of a device's memory, its data apart.

    planned: the program as it was planned. room: what its steps take there, as `room_of_block` has it.
    """
    size = float_bytes(precision)
    found = planned_footprint(planned, block_of(planned, train), size, samples)
    kept = found.weights + found.states if dict(train.settings).get("use_ema") else 0
    narrow = found.weights // 2 if products_of(precision) == "bfloat16" else 0
    steps = room[0] + room[1] * samples
    return replace(found, updating=0, activations=steps, batch=0, kept=kept, once=0, products=PRODUCTS + narrow)


def batch_size(train: TrainProgram) -> int:
    """The block's setting."""
    size = dict(train.settings).get("batch_size")
    return size if isinstance(size, int) else 1


def too_large(needed: Footprint, free: FreeMemory, train: TrainProgram) -> UserError:
    """NN640, with the table of what takes how much, and what would fit."""
    message = f"training {train.name} takes {in_bytes(needed.bytes)}, and {free.limit} {in_bytes(free.bytes)}"
    notes = [f"this is what takes it:{needed.table()}"]
    if needed.largest and needed.activations > needed.bytes // 4:
        steps = ", ".join(f"{path} ({in_bytes(count)})" for path, count in needed.largest)
        notes.append(f"most values are of {steps}")
    return UserError(error("NN640", message, train.span, notes=notes, help=_way_out(needed, free)))


def _way_out(needed: Footprint, free: FreeMemory) -> str:
    """The batch size that would fit, if one does."""
    fixed = needed.bytes - needed.activations - needed.batch
    each = (needed.activations + needed.batch) / max(1, needed.batch_size)
    fitting = int((free.bytes - fixed) * 0.9 / each) if each else 0
    if fitting < 1 or fitting >= needed.batch_size:
        return "a smaller network, or a machine with more memory"
    return f"`batch_size = {1 << (fitting.bit_length() - 1)}` would fit"


# ------------------------------------------------------------------------------------------------ a bound


def _bound(program: Program, train: TrainProgram, float_bytes: int, samples: int) -> int:
    """Not less than what the plan would say: every value, its gradient, and another for what is computed on the way."""
    weights = sum(weight.type.size for weight in program.weights) * float_bytes * 6
    graphs = [train.training.roots(), train.evaluation.roots()]
    return weights + 3 * sum(_bytes(reachable(roots), samples, float_bytes) for roots in graphs)


def _bytes(nodes: Iterable[Node], size: int, float_bytes: int) -> int:
    total = 0
    for node in nodes:
        if node.op is ops.scan:
            body, times = ops.body_of(node), node["length"]
            total += _bytes(reachable(body.roots), size, float_bytes) * (times if isinstance(times, int) else 1)
        samples = size if node.type.kind is Kind.SAMPLE else 1
        total += prod(node.type.shape) * node.type.dtype.bytes(float_bytes) * samples
    return total
