"""Columns that can't be read row by row where they are, written out once so that they can: the user's cache of columns.

A column is a file of its own, its numbers as they are in memory, row after row, and beside it a note of what it holds.
Both are called after the content of the files that it comes from: where these change, it is written anew.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING

from nndsl.data.files import reason
from nndsl.data.scans import cache_folder
from nndsl.data.table import Place
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from nndsl.data.table import Array, ColumnInfo, Table

KEPT_DAYS = 30
"""Columns that nothing has used for so long are removed when others are written."""

_FORMAT = 1
"""Grows whenever the same file would be written in another way."""


def spooled(table: Table, names: Sequence[str]) -> dict[str, Place]:
    """Where the rows of these columns lie, once they have been written out. Raises UserError NN426 where they can't be.

    Columns of files that say what is in them are kept for later runs; others are removed when this process ends.
    """
    folder = cache_folder("columns")
    if folder is None:
        raise _failed(table, "there is no home folder to keep them in")
    key = table.content()
    stems = {name: _stem(folder, key, name) for name in names}
    found = {name: _known(stems[name]) if key is not None else None for name in names}
    missing = [name for name in names if found[name] is None]
    if missing:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _remove_old(folder)
            _require_room(table, missing, folder)
            _write(table, missing, stems)
        except OSError as failure:
            raise _failed(table, f"{folder}: {reason(failure)}") from None
        if key is None:
            atexit.register(_remove, [stems[name] for name in missing])
    places = {name: found[name] or _known(stems[name]) for name in names}
    lost = next((name for name, place in places.items() if place is None), None)
    if lost is not None:
        raise _failed(table, f"{stems[lost]}.bin was changed meanwhile")
    return {name: place for name, place in places.items() if place is not None}


def _stem(folder: Path, key: str | None, name: str) -> Path:
    """The path of a column's files, without their endings."""
    import hashlib

    source = key or f"process {os.getpid()} {time.monotonic_ns()}"
    return folder / hashlib.blake2b(repr((_FORMAT, source, name)).encode(), digest_size=20).hexdigest()


def _known(stem: Path) -> Place | None:
    """The column that is written there; None where there is none, or none that is as it was left."""
    path = stem.with_suffix(".bin")
    try:
        note = json.loads(stem.with_suffix(".json").read_text(encoding="utf-8"))
        status = path.stat()
        dtype, shape = str(note["dtype"]), tuple(map(int, note["shape"]))
        if (status.st_size, status.st_mtime_ns) != (int(note["bytes"]), int(note["written"])):
            return None
        os.utime(stem.with_suffix(".json"))
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not there, or cut short: it is only a copy, and is written again
    return Place(path, 0, dtype, shape)


def _write(table: Table, names: Sequence[str], stems: Mapping[str, Path]) -> None:
    """Writes columns beside each other, so that the table is gone through once; each is there whole or not at all."""
    infos = {name: table.column(name) for name in names}
    dtypes = {name: _dtype(table, info) for name, info in infos.items()}
    unfinished = {name: stems[name].with_suffix(f".{os.getpid()}.unfinished") for name in names}
    try:
        with ExitStack() as opened:
            files: dict[str, IO[bytes]] = {n: opened.enter_context(p.open("wb")) for n, p in unfinished.items()}
            for block in table.blocks(names):
                for name, values in block.items():
                    files[name].write(_bytes(values, dtypes[name]))
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
        for name, path in unfinished.items():
            _finish(path, stems[name], dtypes[name], infos[name])
    finally:
        for path in unfinished.values():
            path.unlink(missing_ok=True)


def _finish(unfinished: Path, stem: Path, dtype: str, info: ColumnInfo) -> None:
    shape = (info.rows, *info.shape)
    status = unfinished.stat()
    unfinished.replace(stem.with_suffix(".bin"))
    note = {"dtype": dtype, "shape": shape, "bytes": status.st_size, "written": status.st_mtime_ns}
    part = stem.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(note), encoding="utf-8")
    part.replace(stem.with_suffix(".json"))


def _dtype(table: Table, info: ColumnInfo) -> str:
    """NumPy's name of the type that the rows are written in. Text is as wide as its widest, which may need a look."""
    import numpy as np

    if info.kind != "text" or np.dtype(info.dtype).itemsize:
        return np.dtype(info.dtype).newbyteorder("=").str
    widest = max(block[info.name].dtype.itemsize // 4 for block in table.blocks([info.name]))
    return np.dtype(f"<U{max(1, widest)}").str


def _bytes(values: Array, dtype: str) -> bytes:
    import numpy as np

    return np.ascontiguousarray(values.astype(dtype, copy=False)).tobytes()


def _require_room(table: Table, names: Sequence[str], folder: Path) -> None:
    """Raises UserError NN426 where the disk has too little room left."""
    import numpy as np

    columns = [table.column(name) for name in names]
    needed = sum(np.dtype(c.dtype).itemsize * prod(c.shape) * c.rows for c in columns)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise _failed(table, f"they take {needed / 1e9:.1f} GB, and {folder} has {free / 1e9:.1f} GB left")


def _remove_old(folder: Path) -> None:
    """Removes what nothing has used for long."""
    limit = time.time() - KEPT_DAYS * 86400
    for note in folder.glob("*.json"):
        with suppress(OSError):  # another process may be doing the same
            if note.stat().st_mtime < limit:
                _remove([note.with_suffix("")])


def _remove(stems: Sequence[Path]) -> None:
    for stem in stems:
        for ending in (".json", ".bin"):
            with suppress(OSError):
                stem.with_suffix(ending).unlink(missing_ok=True)


def _failed(table: Table, problem: str) -> UserError:
    return UserError(
        error(
            "NN426",
            f"the columns of {table.source} do not fit in memory, and can't be written out: {problem}",
            table.span,
            help="the environment variable XDG_CACHE_HOME names another folder; or use more memory, or an .npy file",
        )
    )
