"""Raw columns, and what they are in computations: numbers, or ids for names.

A table is a `dict` of raw columns by the name that the file gives them, one row each along the first axis: numbers as
they are stored, text as fixed-width unicode, in memory or left in a file (`StoredColumn`). A missing number is nan, a
missing text is "".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.program import Array, Column
from nndsl.runtime.standalone.stored import StoredColumn, StoredError
from nndsl.runtime.standalone.texts import text_parts

RawColumns = Mapping[str, Array | StoredColumn]
"""Raw columns by the names that their file gives them, in memory or in files."""


class DataError(ValueError):
    """Data that can't be used. The message names column and row (counted from 0).

    kind: one word for what is wrong: "column" (there is none of that name), "type", "shape", "number", "missing",
    "infinite", "class" (a name that the program does not know), "category", "rows" (their number), "split", "fit",
    "field", "limit" (a number that the program can't use), "file" (it can't be read any more).
    column: its name in its table; row: its position there; part: which table, "all" or the part that it belongs to.
    """

    def __init__(self, kind: str, problem: str, column: str | None = None, row: int | None = None) -> None:
        super().__init__(problem)
        self.kind = kind
        self.problem = problem
        self.column = column
        self.row = row
        self.part = "all"

    def __str__(self) -> str:
        place = [f"column {self.column}"] if self.column is not None else []
        place += [f"row {self.row} (counted from 0)"] if self.row is not None else []
        place += [f"of the {self.part} data"] if place and self.part != "all" else []
        return f"{', '.join(place)}: {self.problem}" if place else self.problem


@contextmanager
def naming_table(table: str) -> Generator[None]:
    """Says which table a DataError inside belongs to."""
    try:
        yield
    except DataError as error:
        error.part = table
        raise


def raw_column(columns: RawColumns, name: str) -> Array | StoredColumn:
    """The column called `name`: numbers, truth values or text, one row each. Raises DataError for anything else.

    `raw_rows` gives rows of it. Text may be bytes here.
    """
    if name not in columns:
        known = ", ".join(columns) or "none"
        raise DataError("column", f"there is no column {name!r}; the columns are: {known}", name)
    found = columns[name]
    values = found if isinstance(found, StoredColumn) else np.asarray(found)
    if values.ndim == 0:
        raise DataError("shape", "a column has a value for each row; this is a single value", name)
    if values.dtype.kind not in "biufUST":
        raise DataError("type", f"values of type {values.dtype} are neither numbers nor text", name)
    return values


def raw_rows(columns: RawColumns, name: str, rows: slice | NDArray[np.int64]) -> Array:
    """Rows of the column called `name`, in memory; bytes as text. Raises DataError as `raw_column`, and for a file."""
    try:
        values: Array = raw_column(columns, name)[rows]
    except StoredError as failure:
        raise DataError("file", str(failure), name) from None
    if values.dtype.kind == "T":
        return np.array(values.tolist(), np.str_)  # texts of any length, as wide as the longest of these rows
    if values.dtype.kind != "S":
        return values
    try:
        return np.char.decode(values, "utf-8")
    except UnicodeDecodeError:
        raise DataError("type", "the column holds bytes that are not UTF-8 text", name) from None


def encode_column(
    column: Column, values: Array, vocabulary: Array | None = None, rows: NDArray[np.int64] | None = None
) -> Array:
    """What a column is in computations: float64 numbers (nan where missing), or int32 ids for its names.

    values [n, ...]: raw. vocabulary: names behind the ids of a category or a text. rows [n]: their positions in the
    table, for messages. Raises DataError for what is missing and has no `fill`, infinite, or a class that
    `column.names` lacks.
    """
    rows = np.arange(len(values)) if rows is None else rows
    if column.role == "text":
        return _encode_texts(column, values, vocabulary, rows)
    if values.shape[1:] != tuple(column.shape):
        problem = f"a row has shape {list(values.shape[1:])}, the program was made for {list(column.shape)}"
        raise DataError("shape", problem, column.name)
    if column.role == "number":
        return _encode_numbers(column, values, rows)
    unique, inverse = named_values(values)
    if (unique == "").any():
        if column.fill is None:
            row = rows[np.flatnonzero((unique == "")[inverse])[0]]
            raise DataError("missing", "a value is missing", column.name, int(row))
        unique = np.where(unique == "", column.fill, unique)
    known = list(column.names) if column.role == "class" else list(map(str, [] if vocabulary is None else vocabulary))
    first = 0 if column.role == "class" else 1
    numbers = {name: number for number, name in enumerate(known, first)}
    ids = np.array([numbers.get(str(name), first - 1) for name in unique], np.int32)[inverse]
    if first == 0 and (ids < 0).any():
        position = int(np.flatnonzero(ids < 0)[0])
        named = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        problem = f"{str(unique[inverse[position]])!r} is none of the classes {named}"
        raise DataError("class", problem, column.name, int(rows[position]))
    return ids


TEXT_ROWS = 1 << 10
"""So many texts are cut at a time."""

FIRST_PART = 2
"""The id of the most frequent part of texts; 1 is any part that training never saw (or too seldom), 0 is none."""


def _encode_texts(
    column: Column, values: Array, vocabulary: Array | None, rows: NDArray[np.int64]
) -> NDArray[np.int32]:
    """[n, length]: ids of the first parts of each text, 0 behind the last."""
    length = column.shape[0]
    numbers = {
        part: number for number, part in enumerate(map(str, [] if vocabulary is None else vocabulary), FIRST_PART)
    }
    ids = np.zeros((len(values), length), np.int32)
    for target, parts in zip(ids, _parts_of(column, values, rows), strict=True):
        found = [numbers.get(part, 1) for part in parts[:length]]
        target[: len(found)] = found
    return ids


def _parts_of(column: Column, values: Array, rows: NDArray[np.int64]) -> Iterator[list[str]]:
    """The parts of each text. Raises DataError where one is missing, or is no text."""
    if values.ndim != 1 or values.dtype.kind != "U":
        kind = "numbers" if values.ndim == 1 else f"rows of shape {list(values.shape[1:])}"
        raise DataError("type", f"the column holds {kind}, and the program reads texts", column.name)
    for row, text in zip(rows.tolist(), values.tolist(), strict=True):
        if not text and column.fill is None:
            raise DataError("missing", "a text is missing", column.name, row)
        text = text or column.fill or ""
        yield text_parts(text.lower() if column.lowercase else text, column.level)


def learnt_parts(column: Column, raw: RawColumns, rows: NDArray[np.int64]) -> NDArray[np.str_]:
    """The words or characters that texts have most often, by how often, then by name: as many as there are ids for."""
    counts: Counter[str] = Counter()
    for start in range(0, len(rows), TEXT_ROWS):
        block = rows[start : start + TEXT_ROWS]
        for parts in _parts_of(column, raw_rows(raw, column.name, block), block):
            counts.update(parts)
    ordered = sorted(counts, key=lambda part: (-counts[part], part))
    return np.array(ordered[: column.vocabulary - FIRST_PART], np.str_)


def _encode_numbers(column: Column, values: Array, rows: NDArray[np.int64]) -> Array:
    """float64, int32 or bool [n, ...], as the column says. Text is read as numbers; "true" and "false" are 1 and 0."""
    if values.dtype.kind == "U":
        numbers = np.empty(values.shape)
        for position, text in np.ndenumerate(values):
            number = _read_number(str(text))
            if number is None:
                raise DataError("number", f"{str(text)!r} is not a number", column.name, int(rows[position[0]]))
            numbers[position] = number
    else:
        numbers = values.astype(np.float64)
    for kind, wrong, problem in (
        ("missing", np.isnan(numbers) if column.fill is None else None, "a value is missing"),
        ("infinite", np.isinf(numbers), "the value is infinite"),
    ):
        if wrong is not None and wrong.any():
            raise DataError(kind, problem, column.name, int(rows[np.argwhere(wrong)[0][0]]))
    if column.dtype == "float":
        return numbers
    made = numbers.astype(np.int32 if column.dtype == "int" else np.bool_)
    if (made != numbers).any():
        wanted = "a whole number" if column.dtype == "int" else "0 or 1 (false or true)"
        row = np.argwhere(made != numbers)[0]
        raise DataError("number", f"{numbers[tuple(row)]} is not {wanted}", column.name, int(rows[row[0]]))
    return made


def _read_number(text: str) -> float | None:
    """The number that a text says, nan for an empty one, or None."""
    text = text.strip()
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    try:
        return float(text) if text and "_" not in text else (np.nan if not text else None)
    except ValueError:
        return None


def named_values(values: Array) -> tuple[NDArray[np.str_], NDArray[np.int64]]:
    """(names, [n] positions in them) of a column's values, each as `value_name` says."""
    if values.dtype.kind == "f":
        values = values + 0.0  # -0.0 is 0
    unique, inverse = np.unique(values, return_inverse=True)
    return np.array([value_name(value) for value in unique], np.str_), inverse.reshape(-1)


def value_name(value: Any) -> str:
    """The name of one value of a column: "3" for 3 and 3.0, "0.5", "true", the text itself; "" for nan."""
    if isinstance(value, np.str_ | str):
        return str(value)
    if isinstance(value, np.bool_ | bool):
        return "true" if value else "false"
    if value != value:
        return ""
    number = float(value)
    return str(int(value)) if abs(number) < 1e15 and number == int(number) else str(value)


def sorted_names(names: NDArray[np.str_]) -> NDArray[np.str_]:
    """Names in their order: by value where all are numbers, by letters otherwise."""
    try:
        values = names.astype(np.float64)
    except ValueError:
        return np.sort(names)
    return names[np.lexsort((names, values))]
