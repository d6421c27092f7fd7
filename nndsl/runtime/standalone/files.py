"""Files: weights and columns as `.npz`, histories and predictions as `.csv`. Nothing is ever unpickled.

Weights are read from `.safetensors` files, too, which `nndsl run` writes.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast
from zipfile import ZipFile, ZipInfo

import numpy as np

from nndsl.runtime.standalone.array_files import (
    LARGEST_EXTRAS,
    FileError,
    NpyHead,
    is_archive,
    read_arrays,
    read_safetensors_file,
    stored_arrays,
)
from nndsl.runtime.standalone.program import Array, Memory, Program, Table
from nndsl.runtime.standalone.stored import StoredColumn

FITTED = "fitted:"
"""Begins the names of what was learnt from data; no path of a weight or state has a colon.

Other names with a colon are what a checkpoint goes on from: slots of optimizers, histories.
"""

OTHER_TABLE = "::"
"""Stands between the part and the column in the names of columns that belong to one part only."""

RUN_WEIGHTS = ("weights.safetensors", "weights.npz")
"""What the weights in a run folder may be called."""

ABOUT = ":about"
"""The name of the text that says what a weights file is."""


class WeightsError(FileError):
    """Weights of another network. missing, unknown: paths; shapes: (path, shape wanted, shape found).

    about: what their file says about itself.
    """

    def __init__(
        self,
        missing: Sequence[str] = (),
        unknown: Sequence[str] = (),
        shapes: Sequence[tuple[str, tuple[int, ...], tuple[int, ...]]] = (),
    ) -> None:
        self.missing = tuple(missing)
        self.unknown = tuple(unknown)
        self.shapes = tuple(shapes)
        self.about: Mapping[str, Any] = {}
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


def refuse_misfits(
    program: Program, shapes: Mapping[str, tuple[int, ...]], kinds: Mapping[str, str] | None = None
) -> None:
    """Raises WeightsError where arrays of these shapes are not the program's weights and states, each of them.

    kinds: NumPy's letter for the numbers of each, where that is known. What was learnt from data is not looked at.
    """
    wanted = dict((*program.weights, *program.states))
    found = {name: shape for name, shape in shapes.items() if ":" not in name}
    misfits = [(path, shape, found[path]) for path, shape in wanted.items() if path in found and found[path] != shape]
    missing = [path for path in wanted if path not in found]
    unknown = [path for path in found if path not in wanted]
    if missing or unknown or misfits:
        raise WeightsError(missing, unknown, misfits)
    for path in wanted:
        if kinds is not None and kinds[path] not in "fiub":
            raise FileError(f"{path} holds no numbers")


def restore(program: Program, memory: Memory, arrays: Mapping[str, Array]) -> None:
    """Puts `arrays`, as `collected` gave them, into `memory`. Raises FileError, before anything is changed."""
    shapes = {name: values.shape for name, values in arrays.items()}
    refuse_misfits(program, shapes, {name: values.dtype.kind for name, values in arrays.items()})
    learnt = _learnt(program, arrays)
    for path, _ in program.weights:
        memory.weight(path)[...] = arrays[path]
    for path, _ in program.states:
        memory.state(path)[...] = arrays[path]
    memory.fitted.clear()
    memory.fitted.update(learnt)


def _learnt(program: Program, arrays: Mapping[str, Array]) -> dict[str, Table]:
    """What was learnt from data, by data block and name: numbers, and lists of names. Raises FileError."""
    learnt: dict[str, Table] = {}
    for name, values in arrays.items():
        if not name.startswith(FITTED):
            continue
        data, _, constant = name.removeprefix(FITTED).partition("/")
        names = values.dtype.kind == "U" and values.ndim == 1
        if data not in program.data or not (names or values.dtype.kind in "fiub"):
            raise FileError(f"what the file says was learnt from data, {name}, is nothing that this program learns")
        learnt.setdefault(data, {})[constant] = np.array(values)
    return learnt


def write_weights(path: Path, program: Program, memory: Memory, about: Mapping[str, Any]) -> None:
    """Writes what was learnt to an `.npz` file; `about` (JSON values) says what it is."""
    text = np.array(json.dumps({"program": program.name, "source_hash": program.source_hash, **about}))
    write_arrays(path, {**collected(program, memory), ABOUT: text})


def read_weights(path: Path, program: Program, memory: Memory) -> dict[str, Any]:
    """Reads what `write_weights` or `nndsl run` wrote into `memory`; its `about`.

    Raises FileError, WeightsError among them.
    """
    arrays, about = read_weights_file(path, program)
    restore(program, memory, arrays)
    return about


def read_weights_file(path: Path, program: Program) -> tuple[Table, dict[str, Any]]:
    """The arrays of a weights file, or of the one in a run folder, and what it says about itself.

    None of an `.npz` file is unpacked before all are known to fit. Raises FileError, WeightsError among them.
    """
    if path.is_dir():
        path = next((found for name in RUN_WEIGHTS if (found := path / name).is_file()), path / RUN_WEIGHTS[0])
    arrays, about = _safetensors_or_about(path)
    try:
        if arrays is None:
            arrays = read_arrays(path, lambda heads: _refuse_heads(program, path, heads))
            arrays.pop(ABOUT, None)
        else:
            refuse_misfits(program, {name: values.shape for name, values in arrays.items()})
    except WeightsError as misfit:
        misfit.about = about
        raise
    return arrays, about


def _safetensors_or_about(path: Path) -> tuple[Table | None, dict[str, Any]]:
    """All of a `.safetensors` file; of an archive, for now, only what it says about itself. Raises FileError."""
    help = "train writes weights as .npz, `nndsl run` as .safetensors"
    if is_archive(path, help):
        return None, _about(path)
    try:
        return read_safetensors_file(path)
    except FileError:
        if path.suffix == ".safetensors":
            raise
        raise FileError(f"{path} is no .npz file; {help}") from None


def _about(path: Path) -> dict[str, Any]:
    """What an `.npz` file of weights says about itself. Raises FileError."""

    def accept(heads: Mapping[str, NpyHead]) -> None:
        if sum(head.size for head in heads.values()) > LARGEST_EXTRAS:
            raise FileError(f"{path} says far too much about itself")

    try:
        about: Any = json.loads(str(read_arrays(path, accept, ABOUT).get(ABOUT, "{}")))
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict):
        raise FileError(f"{path} says something about itself that can't be read")
    return cast("dict[str, Any]", about)


def _refuse_heads(program: Program, path: Path, heads: Mapping[str, NpyHead]) -> None:
    """Raises FileError where an archive holds other weights than the program's, or far more besides."""
    shapes = {name: head.shape for name, head in heads.items() if name != ABOUT}
    refuse_misfits(program, shapes, {name: head.dtype.kind for name, head in heads.items()})
    extras = sum(head.size for name, head in heads.items() if ":" in name)
    if extras > LARGEST_EXTRAS:
        raise FileError(f"{path} would unpack to {extras:,} bytes besides the weights")


