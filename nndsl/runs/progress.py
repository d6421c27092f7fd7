"""What training shows while it runs: a live bar on a terminal, plain lines elsewhere, or nothing."""

from __future__ import annotations

import os
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from nndsl.runtime.standalone.loop import EpochDone, StepDone

REFRESHES_A_SECOND = 8


class Progress(Protocol):
    """Is told what happens; `begin` and `end` come once for each train block."""

    def begin(self, train: str, epochs: int) -> None:
        """Training of the block `train` begins; it will take `epochs` epochs if nothing stops it."""
        ...

    def step(self, done: StepDone) -> None:
        """A step is done. Comes very often, so it has to be quick."""
        ...

    def epoch(self, done: EpochDone) -> None:
        """An epoch is done."""
        ...

    def note(self, text: str) -> None:
        """Something else to say, on a line of its own."""
        ...

    def end(self) -> None:
        """Training is over, in whichever way."""
        ...


class Silence:
    """Shows nothing."""

    def begin(self, train: str, epochs: int) -> None:
        """Nothing."""

    def step(self, done: StepDone) -> None:
        """Nothing."""

    def epoch(self, done: EpochDone) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class Lines:
    """A line for each epoch (of many, for some fifty)."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.epochs = 1

    def begin(self, train: str, epochs: int) -> None:
        """Names the block."""
        self.epochs = epochs
        self.note(f"training {train}")

    def step(self, done: StepDone) -> None:
        """Nothing: a line a step would be too many."""

    def epoch(self, done: EpochDone) -> None:
        """The epoch's numbers."""
        from nndsl.runtime.standalone.lines import epoch_line, is_told

        if is_told(done.epoch, self.epochs):
            self.note(epoch_line(done, self.epochs))

    def note(self, text: str) -> None:
        """The text on a line."""
        self.stream.write(f"{text}\n")
        self.stream.flush()

    def end(self) -> None:
        """Nothing is left open."""


class Bar(Lines):
    """The same lines above a bar of the epochs, with the step, the numbers so far and the time left."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._bar: Any = None
        self._task: Any = None
        self._shown = 0.0
        self._waiting: list[str] = []

    def begin(self, train: str, epochs: int) -> None:
        """Opens the bar."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self.epochs = epochs
        # Refreshed from `step` and not by a thread of its own, which would take the interpreter from the training.
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(),
            console=Console(file=self.stream),
            auto_refresh=False,
            transient=True,
            expand=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(train, total=epochs, numbers="")
        self.note(f"training {train}")

    def step(self, done: StepDone) -> None:
        """Moves the bar, a few times a second."""
        now = perf_counter()
        if now - self._shown < 1 / REFRESHES_A_SECOND:
            return
        from nndsl.runtime.standalone.lines import numbers_line

        self._shown = now
        self._write_waiting()
        done_part = done.epoch - 1 + done.samples / done.of
        described = f"step {done.step}"
        described += f"/{done.of_steps}" if done.of_steps is not None else f" of epoch {done.epoch}/{self.epochs}"
        self._bar.update(
            self._task, completed=done_part, description=described, numbers=numbers_line(done.reported()), refresh=True
        )

    def note(self, text: str) -> None:
        """The text above the bar, when that is drawn next: drawing takes longer than an epoch of a small network."""
        if self._bar is None:
            super().note(text)
        else:
            self._waiting.append(text)

    def end(self) -> None:
        """Takes the bar away."""
        if self._bar is not None:
            self._write_waiting()
            self._bar.stop()
            self._bar = None

    def _write_waiting(self) -> None:
        if self._waiting:
            self._bar.console.print("\n".join(self._waiting), highlight=False, markup=False, soft_wrap=True)
            self._waiting.clear()


def progress_for(stream: TextIO) -> Progress:
    """A bar where `stream` is a terminal that can move its cursor, else lines."""
    return Bar(stream) if stream.isatty() and os.environ.get("TERM") != "dumb" else Lines(stream)
