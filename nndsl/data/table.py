"""What every reader gives: columns by name, their kinds known before their values are read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.records import record

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from nndsl.source import Span

    Array = NDArray[Any]


@record
class ColumnInfo:
    """A column, as far as it is known without its values.

    kind: "number", "text" or "bool". shape: of one row. dtype: NumPy's name of what `Table.read` gives ("uint8").
    rows: how many it has. problem: why it can't be used at all ("holds Python objects"), None where it can.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    rows: int
    problem: str | None = None


@record
class Place:
    """Where a column lies in a file, row after row: its numbers begin at byte `start`, and are NumPy's `dtype`.

    shape: of the whole column, [rows, ...].
    """

    path: Path
    start: int
    dtype: str
    shape: tuple[int, ...]


BLOCK_BYTES = 1 << 22
"""Columns that do not fit in memory are read about so many bytes at a time."""


class Table(ABC):
    """The columns of a file. Making one reads no more than it must to know `schema`.

    source: the file as the user named it. span: where the user asked for it, None on the command line.
    """

    def __init__(self, source: str, span: Span | None) -> None:
        self.source = source
        self.span = span
        self._kept: dict[str, Array] = {}

    @property
    @abstractmethod
    def schema(self) -> tuple[ColumnInfo, ...]:
        """The columns in the file's order."""

    @abstractmethod
    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """The raw values of columns that the schema has and that have no problem; see `read`."""

    @property
    def rows(self) -> int:
        """How many rows the first column has; `read` makes sure that those asked for have equally many."""
        return self.schema[0].rows

    def read(self, names: Sequence[str]) -> dict[str, Array]:
        """Raw values by name, [rows, ...]: numbers as they are stored, text as unicode; missing ones are nan and "".

        Raises UserError for an unknown or unusable column (NN411, NN417) and for columns of different lengths
        (NN416).
        """
        columns = [self.column(name) for name in dict.fromkeys(names)]
        for column in columns[1:]:
            if column.rows != columns[0].rows:
                first = columns[0]
                message = f"{self.source}: {first.name} has {first.rows} rows and {column.name} has {column.rows}"
                raise UserError(error("NN416", message, self.span, "a row is one value of each column"))
        return self.read_columns([column.name for column in columns])

    def read_rows(self, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Array]:
        """As `read`, of the rows at these positions only, in their order.

        Files that can be read in part are: large arrays lie in theirs, Parquet comes by groups of rows. Of others the
        columns are read once and kept.
        """
        missing = [name for name in names if name not in self._kept]
        if missing:
            self._kept |= self.read(missing)
        return {name: self._kept[name][rows] for name in names}

    def lies_at(self, name: str) -> Place | None:
        """Where the column's rows can be read in its file, one by one; None where the file is packed in another way."""
        del name
        return None

    def blocks(self, names: Sequence[str]) -> Iterator[dict[str, Array]]:
        """As `read`, block of rows after block, from the first to the last: for columns larger than memory."""
        import numpy as np

        columns = [self.column(name) for name in names]
        size = max(1, BLOCK_BYTES // max(1, sum(8 * prod(column.shape) for column in columns)))
        for start in range(0, columns[0].rows, size):
            yield self.read_rows(names, np.arange(start, min(start + size, columns[0].rows)))

    def content(self) -> str | None:
        """A key for what is in the table's files now and how they are read; None where there is no such key."""
        return None

    def column(self, name: str, span: Span | None = None) -> ColumnInfo:
        """The column called `name`. Raises UserError where there is none (NN411) or it can't be used (NN417)."""
        for column in self.schema:
            if column.name == name:
                if column.problem is not None:
                    message = f"{self.source}: the column {name} {column.problem}"
                    raise UserError(error("NN417", message, span or self.span))
                return column
        known = [column.name for column in self.schema]
        close = did_you_mean(name, known)
        listed = ", ".join(known[:20]) + (f", ... ({len(known)} in all)" if len(known) > 20 else "")
        help = f'did you mean "{close}"?' if close else self.column_help()
        if any(each.startswith(f"{name}[") for each in known):
            help = f'columns of a table are single numbers, and "{name}" is an array: give it in an .npz file'
        message = f'{self.source} has no column "{name}"'
        raise UserError(error("NN411", message, span or self.span, help=help, notes=[f"its columns are: {listed}"]))

    def column_help(self) -> str | None:
        """What may be wrong with the file where a column is not found and no name is close."""
        return None

    def number(self, name: str, span: Span | None = None) -> ColumnInfo:
        """As `column`, for a column whose values are needed as numbers. Raises UserError NN412 where some are not."""
        column = self.column(name, span)
        if column.kind == "text":
            where, text = self.not_a_number(name)
            message = f'{where}: "{text}" is not a number'
            help = f'text becomes classes by `class(column("{name}"))`, or ids by `category(column("{name}"))`'
            first = self.read_columns([name])[name].reshape(-1)[0]
            if is_number(str(first)):
                help = f'other rows hold numbers. If it stands for nothing, tell csv: missing=["{text}"]'
            raise UserError(error("NN412", message, span or self.span, help=help))
        return column

    def not_a_number(self, name: str) -> tuple[str, str]:
        """(place, text) of the first value of a text column that is no number."""
        values = self.read_columns([name])[name]
        flat = values.reshape(len(values), -1)
        for row, texts in enumerate(flat.tolist()):
            for text in texts:
                if not is_number(text):
                    return self.place(name, row), text
        return self.place(name, 0), str(flat[0, 0]) if flat.size else ""

    def classes(self, name: str, span: Span | None = None, fill: str | None = None) -> tuple[str, ...]:
        """The different values of a column as names: by value where all are numbers, by letters otherwise.

        fill: joins them where values are missing. Raises UserError NN418 where a row has more than one value.
        """
        column = self.column(name, span)
        if column.shape:
            message = f"a row of {name} in {self.source} has {list(column.shape)} values: classes need one"
            raise UserError(error("NN418", message, span or self.span))
        names, missing = self.different_names(name)
        if missing and fill is not None:
            from nndsl.data.names import sorted_names

            return sorted_names([*names, fill])
        return names

    def different_names(self, name: str) -> tuple[tuple[str, ...], bool]:
        """(names in their order, whether any value is missing) of a column with one value a row."""
        from nndsl.data.names import column_names

        values = self.read_columns([name])[name]
        missing = bool((values == "").any() if values.dtype.kind in "UT" else (values != values).any())
        return column_names(values), missing

    def missing_row(self, name: str) -> int | None:
        """The first row whose value is missing, as far as that is known without reading them all: of CSV files."""
        del name
        return None

    def require_present(self, name: str, span: Span | None = None) -> None:
        """Raises UserError NN413 where a value is known to be missing."""
        row = self.missing_row(name)
        if row is not None:
            example = '"unknown"' if self.column(name, span).kind == "text" else "median"
            raise UserError(
                error(
                    "NN413",
                    f"{self.place(name, row)}: the value is missing",
                    span or self.span,
                    help=f'say what stands for it: `fill(column("{name}"), {example})`, or another value',
                )
            )

    def place(self, name: str, row: int) -> str:
        """Where a value is, for a message: "titanic.csv, line 14, column Age"; `row` counts from 0."""
        return f"{self.source}, {name}[{row}]"


def is_number(text: str) -> bool:
    """Whether a text says a number: `12`, `-0.5`, `1e-3`; Python's `1_000` and digits of other scripts do not."""
    try:
        float(text)
    except ValueError:
        return False
    return text.isascii() and "_" not in text


def compare_columns(
    names: Sequence[str], source: str, others: Sequence[str], other_source: str, span: Span | None
) -> None:
    """Raises UserError NN424 where two files that are read as one have other columns, or have them in another order."""
    if tuple(names) == tuple(others):
        return
    lacking = [name for name in names if name not in others]
    more = [name for name in others if name not in names]
    if lacking or more:
        what = [f'has no column "{lacking[0]}"'] if lacking else []
        what += [f'has a column "{more[0]}"'] if more else []
        message = f"{other_source} {' and '.join(what)}, unlike {source}"
    else:
        message = f"{other_source} has the columns of {source} in another order"
    raise UserError(error("NN424", message, span, "these files are read as one"))
