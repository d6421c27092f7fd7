"""`nndsl run`: trains the blocks of a program one after the other, shows how it goes, and fills their run folders."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error
from nndsl.runtime.checkpoints import CheckpointError, moment
from nndsl.runtime.progress import Progress, Silence
from nndsl.runtime.resuming import Started, changes, declared, refuse, restore, snapshot, sources_of, versions
from nndsl.runtime.run_folder import (
    SHOW_FOLDER,
    History,
    folder_for,
    has_results,
    remove_results,
    write_checkpoint,
    write_run,
    write_sources,
)
from nndsl.runtime.sessions import Session, opened

if TYPE_CHECKING:
    from nndsl.diagnostics import Diagnostic
    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.checkpoints import Checkpoint, CheckpointFiles
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.loop import Fitting
    from nndsl.runtime.standalone.program import Array
    from nndsl.runtime.standalone.shows import Shown

    Draw = Callable[[Array, Path, str], None]

FIRST_CHECKPOINT = 5.0
"""Seconds after which a run has its first checkpoint."""

CHECKPOINT_EVERY = 60.0
"""Seconds between checkpoints, where the program does not say."""

LEAST_PART = 100
"""Training takes at least so many times as long as writing its checkpoints, where the program does not say."""


@dataclass(slots=True)
class Outcome:
    """How the run of one train block ended.

    rows: the history. stopped: why it ended early (a callback), or None. restored: the epoch whose weights are kept, or
    None for the last. interrupted: by Ctrl-C or SIGTERM. checkpoints, shown: files that callbacks and `show` lines
    filled. failed: expectations that do not hold. cautions: what is probably not meant of this training. part_numbers:
    what was evaluated, by part. before: whether an earlier process had finished it already, so that nothing was done.
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
    cautions: list[Diagnostic] = field(default_factory=list["Diagnostic"])
    before: bool = False

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
    resume: bool = False,
    restart: bool = False,
    checkpoint_every: float | None = None,
    started: Started | None = None,
    warn: Callable[[Sequence[Diagnostic]], None] = lambda _: None,
) -> list[Outcome]:
    """Trains the block called `train`, or every block in the file's order, evaluates each and fills its run folder.

    out: the folder, in place of `runs/<train name>`. epochs: in place of the program's. draw: draws what `show` lines
    show; without it the values themselves are written. resume: go on where the last run was left; restart: begin anew,
    even if that one was not finished. checkpoint_every: seconds, in place of the program's. started: how, for those who
    go on. warn: is told what is probably not meant, before training begins. Ctrl-C and SIGTERM let the step end, save,
    and end the run: then the last outcome is `interrupted`. Raises UserError; what was run before is saved.
    """
    blocks = [model.train_named(train)] if train or not model.checked.trains else list(model.checked.trains)
    if not blocks:
        model.train_named(None)
    started = started or Started(model.seed, model.sets, model.generated.program.dtype, epochs=epochs)
    progress = progress or Silence()
    folders = {block.name: folder_for(block.name, out, len(blocks)) for block in blocks}
    command = ["nndsl", "run", model.checked.file.name, *(["--train", train] if train else [])]
    command += ["--out", str(out)] if out is not None else []
    outcomes: list[Outcome] = []
    with opened(folders, started, shlex.join(command), resume=resume, restart=restart) as session:
        for note in session.notes:
            progress.note(note)
        if session.weights is not None:
            model.load_weights(session.weights)
        for block in blocks:
            outcome = Outcome(block.name, folders[block.name], before=block.name in session.done)
            outcomes.append(outcome)
            if not outcome.before:
                running = _Running(model, block, outcome, session, epochs, checkpoint_every, progress)
                outcome.cautions = model.cautions(block)
                warn(outcome.cautions)
                running.run(draw)
            if outcome.interrupted:
                break
    return outcomes


