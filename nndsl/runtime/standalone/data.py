"""From raw columns to what a network reads: rows split, constants learnt from the training rows, fields computed.

The generated module says for each data block, as functions:

`fit(columns, fitted)`: of which values something is learnt from the training rows: for each `Fit` its name, and
(statistic, values [n, ...]). There are several such functions where something depends on what was learnt before it.
`series(columns, fitted)`: where rows look at those beside them, what they see there, for each row.
`prepare(columns, fitted)`: every field by name.

`columns[key]` is [n, ...]: float64 numbers (nan where missing and the column has a `fill`; int32 or bool where the
column says so), or int32 ids (role "class": 0..k-1; "category": 1..k, 0 for what training never saw). All compute in
float64 whatever the program's floats are, on any number of rows, each row on its own; results are cast to the
program's floats once. Rows come in blocks, so raw columns may lie in files that are larger than memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.batches import DataPart, StreamedPart
from nndsl.runtime.standalone.columns import (
    DataError,
    RawColumns,
    learnt_parts,
    named_values,
    naming_table,
    raw_column,
    raw_rows,
    sorted_names,
    value_name,
)
from nndsl.runtime.standalone.preparing import (
    EncodedColumns,
    Preparer,
    block_rows,
    blocks_of,
    names_key,
    needed_keys,
    needed_windows,
)
from nndsl.runtime.standalone.program import Array, Column, Data, Table
from nndsl.runtime.standalone.splits import split_rows
from nndsl.runtime.standalone.statistics import Statistic, statistic_of

NAMED_ROWS = 1 << 18
"""The values of a column are told apart this many rows at a time."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Data ready to be read.

    fitted: what was learnt from the training rows, by name, saved with the weights: float64 statistics, and
    "<key>.names", the names (unicode) behind the ids 1, 2, ... of a category or 2, 3, ... of a text.
    parts: for each part its fields by name, contiguous float, int32 or bool arrays (rows, ...); or what streams them.
    rows: for each part the positions of its rows in their table, ascending; rows whose windows are cut off are none.
    """

    fitted: Table
    parts: dict[str, DataPart]
    rows: dict[str, NDArray[np.int64]]


def load_data(
    data: Data,
    tables: Mapping[str, RawColumns],
    seed: int,
    *,
    dtype: str = "float32",
    fitted: Mapping[str, Array] | None = None,
    fields: Sequence[str] | None = None,
    stream: bool = False,
) -> Prepared:
    """Splits, learns from the training rows and prepares every part.

    tables: raw columns; "all" is split as `data.split` says (all of it is "train" without a split), any other name is
    a part with rows of its own. Rows written in the program are "all" where no such table is given.
    fitted: what an earlier run learnt; then nothing is learnt here. fields: names of those that are wanted, by
    default all. stream: whether fields are computed batch by batch when they are read, not now; where rows look at
    those beside them they are computed now all the same.
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
    parts: dict[str, DataPart] = {}
    kept: dict[str, NDArray[np.int64]] = {}
    for part, (table, rows) in places.items():
        with naming_table(table):
            kept[part] = rows_with_windows(data, rows, fields, f"the part {part}")
        preparer = Preparer(data, tables[table], fitted, dtype, fields, table)
        parts[part] = _part_of(data, preparer, kept[part], stream)
    return Prepared(dict(fitted), parts, kept)


def prepare_new(
    data: Data,
    columns: RawColumns,
    fitted: Mapping[str, Array],
    fields: Sequence[str] | None = None,
    dtype: str = "float32",
) -> Table:
    """Fields of new rows, by name: those in `fields`, by default all. Columns that only others need may be missing.

    Rows whose windows are cut off, as the first ones', are left out.
    """
    preparer, rows = _new_rows(data, columns, fitted, fields, dtype)
    return preparer.whole(rows)


def new_part(
    data: Data,
    columns: RawColumns,
    fitted: Mapping[str, Array],
    fields: Sequence[str] | None = None,
    dtype: str = "float32",
    stream: bool = False,
) -> DataPart:
    """As `prepare_new`, or what computes these fields batch by batch if `stream`."""
    preparer, rows = _new_rows(data, columns, fitted, fields, dtype)
    return _part_of(data, preparer, rows, stream)


def _new_rows(
    data: Data, columns: RawColumns, fitted: Mapping[str, Array], fields: Sequence[str] | None, dtype: str
) -> tuple[Preparer, NDArray[np.int64]]:
    rows = rows_with_windows(data, np.arange(_row_count(data, columns, fields)), fields, "the data")
    return Preparer(data, columns, fitted, dtype, fields), rows


def _part_of(data: Data, preparer: Preparer, rows: NDArray[np.int64], stream: bool) -> DataPart:
    return StreamedPart(preparer, rows) if stream and not data.windows else preparer.whole(rows)


def _part_rows(data: Data, tables: Mapping[str, RawColumns], seed: int) -> dict[str, tuple[str, NDArray[np.int64]]]:
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


