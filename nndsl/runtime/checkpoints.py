"""Checkpoints of a run: files that hold all that a killed run goes on from, whole and checked, the last two of them.

A checkpoint is a `.safetensors` file, so any reader of these can take the weights out of it. A checksum over all that
it holds stands in its head. It is written under another name, pushed to the disk, and only then takes the place of the
one before, which is kept: whenever a process or a machine dies, one of the two is there and whole.
"""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from nndsl.runtime.standalone.program import Array, Table

UNFINISHED = "resume.safetensors"
"""The last checkpoint of a run that is not finished."""

PREVIOUS = "resume.previous.safetensors"
"""The one before."""

FINISHED = "finished.safetensors"
"""The last checkpoint of a finished run: more epochs may follow."""

_PART = re.compile(r"\..+\.\d+\.part")
"""What a process that was killed while it wrote may leave behind."""

_FORMAT = 1
_ABOUT = "nndsl"
_CHECKSUM = "checksum"
_ENTRIES: dict[str, Any] = {
    "session": str,
    "train": str,
    "started": dict,
    "state": dict,
    "scalars": dict,
    "declared": dict,
    "sources": dict,
    "versions": dict,
    "seconds": float,
    "texts": dict,
}
"""What a checkpoint says of its run, and of which kind."""

_KINDS = {"f": "F", "i": "I", "u": "U"}


class CheckpointError(Exception):
    """A checkpoint that can't be written, or is not whole. The message says which file and why, in one line."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint holds: arrays by name, and JSON values about the run.

    path: its file. damaged: of the files that should have been taken before it, what is wrong with them.
    """

    path: Path
    arrays: Table
    about: dict[str, Any]
    damaged: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether the run had come to its end."""
        return self.path.name == FINISHED

    @property
    def moment(self) -> str:
        """How far the run had come: `epoch 3, step 300`, or `after epoch 3, step 345`."""
        return moment(self.about["state"])


def moment(state: Mapping[str, Any]) -> str:
    """How far training had come, of a state of its loop."""
    where = f"epoch {state['epoch']}" if state["samples"] else f"after epoch {state['epoch'] - 1}"
    return f"{where}, step {state['step']}"


# ------------------------------------------------------------------------------------------------ a run's files


class CheckpointFiles:
    """The checkpoints in a run folder, for the one process that runs there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._last_is_whole = False

    def write(self, arrays: Mapping[str, Array], about: Mapping[str, Any]) -> Path:
        """Writes a checkpoint, and keeps the one before. Raises CheckpointError; what was there is then still there."""
        last = self.folder / UNFINISHED
        with _written(last, lambda file: _write(file, arrays, about)) as part:
            if self._last_is_whole:
                self._last_is_whole = False
                last.replace(self.folder / PREVIOUS)
            part.replace(last)
        self._last_is_whole = True
        return last

    def unfinished(self) -> bool:
        """Whether a run that was not finished has left checkpoints."""
        return any((self.folder / name).exists() for name in (UNFINISHED, PREVIOUS))

    def read(self) -> Checkpoint | None:
        """The last checkpoint that is whole, or None where there is none. Raises CheckpointError: none is whole."""
        damaged: list[str] = []
        for name in (UNFINISHED, PREVIOUS, FINISHED):
            path = self.folder / name
            if not path.exists():
                continue
            try:
                arrays, about = read_checkpoint(path)
            except CheckpointError as failure:
                damaged.append(str(failure))
                continue
            # A damaged one never takes the place of a whole one.
            self._last_is_whole = name == UNFINISHED
            return Checkpoint(path, arrays, about, tuple(damaged))
        if damaged:
            raise CheckpointError("; ".join(damaged))
        return None

    def finish(self) -> None:
        """The run is finished: its last checkpoint stays as such. Raises CheckpointError."""
        with _explained(self.folder / FINISHED):
            (self.folder / PREVIOUS).unlink(missing_ok=True)
            (self.folder / UNFINISHED).replace(self.folder / FINISHED)
            _sync_folder(self.folder)
        self._last_is_whole = False

    def remove(self, *, finished: bool) -> None:
        """Removes the checkpoints of earlier runs, of finished ones or of others. Raises CheckpointError."""
        for name in (FINISHED,) if finished else (UNFINISHED, PREVIOUS):
            with _explained(self.folder / name):
                (self.folder / name).unlink(missing_ok=True)
        self._last_is_whole = self._last_is_whole and finished

    def remove_parts(self) -> None:
        """Removes what killed processes left half written."""
        for path in self.folder.rglob(".*.part"):
            if _PART.fullmatch(path.name):
                path.unlink(missing_ok=True)


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as failure:
        raise CheckpointError(f"can't write {path}: {(failure.strerror or str(failure)).lower()}") from None