# ------------------------------------------------------------------------------------------------ columns


def write_columns(path: Path, tables: Mapping[str, Mapping[str, Array]]) -> None:
    """Writes raw columns to an `.npz` file: those of "all" by their names, those of a part as "<part>::<name>"."""
    arrays: Table = {}
    for table, columns in tables.items():
        prefix = "" if table == "all" else f"{table}{OTHER_TABLE}"
        arrays |= {f"{prefix}{name}": _fixed_width(values) for name, values in columns.items()}
    write_arrays(path, arrays)


def _fixed_width(values: Array) -> Array:
    """Texts of any length as wide as the longest, which is how NumPy's files have them."""
    return np.array(values.tolist(), np.str_) if values.dtype.kind == "T" else values


def read_columns(path: Path, stream: bool = False) -> dict[str, dict[str, Array | StoredColumn]]:
    """The raw columns by table, as `write_columns` took them. Raises FileError.

    stream: whether large columns stay in the file.
    """
    tables: dict[str, dict[str, Array | StoredColumn]] = {}
    help = "`nndsl build model.nn --data columns.npz` writes one"
    left = stored_arrays(path) if stream and is_archive(path, help) else {}
    for key, values in {**_archive(path, help, left), **left}.items():
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


def _archive(path: Path, help: str, without: Collection[str] = ()) -> Table:
    """The arrays of an `.npz` file but those `without`. Raises FileError, with `help` for a file of another kind."""
    if not is_archive(path, help):
        raise FileError(f"{path} is no .npz file; {help}")
    return read_arrays(path, without=without)


def write_history(path: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes the rows of a history to a `.csv` file; every digit that tells two numbers apart is kept."""
    header = list(rows[0]) if rows else ["epoch"]
    write_table(path, header, ([repr(value) for value in row.values()] for row in rows))


def write_predictions(path: Path, predictions: Mapping[str, Array]) -> None:
    """Writes predictions [samples, ...] to an `.npz` file, or as a table to a `.csv` file.

    In a table a prediction of several elements has a column for each: "name[0]", "name[1]", ... Raises FileError for
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
        places = [*np.ndindex(values.shape[1:])]
        flat = values.reshape(len(values), len(places))
        for place, index in enumerate(places):
            header.append(f"{name}[{','.join(map(str, index))}]" if len(places) > 1 else name)
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
        part.unlink(missing_ok=True)  # of a process of that number long ago; a link to somewhere else is not followed
        with part.open("x", encoding="utf-8", newline="") if text else part.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise FileError(f"can't write {path}: {(error.strerror or str(error)).lower()}") from None
    finally:
        part.unlink(missing_ok=True)
