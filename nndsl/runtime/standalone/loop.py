"""The training loop: epochs, batches, validation, callbacks; and evaluating and predicting batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.callbacks import Callback, TrainingError, make_callbacks
from nndsl.runtime.standalone.program import Array, Memory, Step, Table, Train, Workspace
from nndsl.runtime.standalone.random import shuffled
from nndsl.runtime.standalone.solvers import Solving
from nndsl.runtime.standalone.threads import blas_threads

ROWS_WITHOUT_DATA = 100
"""Without data there are no epochs: the steps are told of in this many equal stretches, which count as epochs."""


class DivergedError(TrainingError):
    """The loss became infinite or nan: `value`, at `step` (counted over the whole training) of `epoch`."""

    def __init__(self, value: float, epoch: int, step: int) -> None:
        super().__init__(f"the loss became {value} at epoch {epoch}, step {step}")
        self.value = value
        self.epoch = epoch
        self.step = step


@dataclass(slots=True)
class StepDone:
    """A training step is done. The same object is given after every step of an epoch, with new numbers.

    epoch, step: from 1, steps counted over the whole training. samples: how many of the epoch's `of` samples are done.
    """

    epoch: int
    step: int
    samples: int
    of: int
    _train: Train
    _workspaces: Workspaces

    def reported(self) -> dict[str, float]:
        """The reported numbers over the samples of this epoch so far."""
        return reported_numbers(self._train, self._workspaces.totals(), self.samples, self.step, self.epoch)


@dataclass(frozen=True, slots=True)
class EpochDone:
    """An epoch is done, with what it reported; `validation` is empty where the data has no such part.

    save: a callback asks for this epoch's weights to be saved, under a name of `best_only` or of the epoch.
    """

    epoch: int
    step: int
    train: dict[str, float]
    validation: dict[str, float]
    save: bool = False
    best_only: bool = False

    def row(self) -> dict[str, float]:
        """The epoch as a row of the history: epoch, train.loss, ..., validation.loss, ..."""
        return {
            "epoch": self.epoch,
            **{f"train.{name}": value for name, value in self.train.items()},
            **{f"validation.{name}": value for name, value in self.validation.items()},
        }


@dataclass(frozen=True, slots=True)
class FitDone:
    """Training is over after `epochs` epochs and `steps` steps.

    stopped: why it ended early, or None. restored: the epoch whose weights are back in place, or None for the last
    one's.
    """

    epochs: int
    steps: int
    stopped: str | None = None
    restored: int | None = None


Event = StepDone | EpochDone | FitDone


@dataclass(slots=True)
class Workspaces:
    """The workspaces of one kind, by batch size, each made when a batch of that size first comes."""

    make: Workspace
    memory: Memory
    seed: int
    made: dict[int, Step] = field(default_factory=dict[int, Step])

    def of(self, n: int) -> Step:
        """The workspace for batches of n samples."""
        step = self.made.get(n)
        if step is None:
            step = self.made[n] = self.make(n, self.memory, self.seed)
        return step

    def clear(self) -> None:
        """Sets all totals to 0."""
        for step in self.made.values():
            step.totals.fill(0.0)

    def totals(self) -> NDArray[np.float64]:
        """The sums over all batches since `clear`."""
        return np.stack([step.totals for step in self.made.values()]).sum(0)


def reported_numbers(
    train: Train, totals: NDArray[np.float64], samples: int, step: int, epoch: int
) -> dict[str, float]:
    """The reported numbers as Python floats. What is not defined (0 / 0) is nan."""
    with np.errstate(all="ignore"):
        return {name: float(value) for name, value in train.report(totals, samples, step, epoch).items()}


def whole_setting(train: Train, name: str, instead: int | None = None) -> int:
    """`instead` where it is given, else the block's setting `name`, a whole number."""
    return int(train.settings[name] or 0) if instead is None else instead


# ------------------------------------------------------------------------------------------------ training


def fit(
    train: Train,
    memory: Memory,
    parts: Mapping[str, Table],
    seed: int,
    epochs: int | None = None,
    batch_size: int | None = None,
) -> Iterator[Event]:
    """Trains the weights in `memory`; gives a StepDone after each step, an EpochDone after each epoch, FitDone at last.

    parts: the fields of "train" and, if there is one, "validation"; empty for a block without data.
    epochs, batch_size: instead of the block's own. Raises TrainingError, DivergedError among them. A generator that is
    closed after a StepDone leaves the weights as that step made them.
    """
    with blas_threads(train.blas_threads):
        yield from _fit(train, memory, parts, seed, epochs, batch_size)


