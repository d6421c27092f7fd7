"""Tables as a run knew them: enough to check a program where its data are not, as beside a copied run folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nndsl.data.table import ColumnInfo, Table
from nndsl.ir.program import KnownColumn, KnownTable

if TYPE_CHECKING:
    from nndsl.data.table import Array
    from nndsl.diagnostics import UserError
    from nndsl.ir.program import DataProgram, ReaderCall
    from nndsl.source import Span


class TableOfRun(Table):
    """The columns that a file had when a run was trained on it; the file itself is not there, nor are its rows."""

    def __init__(self, source: str, span: Span | None, known: KnownTable, missing: UserError) -> None:
        super().__init__(source, span)
        self._known = {column.name: column for column in known.columns}
        self._missing = missing
        self._schema = tuple(
            ColumnInfo(column.name, column.kind, column.shape, column.dtype, known.rows) for column in known.columns
        )

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """The columns that the run used."""
        return self._schema

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Raises the UserError that says that there is no such file."""
        del names
        raise self._missing

    def different_names(self, name: str) -> tuple[tuple[str, ...], bool]:
        """The names that the column had, where the program made ids of them."""
        known = self._known[name]
        if known.names is None:
            raise self._missing
        return known.names, known.missing


def known_tables(data: Iterable[DataProgram], tables: Mapping[str, Mapping[str, Table]]) -> list[dict[str, Any]]:
    """What a run keeps of the tables that its data blocks read, for JSON.

    tables: those of each data block, by part. Of columns only those that the block needs are kept.
    """
    found: list[dict[str, Any]] = []
    for block in data:
        for part, call in calls_of(block):
            table = tables[block.name][part]
            columns = [_column(table, column.name, column.role) for column in block.columns]
            found.append({"reader": reader_key(call), "rows": table.rows, "columns": columns})
    return found


def calls_of(block: DataProgram) -> Iterator[tuple[str, ReaderCall]]:
    """The files of a data block, by part as `open_tables` calls them."""
    if block.reader is not None:
        yield "all", block.reader
    yield from block.part_readers


def reader_key(call: ReaderCall) -> str:
    """What a reader is told to read, as a text: `["csv", [["path", "titanic.csv"], ...]]`."""
    return json.dumps([call.reader, call.arguments], ensure_ascii=False)


def tables_of_run(said: Any) -> dict[str, KnownTable]:
    """What `known_tables` kept, by `reader_key`. Raises ValueError, KeyError or TypeError for anything else."""
    return {str(table["reader"]): _known(table) for table in said}


def _column(table: Table, name: str, role: str) -> dict[str, Any]:
    info = table.column(name)
    names, missing = table.different_names(name) if role in ("class", "category") else (None, False)
    return {
        "name": name,
        "kind": info.kind,
        "shape": list(info.shape),
        "dtype": info.dtype,
        "names": names,
        "missing": missing,
    }


def _known(table: Any) -> KnownTable:
    columns = tuple(
        KnownColumn(
            name=str(column["name"]),
            kind={"number": "number", "text": "text", "bool": "bool"}[column["kind"]],
            shape=tuple(int(size) for size in column["shape"]),
            dtype=str(column["dtype"]),
            names=None if column["names"] is None else tuple(map(str, column["names"])),
            missing=bool(column["missing"]),
        )
        for column in table["columns"]
    )
    if any(size < 1 for column in columns for size in column.shape):
        raise ValueError("a column's shape")
    return KnownTable(columns, int(table["rows"]))


def instead(call: ReaderCall, missing: UserError) -> Table:
    """The table that a run knew by this call, whose file is not there. Raises `missing` where none is known."""
    if call.known is None or missing.diagnostics[0].code != "NN401":
        raise missing
    return TableOfRun(str(dict(call.arguments).get("path", call.reader)), call.span, call.known, missing)
