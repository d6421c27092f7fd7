"""What a data block learns from its training rows: `fill`, `standardize`, `normalize`, `bucket`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.blocks.columns import inline_column, is_windowed, notes, number_column, side_by_side
from nndsl.check.expressions.arithmetic import alike, arithmetic, broadcast
from nndsl.check.expressions.evaluate import as_whole
from nndsl.check.values import (
    Argument,
    Arguments,
    Builtin,
    BuiltinParameter,
    Function,
    Option,
    RawColumn,
    Scaling,
    Value,
    is_number,
)
from nndsl.ir import DType, Kind, Node, TensorType
from nndsl.ir.program import Fit

if TYPE_CHECKING:
    from nndsl.check.blocks.columns import DataNotes
    from nndsl.check.context import Context
    from nndsl.source import Span


def learn(
    context: Context,
    known: DataNotes,
    statistic: str,
    node: Node,
    span: Span,
    shape: tuple[int, ...] | None = None,
) -> Node:
    """A statistic of a value; shape: its own, by default the value's."""
    if is_windowed(known, node):
        raise context.mistake(
            "NN455",
            "what is learnt of a column is learnt from each row once, and this is a window of several",
            span,
            help="the other way round: `window(standardize(x), 22)`",
        )
    first = f"{known.field}.{statistic.partition(' ')[0]}"
    base = first
    for fit in known.fits:
        if fit.statistic == statistic and fit.node is node:
            base = fit.name
            break
    else:
        names = {fit.name for fit in known.fits}
        number = 2
        while base in names:
            base, number = f"{first}_{number}", number + 1
        known.fits.append(Fit(base, statistic, node))
    type = TensorType(DType.FLOAT, node.type.shape if shape is None else shape, Kind.SHARED)
    return context.leaf(ops.fitted, type, span, name=base).named(base)


def _float_rows(context: Context, given: Arguments) -> Node:
    known, x = notes(context, given.span, "rows"), given["x"]
    if isinstance(x, tuple) and known.table is None and not any(isinstance(item, RawColumn) for item in x):
        x = number_column(context, inline_column(context, x, given.span_of("x")))
    node = side_by_side(context, x, given.span_of("x"))
    nodes = alike(
        context, [Argument(node, given.span), Argument(0.0, given.span)], given.span, symbol="+", dtype=DType.FLOAT
    )
    return nodes[0]


def _scaling(name: str, low: str, high: str, documentation: str) -> Builtin:
    """`standardize` and `normalize`: (x - a) / b with a and b learnt from the training rows."""

    def call(context: Context, given: Arguments) -> Value:
        known = notes(context, given.span, name)
        node, span = _float_rows(context, given), given.span
        offset = learn(context, known, low, node, span)
        scale = learn(context, known, high, node, span)
        scaling = Scaling(name, ((low, str(offset["name"])), (high, str(scale["name"]))))
        if name == "normalize":
            difference = arithmetic(context, "-", Argument(scale, span), Argument(offset, span), span)
            one = context.constant(1.0, difference.type)
            zero = context.constant(0.0, difference.type)
            spread = context.apply(ops.greater, [difference, zero], span)
            scale = context.apply(ops.where, [spread, difference, one], span)
        centred = arithmetic(context, "-", Argument(node, span), Argument(offset, span), span)
        made = arithmetic(context, "/", Argument(centred, span), Argument(scale, span), span)
        known.scalings[made.id] = scaling
        return made

    return Builtin(name, (BuiltinParameter("x"),), call, documentation)


def _fill(context: Context, given: Arguments) -> Value:
    """A column with something in the place of what is missing."""
    known, span = notes(context, given.span, "fill"), given.span
    column, value = given["x"], given["value"]
    if isinstance(column, RawColumn) and column.kind == "text" and isinstance(value, str):
        return replace(column, fill=value)
    fill = value.name if isinstance(value, Option | Function) else str(value)
    node = side_by_side(context, _marked(column, fill), given.span_of("x"))
    missing = context.apply(ops.not_equal, [node, node], span)
    if is_number(value):
        filling = context.constant(float(value), node.type)
    elif isinstance(value, Option | Function) and value.name in ("median", "mean"):
        filling = broadcast(context, learn(context, known, value.name, node, span), node.type.shape, Kind.SAMPLE, span)
    else:
        raise context.mistake(
            "NN302", "a missing number is filled with a number, `median` or `mean`", given.span_of("value")
        )
    return context.apply(ops.where, [missing, filling, node], span)


