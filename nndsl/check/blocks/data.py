"""Data blocks: fields over the columns of a file, or rows written in the block; splits; parts of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl.check import hints
from nndsl.check.blocks.class_weights import BALANCED, CLASS_WEIGHT
from nndsl.check.blocks.columns import (
    COLUMN_BUILTINS,
    DataNotes,
    category_leaf,
    inline_column,
    is_windowed,
    number_column,
    side_by_side,
)
from nndsl.check.blocks.learnt import LEARNT_BUILTINS
from nndsl.check.blocks.parts import check_part
from nndsl.check.blocks.pictures import PICTURE_BUILTINS, PICTURE_OPTIONS
from nndsl.check.blocks.readers import read_reader
from nndsl.check.blocks.texts import TEXT_BUILTINS, TEXT_OPTIONS
from nndsl.check.blocks.windows import WINDOW_BUILTINS
from nndsl.check.bodies.places import misplaced
from nndsl.check.bodies.statements import attempt, check_assert, run_control
from nndsl.check.context import Frame
from nndsl.check.expressions.arithmetic import plain
from nndsl.check.expressions.evaluate import evaluate
from nndsl.check.scope import Scope
from nndsl.check.values import DataSet, FieldInfo, Function, Option, RawColumn, Value, is_number
from nndsl.diagnostics import did_you_mean
from nndsl.ir import Kind
from nndsl.ir.program import DataProgram, Field, ReaderCall, Split
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.ir import Attribute
    from nndsl.source import Span


DATA_BUILTINS = (
    COLUMN_BUILTINS
    | LEARNT_BUILTINS
    | {CLASS_WEIGHT.name: CLASS_WEIGHT}
    | TEXT_BUILTINS
    | PICTURE_BUILTINS
    | WINDOW_BUILTINS
)
"""Functions that a data block knows besides those of every other place."""


def check_data(context: Context, file_scope: Scope, block: tree.Data) -> tuple[DataProgram, DataSet] | None:
    """A data block as graphs over its columns, or None where it had mistakes (they are reported)."""
    from nndsl.data import open_table

    reader = None
    table = None
    scope = Scope(file_scope)
    with context.surviving() as hurt:
        written = block.reader or _reader_of_training(block)
        if written is not None:
            reader = read_reader(context, file_scope, written)
            table = open_table(reader)
    if hurt:
        return None
    functions = {name: Function(builtin, None) for name, builtin in DATA_BUILTINS.items()}
    for name, function in functions.items():
        scope.bind(name, function)
    for word in ("median", BALANCED, *PICTURE_OPTIONS, *TEXT_OPTIONS):
        scope.bind(word, Option(word))
    context.data = DataNotes(table, reader, functions=functions)
    frame = Frame("data", block.name.name, None, "", "")
    walk = _DataWalk(context, scope, frame)
    try:
        with context.inside(frame):
            walk.statements(block.body)
            return None if frame.broken else walk.finished(block, reader if block.reader is not None else None)
    finally:
        context.data = None


def _reader_of_training(block: tree.Data) -> tree.Expression | None:
    """The file of the part `train`, where every part has a file of its own: its columns are the block's."""
    parts = [statement for statement in block.body if isinstance(statement, tree.PartFrom)]
    return next((part.reader for part in parts if part.name.name == "train"), None)


