"""Why a training left the finite numbers: it is run again up to the first bad step, and that step looked into.

Training itself keeps nothing for this: it follows from the seed, so it can be run again, from its last checkpoint or
from its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import Label, error
from nndsl.ir.types import Kind
from nndsl.ops import field, weight
from nndsl.runtime.nonfinite import Born, Probe, operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nndsl.diagnostics import Diagnostic
    from nndsl.ir.graph import Node
    from nndsl.ir.program import TrainProgram, Update
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.loop import Fitting
    from nndsl.runtime.standalone.program import Memory
    from nndsl.source import Span

_TOO_LARGE = (
    "the numbers grew too large: try a smaller learning rate, `clip_global_norm=1.0` after the optimizer, or "
    "standardized inputs"
)
_STEEP = "its slope is infinite there: keep it away from that point, as `sqrt(x + 1e-7)` keeps a root from 0"
_AT_ZERO = {
    "log": "keep it away from 0: `log(x + 1e-7)`",
    "log1p": "keep it above -1",
    "divide": "keep what it divides by away from 0: `x / (y + 1e-7)`",
    "reciprocal": "keep what it divides by away from 0: `x / (y + 1e-7)`",
    "sqrt": "its slope at 0 is infinite, and below 0 there is none: `sqrt(x + 1e-7)`",
    "power": "keep what is raised above 0: `(x + 1e-7) ^ p`",
}


@dataclass(frozen=True, slots=True)
class BadStep:
    """The first step after which something was not finite. samples: done in its epoch before it."""

    epoch: int
    step: int
    samples: int


class Kept:
    """A copy of all that a training step changes."""

    def __init__(self, memory: Memory) -> None:
        self.weights, self.states = memory.weights.copy(), memory.states.copy()
        self.slots = {name: values.copy() for name, values in memory.slots.items()}
        self.scalars = dict(memory.scalars)

    def back_into(self, memory: Memory) -> None:
        """Puts all of it back."""
        memory.weights[...], memory.states[...] = self.weights, self.states
        for name, values in self.slots.items():
            memory.slots[name][...] = values
        memory.scalars.update(self.scalars)


def diverged(
    model: Model, train: TrainProgram, failure: Any, fitting: Fitting, begin: Callable[[Fitting], bool]
) -> Diagnostic:
    """What to say of a training that left the finite numbers.

    failure: the DivergedError. begin: puts the start into another fitting's memory, or an earlier moment of the
    training with its state; False where neither is known. The model's memory is used for running it again.
    """
    import numpy as np

    if train.training.minimizes[0].solver is not None:
        return _plain(train, failure)
    with np.errstate(all="ignore"):
        found = _run_again(model, failure, fitting, begin)
        if found is None:
            return _plain(train, failure)
        again, bad = found
        return _divided(train, failure) if bad is None else _look(model, train, again, bad, failure)


def _run_again(
    model: Model, failure: Any, fitting: Fitting, begin: Callable[[Fitting], bool]
) -> tuple[Fitting, BadStep | None] | None:
    """A training in the state before its first bad step, and that step; None where no training like it is known."""
    block = fitting.train
    again = model.generated.fitting(
        block,
        fitting.memory,
        fitting.parts,
        fitting.seed,
        None if block.data is None else fitting.epochs,
        fitting.batch_size,
    )
    if not begin(again):
        return None
    memory = again.memory
    kept, samples, last = Kept(memory), int(again.state()["samples"]), 0
    try:
        events: Iterator[Any] = again.events()
        for event in events:
            if type(event).__name__ == "EpochDone":
                samples = 0
            elif type(event).__name__ == "StepDone":
                if not _is_finite(memory):
                    kept.back_into(memory)
                    return again, BadStep(event.epoch, event.step, samples)
                if event.step > failure.step:
                    return None
                kept, samples, last = Kept(memory), event.samples, event.step
    except Exception as raised:
        if not model.generated.raised(raised, "DivergedError"):
            raise
        stopped: Any = raised
        if stopped.step == last:  # the step itself was finite: it is the epoch's loss that is not
            return again, None
        kept.back_into(memory)
        return again, BadStep(stopped.epoch, stopped.step, samples)
    return None


def _is_finite(memory: Memory) -> bool:
    import numpy as np

    vectors = (memory.weights, memory.states, memory.gradients, *memory.slots.values())
    return all(np.isfinite(vector).all() for vector in vectors)


# ------------------------------------------------------------------------------------------------ looking into a step


def _look(model: Model, train: TrainProgram, again: Fitting, bad: BadStep, failure: Any) -> Diagnostic:
    """What the first bad step computes first that is not finite."""
    memory = again.memory
    probe = Probe(model.checked, train.name, str(memory.dtype))
    born = _of_batches(model.generated.names, probe, again, bad, Kept(memory))
    if born is None:
        return _updated(train, again, bad, failure)
    return _described(train, born, bad, failure)


def _of_batches(names: Mapping[str, Any], probe: Probe, again: Fitting, bad: BadStep, before: Kept) -> Born | None:
    """The first value that is not finite, batch by batch of the step; the memory is left as it was `before`.

    names: what the module defines whose training it is.
    """
    block, memory = again.train, again.memory
    batches: int = names["batches_of_step"](block)
    workspaces: Any = names["Workspaces"](probe.workspace, memory, again.seed)
    if block.data is None:
        step = workspaces.of(again.batch_size)
        for number in range(batches):
            memory.last_of_step = number == batches - 1
            step.run(bad.step, bad.epoch, number * again.batch_size)
            before.back_into(memory)
            if (born := probe.born(memory, step)) is not None:
                return born
        return None
    part = again.parts["train"]
    samples: int = names["len_of"](part)
    order = names["epoch_order"](block, samples, again.seed, bad.epoch)
    filled: Any = names["filled_batches"](part, order, again.batch_size, workspaces.of, bad.samples)
    try:
        for number, (first, n, step) in enumerate(filled, 1):
            memory.last_of_step = number == batches or first + n == samples
            last = memory.last_of_step
            step.run(bad.step, bad.epoch, first)
            before.back_into(memory)
            if (born := probe.born(memory, step)) is not None or last:
                return born
    finally:
        filled.close()
        memory.last_of_step = True
    return None


# ------------------------------------------------------------------------------------------------ saying it


def _plain(train: TrainProgram, failure: Any) -> Diagnostic:
    help = "try a smaller learning rate; look for a logarithm or a division that can meet 0"
    return error("NN617", str(failure), _of_loss(train, failure), "of this loss", help=help)


def _of_loss(train: TrainProgram, failure: Any) -> Span:
    """The `minimize` whose loss is lost; the first where it is no loss that is."""
    names = [reported.name for reported in train.training.reported]
    index = names.index(failure.what) if failure.what in names else 0
    return train.training.minimizes[index].span


def _divided(train: TrainProgram, failure: Any) -> Diagnostic:
    """A loss whose sums are finite: it is a mean of nothing."""
    reported = train.training.reported[0]
    note = "every step was finite: what the loss is a mean over adds up to 0"
    help = "some sample must have a weight that is not 0"
    return error("NN617", str(failure), reported.span, "its samples weigh nothing", notes=[note], help=help)


def _described(train: TrainProgram, born: Born, bad: BadStep, failure: Any) -> Diagnostic:
    node = born.node
    message = str(failure)
    where = _where(bad, failure)
    loss = span = _of_loss(train, failure)
    if node.op is field:
        name = str(node["name"])
        place = f"sample {born.place[0] + 1} of the batch" if born.place else "the data"
        note = f"{where}: the field {name} holds {born.value:g} in {place}"
        help = f"look at the rows of {train.data}; `fill(column, median)` replaces what is missing"
        return error("NN617", message, span, "the data is not finite", notes=[note], help=help)
    if node.op is weight:
        note = f"{where}: the weight {node['path']} held {born.value:g} before it"
        help = "such weights were there when training began: it can't go on from them"
        return error("NN617", message, span, "of this loss", notes=[note], help=help)
    origin = node.origins[0] if node.origins else None
    span = span if origin is None else origin.span
    notes = [f"{where}: {_value(born)}{_step(node)}"]
    if born.operands:
        ranges = ", ".join(f"{name} from {low:.4g} to {high:.4g}" for name, low, high in born.operands)
        notes.append(f"computed by {operation(node)} of {ranges}")
    if origin is not None and origin.library is not None:
        line = origin.library.file.line(origin.library.line).strip()
        notes.append(f"in {origin.library.file.name}, line {origin.library.line}: {line}")
    if born.then_nan is not None and born.then_nan.origins:
        place = born.then_nan.origins[0].span
        notes.append(f"from that {operation(born.then_nan)} made a nan, at {place}{_step(born.then_nan)}")
    more = [] if loss.line == span.line else [Label(loss, "of this loss")]
    label = "the first value that is not finite"
    if origin is not None and origin.backward:
        label = "the first value that is not finite, in the gradient of this"
    return error(
        "NN617",
        message,
        span,
        label,
        more=more,
        notes=notes,
        help=_help(born),
    )


def _value(born: Born) -> str:
    count = "all" if born.count == born.size else f"{born.count:,}"
    numbers = "the number" if born.size == 1 else f"{count} of {born.size:,} numbers"
    if born.size == 1:
        return f"it is {born.value:g}"
    is_sample = born.node.type.kind is Kind.SAMPLE and born.place
    first = f"sample {born.place[0] + 1} of the batch" if is_sample else f"place {list(born.place)}"
    if is_sample and len(born.place) > 1:
        first += f", at {list(born.place[1:])}"
    return f"{numbers} are not finite, first {born.value:g} in {first}"


def _step(node: Node) -> str:
    scope = node.origins[0].scope if node.origins else ""
    return f", in {scope}" if scope else ""


def _where(bad: BadStep, failure: Any) -> str:
    before = failure.step - bad.step
    earlier = "" if not before else f", {before:,} step{'' if before == 1 else 's'} before"
    return f"epoch {bad.epoch}, step {bad.step}{earlier}"


def _updated(train: TrainProgram, again: Fitting, bad: BadStep, failure: Any) -> Diagnostic:
    """The step's values and gradients were finite: the update was too large."""
    import numpy as np

    update = _changing(train)
    largest = float(np.abs(again.memory.gradients).max())
    weights = float(np.abs(again.memory.weights).max())
    notes = [
        f"{_where(bad, failure)}: the update made weights that are not finite",
        f"the largest weight was {weights:.4g} before it, the largest gradient {largest:.4g}",
    ]
    help = "try a smaller learning rate, or `clip_global_norm=1.0` after the optimizer"
    return error("NN617", str(failure), update.origin.span, "by this optimizer", notes=notes, help=help)


def _changing(train: TrainProgram) -> Update:
    return next(update for minimize in train.training.minimizes for update in minimize.updates)


def _help(born: Born) -> str:
    name = born.node.op.name
    largest = max((max(abs(low), abs(high)) for _, low, high in born.operands), default=0.0)
    if name in _AT_ZERO and largest < 1e15:
        backward = bool(born.node.origins) and born.node.origins[0].backward
        if name in ("log", "sqrt") and not backward and any(low < 0 for _, low, _ in born.operands):
            return f"there is no `{name}` of numbers below 0: `{name}(maximum(x, 1e-7))`, if they should count as 0"
        return _STEEP if backward else _AT_ZERO[name]
    return _TOO_LARGE
