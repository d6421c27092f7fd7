"""Texts in a data block: `text(column("review"), 200)` as ids of words or characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.check.blocks.columns import column_leaf, inline_column, notes, word_of
from nndsl.check.expressions.evaluate import as_whole
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, Option, RawColumn, Value, describe
from nndsl.diagnostics import did_you_mean
from nndsl.ir import DType, Kind, TensorType
from nndsl.ir.program import Column

if TYPE_CHECKING:
    from nndsl.check.context import Context

LEVELS = ("words", "characters")
TEXT_OPTIONS = LEVELS
"""Words that arguments of `text` may be."""

MOST_PARTS = 1 << 24


def _text(context: Context, given: Arguments) -> Value:
    """A column of texts as ids, [length] of them."""
    known = notes(context, given.span, "text")
    column = given["column"]
    if isinstance(column, tuple) and known.table is None:
        column = inline_column(context, column, given.span)
    if not isinstance(column, RawColumn) or column.kind != "text" or column.shape:
        raise context.mistake(
            "NN452",
            f"`text` takes a column of texts as it is in the file, not {_described(column)}",
            given.span_of("column"),
            help='for example `text(column("review"), 200)`',
        )
    if known.table is not None and column.fill is None:
        known.table.require_present(column.name, column.span)
    length = _count(context, given, "length", 1)
    vocabulary = _count(context, given, "vocabulary", 3)
    level, lowercase = given["level"], given["lowercase"]
    word = word_of(given, "level", LEVELS)
    if word is None:
        close = did_you_mean(str(level), LEVELS) if isinstance(level, str) else None
        raise context.mistake(
            "NN302",
            f"`level` is {' or '.join(LEVELS)}, not {describe(level)}",
            given.span_of("level"),
            help=close and f"did you mean `level={close}`?",
        )
    if not isinstance(lowercase, bool):
        raise context.mistake("NN302", f"`lowercase` is true or false, not {describe(lowercase)}", given.span)
    type = TensorType(DType.INT, (length,), Kind.SAMPLE)
    entry = Column(
        column.key,
        column.name,
        "text",
        type,
        fill=column.fill,
        span=column.span,
        level=word,
        vocabulary=vocabulary,
        lowercase=lowercase,
    )
    node = column_leaf(context, known, entry)
    known.ids[node.id] = vocabulary
    return node


def _described(value: Value) -> str:
    """What was given in place of a column of texts."""
    return f"{describe(value)}, which holds numbers" if isinstance(value, RawColumn) else describe(value)


def _count(context: Context, given: Arguments, name: str, least: int) -> int:
    count = as_whole(context, Argument(given[name], given.span_of(name)), f"`{name}`")
    if not least <= count <= MOST_PARTS:
        message = f"`{name}` is at least {least}, and this is {count}" if count < least else f"{count} is too many"
        raise context.mistake("NN302", message, given.span_of(name))
    return count


TEXT_BUILTINS: dict[str, Builtin] = {
    "text": Builtin(
        "text",
        (
            BuiltinParameter("column"),
            BuiltinParameter("length"),
            BuiltinParameter("vocabulary", default=10_000, required=False),
            BuiltinParameter("level", default=Option("words"), required=False),
            BuiltinParameter("lowercase", default=True, required=False),
        ),
        _text,
        "A column of texts as ids, int[length]: 2, 3, ... for the most frequent words (or characters) of the training "
        "rows, 1 for any other, 0 behind the end; what is longer is cut off. There are `vocabulary` ids in all. A word "
        "is a run of letters and digits, or a single mark; under `lowercase` Case and case are one.",
    )
}