def _fit(
    train: Train,
    memory: Memory,
    parts: Mapping[str, Table],
    seed: int,
    epochs: int | None,
    batch_size: int | None,
) -> Iterator[Event]:
    """As `fit`, on whatever threads there are."""
    memory.begin(train)
    callbacks = make_callbacks(train)
    training = Workspaces(train.training, memory, seed)
    validation = Workspaces(train.evaluation, memory, seed)
    n = whole_setting(train, "batch_size", batch_size)
    count = epoch_count(train, epochs)
    step = epoch = 0
    stopped: str | None = None
    solving = _solving(train, training, parts.get("train"), n) if train.solver is not None else None
    for epoch in range(1, count + 1):
        training.clear()
        if solving is not None:
            steps = _iterations(train, training, solving, step, epoch, count)
        elif train.data is None:
            steps = _steps_without_data(train, training, step, epoch, count, n)
        else:
            steps = _steps_over_data(train, training, parts["train"], seed, step, epoch, n)
        done = None
        for done in steps:
            yield done
        if done is None:
            raise TrainingError("there are no samples to train on")
        step = done.step
        held_out = _totals_over(validation, parts["validation"], n) if len_of(parts.get("validation")) else None
        event = EpochDone(
            epoch, step, done.reported(), {} if held_out is None else reported_numbers(train, *held_out, step, epoch)
        )
        yield _after_callbacks(callbacks, event, memory)
        stopped = next((callback.stop for callback in callbacks if callback.stop), solving and solving.finished)
        if stopped:
            break
    restored = [callback.after_training(memory) for callback in callbacks]
    yield FitDone(epoch, step, stopped, next((number for number in restored if number is not None), None))


def epoch_count(train: Train, epochs: int | None = None) -> int:
    """How many epochs there will be if nothing stops. Raises TrainingError for `epochs` where steps are counted."""
    if train.data is not None:
        return whole_setting(train, "epochs", epochs)
    if epochs is not None:
        raise TrainingError(f"{train.name} has no data and so no epochs: it says how many `steps`")
    return min(ROWS_WITHOUT_DATA, whole_setting(train, "steps"))


def len_of(fields: Table | None) -> int:
    """Number of samples of a part; 0 for no part."""
    return len(next(iter(fields.values()))) if fields else 0


def _steps_over_data(
    train: Train, training: Workspaces, fields: Table, seed: int, step: int, epoch: int, batch_size: int
) -> Iterator[StepDone]:
    """One epoch over all samples, in an order drawn for it; the last batch may be smaller."""
    samples = len_of(fields)
    order = shuffled(samples, seed, epoch) if train.settings.get("shuffle", True) else np.arange(samples)
    done = StepDone(epoch, step, 0, samples, train, training)
    take = np.take
    workspace: Step | None = None
    inputs: list[tuple[Array, Array]] = []
    for first in range(0, samples, batch_size):
        rows = order[first : first + batch_size]
        n = len(rows)
        if workspace is None or n < batch_size:
            workspace = training.of(n)
            inputs = [(fields[name], target) for name, target in workspace.inputs.items()]
        for source, target in inputs:
            # Indices are in range; "clip" spares the copy that NumPy makes of `target` to be safe against others.
            take(source, rows, 0, target, "clip")
        step += 1
        workspace.run(step, epoch, first)
        done.step = step
        done.samples = first + n
        _check_finite(workspace, done)
        yield done


def _steps_without_data(
    train: Train, training: Workspaces, step: int, epoch: int, epochs: int, batch_size: int
) -> Iterator[StepDone]:
    """The steps of one of `epochs` equal stretches; every step has fresh draws."""
    last = epoch * whole_setting(train, "steps") // epochs
    workspace = training.of(batch_size)
    done = StepDone(epoch, step, 0, (last - step) * batch_size, train, training)
    while step < last:
        step += 1
        workspace.run(step, epoch, 0)
        done.step = step
        done.samples += batch_size
        _check_finite(workspace, done)
        yield done


def _solving(train: Train, training: Workspaces, fields: Table | None, batch_size: int) -> Solving:
    """The block's solver over all samples, in their order, or over the draws of one batch where there is no data."""
    n = batch_size if train.data is None else len_of(fields)
    if n < 1:
        raise TrainingError("there are no samples to train on")
    solving = Solving(train, training.memory, training.of(n), training.seed, n)
    solving.problem.fill(fields or {})
    return solving


