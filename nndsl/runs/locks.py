"""The lock on a run folder: one process at a time trains there.

The system holds the lock and lets go of it when the process ends, however it ends. What the file says is for people.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

LOCK_FILE = "run.lock"

_FAR = 1 << 30
"""Where the locked byte lies on Windows, which lets nobody read a byte that is locked."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, or held it.

    began: when, as people write it. started: how the run was started, in JSON values.
    """

    process: int
    host: str
    began: str
    started: dict[str, Any]

    def __str__(self) -> str:
        where = "" if self.host == platform.node() else f" on {self.host}"
        return f"process {self.process}{where}, since {self.began}"


class LockedError(Exception):
    """Somebody else holds the lock; `holder`: who, or None where the file does not say."""

    def __init__(self, holder: Holder | None) -> None:
        super().__init__(str(holder or "another process"))
        self.holder = holder


@contextmanager
def locked(folder: Path, started: Mapping[str, Any]) -> Generator[Holder | None]:
    """Holds the lock on a folder; gives whoever held it before and was killed, or None.

    Raises LockedError, and OSError where the file can't be made.
    """
    path = folder / LOCK_FILE
    descriptor = _held(path)
    try:
        before = _holder(descriptor)
        _say(descriptor, started)
        yield before
    finally:
        # Removed while it is held: whoever opened it meanwhile sees that it is gone, and makes a new one.
        _remove(path, descriptor)


def holder_of(folder: Path) -> Holder | None:
    """Who holds the lock on a folder, or held it and was killed."""
    try:
        descriptor = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return None
    try:
        return _holder(descriptor)
    finally:
        os.close(descriptor)


def _held(path: Path) -> int:
    """A descriptor of the lock's file, which is locked. Raises LockedError."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(descriptor)
        except OSError:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise LockedError(holder) from None
        try:
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass  # its holder has just removed it
        os.close(descriptor)


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, _FAR, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

    def _remove(path: Path, descriptor: int) -> None:
        # An open file can't be removed there. One that is empty says that nobody was killed.
        os.ftruncate(descriptor, 0)
        os.close(descriptor)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _remove(path: Path, descriptor: int) -> None:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _say(descriptor: int, started: Mapping[str, Any]) -> None:
    from datetime import datetime

    began = datetime.now().astimezone().isoformat(" ", "seconds")
    text = json.dumps(asdict(Holder(os.getpid(), platform.node(), began, dict(started))), ensure_ascii=False)
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, text.encode())


def _holder(descriptor: int) -> Holder | None:
    """What the file says, or None where it says nothing that makes sense."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        said = json.loads(os.read(descriptor, 1 << 20))
        return Holder(int(said["process"]), str(said["host"]), str(said["began"]), dict(said["started"]))
    except (ValueError, KeyError, TypeError):
        return None