class _Running:
    """The run of one train block."""

    def __init__(
        self,
        model: Model,
        train: TrainProgram,
        outcome: Outcome,
        session: Session,
        epochs: int | None,
        checkpoint_every: float | None,
        progress: Progress,
    ) -> None:
        self.model = model
        self.train = train
        self.outcome = outcome
        self.session = session
        self.epochs = epochs
        self.progress = progress
        self.files: CheckpointFiles = session.files[train.name]
        self.history = History(outcome.folder, outcome.rows)
        # The folder is this run's once its first checkpoint is there; until then it holds an earlier run's results.
        self.owned = not has_results(outcome.folder)
        self.checkpoint: Checkpoint | None = session.checkpoints.get(train.name)
        setting: Any = dict(train.settings).get("checkpoint_every")
        self.every: float | None = checkpoint_every if checkpoint_every is not None else setting
        self.saved: str | None = None
        self.fitting: Fitting = model.fitting(train, epochs=epochs)
        program = model.generated.program
        self.declared = declared(program.trains[train.name], model.memory, model, model.parts(train))
        self.began = perf_counter()
        self.before = 0.0
        self.due = self.began + (FIRST_CHECKPOINT if self.every is None else self.every)

    def run(self, draw: Draw | None) -> None:
        """Trains, evaluates and fills the folder. Raises UserError."""
        import numpy as np

        outcome, model, train = self.outcome, self.model, self.train
        if self.checkpoint is not None and self._goes_on(self.checkpoint):
            return
        self.progress.begin(train.name, self.fitting.epochs)
        for note in model.data_notes(train):
            self.progress.note(note)
        try:
            with np.errstate(all="ignore"):
                shows = model.shows(train, epochs=self.epochs)
                self._follow(model.events(train, self.fitting, self._begin_again), shows, draw)
        finally:
            self.progress.end()
        outcome.seconds = self._seconds()
        for note in _notes(outcome):
            self.progress.note(note)
        if not outcome.interrupted:
            _evaluate(model, train, outcome)
        try:
            self._own()
            about = {"train": train.name, "epochs": outcome.epochs, "steps": outcome.steps}
            write_run(outcome.folder, model, outcome.rows, outcome.summary(), about)
            if not outcome.interrupted:
                self.files.finish()
        except (CheckpointError, UserError) as failure:
            raise self._unfinished(failure) from None
        if outcome.interrupted:
            self.progress.note(f"go on with it by `{self.session.command} --resume`")

    # -------------------------------------------------------------------------------------------- going on

    def _goes_on(self, checkpoint: Checkpoint) -> bool:
        """Takes up the run that a checkpoint was written by; whether nothing is left to do."""
        found = changes(self.model, self.train, checkpoint, self.declared)
        refuse(found, checkpoint, self.model, self.outcome.folder)
        self.outcome.rows += restore(self.model, self.train, self.fitting, checkpoint)
        self.checkpoint = None  # its arrays are in the memory now
        self.before = checkpoint.about["seconds"]
        self.saved = f"{checkpoint.path}: {checkpoint.moment}"
        self.owned = True
        for note in [*found.notes, *(f"{failure}" for failure in checkpoint.damaged)]:
            self.progress.note(note)
        self.outcome.epochs, self.outcome.steps = len(self.outcome.rows), checkpoint.about["state"]["step"]
        if checkpoint.finished and self.fitting.over:
            self.outcome.before = True
            self.progress.note(f"{self.train.name} is finished already; with more `epochs` it would go on")
            return True
        files = (self.outcome.folder / str(name) for name in checkpoint.about["files"])
        self.outcome.checkpoints |= {path for path in files if path.is_file()}
        self.progress.note(f"going on from {checkpoint.path}: {checkpoint.moment}")
        self.history.write()
        return False

    # -------------------------------------------------------------------------------------------- training

    def _follow(self, events: Iterator[Any], shows: Callable[[Any], Iterator[Shown]], draw: Draw | None) -> None:
        """Takes training to its end, or to Ctrl-C or SIGTERM, and notes what happens."""
        from nndsl.runtime.standalone.main import Interruption

        outcome, progress = self.outcome, self.progress
        with Interruption() as interruption:
            for event in events:
                for shown in shows(event):
                    self._own()
                    outcome.shown.append(_draw(shown, outcome.folder / SHOW_FOLDER, draw))
                match type(event).__name__:
                    case "StepDone":
                        outcome.epochs, outcome.steps = event.epoch - 1, event.step
                        progress.step(event)
                    case "EpochDone":
                        self._epoch(event)
                    case _:
                        outcome.epochs, outcome.steps = event.epochs, event.steps
                        outcome.stopped, outcome.restored = event.stopped, event.restored
                        break
                if interruption.asked:
                    outcome.interrupted = True
                    break
                if perf_counter() >= self.due:
                    self._save_if_possible()
            if outcome.interrupted:
                self._save()
                self.fitting.settle()

    def _begin_again(self, fitting: Fitting) -> bool:
        """Lets another fitting go on from the last checkpoint, or from the start where there is none."""
        checkpoint = self.files.read() if self.saved is not None else None
        if checkpoint is None:
            return self.model.start(fitting)
        restore(self.model, self.train, fitting, checkpoint)
        return True

    def _epoch(self, event: Any) -> None:
        outcome = self.outcome
        outcome.rows.append(event.row())
        outcome.epochs, outcome.steps = event.epoch, event.step
        self.progress.epoch(event)
        if event.save:
            self._own()
            about = {"train": outcome.train, "steps": event.step}
            outcome.checkpoints.add(write_checkpoint(outcome.folder, self.model, event.epoch, event.best_only, about))
        if self.owned:
            self.history.write()
        if self.fitting.over:
            # What comes now puts the best weights in place. More epochs would go on from these.
            self._save_if_possible()

    def _save_if_possible(self) -> None:
        """Writes a checkpoint; where that can't be done training goes on, and tries again later."""
        began = perf_counter()
        try:
            self._save()
        except UserError as failure:
            self.progress.note(f"{failure.diagnostics[0].message}; training goes on, and tries again later")
        now = perf_counter()
        every = max(CHECKPOINT_EVERY, LEAST_PART * (now - began)) if self.every is None else self.every
        self.due = now + every

    def _save(self) -> None:
        """Writes a checkpoint. Raises UserError NN608; the one before is then still there."""
        arrays, said = snapshot(self.model, self.train, self.fitting, self.outcome.rows)
        about = {
            "session": self.session.name,
            "train": self.train.name,
            "started": asdict(self.session.started),
            **said,
            "declared": self.declared,
            "sources": sources_of(self.model),
            "versions": versions(),
            "seconds": self._seconds(),
            "files": sorted(path.name for path in self.outcome.checkpoints),
        }
        try:
            path = self.files.write(arrays, about)
        except CheckpointError as failure:
            raise self._unfinished(failure) from None
        self.saved = f"{path}: {moment(said['state'])}"
        self._own()

    def _own(self) -> None:
        """The folder becomes this run's: what an earlier one left there is removed."""
        if self.owned:
            return
        remove_results(self.outcome.folder, self.train.name)
        try:
            self.files.remove(finished=True)
        except CheckpointError as failure:
            raise UserError(error("NN608", str(failure))) from None
        self.owned = True
        write_sources(self.outcome.folder, self.model)
        self.history.write()

    def _seconds(self) -> float:
        return self.before + perf_counter() - self.began

    def _unfinished(self, failure: CheckpointError | UserError) -> UserError:
        """What could not be written, with where the run can go on from."""
        message = failure.diagnostics[0].message if isinstance(failure, UserError) else str(failure)
        if self.saved is None:
            return UserError(error("NN608", message))
        help = f"when it can be written, `{self.session.command} --resume` goes on"
        return UserError(error("NN608", message, notes=[f"the last checkpoint is {self.saved}"], help=help))


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
        notes.append(f"interrupted after step {outcome.steps}; all of that moment is saved")
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
