"""Parts of a data block with files of their own: that these have what the fields need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics import Label, UserError, did_you_mean, error

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.check.context import Context
    from nndsl.data import Table
    from nndsl.ir.program import Column, ReaderCall


def check_part(context: Context, part: str, call: ReaderCall, columns: Iterable[Column]) -> None:
    """Reports where the table of a part can't be read as that of the block is: as far as its header and scan say."""
    from nndsl.data import open_table

    with context.surviving() as hurt:
        table = open_table(call)
    if hurt:
        return
    for column in columns:
        with context.surviving():
            _check_column(part, call, table, column)


def _check_column(part: str, call: ReaderCall, table: Table, column: Column) -> None:
    info = table.column(column.name, call.span)
    expected = column.type.shape if column.role == "number" else ()
    if info.shape != expected:
        shapes = f"{list(info.shape)}, in the block's file {list(expected)}"
        message = f"{table.source}: a row of {column.name} has shape {shapes}"
        raise UserError(error("NN424", message, call.span, f"this is the part {part}"))
    if column.role == "number":
        table.number(column.name, call.span)
    if column.role == "text" and info.kind != "text":
        message = f"{table.source}: the column {column.name} holds numbers, and is read as text"
        raise UserError(error("NN424", message, call.span, f"this is the part {part}"))
    if column.fill is None:
        table.require_present(column.name, call.span)
    if column.role == "class":
        _check_classes(part, call, table, column)


def _check_classes(part: str, call: ReaderCall, table: Table, column: Column) -> None:
    names = table.classes(column.name, call.span, column.fill)
    unknown = [name for name in names if name not in column.names]
    if not unknown:
        return
    known = ", ".join(column.names[:12]) + (", ..." if len(column.names) > 12 else "")
    close = did_you_mean(unknown[0], column.names)
    raise UserError(
        error(
            "NN415",
            f'{table.source}: "{unknown[0]}" in the column {column.name} is none of the classes {known}',
            call.span,
            f"this is the part {part}",
            more=[Label(column.span, "the classes are those of this column")] if column.span is not None else [],
            help=f'did you mean "{close}"?' if close else "the classes are those of the block's own rows",
        )
    )
