"""The run folders of one `nndsl run`: locked, looked into, and what of an earlier run it goes on with."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING
from uuid import uuid4

from nndsl.diagnostics import UserError, error
from nndsl.runs.locks import LockedError, holder_of, locked
from nndsl.runs.resuming import Started
from nndsl.runs.run_folder import prepare_folder
from nndsl.runtime.checkpoints import CheckpointError, CheckpointFiles, moment, read_about

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from nndsl.runtime.checkpoints import Checkpoint

WORTH_KEEPING = 60.0
"""Seconds. A run that was left after less than that is replaced by a new one without asking."""


@dataclass(slots=True)
class Session:
    """One `nndsl run`, over all the processes that it took.

    name: stands in all its checkpoints. command: what started it, without options that a checkpoint holds.
    files: the checkpoints of each train block. checkpoints: where blocks go on from. done: blocks that are finished.
    weights: the run folder whose weights the first block that is left begins with, or None. notes: what to tell.
    """

    name: str
    started: Started
    command: str
    files: dict[str, CheckpointFiles]
    checkpoints: dict[str, Checkpoint] = field(default_factory=dict[str, "Checkpoint"])
    done: tuple[str, ...] = ()
    weights: Path | None = None
    notes: list[str] = field(default_factory=list[str])


@contextmanager
def opened(
    folders: Mapping[str, Path], started: Started, command: str, *, resume: bool, restart: bool
) -> Generator[Session]:
    """The session over the run folders of train blocks, in their order; nobody else runs there meanwhile.

    resume: it goes on where the last one was left. restart: it begins anew even if that one was not finished.
    Raises UserError: NN608, NN630, NN631 or NN632.
    """
    with ExitStack() as stack:
        session = Session(uuid4().hex, started, command, {})
        for name, folder in folders.items():
            prepare_folder(folder)
            before = _lock(stack, folder, started)
            if before is not None:
                session.notes.append(f"a lock was left in {folder} by {before}, which runs no more")
            session.files[name] = CheckpointFiles(folder)
            session.files[name].remove_parts()
        if resume:
            _go_on(session, folders)
        else:
            for name in folders:
                _begin_anew(session, name, restart=restart)
        yield session


def started_before(folders: Mapping[str, Path]) -> Started | None:
    """How the run was started that `--resume` would go on with in these folders, or None.

    Its `weights` are those that training has to begin with where there is no checkpoint yet.
    """
    found: Started | None = None
    for folder in folders.values():
        about = read_about(folder)
        holder = holder_of(folder)
        if about is not None:
            started = Started.read(about["started"])
            found = found if started is None else replace(started, weights=None)
        elif holder is not None:
            found = Started.read(holder.started) or found
    return found


def _lock(stack: ExitStack, folder: Path, started: Started) -> str | None:
    """Locks a folder until the stack is left; who was killed while holding it. Raises UserError NN608 or NN631."""
    try:
        before = stack.enter_context(locked(folder, asdict(started)))
    except LockedError as failure:
        message = f"another run is writing into {folder}: {failure}"
        help = "wait for it, or give this one a folder of its own by `--out DIR`"
        raise UserError(error("NN631", message, help=help)) from None
    except OSError as failure:
        reason = (failure.strerror or str(failure)).lower()
        raise UserError(error("NN608", f"can't write into {folder}: {reason}")) from None
    return None if before is None else str(before)


def _begin_anew(session: Session, name: str, *, restart: bool) -> None:
    """Makes way for a new run. Raises UserError NN630 where an unfinished one would be lost."""
    files = session.files[name]
    about = read_about(files.folder)
    unfinished = files.unfinished()
    if unfinished and not restart and (about is None or about["seconds"] >= WORTH_KEEPING):
        how_far = "" if about is None else f": {moment(about['state'])}"
        message = f"{files.folder} holds a run that is not finished{how_far}"
        help = f"`{session.command} --resume` goes on with it, `--restart` removes it, `--out DIR` leaves it alone"
        raise UserError(error("NN630", message, help=help))
    try:
        files.remove(finished=False)
    except CheckpointError as failure:
        raise UserError(error("NN608", str(failure))) from None
    if unfinished and about is not None and not restart:
        session.notes.append(
            f"the run that was left in {files.folder} after {about['seconds']:.0f} seconds makes way for this one"
        )


def _go_on(session: Session, folders: Mapping[str, Path]) -> None:
    """Finds the block that was left, and what it goes on from. Raises UserError NN630 or NN632."""
    unfinished = [name for name, files in session.files.items() if files.unfinished()]
    if len(unfinished) > 1:
        message = f"the runs of {' and of '.join(unfinished)} are not finished"
        raise UserError(error("NN630", message, help="say which one goes on: `--train NAME --resume`"))
    names = list(folders)
    if unfinished:
        (name,) = unfinished
        checkpoint = _read(session.files[name])
        _take_up(session, checkpoint)
        session.checkpoints[name] = checkpoint
        session.done = tuple(names[: names.index(name)])
        return
    first = read_about(folders[names[0]])
    if first is None:
        session.notes.append(f"there is no checkpoint in {folders[names[0]]}: training begins")
        return
    finished = [name for name in names if (read_about(folders[name]) or {}).get("session") == first["session"]]
    session.done = tuple(finished)
    if len(names) == 1 or len(finished) < len(names):
        last = finished[-1]
        checkpoint = _read(session.files[last])
        _take_up(session, checkpoint)
        if len(names) == 1:
            session.done = ()
            session.checkpoints[last] = checkpoint
        else:
            session.weights = folders[last]
        return
    session.notes.append("all train blocks are finished; `--train NAME` goes on with one, if it has more `epochs`")


def _read(files: CheckpointFiles) -> Checkpoint:
    """The checkpoint to go on from. Raises UserError NN632."""
    try:
        found = files.read()
    except CheckpointError as failure:
        help = "`--restart` begins anew"
        raise UserError(
            error("NN632", f"no checkpoint in {files.folder} is whole", notes=[str(failure)], help=help)
        ) from None
    assert found is not None
    return found


def _take_up(session: Session, checkpoint: Checkpoint) -> None:
    session.name = checkpoint.about["session"]
