"""Rows that lie beside each other: `window(x, 22)` and `next(x)` in a data block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.blocks.columns import is_windowed, notes, side_by_side
from nndsl.check.expressions.evaluate import as_whole
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, Value
from nndsl.ir import Kind, Node
from nndsl.ir.program import Series, Window

if TYPE_CHECKING:
    from nndsl.check.blocks.columns import DataNotes
    from nndsl.check.context import Context
    from nndsl.source import Span


def _window_of_rows(context: Context, given: Arguments) -> Value:
    """The values of `length` rows, this one last: [length, ...]."""
    known = notes(context, given.span, "window")
    length = _count(context, given, "length", "the length of a window", 1)
    _set_stride(context, known, _count(context, given, "stride", "`stride`", 1), given.span_of("stride"))
    source, before = _source(context, known, given)
    if before.stacked:
        raise context.mistake("NN455", "this is a window already", given.span_of("x"))
    return _leaf(context, known, source, replace(before, first=before.last - length + 1, stacked=True), given.span)


def _next(context: Context, given: Arguments) -> Value:
    """The value, or the window, of some rows later."""
    known = notes(context, given.span, "next")
    rows = _count(context, given, "rows", "the number of rows", 1)
    source, before = _source(context, known, given)
    later = replace(before, first=before.first + rows, last=before.last + rows)
    return _leaf(context, known, source, later, given.span)


def _count(context: Context, given: Arguments, name: str, what: str, least: int) -> int:
    count = as_whole(context, Argument(given[name], given.span_of(name)), what)
    if count < least:
        raise context.mistake("NN455", f"{what} is at least {least}, and this is {count}", given.span_of(name))
    return count


def _set_stride(context: Context, known: DataNotes, stride: int, span: Span) -> None:
    if stride == 1:
        return
    if known.stride not in (None, stride):
        message = f"the windows of a block are equally far apart, and those before are {known.stride} rows apart"
        raise context.mistake("NN455", message, span, help="`stride` is said once, for all of them")
    known.stride = stride


def _source(context: Context, known: DataNotes, given: Arguments) -> tuple[Node, Window]:
    """What a window is made of, a value of each row; and which rows of it `x` is already: for a start, this one."""
    node = side_by_side(context, given["x"], given.span_of("x"))
    if node.type.kind is not Kind.SAMPLE:
        raise context.mistake("NN452", "this is one value for all rows", given.span_of("x"))
    window = _window(known, node)
    if window is not None:
        series = next(series for series in known.series if series.name == window.series)
        return series.node, window
    if is_windowed(known, node):
        raise context.mistake(
            "NN455",
            "this is computed from windows, and has no value for each row",
            given.span_of("x"),
            help="compute it for each row first, then make windows of that",
        )
    return node, Window("", "", 0, 0, stacked=False)


def _window(known: DataNotes, node: Node) -> Window | None:
    if node.op is not ops.column:
        return None
    return next((window for window in known.windows if window.key == node["name"]), None)


def _leaf(context: Context, known: DataNotes, source: Node, wanted: Window, span: Span) -> Node:
    wanted = replace(wanted, series=_series(known, source))
    keys = {replace(window, key=wanted.key): window.key for window in known.windows}
    if wanted not in keys:
        keys[wanted] = _unique(known.field, {*known.columns, *keys.values()}, "rows")
        known.windows.append(replace(wanted, key=keys[wanted]))
    type = source.type.with_shape((wanted.length, *source.type.shape) if wanted.stacked else source.type.shape)
    node = context.leaf(ops.column, type, span, name=keys[wanted]).named(keys[wanted])
    if source.id in known.names:
        known.names[node.id] = known.names[source.id]
    if source.id in known.ids:
        known.ids[node.id] = known.ids[source.id]
    return node


def _series(known: DataNotes, node: Node) -> str:
    for series in known.series:
        if series.node is node:
            return series.name
    name = _unique(known.field, {series.name for series in known.series}, "series")
    known.series.append(Series(name, node))
    return name


def _unique(field: str, taken: set[str], what: str) -> str:
    name, number = f"{field}.{what}", 2
    while name in taken:
        name, number = f"{field}.{what}_{number}", number + 1
    return name


WINDOW_BUILTINS: dict[str, Builtin] = {
    builtin.name: builtin
    for builtin in (
        Builtin(
            "window",
            (
                BuiltinParameter("x"),
                BuiltinParameter("length"),
                BuiltinParameter("stride", default=1, required=False),
            ),
            _window_of_rows,
            "The values of this row and of those before it, `length` in all: [length, ...]. A row that has not as many "
            "before it in its part of the data is left out. With `stride`, so are all rows but each so many.",
        ),
        Builtin(
            "next",
            (BuiltinParameter("x"), BuiltinParameter("rows", default=1, required=False)),
            _next,
            "The value of the row after this one, or of `rows` later; of a window, the window that much later. A row "
            "that has none after it in its part of the data is left out.",
        ),
    )
}