@contextmanager
def _written(path: Path, write: Callable[[IO[bytes]], None]) -> Generator[Path]:
    """A file beside `path` that is on the disk as a whole, to be given that name. Raises CheckpointError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with _explained(path):
        try:
            with part.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            yield part
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Pushes the names in a folder to the disk, where a folder can be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ------------------------------------------------------------------------------------------------ one file


def _write(file: IO[bytes], arrays: Mapping[str, Array], about: Mapping[str, Any]) -> None:
    """The bytes of a checkpoint; of each array no more than one copy is made.

    The safetensors library would copy all of them at once.
    """
    import numpy as np

    texts = {name: values.tolist() for name, values in arrays.items() if values.dtype.kind == "U"}
    said = json.dumps({**about, "format": _FORMAT, "texts": texts}, ensure_ascii=False)
    numbers = {name: values for name, values in arrays.items() if name not in texts}
    head: dict[str, Any] = {"__metadata__": {_ABOUT: said, _CHECKSUM: _checksum(said, numbers)}}
    place = 0
    for name, values in numbers.items():
        entry = {"dtype": _kind(values), "shape": values.shape, "data_offsets": (place, place + values.nbytes)}
        head[name] = entry
        place += values.nbytes
    text = json.dumps(head, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for values in numbers.values():
        file.write(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data if values.size else b"")


def read_checkpoint(path: Path) -> tuple[Table, dict[str, Any]]:
    """The arrays of a checkpoint, and what it says of the run. Raises CheckpointError: it is damaged, or none."""
    import numpy as np

    with _opened(path) as file:
        metadata: dict[str, str] = file.metadata() or {}
        arrays: Table = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - a handle, no dict
        said = metadata[_ABOUT]
        if metadata[_CHECKSUM] != _checksum(said, arrays):
            raise CheckpointError(f"{path} is damaged: its checksum is not that of what it holds")
        about = _checked(json.loads(said), path)
        arrays |= {name: np.array(texts, np.str_) for name, texts in about.pop("texts").items()}
    return arrays, about


def read_about(folder: Path) -> dict[str, Any] | None:
    """What the newest checkpoint in a folder says of its run, or None; its numbers are not looked at."""
    for name in (UNFINISHED, PREVIOUS, FINISHED):
        try:
            with _opened(folder / name) as file:
                metadata: dict[str, str] = file.metadata() or {}
                return _checked(json.loads(metadata[_ABOUT]), folder / name)
        except CheckpointError:
            continue  # whether one is whole is found out when the run goes on
    return None


@contextmanager
def _opened(path: Path) -> Generator[Any]:
    """The file, open. What goes wrong with its content in the block becomes a CheckpointError."""
    from safetensors import SafetensorError, safe_open

    try:
        opened: Any = safe_open(path, framework="numpy")
        with opened as file:
            yield file
    except OSError as failure:
        raise CheckpointError(f"can't read {path}: {(failure.strerror or str(failure)).lower()}") from None
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, RecursionError):
        raise CheckpointError(f"{path} is damaged, or is not a checkpoint") from None


def _checked(about: Any, path: Path) -> dict[str, Any]:
    """`about`, which has every entry that a checkpoint has, of its kind. Raises CheckpointError."""
    if about["format"] != _FORMAT:
        raise CheckpointError(f"{path} was written by another version of nndsl")
    whole = dict.fromkeys(("epoch", "step", "samples"), int)
    layouts = dict.fromkeys(("weights", "states", "slots"), dict)
    for entries, kinds in ((about, _ENTRIES), (about["state"], whole), (about["declared"], layouts)):
        if any(not isinstance(entries[name], kind) for name, kind in kinds.items()):
            raise CheckpointError(f"{path} is damaged, or is not a checkpoint")
    if not all(isinstance(value, int | float) for value in about["scalars"].values()):
        raise CheckpointError(f"{path} is damaged, or is not a checkpoint")
    return about


def _checksum(said: str, arrays: Mapping[str, Array]) -> str:
    """A hash over names, kinds, shapes and bytes, whatever the order of the arrays."""
    import numpy as np

    found = blake2b(said.encode(), digest_size=32)
    for name in sorted(arrays):
        values = arrays[name]
        found.update(f"\0{name}\0{_kind(values)}\0{values.shape}\0".encode())
        if values.size:
            found.update(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def _kind(values: Array) -> str:
    """The safetensors name of a kind of numbers."""
    return "BOOL" if values.dtype.kind == "b" else f"{_KINDS[values.dtype.kind]}{8 * values.dtype.itemsize}"
