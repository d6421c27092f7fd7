"""A moving average of the weights, which is evaluated and saved in place of the weights that training moves."""

from __future__ import annotations

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

    def take_in(self, step: int) -> None:
        """Moves the average towards the weights that update number `step` of this training has made."""
        if step == 1:
            self._memory.slots[self._slot][...] = self._memory.weights
            return
        self._memory.average_in(self._slot, self._momentum)

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
        kept = weights.copy()
        weights[...] = average
        average[...] = kept
        self.placed = not self.placed


def average_of(train: Train, memory: Memory) -> WeightAverage | None:
    """The average that the block asks for, or None."""
    return WeightAverage(train, memory) if train.settings.get("use_ema") else None
