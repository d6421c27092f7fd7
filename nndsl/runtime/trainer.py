"""`nndsl run`: trains the blocks of a program one after the other, shows how it goes, and fills their run folders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error
from nndsl.runtime.progress import Progress, Silence
from nndsl.runtime.run_folder import folder_for, prepare_folder, remove_checkpoints, write_checkpoint, write_run

if TYPE_CHECKING:
    from nndsl.diagnostics import Diagnostic
    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.program import Array
    from nndsl.runtime.standalone.shows import Shown

    Draw = Callable[[Array, Path, str], None]
    """Writes a picture of values of several samples, [samples, ...], under a title."""

SHOW_FOLDER = "show"
"""Where in a run folder the pictures of `show` lines lie."""


@dataclass(slots=True)
class Outcome:
    """How the run of one train block ended.

    rows: the history. stopped: why it ended early (a callback), or None. restored: the epoch whose weights are kept, or
    None for the last. interrupted: by Ctrl-C. checkpoints, shown: files that callbacks and `show` lines filled. failed:
    expectations that do not hold. part_numbers: what was evaluated, by part.
    """

    train: str
    folder: Path
    rows: list[dict[str, float]] = field(default_factory=list[dict[str, float]])
    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    stopped: str | None = None
    restored: int | None = None
    interrupted: bool = False
    checkpoints: set[Path] = field(default_factory=set[Path])
    shown: list[Path] = field(default_factory=list[Path])
    part_numbers: dict[str, dict[str, float]] = field(default_factory=dict[str, dict[str, float]])
    failed: list[Diagnostic] = field(default_factory=list["Diagnostic"])

    def summary(self) -> dict[str, Any]:
        """What `summary.json` holds: the numbers of the epoch whose weights are kept, and those of the test part."""
        row = self.rows[(self.restored or len(self.rows)) - 1] if self.rows else {}
        return {
            "epochs": self.epochs,
            "seconds": round(self.seconds, 3),
            "steps": self.steps,
            "train": _part(row, "train"),
            "validation": _part(row, "validation"),
            "test": self.part_numbers.get("test", {}),
        }


def run(
    model: Model,
    *,
    train: str | None = None,
    out: Path | None = None,
    epochs: int | None = None,
    progress: Progress | None = None,
    draw: Draw | None = None,
) -> list[Outcome]:
    """Trains the block called `train`, or every block in the file's order, evaluates each and fills its run folder.

    out: the folder, in place of `runs/<train name>`. epochs: in place of the program's. draw: draws what `show` lines
    show; without it the values themselves are written. Ctrl-C lets the step end, saves, and ends the run: then the last
    outcome is `interrupted`. Raises UserError; what was run before is saved.
    """
    blocks = [model.train_named(train)] if train or not model.checked.trains else list(model.checked.trains)
    if not blocks:
        model.train_named(None)
    outcomes: list[Outcome] = []
    for block in blocks:
        outcome = Outcome(block.name, folder_for(block.name, out, len(blocks)))
        prepare_folder(outcome.folder)
        _run_block(model, block, outcome, epochs, progress or Silence(), draw)
        outcomes.append(outcome)
        if outcome.interrupted:
            break
    return outcomes


def _run_block(
    model: Model, train: TrainProgram, outcome: Outcome, epochs: int | None, progress: Progress, draw: Draw | None
) -> None:
    import numpy as np

    planned = model.planned_epochs(train, epochs)
    began = perf_counter()
    progress.begin(train.name, planned)
    try:
        with np.errstate(all="ignore"):
            shows = model.shows(train, epochs=epochs)
            _follow(model, model.training(train, epochs=epochs), outcome, progress, shows, draw)
    finally:
        progress.end()
    outcome.seconds = perf_counter() - began
    for note in _notes(outcome):
        progress.note(note)
    if not outcome.interrupted:
        _evaluate(model, train, outcome)
    about = {"train": train.name, "epochs": outcome.epochs, "steps": outcome.steps}
    write_run(outcome.folder, model, outcome.rows, outcome.summary(), about)
    remove_checkpoints(outcome.folder, train.name, outcome.checkpoints)


def _follow(
    model: Model,
    events: Iterator[Any],
    outcome: Outcome,
    progress: Progress,
    shows: Callable[[Any], Iterator[Shown]],
    draw: Draw | None,
) -> None:
    """Takes training to its end, or to Ctrl-C, and notes what happens."""
    from nndsl.runtime.standalone.main import Interruption

    with Interruption() as interruption:
        for event in events:
            outcome.shown += [_draw(shown, outcome.folder / SHOW_FOLDER, draw) for shown in shows(event)]
            match type(event).__name__:
                case "StepDone":
                    outcome.epochs, outcome.steps = event.epoch - 1, event.step
                    progress.step(event)
                    if interruption.asked:
                        outcome.interrupted = True
                        break
                case "EpochDone":
                    outcome.rows.append(event.row())
                    outcome.epochs = event.epoch
                    progress.epoch(event)
                    if event.save:
                        about = {"train": outcome.train, "steps": event.step}
                        file = write_checkpoint(outcome.folder, model, event.epoch, event.best_only, about)
                        outcome.checkpoints.add(file)
                case _:
                    outcome.epochs, outcome.steps = event.epochs, event.steps
                    outcome.stopped, outcome.restored = event.stopped, event.restored


def _draw(shown: Shown, folder: Path, draw: Draw | None) -> Path:
    """Draws what is shown, or writes its values where nothing can draw them; the file. Raises UserError NN608."""
    from nndsl.runtime.standalone.files import FileError
    from nndsl.runtime.standalone.shows import write_shown

    if draw is not None:
        path = folder / f"{shown.file}.png"
        draw(shown.values, path, f"{shown.show.name}, {shown.when}")
        return path
    try:
        return write_shown(folder, shown)
    except FileError as failure:
        raise UserError(error("NN608", str(failure))) from None


def _notes(outcome: Outcome) -> list[str]:
    notes: list[str] = []
    if outcome.interrupted:
        notes.append(f"interrupted after step {outcome.steps}; the weights of that moment are saved")
    if outcome.stopped is not None:
        notes.append(f"stopped after epoch {outcome.epochs}: {outcome.stopped}")
    if outcome.restored is not None and outcome.restored != outcome.epochs:
        notes.append(f"the weights are those of epoch {outcome.restored}")
    if outcome.shown:
        kinds = {path.suffix for path in outcome.shown}
        what = "picture" if kinds == {".png"} else "file of values"
        count = len(outcome.shown)
        plural = what.replace("picture", "pictures").replace("file", "files") if count > 1 else what
        notes.append(f"{count} {plural} in {outcome.shown[-1].parent}")
        if what != "picture":
            notes.append("`nndsl run` draws pictures of them where matplotlib is: pip install 'nndsl[plot]'")
    return notes


def _evaluate(model: Model, train: TrainProgram, outcome: Outcome) -> None:
    """Evaluates the test part, and every other that something is expected of; compares."""
    from nndsl.runtime.standalone.loop import expectation_holds

    asked = {"test", *(expectation.part for expectation in train.expectations)}
    for part in model.parts(train):
        if part in asked:
            outcome.part_numbers[part] = model.evaluate(part=part, train=train.name)
    if train.data is None:  # no part to evaluate: what the last steps reported
        outcome.part_numbers["train"] = _part(outcome.rows[-1], "train")
    for expected in train.expectations:
        value = outcome.part_numbers[expected.part][expected.metric]
        if not expectation_holds(value, expected.operator, expected.bound):
            label = f"{expected.metric} is {value:.6g}"
            message = f"{expected.part} {expected.metric} {expected.operator} {expected.bound:.6g} does not hold"
            outcome.failed.append(error("NN615", message, expected.span, label))


def _part(row: dict[str, float], part: str) -> dict[str, float]:
    prefix = f"{part}."
    return {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
