"""Reported numbers as people read them. Nothing but this is needed to show how a training goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

TOLD_EPOCHS = 50
"""About as many lines are written, however many epochs there are."""


class EpochNumbers(Protocol):
    """What is told of an epoch that is done: an `EpochDone`."""

    @property
    def epoch(self) -> int:
        """Its number, from 1."""
        ...

    @property
    def step(self) -> int:
        """Its last step, counted over the whole training."""
        ...

    @property
    def train(self) -> Mapping[str, float]:
        """What it reported."""
        ...

    @property
    def validation(self) -> Mapping[str, float]:
        """The same of the validation part; empty where there is none."""
        ...

    @property
    def rates(self) -> Mapping[str, float]:
        """The learning rates that change."""
        ...

    @property
    def of_steps(self) -> int | None:
        """How many steps there will be, of a block that counts them."""
        ...


def numbers_line(numbers: Mapping[str, float]) -> str:
    """Reported numbers as people read them: `loss 0.1234  accuracy 0.97`."""
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def epoch_line(event: EpochNumbers, epochs: int) -> str:
    """An epoch's numbers on one line, below those of the epoch before; `epochs` is how many there will be.

    Where there is no data it says the step.
    """
    parts = [_column(event.train)]
    if event.validation:
        parts.append(f"validation: {_column(event.validation)}")
    if event.rates:
        parts.append(_column(event.rates))
    count, of = (event.epoch, epochs) if event.of_steps is None else (event.step, event.of_steps)
    what = "epoch" if event.of_steps is None else "step"
    return f"{what} {count:{len(str(of))}}/{of}  {'  '.join(parts)}".rstrip()


def _column(numbers: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:<9.4g}" for name, value in numbers.items())


def is_told(epoch: int, epochs: int) -> bool:
    """Whether the numbers of `epoch` are shown: every epoch of up to fifty, else some fifty and the last."""
    return epoch % -(-epochs // TOLD_EPOCHS) == 0 or epoch in (1, epochs)
