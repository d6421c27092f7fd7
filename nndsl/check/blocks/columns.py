"""Columns in a data block: what `column(...)`, `class(...)`, `fill(...)`, `standardize(...)` stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import as_node, list_shape
from nndsl.check.values import (
    Arguments,
    Builtin,
    BuiltinParameter,
    Function,
    Option,
    RawColumn,
    Scaling,
    Value,
    describe,
)
from nndsl.ir import DType, Kind, Node, TensorType, reachable
from nndsl.ir.program import Column, Fit, Pictures, ReaderCall, Series, Window

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.data import Table
    from nndsl.source import Span


@dataclass(slots=True)
class DataNotes:
    """What a data block gathers while its fields are checked.

    reader, table: the rows in the file, None where they are written in the block (`inline`, by column name).
    functions: what the block offers by name. pictures: those that columns of the table name.
    names: class names behind each id (by node), `ids`: how many ids a node may hold. scalings: of scaled nodes.
    series, windows, stride: see `DataProgram`.
    """

    table: Table | None
    reader: ReaderCall | None = None
    columns: dict[str, Column] = field(default_factory=dict[str, Column])
    fits: list[Fit] = field(default_factory=list[Fit])
    inline: dict[str, tuple[Value, ...]] = field(default_factory=dict[str, tuple[Value, ...]])
    names: dict[int, tuple[str, ...]] = field(default_factory=dict[int, tuple[str, ...]])
    ids: dict[int, int] = field(default_factory=dict[int, int])
    scalings: dict[int, Scaling] = field(default_factory=dict[int, Scaling])
    series: list[Series] = field(default_factory=list[Series])
    windows: list[Window] = field(default_factory=list[Window])
    stride: int | None = None
    functions: Mapping[str, Function] = field(default_factory=dict[str, Function])
    pictures: list[Pictures] = field(default_factory=list[Pictures])
    field: str = ""

    def add_pictures(self, pictures: Pictures) -> None:
        """Makes the pictures a column of the table. Raises UserError where they can't be read."""
        from nndsl.data import open_table

        assert self.reader is not None
        self.table = open_table(replace(self.reader, pictures=(*self.pictures, pictures)))
        self.pictures.append(pictures)


def notes(context: Context, span: Span, what: str) -> DataNotes:
    """The notes of the data block that is being checked; a mistake outside of one."""
    if context.data is None:
        raise context.mistake(
            "NN450",
            f"`{what}` belongs in a data block",
            span,
            help="fields of the data are in scope in the train block by name",
        )
    return context.data


def word_of(given: Arguments, name: str, words: tuple[str, ...]) -> str | None:
    """Which of its words an argument is; None for anything else. A field may be called like one of them."""
    value = given[name]
    word = value.name if isinstance(value, Option | Function) else given.span_of(name).text
    return word if word in words else None


def ids_of(context: Context, node: Node) -> int | None:
    """How many different ids a node of the data may hold, where that is known."""
    if context.data is not None:
        return context.data.ids.get(node.id)
    names = context.field_classes.get(str(node["name"])) if node.op is ops.field else None
    return None if names is None else len(names)


# ------------------------------------------------------------------------------------------------ columns


def _column(context: Context, given: Arguments) -> Value:
    name = given["name"]
    if not isinstance(name, str):
        raise context.mistake(
            "NN302", f"a column is named by a text, not {describe(name)}", given.span_of("name"),
            help='for example `column("Age")`',
        )  # fmt: skip
    return raw_column(context, name, given.span_of("name"))


def raw_column(context: Context, name: str, span: Span) -> RawColumn:
    """The column of the file called `name`; a mistake where it has none."""
    known = notes(context, span, "column")
    if known.table is None:
        raise context.mistake(
            "NN450", "this data has no file: its rows are written here", span, help="`x = [[0, 1], [1, 0]]` is a field"
        )
    info = known.table.column(name, span)
    dtype = DType.BOOL if info.kind == "bool" else DType.FLOAT
    return RawColumn(name, name, info.kind, tuple(info.shape), span, dtype)


def number_column(context: Context, column: RawColumn) -> Node:
    """A column as numbers."""
    known = notes(context, column.span, "column")
    if known.table is not None:
        known.table.number(column.name, column.span)
        if column.fill is None:
            known.table.require_present(column.name, column.span)
    elif column.kind == "text":
        raise context.mistake("NN452", "this is text, not numbers", column.span, help="`class(...)` gives it ids")
    type = TensorType(column.dtype, column.shape, Kind.SAMPLE)
    return _leaf(context, known, column, "number", type, ())


def _leaf(
    context: Context, known: DataNotes, column: RawColumn, role: str, type: TensorType, names: tuple[str, ...]
) -> Node:
    return column_leaf(context, known, Column(column.key, column.name, role, type, names, column.fill, column.span))


def column_leaf(context: Context, known: DataNotes, entry: Column) -> Node:
    """The values of a column; its key is `entry.key`, or like it where other uses of the column have that."""
    base = entry.key if entry.role == "number" else f"{entry.key}.{entry.role}"
    key, number = base, 2
    while key in known.columns and replace(known.columns[key], span=None, key="") != replace(entry, span=None, key=""):
        key, number = f"{base}_{number}", number + 1
    known.columns.setdefault(key, replace(entry, key=key))
    return context.leaf(ops.column, entry.type, entry.span, name=key).named(key)


