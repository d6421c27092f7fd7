"""A moving average of the weights, which is evaluated and saved in place of the weights that training moves."""

from __future__ import annotations

import numpy as np

from nndsl.runtime.standalone.program import Memory, Train, average_slot


class WeightAverage:
    """average = momentum * average + (1 - momentum) * weights after each update, Keras's `use_ema`.

    It begins as the weights that the first update made. placed: whether the average stands in the memory's weights,
    and these in its slot; between epochs, while they are evaluated, watched and saved.
    """

    def __init__(self, train: Train, memory: Memory) -> None:
        self.placed = False
        self._momentum = float(train.settings["ema_momentum"] or 0.0)
        self._memory = memory
        self._slot = average_slot(train)
        self._scratch = np.empty_like(memory.weights)

    def take_in(self, step: int) -> None:
        """Moves the average towards the weights that update number `step` of this training has made."""
        weights, average = self._memory.weights, self._memory.slots[self._slot]
        if step == 1:
            average[...] = weights
            return
        average *= self._momentum
        np.multiply(weights, 1.0 - self._momentum, out=self._scratch)
        average += self._scratch

    def place(self) -> None:
        """Puts the average in the weights' place, to be used."""
        if not self.placed:
            self._exchange()

    def take_away(self) -> None:
        """Puts the weights back, to go on training them."""
        if self.placed:
            self._exchange()

    def _exchange(self) -> None:
        weights, average = self._memory.weights, self._memory.slots[self._slot]
        self._scratch[...] = weights
        weights[...] = average
        average[...] = self._scratch
        self.placed = not self.placed


def average_of(train: Train, memory: Memory) -> WeightAverage | None:
    """The average that the block asks for, or None."""
    return WeightAverage(train, memory) if train.settings.get("use_ema") else None
