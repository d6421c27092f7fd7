"""Files: weights and columns as `.npz`, histories and predictions as `.csv`. Nothing is ever unpickled.

Weights are read from `.safetensors` files, too, which `nndsl run` writes.
"""

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


SAFETENSORS_METADATA = "nndsl"
"""The entry of a `.safetensors` file's metadata that holds, as JSON, what `ABOUT` does and the arrays of texts."""

LONGEST_HEAD = 100_000_000
"""Bytes; as for everybody who reads such files."""

SAFETENSORS_KINDS = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}
"""Kinds of numbers that NumPy has, by their names in the head of a `.safetensors` file."""


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
    """Reads what `write_weights` or `nndsl run` wrote into `memory`; its `about`.

    Raises FileError, WeightsError among them.
    """
    if path.suffix == ".safetensors":
        arrays, about = read_safetensors_file(path)
    else:
        arrays = _archive(path, "train writes weights as .npz, `nndsl run` as .safetensors")
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
    for key, values in _archive(path, "`nndsl build model.nn --data columns.npz` writes one").items():
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


def _archive(path: Path, help: str) -> Table:
    """The arrays of an `.npz` file. Raises FileError, with `help` for a file of another kind."""
    try:
        with path.open("rb") as file:
            other = file.read(2) != b"PK"
    except OSError as error:
        raise FileError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from None
    if other:
        raise FileError(f"{path} is no .npz file; {help}")
    return read_arrays(path)


def read_safetensors_file(path: Path) -> tuple[Table, dict[str, Any]]:
    """The arrays of a `.safetensors` file, and what nndsl wrote into it about itself. Raises FileError.

    It is the length of its head in 8 bytes, its head (JSON: kind, shape and place of each array), and the numbers.
    """
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            size = path.stat().st_size - 8 - length
            if length > LONGEST_HEAD or size < 0:
                raise FileError(f"{path} is not a .safetensors file, or is cut off")
            head: Any = json.loads(file.read(length))
            content = file.read()
        metadata: dict[str, str] = dict(head.pop("__metadata__", {}))
        arrays = {name: _array_in(content, entry) for name, entry in head.items()}
        if sum(values.nbytes for values in arrays.values()) != size:
            raise FileError(f"{path} is damaged: its head and its numbers don't agree")
        about = dict(json.loads(metadata.get(SAFETENSORS_METADATA, "{}")))
        arrays |= {name: np.array(texts, np.str_) for name, texts in dict(about.pop("texts", {})).items()}
    except OSError as error:
        raise FileError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise FileError(f"{path} is not a .safetensors file, or is damaged") from None
    return arrays, about


def _array_in(content: bytes, entry: Mapping[str, Any]) -> Array:
    """An array of a `.safetensors` file. Raises ValueError, KeyError or TypeError for an entry that makes no sense."""
    start, stop = entry["data_offsets"]
    if not 0 <= start <= stop <= len(content):
        raise ValueError
    # `reshape` refuses a shape that the numbers do not fill; -1 would be one that it makes up.
    shape = tuple(entry["shape"])
    if any(not isinstance(size, int) or size < 0 for size in shape):
        raise ValueError
    return np.frombuffer(content[start:stop], SAFETENSORS_KINDS[entry["dtype"]]).reshape(shape)


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