def _iterations(
    train: Train, training: Workspaces, solving: Solving, step: int, epoch: int, epochs: int
) -> Iterator[StepDone]:
    """The iterations of a solver in one epoch: one, or without data one of `epochs` equal stretches of the steps."""
    last = epoch if train.data is not None else epoch * whole_setting(train, "steps") // epochs
    done = StepDone(epoch, step, solving.samples, solving.samples, train, training)
    while step < last and not (solving.finished and done.step):
        step += 1
        solving.iterate()
        done.step = step
        _check_finite(training.of(solving.samples), done)
        yield done


def _check_finite(workspace: Step, done: StepDone) -> None:
    """Raises DivergedError where the loss is infinite or nan; computes it only where one of the totals is."""
    if isfinite(workspace.totals.dot(workspace.totals)):
        return
    loss = done.reported()["loss"]
    if not isfinite(loss):
        raise DivergedError(loss, done.epoch, done.step)


def _after_callbacks(callbacks: list[Callback], done: EpochDone, memory: Memory) -> EpochDone:
    """`done`, after every callback has seen it, with whether any wants the weights saved."""
    for callback in callbacks:
        callback.after_epoch(done.epoch, done.train, done.validation, memory)
    saving = [callback for callback in callbacks if callback.save]
    best_only = bool(saving) and all(callback.best_only for callback in saving)
    return EpochDone(done.epoch, done.step, done.train, done.validation, bool(saving), best_only)


# ------------------------------------------------------------------------------------------------ without training


def evaluate(train: Train, memory: Memory, fields: Table, seed: int, batch_size: int | None = None) -> dict[str, float]:
    """The reported numbers over all samples of `fields`, in evaluation form. Raises TrainingError for no samples."""
    if not len_of(fields):
        raise TrainingError("there are no samples to evaluate on")
    workspaces = Workspaces(train.evaluation, memory, seed)
    with blas_threads(train.blas_threads):
        totals, samples = _totals_over(workspaces, fields, whole_setting(train, "batch_size", batch_size))
    return reported_numbers(train, totals, samples, 0, 0)


def predict(train: Train, memory: Memory, fields: Table, seed: int, batch_size: int | None = None) -> dict[str, Array]:
    """What the block's `predict` names, [samples, ...] each. Raises TrainingError where it has no such line."""
    if train.prediction is None:
        raise TrainingError(f"{train.name} predicts nothing: it has no `predict` line")
    samples = len_of(fields)
    found: dict[str, Array] = {}
    workspaces = Workspaces(train.prediction, memory, seed)
    with blas_threads(train.blas_threads):
        for first, step in _batches(workspaces, fields, whole_setting(train, "batch_size", batch_size)):
            for name, values in step.outputs.items():
                if name not in found:
                    found[name] = np.empty((samples, *values.shape[1:]), values.dtype)
                found[name][first : first + len(values)] = values
    return found


def class_names(train: Train, predictions: Mapping[str, Array]) -> dict[str, Array]:
    """The predictions, with the names of classes in place of their ids."""
    named: dict[str, Array] = {}
    for name, values in predictions.items():
        names = train.prediction_classes.get(name)
        named[name] = values if names is None else np.array(names, np.str_)[values]
    return named


def _batches(workspaces: Workspaces, fields: Table, batch_size: int) -> Iterator[tuple[int, Step]]:
    """(position of its first sample, its workspace after the step) for each batch, in the samples' order."""
    samples = len_of(fields)
    for first in range(0, samples, batch_size):
        yield first, filled(workspaces, fields, first, min(batch_size, samples - first))


def filled(workspaces: Workspaces, fields: Table, first: int, n: int) -> Step:
    """The workspace for `n` samples after its step over those from `first` on."""
    step = workspaces.of(n)
    for name, target in step.inputs.items():
        target[...] = fields[name][first : first + n]
    step.run(0, 0, first)
    return step


def _totals_over(workspaces: Workspaces, fields: Table, batch_size: int) -> tuple[NDArray[np.float64], int]:
    """The totals over all samples, and their number."""
    workspaces.clear()
    for _ in _batches(workspaces, fields, batch_size):
        pass
    return workspaces.totals(), len_of(fields)


def expectation_holds(value: float, operator: str, bound: float) -> bool:
    """Whether `value operator bound` is true, for <, <=, >, >=, == and !=."""
    comparisons: dict[str, Any] = {
        "<": float.__lt__,
        "<=": float.__le__,
        ">": float.__gt__,
        ">=": float.__ge__,
        "==": float.__eq__,
        "!=": float.__ne__,
    }
    return bool(comparisons[operator](float(value), float(bound)))
