"""What watches training between epochs: stopping early, keeping the best weights, saying when to save."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.program import Memory, State, Train

RISING = ("accuracy", "precision", "recall", "f1", "r2", "auc")
FALLING = ("loss", "error", "mse", "mae", "rmse", "cross_entropy", "divergence", "huber", "hinge")
"""Endings of names whose values are better the higher or the lower they are (`mode=auto`)."""


class TrainingError(Exception):
    """Training can't start or go on for a reason that its user can mend; the message says which, in one line."""


class Callback(Protocol):
    """Something that looks at the reported numbers after each epoch.

    stop: why training should end now, or None. save: whether this epoch's weights should be saved; best_only: in place
    of those of the best epoch before. All that it remembers from one epoch to the next goes through `state` and
    `restore`: training may be left after any step and gone on with by another process.
    """

    stop: str | None
    save: bool
    best_only: bool

    def after_epoch(
        self, epoch: int, train: Mapping[str, float], validation: Mapping[str, float], memory: Memory
    ) -> None:
        """Looks at the numbers of `epoch` (from 1)."""
        ...

    def after_training(self, memory: Memory) -> int | None:
        """Called once at the end. Returns the epoch whose weights it put back, or None."""
        ...

    def state(self) -> State:
        """What it remembers; arrays are as they are until the next event."""
        ...

    def restore(self, state: State) -> None:
        """Remembers what `state` gave to one of its kind, whose arguments may have been others."""
        ...


class Monitor:
    """One reported number and what is better of it: a smaller one (`min`), a greater one (`max`), or as its name says.

    The number is the validation part's where there is one, else the training part's; "train.loss" and "validation.loss"
    say which. Raises TrainingError where there is no such number or `auto` can't tell.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float, reported: Sequence[str]) -> None:
        part, _, name = monitor.rpartition(".")
        if name not in reported or part not in ("", "train", "validation"):
            raise TrainingError(f"nothing called {monitor} is reported: there is {', '.join(reported)}")
        if mode not in ("auto", "min", "max"):
            raise TrainingError(f"the mode of monitoring {monitor} is {mode}: it can be auto, min or max")
        if mode == "auto" and not name.endswith(RISING + FALLING):
            raise TrainingError(f"is a high {monitor} good or bad? say mode=max or mode=min")
        self.part = part
        self.name = name
        self.sign = -1.0 if mode == "max" or (mode == "auto" and name.endswith(RISING)) else 1.0
        self.min_delta = abs(min_delta)
        self.best = self.sign * inf

    def value(self, train: Mapping[str, float], validation: Mapping[str, float]) -> float | None:
        """The monitored number, or None where this run has no such part."""
        if self.part == "train" or (not self.part and not validation):
            return train[self.name]
        return validation.get(self.name)

    def improves(self, value: float) -> bool:
        """Whether `value` beats the best so far by more than `min_delta`, which it then becomes. A nan never does."""
        if self.sign * value + self.min_delta < self.sign * self.best:
            self.best = value
            return True
        return False

    def state(self) -> State:
        """The best number so far, and of what it is."""
        return {"monitor": f"{self.part}.{self.name}", "sign": self.sign, "best": self.best}

    def restore(self, state: State) -> bool:
        """Goes on from that, if it is of the same number; whether it is."""
        same = state["monitor"] == f"{self.part}.{self.name}" and state["sign"] == self.sign
        if same:
            self.best = state["best"]
        return same


class EarlyStopping:
    """Stops when the monitored number has not improved for `patience` epochs; Keras 3's rules.

    At the end, stopped early or not, the weights and states of the best epoch come back. The first `start_from_epoch`
    epochs are not looked at.
    """

    def __init__(
        self,
        reported: Sequence[str],
        monitor: str = "loss",
        mode: str = "auto",
        patience: int = 0,
        min_delta: float = 0.0,
        start_from_epoch: int = 0,
    ) -> None:
        self.monitor = Monitor(monitor, mode, min_delta, reported)
        self.patience = patience
        self.start_from_epoch = start_from_epoch
        self.waited = 0
        self.stop: str | None = None
        self.save = False
        self.best_only = False
        self.best_epoch: int | None = None
        self._kept: tuple[NDArray[Any], NDArray[Any]] | None = None

    def after_epoch(
        self, epoch: int, train: Mapping[str, float], validation: Mapping[str, float], memory: Memory
    ) -> None:
        """Counts how long there was no improvement; sets `stop` when that is too long."""
        value = self.monitor.value(train, validation)
        if value is None or epoch <= self.start_from_epoch:
            return
        improves = self.monitor.improves(value)
        if improves or self.best_epoch is None:
            self._keep(epoch, memory)
        if improves:
            self.waited = 0
            return
        self.waited += 1
        if self.waited >= self.patience and epoch > 1:
            epochs = "epoch" if self.waited == 1 else "epochs"
            self.stop = f"{self.monitor.name} did not improve for {self.waited} {epochs}"

    def after_training(self, memory: Memory) -> int | None:
        """Puts the best epoch's weights and states back."""
        if self._kept is None:
            return None
        memory.weights[...], memory.states[...] = self._kept
        return self.best_epoch

    def state(self) -> State:
        """The best epoch, its weights and states, and how long there was nothing better."""
        kept = {} if self._kept is None else {"weights": self._kept[0], "states": self._kept[1]}
        waiting = {"waited": self.waited, "best_epoch": self.best_epoch, "patience": self.patience, "stop": self.stop}
        return {**self.monitor.state(), **waiting, **kept}

    def restore(self, state: State) -> None:
        """Goes on from that; begins anew where another number is watched, and waits on with more patience."""
        if not self.monitor.restore(state):
            return
        self.waited, self.best_epoch = state["waited"], state["best_epoch"]
        self.stop = state["stop"] if self.patience == state["patience"] else None
        if "weights" in state:
            self._kept = (np.array(state["weights"]), np.array(state["states"]))

    def _keep(self, epoch: int, memory: Memory) -> None:
        self.best_epoch = epoch
        if self._kept is None:
            self._kept = (np.empty_like(memory.weights), np.empty_like(memory.states))
        self._kept[0][...] = memory.weights
        self._kept[1][...] = memory.states


