"""Files: weights and columns as `.npz`, histories and predictions as `.csv`. Nothing is ever unpickled."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np

from nndsl.runtime.standalone.program import Array, Memory, Program, Table

FITTED = "fitted:"
"""Begins the names of what was learnt from data; no path of a weight or state has a colon."""

OTHER_TABLE = "::"
"""Stands between the part and the column in the names of columns that belong to one part only."""

ABOUT = ":about"
"""The name of the text that says what a weights file is."""


class FileError(Exception):
    """A file that can't be used; the message says which and why, in one line."""


class WeightsError(FileError):
    """Weights of another network. missing, unknown: paths; shapes: (path, shape wanted, shape found)."""

    def __init__(
        self,
        missing: Sequence[str] = (),
        unknown: Sequence[str] = (),
        shapes: Sequence[tuple[str, tuple[int, ...], tuple[int, ...]]] = (),
    ) -> None:
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)
        self.shapes = tuple(shapes)
        said = [f"{path} is {list(found)} there and {list(wanted)} here" for path, wanted, found in self.shapes]
        said += [f"{path} is missing" for path in self.missing]
        said += [f"{path} is unknown here" for path in self.unknown]
        more = f", and {len(said) - 4} more" if len(said) > 4 else ""
        super().__init__(f"these weights don't fit the network: {'; '.join(said[:4])}{more}")


# ------------------------------------------------------------------------------------------------ weights


def collected(program: Program, memory: Memory) -> Table:
    """Everything that was learnt: weights and states by path, constants learnt from data as "fitted:<data>/<name>"."""
    arrays: Table = {path: memory.weight(path) for path, _ in program.weights}
    arrays |= {path: memory.state(path) for path, _ in program.states}
    for data, constants in memory.fitted.items():
        arrays |= {f"{FITTED}{data}/{name}": values for name, values in constants.items()}
    return arrays


def restore(program: Program, memory: Memory, arrays: Mapping[str, Array]) -> None:
    """Puts `arrays`, as `collected` gave them, into `memory`. Raises WeightsError, before anything is changed."""
    wanted = dict((*program.weights, *program.states))
    learnt = {name: values for name, values in arrays.items() if not name.startswith(FITTED)}
    shapes = [
        (path, shape, learnt[path].shape)
        for path, shape in wanted.items()
        if path in learnt and learnt[path].shape != shape
    ]
    missing = [path for path in wanted if path not in learnt]
    unknown = [path for path in learnt if path not in wanted]
    if missing or unknown or shapes:
        raise WeightsError(missing, unknown, shapes)
    for path, _ in program.weights:
        memory.weight(path)[...] = learnt[path]
    for path, _ in program.states:
        memory.state(path)[...] = learnt[path]
    memory.fitted.clear()
    for name, values in arrays.items():
        if name.startswith(FITTED):
            data, _, constant = name.removeprefix(FITTED).partition("/")
            memory.fitted.setdefault(data, {})[constant] = np.array(values)


def write_weights(path: Path, program: Program, memory: Memory, about: Mapping[str, Any]) -> None:
    """Writes what was learnt to an `.npz` file; `about` (JSON values) says what it is."""
    text = np.array(json.dumps({"program": program.name, "source_hash": program.source_hash, **about}))
    write_arrays(path, {**collected(program, memory), ABOUT: text})


def read_weights(path: Path, program: Program, memory: Memory) -> dict[str, Any]:
    """Reads what `write_weights` wrote into `memory`; its `about`. Raises FileError, WeightsError among them."""
    arrays = read_arrays(path)
    try:
        about = dict(json.loads(str(arrays.pop(ABOUT, "{}"))))
    except ValueError:
        raise FileError(f"{path} says something about itself that can't be read") from None
    restore(program, memory, arrays)
    return about


# ------------------------------------------------------------------------------------------------ columns


def write_columns(path: Path, tables: Mapping[str, Mapping[str, Array]]) -> None:
    """Writes raw columns to an `.npz` file: those of "all" by their names, those of a part as "<part>::<name>"."""
    arrays: Table = {}
    for table, columns in tables.items():
        prefix = "" if table == "all" else f"{table}{OTHER_TABLE}"
        arrays |= {f"{prefix}{name}": values for name, values in columns.items()}
    write_arrays(path, arrays)


def read_columns(path: Path) -> dict[str, Table]:
    """The raw columns by table, as `write_columns` took them. Raises FileError."""
    tables: dict[str, Table] = {}
    for key, values in read_arrays(path).items():
        table, separator, name = key.partition(OTHER_TABLE)
        tables.setdefault(table if separator else "all", {})[name if separator else key] = values
    return tables


# ------------------------------------------------------------------------------------------------ formats


def write_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Writes arrays to an `.npz` file, the same bytes for the same arrays; any name will do, unlike in `np.savez`."""

    def write(file: IO[Any]) -> None:
        with ZipFile(file, "w") as archive:
            for name, values in arrays.items():
                with archive.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, np.asanyarray(values), allow_pickle=False)

    write_whole(path, write)


def read_arrays(path: Path) -> Table:
    """The arrays of an `.npz` file. Raises FileError for anything else."""
    try:
        loaded: Any = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            raise FileError(f"{path} holds one array without a name; an .npz file is wanted")
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (ValueError, EOFError, BadZipFile, KeyError) as error:
        raise FileError(f"{path} is not an .npz file of arrays: {error}") from None
    except OSError as error:
        raise FileError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from None


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes the rows of a history to a `.csv` file; every digit that tells two numbers apart is kept."""
    header = list(rows[0]) if rows else ["epoch"]
    write_table(path, header, ([repr(value) for value in row.values()] for row in rows))


def write_predictions(path: Path, predictions: Mapping[str, Array]) -> None:
    """Writes predictions [samples, ...] to an `.npz` file, or as a table to a `.csv` file.

    In a table a prediction with a shape has a column for each element: "name[0]", "name[1]", ... Raises FileError for
    other kinds of file.
    """
    if path.suffix == ".npz":
        write_arrays(path, predictions)
        return
    if path.suffix != ".csv":
        raise FileError(f"predictions are written as .npz or .csv, not as {path.suffix or path.name}")
    header: list[str] = []
    columns: list[list[Any]] = []
    for name, values in predictions.items():
        flat = values.reshape(len(values), -1)
        for place, index in enumerate(np.ndindex(values.shape[1:])):
            header.append(f"{name}[{','.join(map(str, index))}]" if index else name)
            columns.append(flat[:, place].astype(np.str_).tolist())
    write_table(path, header, zip(*columns, strict=True))


def write_table(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Writes a `.csv` file."""

    def write(file: IO[Any]) -> None:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)

    write_whole(path, write, text=True)


def write_whole(path: Path, write: Callable[[IO[Any]], object], text: bool = False) -> None:
    """Writes a file that is there whole or not at all: under another name first, which then replaces `path`.

    Raises FileError where that can't be done.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") if text else part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise FileError(f"can't write {path}: {(error.strerror or str(error)).lower()}") from None
    finally:
        part.unlink(missing_ok=True)
