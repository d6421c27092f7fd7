"""What the `show` lines of a train block give while it is trained: when each is due, and its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nndsl.runtime.standalone.batches import DataPart, len_of
from nndsl.runtime.standalone.files import FileError, write_arrays
from nndsl.runtime.standalone.loop import EpochDone, Event, FitDone, epoch_count, filled
from nndsl.runtime.standalone.program import Array, Memory, Show, Train
from nndsl.runtime.standalone.steps import StepDone, Workspaces
from nndsl.runtime.standalone.threads import blas_threads


@dataclass(frozen=True, slots=True)
class Shown:
    """A value of a `show` line at one moment of training.

    values: of several samples, (samples, ...), valid until the next event. when: "epoch 10" or "step 100"; file: what
    its file is called, without an ending, so that files of one value are in order.
    """

    show: Show
    values: Array
    when: str
    file: str


@dataclass(slots=True)
class Shows:
    """The `show` lines of a block that is being trained.

    They are computed as in evaluation, over the first samples of the validation data (of the training data where there
    are no others), with the same draws every time.
    """

    train: Train
    memory: Memory
    parts: Mapping[str, DataPart]
    seed: int
    epochs: int
    _workspaces: dict[str, Workspaces] = field(default_factory=dict[str, Workspaces])
    _last: dict[str, int] = field(default_factory=dict[str, int])

    def after(self, event: Event) -> Iterator[Shown]:
        """What is due now: every so many epochs or steps, and when training is over."""
        for show in self.train.shows:
            epochs = show.unit == "epochs"
            match event:
                case StepDone(step=count) if not epochs:
                    due = show.every > 0 and count % show.every == 0
                case EpochDone(epoch=count) if epochs:
                    due = show.every > 0 and count % show.every == 0
                case FitDone():
                    count = event.epochs if epochs else event.steps
                    due = event.restored is not None or self._last.get(show.name) != count
                case _:
                    continue
            if due:
                self._last[show.name] = count
                yield self._shown(show, count)

    def _shown(self, show: Show, count: int) -> Shown:
        if show.name not in self._workspaces:
            self._workspaces[show.name] = Workspaces(show.workspace, self.memory, self.seed)
        rows = self.parts.get("validation") or self.parts.get("train") or {}
        n = min(show.samples, len_of(rows)) if show.fields else show.samples
        with blas_threads(self.train.blas_threads):
            step = filled(self._workspaces[show.name], rows, 0, n)
        unit = show.unit.removesuffix("s")
        digits = f"{count:0{len(str(self.epochs))}d}" if unit == "epoch" else f"step_{count:06d}"
        return Shown(show, step.outputs[show.name], f"{unit} {count}", f"{show.name}_{digits}")


def shows_of(
    train: Train, memory: Memory, parts: Mapping[str, DataPart], seed: int, epochs: int | None = None
) -> Shows:
    """The shows of a block that is about to be trained for `epochs` epochs, or as many as it says."""
    return Shows(train, memory, parts, seed, epoch_count(train, epochs))


def write_shown(folder: Path, shown: Shown) -> Path:
    """Writes the values to `<folder>/<name>_<count>.npz`; the file's path. Raises FileError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"can't make the folder {folder}: {(error.strerror or str(error)).lower()}") from None
    path = folder / f"{shown.file}.npz"
    write_arrays(path, {shown.show.name: shown.values})
    return path
