"""What a run reports, for TensorBoard: files beside the run's own, written by tensorboardX."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nndsl.runs.progress import Progress
    from nndsl.runtime.standalone.loop import EpochDone
    from nndsl.runtime.standalone.steps import StepDone

FOLDER = "tensorboard"
"""Where in a run folder they are: below it a folder for each part of the data, so that a chart shows both curves."""


def require_writer() -> None:
    """Raises UserError NN612 where tensorboardX is not installed."""
    if find_spec("tensorboardX") is None:
        help = 'pip install "nndsl[tensorboard]"'
        raise UserError(error("NN612", "`--tensorboard` needs tensorboardX, which is not installed", help=help))


class TensorboardProgress:
    """Passes on what a run tells, and writes each epoch's numbers for TensorBoard. folders: run folders by block."""

    def __init__(self, progress: Progress, folders: Mapping[str, Path]) -> None:
        self._progress = progress
        self._folders = folders
        self._folder: Path | None = None
        self._writers: dict[str, Any] = {}
        self._first = 1

    def begin(self, train: str, epochs: int) -> None:
        """Another block begins."""
        self._folder = self._folders[train] / FOLDER
        self._progress.begin(train, epochs)

    def step(self, done: StepDone) -> None:
        """Only passed on: a point a step would be too many."""
        self._progress.step(done)

    def epoch(self, done: EpochDone) -> None:
        """A point for each number, at the epoch. Raises UserError NN608 where they can't be written."""
        if not self._writers:
            self._first = done.epoch
        try:
            for part, numbers in (("train", {**done.train, **done.rates}), ("validation", done.validation)):
                for name, value in numbers.items():
                    self._writer(part).add_scalar(name, value, done.epoch)
        except OSError as failure:
            reason = (failure.strerror or str(failure)).lower()
            raise UserError(error("NN608", f"can't write to {self._folder}: {reason}")) from None
        self._progress.epoch(done)

    def note(self, text: str) -> None:
        """Only passed on."""
        self._progress.note(text)

    def end(self) -> None:
        """The files are complete."""
        for writer in self._writers.values():
            writer.close()
        self._writers.clear()
        self._progress.end()

    def _writer(self, part: str) -> Any:
        """The writer of a part. What a run wrote after the moment that it now goes on from no longer counts."""
        if part not in self._writers:
            assert self._folder is not None
            folder = self._folder / part
            if self._first == 1:
                for earlier in folder.glob("events.out.tfevents.*"):
                    earlier.unlink()
            # Files are called by the second; one that goes on is not to take the place of one from the same second.
            self._writers[part] = import_module("tensorboardX").SummaryWriter(
                str(folder), purge_step=self._first, filename_suffix=f".{self._first}"
            )
        return self._writers[part]
