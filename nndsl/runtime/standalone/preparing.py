"""The fields of some rows, from their raw columns: encoded, computed in float64, cast to the program's types."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.columns import DataError, RawColumns, encode_column, naming_table, raw_column, raw_rows
from nndsl.runtime.standalone.program import Array, Column, Data, Field, Table, Window
from nndsl.runtime.standalone.stored import StoredColumn

BLOCK_ELEMENTS = 1 << 16
"""Rows are prepared in float64, this many numbers at a time, and cast once: no large table is ever held in float64."""


def needed_keys(data: Data, fields: Sequence[str] | None) -> set[str]:
    """Keys of the columns that these fields are computed from; all where a field does not say."""
    wanted = [field for field in data.fields if fields is None or field.name in fields]
    if fields is None or any(not field.columns for field in wanted):
        return {each.key for each in (*data.columns, *data.windows)}  # those of the split too
    return {key for field in wanted for key in field.columns}


def needed_windows(data: Data, keys: set[str]) -> list[Window]:
    """The windows among these keys."""
    return [window for window in data.windows if window.key in keys]


def names_key(column: Column) -> str:
    """Where the names behind a category's ids are among what is learnt."""
    return f"{column.key}.names"


def block_rows(data: Data, fields: Sequence[Field] = ()) -> int:
    """How many rows are computed at a time."""
    return max(1, BLOCK_ELEMENTS // max([1, *(prod(part.shape) for part in (*fields, *data.columns))]))


def blocks_of(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """`rows` in blocks of `size`, the last of what is left."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


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
        raw: RawColumns,
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
            values = raw_rows(self._raw, column.name, self._rows)
            self[key] = encode_column(column, values, self._fitted.get(names_key(column)), self._rows)
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


class Preparer:
    """Computes fields of any rows of one table. fields: those that are wanted. block: how many rows it does at a time.

    table: "all", or the part whose own table it is, for messages.
    """

    def __init__(
        self,
        data: Data,
        raw: RawColumns,
        fitted: Mapping[str, Array],
        dtype: str,
        fields: Sequence[str] | None = None,
        table: str = "all",
    ) -> None:
        self.fields = [field for field in data.fields if fields is None or field.name in fields]
        self.block = block_rows(data, self.fields)
        self._data = data
        self._raw = raw
        self._fitted = dict(fitted)
        self._keys = needed_keys(data, fields)
        self._types = {"float": np.dtype(dtype), "int": np.dtype(np.int32), "bool": np.dtype(np.bool_)}
        self._table = table
        self._series: SeriesRows | None = None

    def buffers(self, rows: int, names: Sequence[str] | None = None) -> Table:
        """Arrays for so many rows of these fields, by default all; not filled yet."""
        wanted = [field for field in self.fields if names is None or field.name in names]
        return {field.name: np.empty((rows, *field.shape), self._types[field.dtype]) for field in wanted}

    def whole(self, rows: NDArray[np.int64]) -> Table:
        """The fields of these rows, which ascend, in memory."""
        made = self.buffers(len(rows))
        with naming_table(self._table):
            self._series = self._series_rows(rows)
            self.fill(rows, made)
        return made

    def fill(self, rows: NDArray[np.int64], targets: Mapping[str, Array]) -> None:
        """Puts the fields of these rows, in this order, into arrays of as many rows. Raises DataError.

        targets: by field; those of some fields may be missing.
        """
        filled = [field for field in self.fields if field.name in targets]
        start = 0
        for here in blocks_of(rows, self.block):
            stop = start + len(here)
            with naming_table(self._table), np.errstate(all="ignore"):
                columns = EncodedColumns(self._data, self._raw, here, self._fitted, self._keys, self._series)
                values = self._data.prepare(columns, self._fitted)
                for field in filled:
                    made = targets[field.name][start:stop]
                    made[...] = values[field.name]
                    if field.dtype == "float":
                        _require_finite(field, made, here)
                    if field.limits is not None:
                        self._require_within(field, field.limits, made, here)
            start = stop

    def _require_within(
        self, field: Field, limits: tuple[float, float], values: Array, rows: NDArray[np.int64]
    ) -> None:
        low, high = limits
        whole = np.trunc(values)
        outside = (whole < low) | (whole > high)
        if not outside.any():
            return
        place = tuple(np.argwhere(outside)[0])
        column = next((column for column in self._data.columns if (column.key,) == field.columns), None)
        problem = f"the field {field.name} is {values[place]:g} here, and must be from {low:g} to {high:g}"
        row = int(rows[place[0]])
        if column is None:
            raise DataError("limit", f"{problem} (row {row}, counted from 0)")
        raise DataError("limit", problem, column.name, row)

    def expect(self, rows: NDArray[np.int64]) -> None:
        """Says that `fill` will soon be asked for these rows."""
        for column in self._data.columns:
            raw = raw_column(self._raw, column.name) if column.key in self._keys else None
            if isinstance(raw, StoredColumn):
                raw.expect(rows)

    def _series_rows(self, rows: NDArray[np.int64]) -> SeriesRows | None:
        """What the wanted windows of these rows are made of."""
        data = self._data
        if data.series is None or not len(rows):
            return None
        windows = needed_windows(data, self._keys)
        start = int(rows[0]) + min([0, *(window.first for window in windows)])
        stop = int(rows[-1]) + max([0, *(window.last for window in windows)]) + 1
        with np.errstate(all="ignore"):
            columns = EncodedColumns(data, self._raw, np.arange(start, stop), self._fitted, self._keys)
            return SeriesRows(start, data.series(columns, self._fitted))


def _require_finite(field: Field, values: Array, rows: NDArray[np.int64]) -> None:
    finite = np.isfinite(values)
    if not finite.all():
        row = int(rows[np.argwhere(~finite)[0][0]])
        raise DataError("field", f"the field {field.name} is not a finite number in row {row} (counted from 0)")
