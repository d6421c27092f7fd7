"""Several files read as one: the rows of one behind those of the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nndsl.data.scans import content_key
from nndsl.data.table import ColumnInfo, Table, compare_columns
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nndsl.data.table import Array
    from nndsl.source import Span


class SeveralTables(Table):
    """Tables of the same columns, of the same kinds and shapes. Raises UserError NN424 where they differ."""

    def __init__(self, source: str, tables: Sequence[Table], span: Span | None) -> None:
        super().__init__(source, span)
        self._tables = tables
        first = tables[0]
        names = [column.name for column in first.schema]
        for other in tables[1:]:
            compare_columns(names, first.source, [column.name for column in other.schema], other.source, span)
            for one, two in zip(first.schema, other.schema, strict=True):
                self._compare(first, one, other, two)
        self._schema = tuple(self._joined(columns) for columns in zip(*(t.schema for t in tables), strict=True))

    def _compare(self, first: Table, one: ColumnInfo, other: Table, two: ColumnInfo) -> None:
        if (one.kind == "text") != (two.kind == "text"):
            message = (
                f"{other.source}: the column {two.name} holds {_KINDS[two.kind]}, in {first.source} {_KINDS[one.kind]}"
            )
        elif one.shape != two.shape:
            message = (
                f"{other.source}: a row of {two.name} has shape {list(two.shape)}, in {first.source} {list(one.shape)}"
            )
        else:
            return
        raise UserError(error("NN424", message, self.span, "these files are read as one"))

    def _joined(self, columns: Sequence[ColumnInfo]) -> ColumnInfo:
        import numpy as np

        first = columns[0]
        dtype = str(np.result_type(*(np.dtype(column.dtype) for column in columns)))
        kind = "number" if {column.kind for column in columns} == {"number", "bool"} else first.kind
        problem = next((column.problem for column in columns if column.problem is not None), None)
        dtype = dtype.replace(">", "<") if first.kind != "text" else f"<U{max(_width(column) for column in columns)}"
        return ColumnInfo(first.name, kind, first.shape, dtype, sum(c.rows for c in columns), problem)

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """As the first file has it, in types that hold the values of all."""
        return self._schema

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """The files' values one behind the other."""
        import numpy as np

        found = [table.read(names) for table in self._tables]
        return {name: np.concatenate([columns[name] for columns in found]) for name in names}

    def read_rows(self, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Array]:
        """Each file gives those of the rows that it has."""
        import numpy as np

        starts = np.cumsum([0, *(table.column(names[0]).rows for table in self._tables)])
        owners = np.searchsorted(starts, rows, side="right") - 1
        pieces: list[tuple[Array, dict[str, Array]]] = []
        for owner in map(int, np.unique(owners)):
            places = np.flatnonzero(owners == owner)
            pieces.append((places, self._tables[owner].read_rows(names, rows[places] - starts[owner])))
        return in_places(pieces, names)

    def blocks(self, names: Sequence[str]) -> Iterator[dict[str, Array]]:
        """The files' blocks one behind the other, in the types that hold the values of all."""
        for table in self._tables:
            for block in table.blocks(names):
                yield {name: self._of_all(values, name) for name, values in block.items()}

    def _of_all(self, values: Array, name: str) -> Array:
        return values if values.dtype.kind == "U" else values.astype(self.column(name).dtype, copy=False)

    def content(self) -> str | None:
        """By that of all files."""
        keys = [table.content() for table in self._tables]
        return None if None in keys else content_key([], *keys)

    def missing_row(self, name: str) -> int | None:
        """The first row whose value is known to be missing."""
        before = 0
        for table in self._tables:
            row = table.missing_row(name)
            if row is not None:
                return before + row
            before += table.column(name).rows
        return None

    def place(self, name: str, row: int) -> str:
        """In the file that has the row."""
        for table in self._tables:
            rows = table.column(name).rows
            if row < rows:
                return table.place(name, row)
            row -= rows
        return super().place(name, row)


def in_places(pieces: Sequence[tuple[Array, dict[str, Array]]], names: Sequence[str]) -> dict[str, Array]:
    """Columns of rows that were read in pieces; each says at which places its rows stand, all places together 0..n-1.

    There is one piece at least.
    """
    import numpy as np

    if len(pieces) == 1:
        ((places, values),) = pieces
        return {name: values[name] if _ascending(places) else values[name][np.argsort(places)] for name in names}
    order = np.argsort(np.concatenate([places for places, _ in pieces]), kind="stable")
    joined = {name: np.concatenate([values[name] for _, values in pieces]) for name in names}
    return joined if _ascending(order) else {name: values[order] for name, values in joined.items()}


def _ascending(places: Array) -> bool:
    return bool((places[1:] > places[:-1]).all())


_KINDS = {"number": "numbers", "bool": "truth values", "text": "text"}


def _width(column: ColumnInfo) -> int:
    return int(column.dtype.removeprefix("<U") or 1)
