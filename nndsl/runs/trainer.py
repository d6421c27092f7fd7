"""`nndsl run`: trains the blocks of a program one after the other, shows how it goes, and fills their run folders."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error
from nndsl.runs.outcomes import Outcome, evaluate_parts, finished_before, notes_of
from nndsl.runs.progress import Progress, Silence
from nndsl.runs.resuming import Started, changes, declared, refuse, restore, snapshot, sources_of, versions
from nndsl.runs.run_folder import (
    SHOW_FOLDER,
    History,
    folder_for,
    has_results,
    remove_results,
    write_checkpoint,
    write_run,
    write_sources,
)
from nndsl.runs.sessions import Session, opened
from nndsl.runtime.checkpoints import CheckpointError, moment

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
    started = started or Started(model.seed, model.sets, precision_of(model), epochs=epochs)
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
            if block.name in session.done:
                outcomes.append(finished_before(block.name, folders[block.name]))
                continue
            running = _Running(model, block, folders[block.name], session, epochs, checkpoint_every, progress)
            running.outcome.cautions = model.cautions(block)
            warn(running.outcome.cautions)
            outcomes.append(running.run(draw))
            if running.outcome.interrupted:
                break
    return outcomes


def precision_of(model: Model) -> str:
    """What a model computes in: one of PRECISIONS."""
    program = model.generated.program
    return program.products or program.dtype


class _Running:
    """The run of one train block."""

    def __init__(
        self,
        model: Model,
        train: TrainProgram,
        folder: Path,
        session: Session,
        epochs: int | None,
        checkpoint_every: float | None,
        progress: Progress,
    ) -> None:
        self.model = model
        self.train = train
        self.outcome = outcome = Outcome(train.name, folder)
        self.session = session
        self.epochs = epochs
        self.progress = progress
        self.files: CheckpointFiles = session.files[train.name]
        self.history = History(outcome.folder, outcome.rows)
        # The folder is this run's once its first checkpoint is there; until then it holds an earlier run's results.
        self.owned = not has_results(outcome.folder)
        setting: Any = dict(train.settings).get("checkpoint_every")
        self.every: float | None = checkpoint_every if checkpoint_every is not None else setting
        self.saved: str | None = None
        self.told = 0
        self.failing = False
        self.fitting: Fitting = model.fitting(train, epochs=epochs)
        program = model.generated.program
        self.declared = declared(program.trains[train.name], model.memory, model, model.parts(train))
        self.began = perf_counter()
        self.before = 0.0
        self.due = self.began + (FIRST_CHECKPOINT if self.every is None else self.every)

    def run(self, draw: Draw | None) -> Outcome:
        """Trains, evaluates and fills the folder. Raises UserError."""
        import numpy as np

        outcome, model, train = self.outcome, self.model, self.train
        if self._goes_on(self.session.checkpoints.pop(train.name, None)):
            return finished_before(train.name, outcome.folder)
        self.progress.begin(train.name, self.fitting.epochs)
        for note in model.data_notes(train):
            self.progress.note(note)
        try:
            with np.errstate(all="ignore"):
                shows = model.shows(train, epochs=self.epochs)
                self._follow(model.events(train, self.fitting, self._begin_again), shows, draw)
        except UserError as failure:
            raise self._unfinished(failure) from None
        finally:
            self.progress.end()
        outcome.seconds = self._seconds()
        for note in notes_of(outcome):
            self.progress.note(note)
        if not outcome.interrupted:
            evaluate_parts(model, train, outcome)
        try:
            self._own()
            about = {"train": train.name, "epochs": outcome.epochs, "steps": outcome.steps}
            write_run(outcome.folder, model, outcome.rows, outcome.summary(), about)
            if not outcome.interrupted and not self.failing:
                self.files.finish()
            elif not outcome.interrupted:  # what there is is older than the end, which is written
                self.files.remove(finished=False)
        except (CheckpointError, UserError) as failure:
            raise self._unfinished(failure) from None
        if outcome.interrupted:
            self.progress.note(f"go on with it by `{self.session.command} --resume`")
        return outcome

    # -------------------------------------------------------------------------------------------- going on

    def _goes_on(self, checkpoint: Checkpoint | None) -> bool:
        """Takes up the run that a checkpoint was written by, if there is one; whether nothing of it is left to do."""
        if checkpoint is None:
            return False
        found = changes(self.model, self.train, checkpoint, self.declared)
        refuse(found, self.model, self.outcome.folder)
        self.outcome.rows += restore(self.model, self.train, self.fitting, checkpoint)
        self.before = checkpoint.about["seconds"]
        self.saved = f"{checkpoint.path}: {checkpoint.moment}"
        self.owned = True
        for note in (*found.notes, *checkpoint.damaged):
            self.progress.note(note)
        self.outcome.epochs, self.outcome.steps = len(self.outcome.rows), checkpoint.about["state"]["step"]
        if checkpoint.finished and self.fitting.over:
            self.progress.note(self._finished())
            return True
        self.progress.note(f"going on from {checkpoint.path}: {checkpoint.moment}")
        self.history.write()
        if self.fitting.over:
            self._save_if_possible()  # what there is may be the one before, or damaged
        return False

    def _finished(self) -> str:
        """That nothing is left to do, and what would have to change for more."""
        stopped = self.fitting.stopped
        if stopped is None:
            return f"{self.train.name} is finished already; with more `epochs` it would go on"
        patient = any(callback.stop for callback in self.fitting.callbacks)
        more = "; with another `patience` it would go on" if patient else ""
        return f"{self.train.name} is finished already: {stopped}{more}"

    # -------------------------------------------------------------------------------------------- training

    def _follow(self, events: Iterator[Any], shows: Callable[[Any], Iterator[Shown]], draw: Draw | None) -> None:
        """Takes training to its end, or to Ctrl-C or SIGTERM, and notes what happens."""
        outcome, progress = self.outcome, self.progress
        with self.model.generated.names["Interruption"]() as interruption:
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
        for note in self.model.memory.notes[self.told :]:
            self.progress.note(note)
        self.told = len(self.model.memory.notes)
        if event.save:
            self._own()
            about = {"train": outcome.train, "steps": event.step}
            write_checkpoint(outcome.folder, self.model, event.epoch, event.best_only, about)
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
            self.failing = False
        except UserError as failure:
            if not self.failing:
                self.progress.note(f"{failure.diagnostics[0].message}; training goes on, and tries again later")
            self.failing = True
        now = perf_counter()
        every = max(CHECKPOINT_EVERY, LEAST_PART * (now - began)) if self.every is None else self.every
        self.due = now + (max(every, FIRST_CHECKPOINT) if self.failing else every)

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
        """What could not be written, with where the run can go on from; other failures as they are."""
        if isinstance(failure, CheckpointError):
            failure = UserError(error("NN608", str(failure)))
        (first, *more) = failure.diagnostics
        if self.saved is None or first.code != "NN608":
            return failure
        notes = (*first.notes, f"the last checkpoint is {self.saved}")
        help = f"when it can be written, `{self.session.command} --resume` goes on"
        return UserError(replace(first, notes=notes, help=help), *more)


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