class ModelCheckpoint:
    """Says which epochs' weights to save: each `every`th, or with `save_best_only` those of them that improve."""

    def __init__(
        self,
        reported: Sequence[str],
        monitor: str = "loss",
        mode: str = "auto",
        save_best_only: bool = False,
        every: int = 1,
    ) -> None:
        self.monitor = Monitor(monitor, mode, 0.0, reported) if save_best_only else None
        self.every = every
        self.stop: str | None = None
        self.save = False
        self.best_only = save_best_only

    def after_epoch(
        self, epoch: int, train: Mapping[str, float], validation: Mapping[str, float], memory: Memory
    ) -> None:
        """Sets `save` for this epoch."""
        self.save = epoch % self.every == 0
        if self.save and self.monitor is not None:
            value = self.monitor.value(train, validation)
            self.save = value is not None and self.monitor.improves(value)

    def after_training(self, memory: Memory) -> int | None:
        """Nothing is left to do."""
        return None

    def state(self) -> State:
        """The best number so far, if only the best are saved."""
        return {} if self.monitor is None else self.monitor.state()

    def restore(self, state: State) -> None:
        """Goes on from that."""
        if self.monitor is not None and "best" in state:
            self.monitor.restore(state)


class ReduceLROnPlateau:
    """Multiplies every learning rate by `factor` when there was no improvement for `patience` epochs; Keras 3's rules.

    After that nothing is counted for `cooldown` epochs. No learning rate goes below `min_lr`. The updates multiply
    their learning rates by numbers that lie in the memory's scalars; with a schedule the reduction is of what it gives.
    """

    def __init__(
        self,
        reported: Sequence[str],
        monitor: str = "loss",
        factor: float = 0.1,
        patience: int = 10,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
        scales: Sequence[str] = (),
    ) -> None:
        self.monitor = Monitor(monitor, mode, min_delta, reported)
        self.factor = factor
        self.patience = patience
        self.cooldown = cooldown
        self.min_lr = min_lr
        self.scales = scales
        self.waited = 0
        self.cooling = 0
        self.stop: str | None = None
        self.save = False
        self.best_only = False

    def after_epoch(
        self, epoch: int, train: Mapping[str, float], validation: Mapping[str, float], memory: Memory
    ) -> None:
        """Counts how long there was no improvement; reduces the learning rates when that is too long."""
        value = self.monitor.value(train, validation)
        if value is None:
            return
        if self.cooling:
            self.cooling -= 1
            self.waited = 0
        if self.monitor.improves(value):
            self.waited = 0
        elif not self.cooling:
            self.waited += 1
            if self.waited >= self.patience and self._reduce(train, memory):
                self.cooling = self.cooldown
                self.waited = 0

    def _reduce(self, train: Mapping[str, float], memory: Memory) -> bool:
        """Reduces the learning rates that are above the least; whether there was any."""
        reduced = False
        for number, scale in enumerate(self.scales, 1):
            rate = train["learning_rate" if number == 1 else f"learning_rate_{number}"]
            if rate > self.min_lr * (1 + 1e-12):
                memory.scalars[scale] *= max(self.factor, self.min_lr / rate)
                reduced = True
        return reduced

    def after_training(self, memory: Memory) -> int | None:
        """Nothing is left to do."""
        return None

    def state(self) -> State:
        """The best number so far, how long there was nothing better, how long nothing is counted yet."""
        return {**self.monitor.state(), "waited": self.waited, "cooling": self.cooling}

    def restore(self, state: State) -> None:
        """Goes on from that; begins anew where another number is watched."""
        if self.monitor.restore(state):
            self.waited, self.cooling = state["waited"], state["cooling"]


CALLBACKS: dict[str, Any] = {
    "EarlyStopping": EarlyStopping,
    "ModelCheckpoint": ModelCheckpoint,
    "ReduceLROnPlateau": ReduceLROnPlateau,
}
SCALE = "/learning_rate_scale"
"""How the names of the numbers end that updates multiply their learning rates by."""


def make_callbacks(train: Train) -> list[Callback]:
    """The callbacks of a train block, fresh. Raises TrainingError for what they can't watch."""
    scales = tuple(name for name, _ in train.scalars if name.endswith(SCALE))
    found: list[Callback] = []
    for name, arguments in train.callbacks:
        more = {"scales": scales} if name == "ReduceLROnPlateau" else {}
        found.append(CALLBACKS[name](train.reported, **arguments, **more))
    return found
