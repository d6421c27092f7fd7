"""All the tables of a data block, and its run-time mistakes as diagnostics that point into the `.nn` file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from nndsl import ops
from nndsl.data.readers import open_table
from nndsl.diagnostics import Label, UserError, error
from nndsl.ir import reachable

if TYPE_CHECKING:
    from nndsl.data.table import Array, Table
    from nndsl.ir import Node
    from nndsl.ir.program import Column, DataProgram


class DataProblem(Protocol):
    """What a generated program's `DataError` says; each program has a class of its own, of this form."""

    kind: str
    problem: str
    column: str | None
    row: int | None
    part: str


CODE_OF_KIND = {
    "column": "NN411",
    "type": "NN417",
    "shape": "NN418",
    "number": "NN412",
    "missing": "NN413",
    "infinite": "NN414",
    "class": "NN415",
    "category": "NN421",
    "rows": "NN416",
    "split": "NN419",
    "fit": "NN420",
    "field": "NN422",
    "limit": "NN430",
    "file": "NN401",
}

_HELP_OF_KIND = {
    "missing": 'say what stands for it: `fill(column("{column}"), median)`, or a value in place of `median`',
    "infinite": "the data holds a number that is too large; take the row out, or mark the value as missing",
    "class": "the classes are those that the data had when the program was checked",
    "category": "the program was made when the data had fewer names; check and build it again",
    "limit": "`class(column(...))` gives ids that fit to whatever values there are; they count from 0",
    "field": "see which operation is undefined there: a division by 0, the logarithm of a number below 0",
}


_MISSING_TEXT = 'say what stands for it: `fill(column("{column}"), "unknown")`, or another text'


def open_tables(data: DataProgram) -> dict[str, Table]:
    """The tables of a data block: "all", which its split divides, and each part that has a file of its own.

    Rows written in the `.nn` file itself are in the generated program and are no table.
    """
    tables: dict[str, Table] = {}
    if data.reader is not None:
        tables["all"] = open_table(data.reader)
    for part, call in data.part_readers:
        tables[part] = open_table(call)
    return tables


def needed_columns(data: DataProgram, tables: Mapping[str, Table]) -> dict[str, tuple[Table, list[str]]]:
    """Each table and the columns of it that the data block needs: for a part not those of the split."""
    split_only = {data.split.group} if data.split is not None else set[str | None]()
    return {
        part: (table, [column.name for column in data.columns if part == "all" or column.key not in split_only])
        for part, table in tables.items()
    }


def read_tables(data: DataProgram, tables: Mapping[str, Table]) -> dict[str, dict[str, Array]]:
    """Raw columns of each table, by name: those that the data block needs."""
    return {part: table.read(names) for part, (table, names) in needed_columns(data, tables).items()}


def explain(problem: DataProblem, data: DataProgram, tables: Mapping[str, Table]) -> UserError:
    """A generated program's DataError as a UserError, with the place in the file and in the program."""
    table = tables.get(problem.part)
    column = next((column for column in data.columns if column.name == problem.column), None)
    if problem.kind == "fit":
        column = _unlearnt(problem, data)
    message = problem.problem
    if column is not None and problem.column is None:
        message = f"{_place(column.name, None, table)}: {message}"
    if problem.column is not None:
        message = f"{_place(problem.column, problem.row, table)}: {message}"
    help = _HELP_OF_KIND.get(problem.kind)
    texts = [each.name for each in table.schema if each.kind == "text"] if table is not None else []
    if problem.kind == "missing" and problem.column in texts:
        help = _MISSING_TEXT
    return UserError(
        error(
            CODE_OF_KIND[problem.kind],
            message,
            column.span if column is not None and column.span is not None else data.span,
            more=_limiting(problem, data),
            help=None if help is None else help.format(column=problem.column),
        )
    )


def _unlearnt(problem: DataProblem, data: DataProgram) -> Column | None:
    """The column from which nothing could be learnt: `x.median[1] can't be learnt` says which of several."""
    found = re.match(r"(.+?)(?:\[(\d+)\])? can't be learnt", problem.problem)
    fit = next((fit for fit in data.fits if found is not None and fit.name == found[1]), None)
    columns = columns_side_by_side(data, fit.node) if fit is not None else None
    position = int(found[2] or 0) if found is not None else 0
    return columns[position] if columns is not None and position < len(columns) else None


def columns_side_by_side(data: DataProgram, node: Node) -> list[Column] | None:
    """The columns that a value is made of, in order, if each is one number; None for anything else."""
    known = {column.key: column for column in data.columns}
    leaves = [leaf for leaf in reachable([node]) if leaf.op is ops.column]
    found = [known[str(leaf["name"])] for leaf in leaves if str(leaf["name"]) in known]
    if not found or len(found) != len(leaves) or any(column.type.shape for column in found):
        return None
    return found


def _limiting(problem: DataProblem, data: DataProgram) -> list[Label]:
    """What in the program takes no other values, where that is the problem."""
    if problem.kind != "limit":
        return []
    named = [field.limits for field in data.fields if f"the field {field.name} is" in problem.problem]
    return [Label(limits.span, "this takes no other values") for limits in named if limits is not None]


def _place(column: str, row: int | None, table: Table | None) -> str:
    if table is None:
        return f"{column}, row {row} (counted from 0)" if row is not None else column
    return f"{table.source}, column {column}" if row is None else table.place(column, row)
