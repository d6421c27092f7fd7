"""New rows that a user gives to a trained network: the raw columns and arrays in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from nndsl.data import Table as DataTable
    from nndsl.ir.program import ReaderCall
    from nndsl.runtime.standalone.columns import RawColumns
    from nndsl.runtime.standalone.program import Array, Data, Network

    Rows = str | Path | Mapping[str, Any] | Array
    Read = Callable[[DataTable, list[str]], RawColumns]


def columns_of(
    rows: Rows, data: Data, names: tuple[str, ...], reader: ReaderCall | None, read: Read | None = None
) -> RawColumns:
    """The raw columns, by name, that the fields called `names` need, from what a user gave.

    reader: what the program reads its own rows with. read: reads columns of a file, by default into memory. Raises
    UserError.
    """
    return _taken(rows, _columns_behind(data, names), "column", reader, read or _in_memory)


def columns_for(rows: Rows, network: Network, data: Data | None, reader: ReaderCall | None) -> RawColumns:
    """The raw columns and arrays, by name, that a model on its own needs, as `columns_of`."""
    prepared = tuple(each.field for each in network.inputs if each.field is not None)
    wanted = _columns_behind(data, prepared) if data is not None else []
    wanted = list(dict.fromkeys([*wanted, *(each.name for each in network.inputs if each.field is None)]))
    return _taken(rows, wanted, "input", reader, _in_memory)


def needs_columns(data: Data, names: tuple[str, ...]) -> bool:
    """Whether any of the fields called `names` is computed from columns."""
    return bool(_columns_behind(data, names))


def _columns_behind(data: Data, names: tuple[str, ...]) -> list[str]:
    """The columns that fields are computed from, by their names in the file."""
    keys = {key for field in data.fields if field.name in names for key in field.columns}
    return list(dict.fromkeys(column.name for column in data.columns if column.key in keys))


def _in_memory(table: DataTable, names: list[str]) -> RawColumns:
    return table.read(names)


def _taken(rows: Rows, wanted: list[str], what: str, reader: ReaderCall | None, read: Read) -> RawColumns:
    import numpy as np

    if isinstance(rows, Mapping):
        return {name: np.asarray(values) for name, values in rows.items()}
    if isinstance(rows, str | Path):
        return _read_file(Path(rows), wanted, reader, read)
    if len(wanted) != 1:
        message = f"an array is one {what}, and {len(wanted)} are needed: {', '.join(wanted)}"
        kind = "columns" if what == "column" else "arrays"
        raise UserError(error("NN616", message, help=f"give a dict of {kind} by name"))
    return {wanted[0]: np.asarray(rows)}


def _read_file(path: Path, wanted: list[str], reader: ReaderCall | None, read: Read) -> RawColumns:
    from nndsl.data import open_like

    if not path.exists():
        raise UserError(error("NN601", f"there is no file {path}"))
    table = open_like(path, reader)
    only = [column.name for column in table.schema]
    if len(wanted) == len(only) == 1:
        # A single array needs no name to be known by.
        return {wanted[0]: read(table, only)[only[0]]}
    return read(table, wanted)
