"""Random draws and filled shapes: per sample in a network or a train block, per weight in an initializer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.builtins.movement import whole_numbers
from nndsl.check.endless import LONGEST_LIST, too_long
from nndsl.check.expressions.arithmetic import arithmetic, as_node
from nndsl.check.expressions.evaluate import as_whole
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, Value, is_number
from nndsl.ir import DType, Kind, Node, TensorType

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.source import Span

_SHAPE = BuiltinParameter("shape")


def _shape(context: Context, given: Arguments) -> tuple[int, ...]:
    shape = whole_numbers(context, given, "shape", "a size")
    for size in shape:
        if size < 1:
            raise context.mistake("NN209", f"a size must be at least 1, and this is {size}", given.span_of("shape"))
    return shape


def _drawn_type(context: Context, given: Arguments, dtype: DType) -> TensorType:
    if context.data is not None:
        raise context.mistake(
            "NN450", "data is what is in its file, without chance", given.span,
            help="draw in the train block or in a layer, such as `GaussianNoise(0.1)`",
        )  # fmt: skip
    kind = Kind.SHARED if context.initializing is not None else Kind.SAMPLE
    return TensorType(dtype, _shape(context, given), kind)


def _scaled(context: Context, given: Arguments, draw: Node, factor: Value, offset: Value) -> Value:
    """`offset + factor * draw`, without the parts that change nothing."""
    span = given.span
    value = draw
    if factor != 1:
        value = arithmetic(context, "*", Argument(factor, span), Argument(value, span), span)
    if offset != 0:
        value = arithmetic(context, "+", Argument(offset, span), Argument(value, span), span)
    return value


def _uniform(context: Context, given: Arguments) -> Value:
    type = _drawn_type(context, given, DType.FLOAT)
    draw = context.leaf(ops.random_uniform, type, given.span, site=context.draw_site())
    low, high = given["low"], given["high"]
    if is_number(low) and is_number(high):
        width: Value = high - low
        if width < 0:
            raise context.mistake("NN302", f"`low` is {low} and `high` {high}", given.span)
    else:
        width = arithmetic(context, "-", Argument(high, given.span), Argument(low, given.span), given.span)
    return _scaled(context, given, draw, width, low)


def _normal(context: Context, given: Arguments) -> Value:
    type = _drawn_type(context, given, DType.FLOAT)
    draw = context.leaf(ops.random_normal, type, given.span, site=context.draw_site())
    return _scaled(context, given, draw, given["stddev"], given["mean"])


def _bernoulli(context: Context, given: Arguments) -> Value:
    probability = given["probability"]
    if not is_number(probability) or not 0 <= probability <= 1:
        raise context.mistake(
            "NN302", "`probability` must be a number from 0 to 1, known at compile time", given.span_of("probability")
        )
    return context.leaf(
        ops.random_bernoulli,
        _drawn_type(context, given, DType.BOOL),
        given.span,
        site=context.draw_site(),
        probability=float(probability),
    )


def _filled(name: str, value: float) -> Builtin:
    def call(context: Context, given: Arguments) -> Value:
        return context.constant(value, TensorType(DType.FLOAT, _shape(context, given), Kind.SHARED))

    return Builtin(name, (_SHAPE,), call, f"A value of the given shape, {value:g} everywhere.")


def _full(context: Context, given: Arguments) -> Value:
    value = as_node(context, given["value"], given.span_of("value"))
    if isinstance(value, Node):
        from nndsl.check.expressions.arithmetic import broadcast

        return broadcast(context, value, _shape(context, given), value.type.kind, given.span)
    return context.constant(float(value), TensorType(DType.FLOAT, _shape(context, given), Kind.SHARED))


def _range(context: Context, given: Arguments) -> Value:
    start = as_whole(context, Argument(given["start"], given.span_of("start")), "a range's end")
    if "stop" not in given.values:
        return _numbers(context, 0, start, given.span_of("start"))
    stop = as_whole(context, Argument(given["stop"], given.span_of("stop")), "a range's end")
    return _numbers(context, start, stop, given.span_of("stop"))


def _numbers(context: Context, start: int, stop: int, span: Span) -> Value:
    if stop - start > LONGEST_LIST:
        raise too_long(context, span)
    return tuple(range(start, stop))


BUILTINS = (
    Builtin(
        "uniform",
        (_SHAPE, BuiltinParameter("low", 0, False), BuiltinParameter("high", 1, False)),
        _uniform,
        "Random numbers, uniform from `low` to `high`; new ones for each sample and step.",
    ),
    Builtin(
        "normal",
        (_SHAPE, BuiltinParameter("mean", 0, False), BuiltinParameter("stddev", 1, False)),
        _normal,
        "Random numbers of the normal distribution; new ones for each sample and step.",
    ),
    Builtin(
        "bernoulli",
        (_SHAPE, BuiltinParameter("probability")),
        _bernoulli,
        "true with the given probability (in steps of 1/65536), for each element anew.",
    ),
    _filled("zeros", 0.0),
    _filled("ones", 1.0),
    Builtin("full", (_SHAPE, BuiltinParameter("value")), _full, "A value of the given shape, `value` everywhere."),
    Builtin(
        "range",
        (BuiltinParameter("start"), BuiltinParameter("stop", required=False)),
        _range,
        "`range(3)` is [0, 1, 2]; `range(1, 4)` is [1, 2, 3].",
    ),
)
