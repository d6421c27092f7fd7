"""The training loop: epochs, batches, validation, callbacks; and evaluating and predicting batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.averaging import average_of
from nndsl.runtime.standalone.batches import DataPart, filled_batches, len_of, take_rows
from nndsl.runtime.standalone.callbacks import Callback, TrainingError, make_callbacks
from nndsl.runtime.standalone.once import are_held, of_rows, with_kept
from nndsl.runtime.standalone.program import Array, Memory, State, Step, Train
from nndsl.runtime.standalone.solvers import Solving
from nndsl.runtime.standalone.steps import (
    StepDone,
    Workspaces,
    batches_of_step,
    check_losses,
    check_weights,
    iterations,
    reported_numbers,
    solving_of,
    steps_over_data,
    steps_without_data,
    whole_setting,
)
from nndsl.runtime.standalone.threads import blas_threads

ROWS_WITHOUT_DATA = 100
"""Without data there are no epochs: the steps are told of in this many equal stretches, which count as epochs."""


@dataclass(frozen=True, slots=True)
class EpochDone:
    """An epoch is done, with what it reported; `validation` is empty where the data has no such part.

    save: a callback asks for this epoch's weights to be saved, under a name of `best_only` or of the epoch. rates: the
    learning rates of its last step, those that change. of_steps: how many steps there will be, of a block that counts
    them, whose epochs are nothing to speak of; None of one with data.
    """

    epoch: int
    step: int
    train: dict[str, float]
    validation: dict[str, float]
    save: bool = False
    best_only: bool = False
    rates: Mapping[str, float] = field(default_factory=dict[str, float])
    of_steps: int | None = None

    def row(self) -> dict[str, float]:
        """The epoch as a row of the history: epoch, train.loss, ..., validation.loss, ..., learning_rate."""
        return {
            "epoch": self.epoch,
            **{f"train.{name}": value for name, value in self.train.items()},
            **{f"validation.{name}": value for name, value in self.validation.items()},
            **self.rates,
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


# ------------------------------------------------------------------------------------------------ training


class Fitting:
    """Training of one block, which can be left after any event and gone on with by another `Fitting`.

    parts: the fields of "train" and, if there is one, "validation"; empty for a block without data. epochs, batch_size:
    instead of the block's own. Begins anew: the optimizers' slots and numbers, the callbacks. What is the same for a
    row in every epoch (`Train.once`) is computed when training begins, or goes on, unless the data is streamed.

    What a training is made of: the memory; `state()`; and the draws and the order of samples, which follow from the
    seed, the epoch and the step. So a training that goes on from a memory and a state ends bit for bit as if it had
    never been left.
    """

    def __init__(
        self,
        train: Train,
        memory: Memory,
        parts: Mapping[str, DataPart],
        seed: int,
        epochs: int | None = None,
        batch_size: int | None = None,
    ) -> None:
        memory.begin(train)
        self.train = train = train if are_held(parts) else of_rows(train)
        self.memory = memory
        self.seed = seed
        self.epochs = epoch_count(train, epochs)
        self.batch_size = whole_setting(train, "batch_size", batch_size)
        self.callbacks = make_callbacks(train)
        self.parts = parts
        self._fields = parts.get("train", {})
        self._held_out = parts.get("validation")
        self._training = Workspaces(train.training, memory, seed, train.one_workspace)
        self._validation = Workspaces(train.evaluation, memory, seed, train.one_workspace)
        self._solving: Solving | None = None
        self._average = average_of(train, memory)
        self._kept = False
        self._done = self._beginning(1, 0)

    @property
    def stopped(self) -> str | None:
        """Why training ends before its last epoch, or None."""
        solved = None if self._solving is None else self._solving.finished
        return next((callback.stop for callback in self.callbacks if callback.stop), solved)

    @property
    def over(self) -> bool:
        """Whether the last epoch is done, because nothing is left or because something stopped it."""
        return self._done.samples == 0 and (self._done.epoch > self.epochs or self.stopped is not None)

    def state(self) -> State:
        """All that training goes on from, besides the memory, after the event that came last; valid until the next."""
        done = self._done
        state: State = {"epoch": done.epoch, "step": done.step, "samples": done.samples}
        if self._average is not None:
            state["averaged"] = self._average.placed
        if done.samples:
            state |= self._training.state()
        for name, callback in _named(self.callbacks):
            state |= {f"{name}/{key}": value for key, value in callback.state().items()}
        if self._solving is not None:
            state |= {f"solver/{key}": value for key, value in self._solving.state().items()}
        return state

    def restore(self, state: State) -> None:
        """Goes on from a state that `state()` gave; the memory has been given its own before.

        Callbacks take theirs by their names, and begin anew where there is none. Raises TrainingError.
        """
        epoch, step = int(state["epoch"]), int(state["step"])
        if self.train.data is None and not state["samples"]:  # there may be more or fewer steps now
            while epoch <= self.epochs and self._last_step(epoch) <= step:
                epoch += 1
        self._done = self._beginning(epoch, step)
        self._done.samples = int(state["samples"])
        for name, callback in _named(self.callbacks):
            own = _below(state, name)
            if own:
                callback.restore(own)
        if self.train.solver is not None:
            self._keep()
            self._solving = solving_of(self.train, self._training, self._fields, self.batch_size)
            self._solving.restore(_below(state, "solver"))
        if self._average is not None:
            self._average.placed = bool(state["averaged"])
        self._training.restore(state)

    def settle(self) -> None:
        """Puts the weights in place that are evaluated and saved, if that is their average; `events` takes it away."""
        if self._average is not None and self._done.step:
            self._average.place()

    def events(self) -> Iterator[Event]:
        """A StepDone after each step, an EpochDone after each epoch, FitDone at last.

        Raises TrainingError, DivergedError among them. An iterator that is left after a StepDone leaves the weights as
        that step made them.
        """
        self._keep()
        held = [part for part in (self._fields, self._held_out) if isinstance(part, dict) and part]
        self.memory.hold(held, self.train.room[0] + self.train.room[1] * self.batch_size)
        with blas_threads(self.train.blas_threads):
            if self.train.solver is not None and self._solving is None:
                self._solving = solving_of(self.train, self._training, self._fields, self.batch_size)
            while not self.over:
                yield from self._epoch()
            restored = [callback.after_training(self.memory) for callback in self.callbacks]
            best = next((number for number in restored if number is not None), None)
            yield FitDone(self._done.epoch - 1, self._done.step, self.stopped, best)

    def _keep(self) -> None:
        """Computes what is the same for a row in every epoch; the memory holds the weights that it follows from."""
        if self.train.once is None or self._kept:
            return
        fields = with_kept(self.train, self.memory, self.parts, self.seed, self.batch_size)
        self._fields, self._held_out, self._kept = fields.get("train", {}), fields.get("validation"), True

    def _epoch(self) -> Iterator[Event]:
        """What is left of the epoch under way."""
        done, train, average = self._done, self.train, self._average
        if average is not None:
            average.take_away()
        if done.samples == 0:
            self._training.clear()
        if self._solving is not None:
            steps = iterations(train, self._training, self._solving, self._last_step(done.epoch), done)
        elif train.data is None:
            steps = steps_without_data(train, self._training, self._last_step(done.epoch), self.batch_size, done)
        else:
            steps = steps_over_data(train, self._training, self._fields, self.batch_size, done)
        if average is None:
            yield from steps
        else:
            for each in steps:
                average.take_in(each.step)
                yield each
        if done.samples == 0:
            raise TrainingError("there are no samples to train on")
        reported = done.reported()
        check_losses(train, done, reported)
        check_weights(self.memory, done)
        self.settle()
        held_out: dict[str, float] = {}
        if len_of(self._held_out):
            self._training.rest()
            totals, samples = _totals_over(self._validation, self._held_out or {}, self.batch_size)
            self._validation.rest()
            held_out = reported_numbers(train, totals, samples, done.step, done.epoch)
        rates = {} if train.rates is None else train.rates(self.memory, done.step, done.epoch)
        for callback in self.callbacks:
            callback.after_epoch(done.epoch, {**reported, **rates}, held_out, self.memory)
        saving = [callback for callback in self.callbacks if callback.save]
        best_only = bool(saving) and all(callback.best_only for callback in saving)
        self._done = self._beginning(done.epoch + 1, done.step)
        yield EpochDone(done.epoch, done.step, reported, held_out, bool(saving), best_only, rates, done.of_steps)

    def _beginning(self, epoch: int, step: int) -> StepDone:
        """Where `epoch` stands before its first step, `step` steps being done."""
        if self.train.data is not None:
            samples = len_of(self._fields)
        elif self.train.solver is not None:
            samples = self.batch_size
        else:
            steps = self._last_step(epoch) - self._last_step(epoch - 1)
            samples = steps * self.batch_size * batches_of_step(self.train)
        return StepDone(epoch, step, 0, samples, self.train, self._training)

    def _last_step(self, epoch: int) -> int:
        """The last step of an epoch whose steps are counted."""
        if self.train.data is not None:
            return epoch
        return epoch * whole_setting(self.train, "steps") // self.epochs


def fit(
    train: Train,
    memory: Memory,
    parts: Mapping[str, DataPart],
    seed: int,
    epochs: int | None = None,
    batch_size: int | None = None,
) -> Iterator[Event]:
    """Trains the weights in `memory`; the events of a `Fitting`, whose arguments these are. Raises TrainingError."""
    yield from Fitting(train, memory, parts, seed, epochs, batch_size).events()


def epoch_count(train: Train, epochs: int | None = None) -> int:
    """How many epochs there will be if nothing stops. Raises TrainingError for `epochs` where steps are counted."""
    if train.data is not None:
        return whole_setting(train, "epochs", epochs)
    if epochs is not None:
        raise TrainingError(f"{train.name} has no data and so no epochs: it says how many `steps`")
    return min(ROWS_WITHOUT_DATA, whole_setting(train, "steps"))


def _named(callbacks: Sequence[Callback]) -> Iterator[tuple[str, Callback]]:
    """The callbacks by what their states are called: kind, and which of that kind it is."""
    kinds = [type(callback).__name__ for callback in callbacks]
    for position, callback in enumerate(callbacks):
        yield f"{kinds[position]}/{kinds[:position].count(kinds[position])}", callback


def _below(state: State, name: str) -> State:
    """The part of a state whose names begin with `name` and a slash, without these."""
    return {key.removeprefix(f"{name}/"): value for key, value in state.items() if key.startswith(f"{name}/")}


# ------------------------------------------------------------------------------------------------ without training


def evaluate(
    train: Train, memory: Memory, part: DataPart, seed: int, batch_size: int | None = None
) -> dict[str, float]:
    """The reported numbers over all samples of `part`, in evaluation form. Raises TrainingError for no samples."""
    if not len_of(part):
        raise TrainingError("there are no samples to evaluate on")
    train = of_rows(train)
    workspaces = Workspaces(train.evaluation, memory, seed, train.one_workspace)
    with blas_threads(train.blas_threads):
        totals, samples = _totals_over(workspaces, part, whole_setting(train, "batch_size", batch_size))
    return reported_numbers(train, totals, samples, 0, 0)


def predict(train: Train, memory: Memory, part: DataPart, seed: int, batch_size: int | None = None) -> dict[str, Array]:
    """What the block's `predict` names, [samples, ...] each. Raises TrainingError where it has no such line."""
    if train.prediction is None:
        raise TrainingError(f"{train.name} predicts nothing: it has no `predict` line")
    samples = len_of(part)
    found: dict[str, Array] = {}
    workspaces = Workspaces(train.prediction, memory, seed, train.one_workspace)
    with blas_threads(train.blas_threads):
        batches = filled_batches(part, None, whole_setting(train, "batch_size", batch_size), workspaces.of)
        for first, _, step in batches:
            step.run(0, 0, first)
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


def filled(workspaces: Workspaces, part: DataPart, first: int, n: int) -> Step:
    """The workspace for `n` samples after its step over those from `first` on."""
    step = workspaces.of(n)
    take_rows(part, slice(first, first + n), step.inputs)
    step.run(0, 0, first)
    return step


def _totals_over(workspaces: Workspaces, part: DataPart, batch_size: int) -> tuple[NDArray[np.float64], int]:
    """The totals over all samples, and their number."""
    workspaces.clear()
    for first, _, step in filled_batches(part, None, batch_size, workspaces.of):
        step.run(0, 0, first)
    return workspaces.totals(), len_of(part)


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
