"""From raw columns to what a network reads: rows split, constants learnt from the training rows, fields computed.

The generated module says for each data block, as functions:

`fit(columns)`: what is learnt from the training rows: for each `Fit` in order `name: fitted_<statistic>(values)`.
`series(columns, fitted)`: where rows look at those beside them, what they see there, for each row.
`prepare(columns, fitted)`: every field by name.

`columns[key]` is [n, ...]: float64 numbers (nan where missing and the column has a `fill`; int32 or bool where the
column says so), or int32 ids (role "class": 0..k-1; "category": 1..k, 0 for what training never saw). Both compute in
float64 whatever the program's floats are, on any number of rows, each row on its own; results are cast to the
program's floats once, here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.columns import (
    DataError,
    encode_column,
    named_values,
    naming_table,
    raw_column,
    sorted_names,
)
from nndsl.runtime.standalone.program import Array, Column, Data, Table, Window
from nndsl.runtime.standalone.splits import split_rows

BLOCK_ELEMENTS = 1 << 16
"""Rows are prepared in float64, this many numbers at a time, and cast once: no large table is ever held in float64."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Data ready to be read.

    fitted: what was learnt from the training rows, by name, saved with the weights: float64 statistics, and
    "<key>.names", the names (unicode) behind the ids 1, 2, ... of a category.
    parts: for each part its fields by name: contiguous float, int32 or bool arrays (rows, ...).
    rows: for each part the positions of its rows in their table, ascending; rows whose windows are cut off are none.
    """

    fitted: Table
    parts: dict[str, Table]
    rows: dict[str, NDArray[np.int64]]


def load_data(
    data: Data,
    tables: Mapping[str, Mapping[str, Array]],
    seed: int,
    *,
    dtype: str = "float32",
    fitted: Mapping[str, Array] | None = None,
    fields: Sequence[str] | None = None,
) -> Prepared:
    """Splits, learns from the training rows and prepares every part.

    tables: raw columns; "all" is split as `data.split` says (all of it is "train" without a split), any other name is
    a part with rows of its own. Rows written in the program are "all" where no such table is given.
    fitted: what an earlier run learnt; then nothing is learnt here. fields: names of those that are wanted, by
    default all.
    """
    tables = dict(tables)
    if data.inline is not None:
        tables.setdefault("all", data.inline)
    places = _part_rows(data, tables, seed)
    if fitted is None:
        if "train" not in places:
            raise DataError("split", f"the data {data.name} has no part called train")
        table, rows = places["train"]
        with naming_table(table):
            fitted = _learn(data, tables[table], rows)
    parts: dict[str, Table] = {}
    kept: dict[str, NDArray[np.int64]] = {}
    for part, (table, rows) in places.items():
        with naming_table(table):
            kept[part] = rows_with_windows(data, rows, fields, f"the part {part}")
            parts[part] = _prepared_rows(data, tables[table], kept[part], fitted, dtype, fields)
    return Prepared(dict(fitted), parts, kept)


def prepare_new(
    data: Data,
    columns: Mapping[str, Array],
    fitted: Mapping[str, Array],
    fields: Sequence[str] | None = None,
    dtype: str = "float32",
) -> Table:
    """Fields of new rows, by name: those in `fields`, by default all. Columns that only others need may be missing.

    Rows whose windows are cut off, as the first ones', are left out.
    """
    rows = rows_with_windows(data, np.arange(_row_count(data, columns, fields)), fields, "the data")
    return _prepared_rows(data, columns, rows, fitted, dtype, fields)


def _part_rows(
    data: Data, tables: Mapping[str, Mapping[str, Array]], seed: int
) -> dict[str, tuple[str, NDArray[np.int64]]]:
    """For each part: the table that it is in, and its rows there."""
    places: dict[str, tuple[str, NDArray[np.int64]]] = {}
    for table, columns in tables.items():
        with naming_table(table):
            rows = _row_count(data, columns, None if table == "all" else [field.name for field in data.fields])
            if table != "all":
                places[table] = (table, np.arange(rows))
                continue
            split = data.split
            strata = groups = None
            if split is not None and split.stratify is not None:
                strata = _joint_values(_stratum_columns(data, split.stratify), columns)
            if split is not None and split.group is not None:
                groups = _joint_values([c for c in data.columns if c.key == split.group], columns)
            for part, chosen in split_rows(split, rows, seed, strata, groups).items():
                places[part] = (table, chosen)
    return places


def _stratum_columns(data: Data, name: str) -> list[Column]:
    """The columns behind the field (or the column) that a split stratifies by."""
    keys = next((field.columns for field in data.fields if field.name == name), ()) or (name,)
    return [column for column in data.columns if column.key in keys]


def _joint_values(columns: Sequence[Column], raw: Mapping[str, Array]) -> Array:
    """[rows]: one number for each combination of values."""
    joint: Array | None = None
    for column in columns:
        values = raw_column(raw, column.name)
        if values.ndim > 1:
            problem = f"a split needs one value for each row; a row here has shape {list(values.shape[1:])}"
            raise DataError("shape", problem, column.name)
        names, numbers = named_values(values)
        if column.fill is None and (names == "").any():
            row = np.flatnonzero((names == "")[numbers])[0]
            raise DataError("missing", "a value is missing", column.name, int(row))
        joint = numbers if joint is None else joint * (int(numbers.max()) + 1) + numbers
    if joint is None:
        raise DataError("split", "there is no column to keep together or in equal shares")
    return joint


def _row_count(data: Data, columns: Mapping[str, Array], fields: Sequence[str] | None) -> int:
    """Number of rows of the columns that the wanted fields need. Raises DataError where one is missing or differs."""
    needed = _needed_keys(data, fields)
    counts = {c.name: len(raw_column(columns, c.name)) for c in data.columns if c.key in needed}
    if not counts:
        raise DataError("column", f"the data {data.name} has no columns")
    if len(set(counts.values())) > 1:
        (first, count), *others = counts.items()
        other = next(name for name, rows in others if rows != count)
        problem = f"{first} has {count} rows and {other} has {counts[other]}"
        raise DataError("rows", f"columns have a value for each row, but {problem}")
    return next(iter(counts.values()))


def _needed_keys(data: Data, fields: Sequence[str] | None) -> set[str]:
    """Keys of the columns that these fields are computed from; all where a field does not say."""
    wanted = [field for field in data.fields if fields is None or field.name in fields]
    if fields is None or any(not field.columns for field in wanted):
        return {each.key for each in (*data.columns, *data.windows)}  # those of the split too
    return {key for field in wanted for key in field.columns}


# ------------------------------------------------------------------------------------------------ fitting, fields


def rows_with_windows(
    data: Data, rows: NDArray[np.int64], fields: Sequence[str] | None, where: str
) -> NDArray[np.int64]:
    """Those of `rows`, which follow one another, that have all rows that the wanted fields look at; each `stride`th.

    Raises DataError where there are none.
    """
    windows = _needed_windows(data, _needed_keys(data, fields))
    if not data.windows:
        return rows
    before = -min([0, *(window.first for window in windows)])
    after = max([0, *(window.last for window in windows)])
    if len(rows) <= before + after:
        problem = f"a window takes {before + after + 1} rows in order, and {where} has {len(rows)}"
        raise DataError("rows", problem)
    return rows[before : len(rows) - after : data.stride]


def _needed_windows(data: Data, keys: set[str]) -> list[Window]:
    return [window for window in data.windows if window.key in keys]


@dataclass(frozen=True, slots=True)
class SeriesRows:
    """What `Data.series` gives for the rows from `start` on, by name."""

    start: int
    values: Table


class EncodedColumns(dict[str, Array]):
    """Columns of some rows by key, each encoded when it is first asked for; zeros for a column that nobody wants."""

    def __init__(
        self,
        data: Data,
        raw: Mapping[str, Array],
        rows: NDArray[np.int64],
        fitted: Mapping[str, Array],
        wanted: set[str] | None = None,
        series: SeriesRows | None = None,
    ) -> None:
        super().__init__()
        self._columns = {column.key: column for column in data.columns}
        self._raw = raw
        self._rows = rows
        self._fitted = fitted
        self._wanted = set(self._columns) if wanted is None else wanted
        self._windows = {window.key: window for window in data.windows}
        self._series = series or SeriesRows(0, {})

    def __missing__(self, key: str) -> Array:
        if key in self._windows:
            self[key] = self._window(self._windows[key])
            return self[key]
        column = self._columns[key]
        if key in self._wanted:
            values = raw_column(self._raw, column.name)[self._rows]
            self[key] = encode_column(column, values, self._fitted.get(_names_key(column)), self._rows)
        else:
            kind = {"float": np.float64, "int": np.int32, "bool": np.bool_}[column.dtype]
            kind = kind if column.role == "number" else np.int32
            self[key] = np.zeros((len(self._rows), *column.shape), kind)
        return self[key]

    def _window(self, window: Window) -> Array:
        """[rows, length, ...]: values of the rows around each row, or zeros where nobody wants them."""
        values = self._series.values[window.series]
        rows = np.arange(window.first, window.last + 1) + (self._rows - self._series.start)[:, np.newaxis]
        found = values[rows if window.key in self._wanted else np.zeros_like(rows)]
        return found if window.stacked else found[:, 0]


def _names_key(column: Column) -> str:
    """Where the names behind a category's ids are in `fitted`."""
    return f"{column.key}.names"