class _DataWalk:
    """One walk through a data block."""

    def __init__(self, context: Context, scope: Scope, frame: Frame) -> None:
        self.context = context
        self.scope = scope
        self.frame = frame
        self.fields: dict[str, Field] = {}
        self.infos: dict[str, FieldInfo] = {}
        self.split: Split | None = None
        self.split_span: Span | None = None
        self.readers: dict[str, ReaderCall] = {}

    @property
    def notes(self) -> DataNotes:
        """What the fields so far have said of columns and fits."""
        assert self.context.data is not None
        return self.context.data

    def statements(self, statements: tuple[tree.Statement, ...]) -> None:
        """Each statement is tried, so that several mistakes are said in one go."""
        for statement in statements:
            attempt(self.context, self.scope, self.frame, statement, self.statement)

    def statement(self, statement: tree.Statement) -> None:
        """A field, the split, a part with a file of its own."""
        match statement:
            case tree.Binding(names=(name,)):
                self.field(name, statement)
            case tree.Split():
                self.read_split(statement)
            case tree.PartFrom(name=name, reader=reader):
                if name.name in self.readers:
                    raise self.context.mistake("NN454", f"the part {name.name} is said twice", statement.span)
                self.readers[name.name] = read_reader(self.context, self.scope, reader)
            case tree.AssertStatement():
                check_assert(self.context, self.scope, statement)
            case tree.If() | tree.For() | tree.Repeat():
                run_control(self.context, self.scope, self.frame, statement, self.statements)
            case _:
                raise misplaced(self.context, statement, self.frame)

    def field(self, name: tree.Name, statement: tree.Binding) -> None:
        """`image = column("image") / 16`, or rows written here."""
        context, notes = self.context, self.notes
        if name.name in self.fields:
            raise context.mistake("NN104", f"the field `{name.name}` is said twice", name.span)
        notes.field = name.name
        value = self._rows_or_value(statement.value)
        if isinstance(value, RawColumn) and value.kind == "text" and notes.table is None:
            raise context.mistake(
                "NN452",
                "a network reads numbers, and this is text",
                statement.value.span,
                help="`class([...])` gives it ids",
            )
        node = (
            number_column(context, value)
            if isinstance(value, RawColumn)
            else side_by_side(context, value, statement.value.span)
        )
        if node.type.kind is not Kind.SAMPLE:
            raise context.mistake(
                "NN452", "a field has a value for each row, and this is one for all", statement.value.span
            )
        node.named(name.name)
        classes = notes.names.get(node.id)
        self.fields[name.name] = Field(name.name, node, classes, name.span)
        self.infos[name.name] = FieldInfo(
            name.name,
            node.type,
            classes,
            notes.ids.get(node.id),
            name.span,
            self.frame.name,
            notes.scalings.get(node.id),
        )
        self.scope.bind(name.name, node)

    def _rows_or_value(self, expression: tree.Expression) -> Value:
        value = evaluate(self.context, self.scope, expression)
        if isinstance(value, tuple) and self.notes.table is None and isinstance(expression, tree.ListOf):
            return inline_column(self.context, value, expression.span)
        return value

    def read_split(self, statement: tree.Split) -> None:
        """`split train 80%, test 20%, stratify=label`."""
        context = self.context
        if self.split is not None:
            raise context.mistake("NN454", "there is a split already", statement.span)
        parts: list[tuple[str, float]] = []
        for part in statement.parts:
            share = evaluate(context, self.scope, part.share)
            if not is_number(share) or not 0 < share <= 1:
                raise context.mistake("NN454", "a share is more than 0% and at most 100%", part.share.span)
            if any(name == part.name.name for name, _ in parts):
                raise context.mistake("NN454", f"the part {part.name.name} is said twice", part.span)
            parts.append((part.name.name, float(share)))
        total = sum(share for _, share in parts)
        if total > 1 + 1e-9:
            raise context.mistake(
                "NN454", f"these shares are {total:.4g} together: more than everything", statement.span
            )
        if "train" not in dict(parts):
            raise context.mistake(
                "NN454", "no part is called `train`", statement.span, help="`split train 80%, test 20%`"
            )
        self.split_span = statement.span
        self.split = self._with_options(statement, Split(tuple(parts), in_order=statement.in_order))

    def _with_options(self, statement: tree.Split, split: Split) -> Split:
        context = self.context
        for option in statement.options:
            if option.name == "stratify":
                if not isinstance(option.value, tree.Name) or option.value.name not in self.fields:
                    names = ", ".join(self.fields)
                    raise context.mistake(
                        "NN454", "`stratify` names a field", option.span, help=f"the fields are {names}"
                    )
                split = replace(split, stratify=option.value.name)
            elif option.name == "group":
                split = replace(split, group=self._group_key(option))
            else:
                close = did_you_mean(option.name or "", ("stratify", "group"))
                help = f"did you mean `{close}`?" if close else hints.for_argument(option.name or "")
                raise context.mistake(
                    "NN301", f"a split has no `{option.name}`", option.span, help=help or "it has: stratify, group"
                )
        if split.in_order and (split.stratify or split.group):
            raise context.mistake("NN454", "rows split in order can't be stratified or grouped", statement.span)
        return split

    def _group_key(self, option: tree.Argument) -> str:
        value = evaluate(self.context, self.scope, option.value)
        if isinstance(value, RawColumn) and not value.shape:
            return category_leaf(self.context, value)
        raise self.context.mistake("NN454", "`group` names a column", option.span, help='`group=column("patient")`')

    def finished(self, block: tree.Data, reader: ReaderCall | None) -> tuple[DataProgram, DataSet] | None:
        """The block as a program."""
        if not self.fields:
            with self.context.surviving():
                raise self.context.mistake(
                    "NN451",
                    f"the data {block.name.name} has no fields",
                    block.name.span,
                    help='`image = column("image")`',
                )
            return None
        self._check_order()
        self._check_parts(reader)
        pictures = tuple(self.notes.pictures)
        reader = None if reader is None else replace(reader, pictures=pictures)
        parts = tuple((part, replace(call, pictures=pictures)) for part, call in self.readers.items())
        group = self.split.group if self.split is not None else None
        columns = [column for column in self.notes.columns.values() if column.key != group]
        for part, call in parts:
            if reader is not None or part != "train":
                check_part(self.context, part, call, columns)
        inline = tuple((name, _plain_rows(rows)) for name, rows in self.notes.inline.items())
        program = DataProgram(
            block.name.name,
            reader,
            inline,
            tuple(self.notes.columns.values()),
            tuple(self.notes.fits),
            tuple(self.fields.values()),
            self.split,
            parts,
            block.span,
            tuple(self.notes.series),
            tuple(self.notes.windows),
            self.notes.stride or 1,
        )
        self.context.data_fields[block.name.name] = self.infos
        return program, DataSet(block.name.name, self.infos)

    def _check_parts(self, reader: ReaderCall | None) -> None:
        """Each part has its rows from one place: a file of its own, or what the split gives it."""
        shares = {name for name, _ in self.split.parts} if self.split is not None else {"train"}
        for part, call in self.readers.items():
            if part in shares and reader is not None:
                message = f"the part {part} has a file of its own, and rows of the block's file"
                help = f"leave {part} out of the split" if self.split is not None else "`data ... {` without `from`"
                raise self.context.mistake("NN454", message, call.span, help=help)
        if self.readers and reader is None and not self.notes.inline and "train" not in self.readers:
            call = next(iter(self.readers.values()))
            raise self.context.mistake("NN454", "no part is called `train`", call.span, help='`train from csv("...")`')
        if self.split_span is not None and reader is None and not self.notes.inline:
            raise self.context.mistake(
                "NN454", "every part has a file of its own, and nothing is split", self.split_span
            )

    def _check_order(self) -> None:
        """Rows that look at those beside them can't be shuffled among the parts."""
        if not self.notes.windows or self.split is None or self.split.in_order:
            return
        name = next(f.name for f in self.fields.values() if is_windowed(self.notes, f.node))
        raise self.context.mistake(
            "NN455",
            f"the rows of `{name}` overlap: shuffled into parts, the test would hold what training saw",
            self.fields[name].span,
            help="split them `in order`: `split train 70%, validation 10%, test 20% in order`",
        )


def _plain_rows(rows: tuple[Value, ...]) -> tuple[Attribute, ...]:
    return tuple(plain(row) for row in rows)