def _columns(context: Context, given: Arguments) -> Value:
    names = given["names"]
    assert isinstance(names, tuple)
    if not names:
        raise context.mistake("NN307", "`columns` needs the names of columns", given.span)
    found: list[Value] = []
    for name in names:
        if not isinstance(name, str):
            raise context.mistake("NN302", f"a column is named by a text, not {describe(name)}", given.span)
        found.append(raw_column(context, name, given.span))
    if any(isinstance(c, RawColumn) and c.shape for c in found):
        raise context.mistake(
            "NN452", "`columns` puts single numbers side by side, and one of these is more", given.span
        )
    return tuple(found)


def side_by_side(context: Context, value: Value, span: Span) -> Node:
    """A column, or several as one value, or a computed value: as a node."""
    if isinstance(value, tuple) and value and all(isinstance(v, RawColumn) for v in value):
        nodes = [number_column(context, v) for v in value if isinstance(v, RawColumn)]
        parts = [context.apply(ops.reshape, [node], span, shape=(1,)) for node in nodes]
        return parts[0] if len(parts) == 1 else context.apply(ops.concatenate, parts, span, axis=0)
    node = as_node(context, value, span)
    if not isinstance(node, Node):
        raise context.mistake("NN452", f"a field has a value for each row, and this is {describe(value)}", span)
    return node


# ------------------------------------------------------------------------------------------------ classes


def _ids(role: str) -> Builtin:
    """`class` and `category`: a column as ids."""

    def call(context: Context, given: Arguments) -> Value:
        known = notes(context, given.span, role)
        column = given["column"]
        if isinstance(column, tuple) and known.table is None:
            column = inline_column(context, column, given.span)
        if not isinstance(column, RawColumn):
            raise context.mistake(
                "NN452",
                f"`{role}` takes a column as it is in the file, not {describe(column)}",
                given.span_of("column"),
                help=f'for example `{role}(column("label"))`',
            )
        if column.shape:
            raise context.mistake("NN452", f"`{role}` wants one value a row", given.span_of("column"))
        names = distinct_names(context, known, column)
        node = _leaf(context, known, column, role, TensorType(DType.INT, (), Kind.SAMPLE), names)
        if role == "class":
            known.names[node.id] = names
        known.ids[node.id] = len(names) if role == "class" else len(names) + 1
        return node

    what = (
        "A column as class ids 0, 1, ...: the network is to tell them apart. Names are sorted; numbers by size."
        if role == "class"
        else "A column as ids 1, 2, ... of what the training rows have; 0 for anything else."
    )
    return Builtin(role, (BuiltinParameter("column"),), call, what)


def category_leaf(context: Context, column: RawColumn) -> str:
    """The key of a column read as categories, to keep equal values together."""
    known = notes(context, column.span, "column")
    names = distinct_names(context, known, column)
    node = _leaf(context, known, column, "category", TensorType(DType.INT, (), Kind.SAMPLE), names)
    return str(node["name"])


def distinct_names(context: Context, known: DataNotes, column: RawColumn) -> tuple[str, ...]:
    """The different values of a column, as names."""
    if known.table is None:
        names = tuple(sorted({_name(value) for value in known.inline[column.name]}, key=_by_size))
    else:
        if column.fill is None:
            known.table.require_present(column.name, column.span)
        names = known.table.classes(column.name, column.span, column.fill)
    if len(names) < 2:
        raise context.mistake(
            "NN453",
            f'the column "{column.name}" has {len(names)} different values: there is nothing to tell apart',
            column.span,
        )
    return names


def _name(value: Value) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _by_size(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


# ------------------------------------------------------------------------------------------------ rows in the file


def inline_column(context: Context, rows: tuple[Value, ...], span: Span) -> RawColumn:
    """A list written in the data block as a column: one row an item."""
    known = notes(context, span, "rows")
    key = known.field
    while key in known.inline and known.inline[key] != rows:
        key += "_"
    if not rows:
        raise context.mistake("NN451", "there is no row here", span)
    counts = {len(other) for other in known.inline.values()} - {len(rows)}
    if counts:
        raise context.mistake("NN451", f"this field has {len(rows)} rows, and the field before it {counts.pop()}", span)
    known.inline[key] = rows
    shapes = {list_shape(context, row, span) for row in rows}
    if len(shapes) > 1:
        raise context.mistake("NN207", "the rows are of different shapes", span)
    flat = list(_flat(rows))
    if all(isinstance(value, str) for value in flat):
        return RawColumn(key, key, "text", shapes.pop(), span, DType.FLOAT)
    if not all(isinstance(value, bool | int | float) for value in flat):
        raise context.mistake("NN451", "a row holds numbers, or a text", span)
    if all(isinstance(value, bool) for value in flat):
        dtype = DType.BOOL
    else:
        dtype = DType.FLOAT if any(isinstance(value, float) for value in flat) else DType.INT
    return RawColumn(key, key, "number", shapes.pop(), span, dtype)


def _flat(value: Value) -> list[Value]:
    return [leaf for item in value for leaf in _flat(item)] if isinstance(value, tuple) else [value]


# ------------------------------------------------------------------------------------------------ what the block offers


def is_windowed(known: DataNotes, node: Node) -> bool:
    """Whether a value is made of several rows."""
    keys = {window.key for window in known.windows}
    return any(each.op is ops.column and each["name"] in keys for each in reachable([node]))


COLUMN_BUILTINS: dict[str, Builtin] = {
    builtin.name: builtin
    for builtin in (
        Builtin("column", (BuiltinParameter("name"),), _column, "A column of the file, by its name."),
        Builtin(
            "columns",
            (BuiltinParameter("names", many=True, required=False),),
            _columns,
            "Several columns of numbers side by side, as one value of shape [k].",
        ),
        _ids("class"),
        _ids("category"),
    )
}