def _marked(value: Value, fill: str) -> Value:
    """Columns whose missing numbers are allowed, because something fills them."""
    if isinstance(value, RawColumn):
        return replace(value, fill=fill)
    return tuple(_marked(item, fill) for item in value) if isinstance(value, tuple) else value


# ------------------------------------------------------------------------------------------------ buckets

MOST_BUCKETS = 1000


def _bucket(context: Context, given: Arguments) -> Value:
    """Numbers as the ids of the ranges that they lie in, between borders that are given or learnt."""
    known, span = notes(context, given.span, "bucket"), given.span
    node = _float_rows(context, given)
    buckets = given["buckets"]
    if isinstance(buckets, tuple):
        count = len(buckets) + 1
        borders = _given_borders(context, buckets, node, given.span_of("buckets"))
    else:
        count = as_whole(context, Argument(buckets, given.span_of("buckets")), "the number of buckets")
        if not 2 <= count <= MOST_BUCKETS:
            message = f"there are 2 to {MOST_BUCKETS} buckets, not {count}"
            raise context.mistake("NN302", message, given.span_of("buckets"))
        borders = learn(context, known, f"quantiles {count}", node, span, (count - 1, *node.type.shape))
    whole = (count - 1, *node.type.shape)
    values = broadcast(
        context, context.apply(ops.reshape, [node], span, shape=(1, *node.type.shape)), whole, Kind.SAMPLE, span
    )
    borders = broadcast(context, borders, whole, Kind.SAMPLE, span)
    below = context.apply(ops.greater_equal, [values, borders], span)
    ids = context.apply(ops.sum, [context.apply(ops.cast, [below], span, to="int")], span, axes=(0,))
    known.ids[ids.id] = count
    return ids


def _given_borders(context: Context, buckets: tuple[Value, ...], node: Node, span: Span) -> Node:
    numbers = [float(border) for border in buckets if is_number(border)]
    if len(numbers) < len(buckets) or not numbers or sorted(set(numbers)) != numbers:
        raise context.mistake(
            "NN302", "borders are a list of numbers, each larger than the one before", span,
            help="for example `bucket(x, [18, 30, 65])`",
        )  # fmt: skip
    shape = (len(numbers), *(1 for _ in node.type.shape))
    type = TensorType(DType.FLOAT, (len(numbers),), Kind.SHARED)
    made = context.leaf(ops.array, type, span, value=tuple(numbers))
    return context.apply(ops.reshape, [made], span, shape=shape)


LEARNT_BUILTINS: dict[str, Builtin] = {
    builtin.name: builtin
    for builtin in (
        Builtin(
            "fill",
            (BuiltinParameter("x"), BuiltinParameter("value")),
            _fill,
            "A column with `value` where it is missing: a number, a text, or `median` or `mean` of the training rows.",
        ),
        _scaling(
            "standardize",
            "mean",
            "standard_deviation",
            "(x - mean) / standard deviation, each number by its own, learnt from the training rows. "
            "`original_units` is the way back.",
        ),
        _scaling(
            "normalize",
            "minimum",
            "maximum",
            "(x - minimum) / (maximum - minimum), learnt from the training rows. `original_units` is the way back.",
        ),
        Builtin(
            "bucket",
            (BuiltinParameter("x"), BuiltinParameter("buckets")),
            _bucket,
            "The id of the range that a number lies in: 0 below the first border, 1 from it on, ... `buckets` are the "
            "borders, a list; or how many ranges there are: then borders are learnt, for equally many rows in each.",
        ),
    )
}