def _learn(data: Data, raw: Mapping[str, Array], rows: NDArray[np.int64]) -> Table:
    """What the training rows teach: names of categories, then the constants of `data.fit`."""
    fitted: Table = {}
    for column in data.columns:
        if column.role == "category":
            names, _ = named_values(raw_column(raw, column.name)[rows])
            names = np.unique(np.where(names == "", column.fill or "", names))
            names = sorted_names(names[names != ""])
            fitted[_names_key(column)] = names
            if len(names) > len(column.names):
                problem = f"there are {len(names)} names, the program was made for {len(column.names)}"
                raise DataError("category", problem, column.name)
    with np.errstate(all="ignore"):
        learnt = data.fit(EncodedColumns(data, raw, rows, fitted))
    for name, value in learnt.items():
        fitted[name] = np.asarray(value, np.float64)
        if not np.isfinite(fitted[name]).all():
            raise DataError("fit", f"{name} can't be learnt: the training rows have no value there, or too large ones")
    return fitted


def _prepared_rows(
    data: Data,
    raw: Mapping[str, Array],
    rows: NDArray[np.int64],
    fitted: Mapping[str, Array],
    dtype: str,
    fields: Sequence[str] | None,
) -> Table:
    """The wanted fields of these rows, in the types of the program."""
    types = {"float": np.dtype(dtype), "int": np.dtype(np.int32), "bool": np.dtype(np.bool_)}
    wanted = [field for field in data.fields if fields is None or field.name in fields]
    made: Table = {field.name: np.empty((len(rows), *field.shape), types[field.dtype]) for field in wanted}
    keys = _needed_keys(data, fields)
    widest = max([1, *(int(np.prod(part.shape)) for part in (*wanted, *data.columns))])
    block = max(1, BLOCK_ELEMENTS // widest)
    series = _series_rows(data, raw, rows, fitted, keys)
    for start in range(0, len(rows), block):
        here = rows[start : start + block]
        with np.errstate(all="ignore"):
            values = data.prepare(EncodedColumns(data, raw, here, fitted, keys, series), dict(fitted))
            for field in wanted:
                made[field.name][start : start + block] = values[field.name]
        for field in (field for field in wanted if field.dtype == "float"):
            finite = np.isfinite(made[field.name][start : start + block])
            if not finite.all():
                row = int(here[np.argwhere(~finite)[0][0]])
                raise DataError("field", f"the field {field.name} is not a finite number in row {row} (counted from 0)")
    return made


def _series_rows(
    data: Data, raw: Mapping[str, Array], rows: NDArray[np.int64], fitted: Mapping[str, Array], keys: set[str]
) -> SeriesRows | None:
    """What the wanted windows of these rows are made of."""
    if data.series is None or not len(rows):
        return None
    windows = _needed_windows(data, keys)
    start = int(rows[0]) + min([0, *(window.first for window in windows)])
    stop = int(rows[-1]) + max([0, *(window.last for window in windows)]) + 1
    with np.errstate(all="ignore"):
        columns = EncodedColumns(data, raw, np.arange(start, stop), fitted, keys)
        return SeriesRows(start, data.series(columns, dict(fitted)))


# ------------------------------------------------------------------------------------------------ statistics


def fitted_mean(values: Array) -> Array:
    """[n, ...] -> [...]: mean of each column's values, nan where all are missing. float64."""
    present = ~np.isnan(values)
    return np.where(present, values, 0.0).sum(axis=0) / present.sum(axis=0)


def fitted_standard_deviation(values: Array) -> Array:
    """[n, ...] -> [...]: population standard deviation of each column's values, 1 where all are the same. float64."""
    present = ~np.isnan(values)
    deviations = np.where(present, values - fitted_mean(values), 0.0)
    spread = np.sqrt(np.square(deviations).sum(axis=0) / present.sum(axis=0))
    return np.where(fitted_minimum(values) == fitted_maximum(values), 1.0, spread)


def fitted_minimum(values: Array) -> Array:
    """[n, ...] -> [...]: least of each column's values. float64."""
    return np.fmin.reduce(np.asarray(values, np.float64), axis=0)


def fitted_maximum(values: Array) -> Array:
    """[n, ...] -> [...]: greatest of each column's values. float64."""
    return np.fmax.reduce(np.asarray(values, np.float64), axis=0)


def fitted_median(values: Array) -> Array:
    """[n, ...] -> [...]: median of each column's values; between the middle two where their number is even. float64."""
    ordered = np.sort(np.asarray(values, np.float64), axis=0)  # nan comes last
    count = (~np.isnan(ordered)).sum(axis=0, keepdims=True)
    lower = np.take_along_axis(ordered, np.maximum(count - 1, 0) // 2, axis=0)[0]
    upper = np.take_along_axis(ordered, np.minimum(count // 2, len(ordered) - 1), axis=0)[0]
    return (lower + upper) / 2