def _joint_values(columns: Sequence[Column], raw: RawColumns) -> Array:
    """[rows]: one number for each combination of values."""
    joint: Array | None = None
    for column in columns:
        values = raw_column(raw, column.name)
        if values.ndim > 1:
            problem = f"a split needs one value for each row; a row here has shape {list(values.shape[1:])}"
            raise DataError("shape", problem, column.name)
        missing, numbers = _numbered_values(raw, column.name)
        if column.fill is None and missing.any():
            row = np.flatnonzero(missing[numbers])[0]
            raise DataError("missing", "a value is missing", column.name, int(row))
        joint = numbers if joint is None else joint * (int(numbers.max()) + 1) + numbers
    if joint is None:
        raise DataError("split", "there is no column to keep together or in equal shares")
    return joint


def _numbered_values(raw: RawColumns, name: str) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """(for each different value of a column, in order, whether it stands for a missing one; [rows] their numbers)."""
    rows = np.arange(len(raw_column(raw, name)))
    blocks = list(blocks_of(rows, NAMED_ROWS))
    different = _different(np.concatenate([_different(raw_rows(raw, name, block)) for block in blocks]))
    numbers = np.concatenate([np.searchsorted(different, raw_rows(raw, name, block)) for block in blocks])
    return np.array([value_name(value) == "" for value in different], np.bool_), numbers


def _different(values: Array) -> Array:
    """The different ones of some values, in order. Asked for them alone, NumPy loads its masked arrays: 20 ms."""
    return np.unique(values, return_index=True)[0]


def _row_count(data: Data, columns: RawColumns, fields: Sequence[str] | None) -> int:
    """Number of rows of the columns that the wanted fields need. Raises DataError where one is missing or differs."""
    needed = needed_keys(data, fields)
    counts = {c.name: len(raw_column(columns, c.name)) for c in data.columns if c.key in needed}
    if not counts:
        raise DataError("column", f"the data {data.name} has no columns")
    if len(set(counts.values())) > 1:
        (first, count), *others = counts.items()
        other = next(name for name, rows in others if rows != count)
        problem = f"{first} has {count} rows and {other} has {counts[other]}"
        raise DataError("rows", f"columns have a value for each row, but {problem}")
    return next(iter(counts.values()))


def rows_with_windows(
    data: Data, rows: NDArray[np.int64], fields: Sequence[str] | None, where: str
) -> NDArray[np.int64]:
    """Those of `rows`, which follow one another, that have all rows that the wanted fields look at; each `stride`th.

    Raises DataError where there are none.
    """
    windows = needed_windows(data, needed_keys(data, fields))
    if not data.windows:
        return rows
    before = -min([0, *(window.first for window in windows)])
    after = max([0, *(window.last for window in windows)])
    if len(rows) <= before + after:
        problem = f"a window takes {before + after + 1} rows in order, and {where} has {len(rows)}"
        raise DataError("rows", problem)
    return rows[before : len(rows) - after : data.stride]


# ------------------------------------------------------------------------------------------------ learning


def _learn(data: Data, raw: RawColumns, rows: NDArray[np.int64]) -> Table:
    """What the training rows teach: names of categories, then the constants of `data.fit`."""
    fitted = {
        names_key(column): (learnt_parts if column.role == "text" else _learnt_names)(column, raw, rows)
        for column in data.columns
        if column.learns_names
    }
    size = block_rows(data)
    for fit in data.fit:
        statistics: dict[str, Statistic] = {}
        going: set[str] = set()
        while going or not statistics:
            for block in blocks_of(rows, size):
                with np.errstate(all="ignore"):
                    values = fit(EncodedColumns(data, raw, block, fitted), dict(fitted))
                    for name, (kind, array) in values.items():
                        if name not in statistics:
                            statistics[name] = statistic_of(kind)
                            going.add(name)
                        if name in going:
                            statistics[name].add(np.asarray(array, np.float64))
            going = {name for name in going if statistics[name].again()}
        for name, statistic in statistics.items():
            fitted[name] = np.asarray(statistic.value(), np.float64)
            finite = np.isfinite(fitted[name])
            if not finite.all():
                place = f"[{np.argwhere(~finite)[0][0]}]" if finite.any() else ""
                problem = f"{name}{place} can't be learnt: the training rows have no value there, or too large ones"
                raise DataError("fit", problem)
    return fitted


def _learnt_names(column: Column, raw: RawColumns, rows: NDArray[np.int64]) -> Array:
    """The names of a category that the training rows have, in their order."""
    found: set[str] = set()
    for block in blocks_of(rows, NAMED_ROWS):
        names, _ = named_values(raw_rows(raw, column.name, block))
        found.update((name or column.fill or "") for name in names.tolist())
    names = sorted_names(np.array(sorted(found - {""}), np.str_))
    if len(names) > len(column.names):
        problem = f"there are {len(names)} names, the program was made for {len(column.names)}"
        raise DataError("category", problem, column.name)
    return names
