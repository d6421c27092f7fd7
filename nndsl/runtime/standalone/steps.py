"""The steps of an epoch: over all samples in the order drawn for it, over fresh draws, or by a solver."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.batches import DataPart, filled_batches, len_of
from nndsl.runtime.standalone.callbacks import TrainingError
from nndsl.runtime.standalone.program import Memory, State, Step, Train, Workspace
from nndsl.runtime.standalone.random import shuffled
from nndsl.runtime.standalone.solvers import Solving


class DivergedError(TrainingError):
    """`what`, a loss, became infinite or nan: `value`, at `step` (counted over the whole training) of `epoch`."""

    def __init__(self, value: float, epoch: int, step: int, what: str = "the loss") -> None:
        super().__init__(f"{what} became {value} at epoch {epoch}, step {step}")
        self.what = what
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

    @property
    def of_steps(self) -> int | None:
        """How many steps there will be, of a block that counts them; None of one with data, which counts epochs."""
        return whole_setting(self._train, "steps") if self._train.data is None else None

    def reported(self) -> dict[str, float]:
        """The reported numbers over the samples of this epoch so far."""
        return reported_numbers(self._train, self._workspaces.totals(), self.samples, self.step, self.epoch)


@dataclass(slots=True)
class Workspaces:
    """The workspaces of one kind, by batch size, each made when a batch of that size first comes.

    alone: memory is short, so that only the one in use is kept.
    """

    make: Workspace
    memory: Memory
    seed: int
    alone: bool = False
    made: dict[int, Step] = field(default_factory=dict[int, Step])
    _sums: dict[int, NDArray[np.float64]] = field(default_factory=dict[int, NDArray[np.float64]])

    def of(self, n: int) -> Step:
        """The workspace for batches of n samples."""
        step = self.made.get(n)
        if step is None:
            self.rest()
            step = self.made[n] = self.make(n, self.memory, self.seed)
            if n in self._sums:
                step.totals[...] = self._sums[n]
            self._sums[n] = step.totals
        return step

    def rest(self) -> None:
        """Others are in use now: where memory is short, none of these is kept."""
        if self.alone:
            self.made.clear()

    def clear(self) -> None:
        """Sets all totals to 0."""
        for totals in self._sums.values():
            totals.fill(0.0)

    def totals(self) -> NDArray[np.float64]:
        """The sums over all batches since `clear`."""
        return np.stack(list(self._sums.values())).sum(0)

    def state(self) -> State:
        """The sums by batch size, in the order in which they are added up."""
        return {f"totals/{n}": totals.copy() for n, totals in self._sums.items()}

    def restore(self, state: State) -> None:
        """Goes on from those sums; raises TrainingError where other totals are summed up here."""
        for name, totals in state.items():
            size = name.removeprefix("totals/")
            if size == name:
                continue
            step = self.of(int(size))
            if np.shape(totals) != step.totals.shape:
                raise TrainingError("an epoch that has begun can't go on with other metrics")
            step.totals[...] = totals


def reported_numbers(
    train: Train, totals: NDArray[np.float64], samples: int, step: int, epoch: int
) -> dict[str, float]:
    """The reported numbers as Python floats. What is not defined (0 / 0) is nan."""
    with np.errstate(all="ignore"):
        return {name: float(value) for name, value in train.report(totals, samples, step, epoch).items()}


def whole_setting(train: Train, name: str, instead: int | None = None) -> int:
    """`instead` where it is given, else the block's setting `name`, a whole number."""
    return int(train.settings[name] or 0) if instead is None else instead


def steps_over_data(
    train: Train, training: Workspaces, part: DataPart, batch_size: int, done: StepDone
) -> Iterator[StepDone]:
    """The steps of an epoch that are left: over all samples, in an order drawn for it; the last batch may be smaller.

    done: where the epoch stands; it is given after every step, with new numbers.
    """
    order = epoch_order(train, done.of, training.seed, done.epoch)
    step, batches, memory = done.step, batches_of_step(train), training.memory
    taken = 0
    for first, n, workspace in filled_batches(part, order, batch_size, training.of, done.samples):
        if batches > 1:
            taken += 1
            memory.last_of_step = taken % batches == 0 or first + n == done.of
            if not memory.last_of_step:
                workspace.run(step + 1, done.epoch, first)
                continue
        step += 1
        workspace.run(step, done.epoch, first)
        done.step = step
        done.samples = first + n
        _check_finite(train, workspace, done)
        yield done


def batches_of_step(train: Train) -> int:
    """How many batches make an update; the last of an epoch may have fewer. The number of a step counts updates."""
    return int(train.settings.get("gradient_accumulation_steps") or 1)


def epoch_order(train: Train, samples: int, seed: int, epoch: int) -> NDArray[np.intp] | None:
    """The positions of all samples, in the order in which `epoch` goes through them; None for that of the part."""
    return shuffled(samples, seed, epoch) if train.settings.get("shuffle", True) else None


def steps_without_data(
    train: Train, training: Workspaces, last: int, batch_size: int, done: StepDone
) -> Iterator[StepDone]:
    """The steps up to the `last`, each over fresh draws. done: as in `steps_over_data`."""
    workspace = training.of(batch_size)
    batches = batches_of_step(train)
    while done.step < last:
        step = done.step + 1
        for number in range(batches):
            training.memory.last_of_step = number == batches - 1
            workspace.run(step, done.epoch, number * batch_size)
        done.step = step
        done.samples += batches * batch_size
        _check_finite(train, workspace, done)
        yield done


def solving_of(train: Train, training: Workspaces, part: DataPart | None, batch_size: int) -> Solving:
    """The block's solver over all samples, in their order, or over the draws of one batch where there is no data."""
    n = batch_size if train.data is None else len_of(part)
    if n < 1:
        raise TrainingError("there are no samples to train on")
    solving = Solving(train, training.memory, training.of(n), training.seed, n)
    solving.problem.fill(part or {})
    return solving


def iterations(train: Train, training: Workspaces, solving: Solving, last: int, done: StepDone) -> Iterator[StepDone]:
    """The iterations of a solver up to the `last`. done: as in `steps_over_data`."""
    while done.step < last and not (solving.finished and done.step):
        step = done.step + 1
        solving.iterate()
        done.step = step
        done.samples = solving.samples
        _check_finite(train, training.of(solving.samples), done)
        yield done


def _check_finite(train: Train, workspace: Step, done: StepDone) -> None:
    """Raises DivergedError where a loss is infinite or nan; computes them only where one of the totals is."""
    if not isfinite(workspace.totals.dot(workspace.totals)):
        check_losses(train, done, done.reported())


def check_losses(train: Train, done: StepDone, reported: Mapping[str, float]) -> None:
    """Raises DivergedError where one of the reported losses is infinite or nan."""
    for name in ("loss", *sorted(set(train.losses.values()) - {"loss"})):
        if not isfinite(reported[name]):
            raise DivergedError(reported[name], done.epoch, done.step, "the loss" if name == "loss" else name)


def check_weights(memory: Memory, done: StepDone) -> None:
    """Raises DivergedError where a weight became infinite or nan although the losses did not."""
    lowest, highest = memory.weight_range()
    if not isfinite(lowest) or not isfinite(highest):
        raise DivergedError(lowest if not isfinite(lowest) else highest, done.epoch, done.step, "a weight")
