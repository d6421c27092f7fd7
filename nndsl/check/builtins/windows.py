"""Functions over windows of the leading axes, for convolution and pooling: `windows`, `window_max`, `each_axis` ..."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import arithmetic, cast, tensor
from nndsl.check.expressions.evaluate import as_whole
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, Value, describe
from nndsl.ir import DType, Kind, Node, Op, TensorType

if TYPE_CHECKING:
    from nndsl.check.context import Context

Whole = tuple[int, ...]
Widths = tuple[tuple[int, int], ...]


# ------------------------------------------------------------------------------------------------ numbers for axes


def axis_numbers(context: Context, given: Arguments, name: str, axes: int, what: str, least: int = 1) -> Whole:
    """The argument `name`: a whole number for each of `axes` axes, or one for all. what: how a message calls it."""
    value, span = given[name], given.span_of(name)
    items = value if isinstance(value, tuple) else (value,) * axes
    numbers = tuple(item for item in items if isinstance(item, int) and not isinstance(item, bool))
    if len(items) != axes or len(numbers) != axes or min(numbers) < least:
        example = f" or a list of {axes}, such as [{', '.join('2' * axes)}]" if axes > 1 else ""
        raise context.mistake(
            "NN302",
            f"`{what}` must be a whole number of at least {least}{example}, not {_written(value)}",
            span,
        )
    return numbers


def _written(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_written(item) for item in value)}]"
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else describe(value)


def _called(given: Arguments) -> str:
    name = given["name"]
    return name if isinstance(name, str) else "value"


def _each_axis(context: Context, given: Arguments) -> Value:
    axes = as_whole(context, Argument(given["axes"], given.span_of("axes")), "the number of axes")
    least = as_whole(context, Argument(given["least"], given.span_of("least")), "the least number")
    return axis_numbers(context, given, "value", axes, _called(given), least)


def _pairs(value: Value, axes: int) -> Widths | None:
    """[before, after] for each axis, of one number, one for each axis, a pair for each axis; None for anything else."""
    items = value if isinstance(value, tuple) else (value,) * axes
    if axes == 1 and len(items) == 2:
        items = (items,)
    pairs: list[tuple[int, int]] = []
    for item in items:
        ends = item if isinstance(item, tuple) else (item, item)
        numbers = [end for end in ends if isinstance(end, int) and not isinstance(end, bool) and end >= 0]
        if len(ends) != 2 or len(numbers) != 2:
            return None
        pairs.append((numbers[0], numbers[1]))
    return tuple(pairs) if len(pairs) == axes else None


def _both_ends(context: Context, given: Arguments) -> Value:
    axes = as_whole(context, Argument(given["axes"], given.span_of("axes")), "the number of axes")
    pairs = _pairs(given["value"], axes)
    if pairs is None:
        forms = "2, [1, 2]" if axes == 1 else "2, [1, 2] (both ends of each axis) or [[1, 1], [2, 2]]"
        raise context.mistake(
            "NN302",
            f"`{_called(given)}` must be whole numbers, such as {forms}, not {_written(given['value'])}",
            given.span_of("value"),
        )
    return pairs


# ------------------------------------------------------------------------------------------------ windows


def _given_node(context: Context, given: Arguments, name: str) -> Node:
    return cast(context, tensor(context, Argument(given[name], given.span_of(name))), DType.FLOAT, given.span)


def _sizes(context: Context, given: Arguments, node: Node) -> Whole:
    value = given["sizes"]
    axes = len(value) if isinstance(value, tuple) else 1
    sizes = axis_numbers(context, given, "sizes", axes, "sizes")
    if axes > node.type.rank:
        raise context.mistake(
            "NN216", f"windows over {axes} axes of {node.type.shape_text}, which has {node.type.rank}", given.span
        )
    return sizes


def _geometry(context: Context, given: Arguments, node: Node) -> dict[str, Whole]:
    """The attributes of an op over windows of `node`. Windows that don't fit are a mistake."""
    sizes = _sizes(context, given, node)
    axes = len(sizes)
    strides = axis_numbers(context, given, "strides", axes, "strides")
    dilations = axis_numbers(context, given, "dilations", axes, "dilations")
    widths = _pairs(given["padding"], axes)
    if widths is None:
        raise context.mistake(
            "NN302",
            f"`padding` has a pair [before, after] for each of the {axes} axes that windows go over",
            given.span_of("padding"),
        )
    counts: list[int] = []
    lengths = node.type.shape[:axes]
    for axis, (length, size, stride, dilation, width) in enumerate(
        zip(lengths, sizes, strides, dilations, widths, strict=True)
    ):
        reach = (size - 1) * dilation + 1
        padded = length + sum(width)
        if reach > padded:
            spread = f" ({size}, {dilation} apart)" if dilation > 1 and size > 1 else ""
            extra = f" ({padded} with padding)" if padded > length else ""
            raise context.mistake(
                "NN216",
                f"a window of {reach}{spread} does not fit into axis {axis} of {node.type.shape_text}, "
                f"which has {length} elements{extra}",
                given.span,
                help="smaller windows, `padding=same`, or fewer poolings and strides before this line",
            )
        counts.append((padded - reach) // stride + 1)
    return {
        "sizes": sizes,
        "strides": strides,
        "dilations": dilations,
        "before": tuple(before for before, _ in widths),
        "counts": tuple(counts),
    }


def _over_windows(op: Op, documentation: str) -> Builtin:
    """An op from [lengths, rest] as a function."""

    def call(context: Context, given: Arguments) -> Value:
        node = _given_node(context, given, "x")
        attributes = _geometry(context, given, node)
        if op is ops.window_max:
            _holds_elements(context, given, node, attributes)
        ones = all(number == 1 for name in ("sizes", "strides") for number in attributes[name])
        if ones and attributes["counts"] == node.type.shape[: len(attributes["counts"])]:
            return _of_one(context, given, op, node, attributes)
        return context.apply(op, [node], given.span, [given.span_of("x")], **attributes)

    return Builtin(op.name, _PARAMETERS, call, documentation)


def _holds_elements(context: Context, given: Arguments, node: Node, attributes: dict[str, Whole]) -> None:
    """A maximum of nothing is a mistake: every window has an element that is not padding."""
    for axis, (count, length) in enumerate(zip(attributes["counts"], node.type.shape, strict=False)):
        if any(_inside(attributes, axis, window, length) == 0 for window in range(count)):
            raise context.mistake(
                "NN216", f"a window lies wholly in the padding of axis {axis}, and so has no maximum", given.span
            )


def _of_one(context: Context, given: Arguments, op: Op, node: Node, attributes: dict[str, Whole]) -> Node:
    """Windows of one element each are the value itself."""
    if op is not ops.windows:
        return node
    counts = attributes["counts"]
    shape = (*counts, *attributes["sizes"], *node.type.shape[len(counts) :])
    return context.apply(ops.reshape, [node], given.span, shape=shape)


def _window_mean(context: Context, given: Arguments) -> Value:
    node = _given_node(context, given, "x")
    attributes = _geometry(context, given, node)
    mean: Value = context.apply(ops.window_sum, [node], given.span, [given.span_of("x")], **attributes)
    whole = 1
    for axis, count in enumerate(attributes["counts"]):
        # At least 1, to divide by: a window wholly in the padding has the mean 0.
        inside = [max(1, _inside(attributes, axis, window, node.type.shape[axis])) for window in range(count)]
        if len(set(inside)) == 1:
            whole *= inside[0]
            continue
        later = node.type.rank - axis - 1
        array = context.leaf(
            ops.array, TensorType(DType.FLOAT, (count,), Kind.SHARED), given.span, value=tuple(map(float, inside))
        )
        column = context.apply(ops.reshape, [array], given.span, shape=(count, *(1,) * later))
        mean = arithmetic(context, "/", Argument(mean, given.span), Argument(column, given.span), given.span)
    if whole == 1:
        return mean
    return arithmetic(context, "/", Argument(mean, given.span), Argument(whole, given.span), given.span)


def _inside(attributes: dict[str, Whole], axis: int, window: int, length: int) -> int:
    """How many elements of a window lie inside of the axis."""
    start = window * attributes["strides"][axis] - attributes["before"][axis]
    dilation = attributes["dilations"][axis]
    places = (start + place * dilation for place in range(attributes["sizes"][axis]))
    return sum(0 <= place < length for place in places)


def _fold_windows(context: Context, given: Arguments) -> Value:
    node = _given_node(context, given, "windows")
    value = given["lengths"]
    axes = len(value) if isinstance(value, tuple) else 1
    lengths = axis_numbers(context, given, "lengths", axes, "lengths")
    if node.type.rank < 2 * axes:
        raise context.mistake(
            "NN216",
            f"{node.type.shape_text} has too few axes for windows over {axes}: counts, then sizes",
            given.span_of("windows"),
        )
    return context.apply(
        ops.fold_windows,
        [node],
        given.span,
        [given.span_of("windows")],
        lengths=lengths,
        strides=axis_numbers(context, given, "strides", axes, "strides"),
        dilations=axis_numbers(context, given, "dilations", axes, "dilations"),
        before=axis_numbers(context, given, "before", axes, "before", least=0),
    )


_PITCH = (BuiltinParameter("strides", 1, required=False), BuiltinParameter("dilations", 1, required=False))
_PARAMETERS = (
    BuiltinParameter("x"),
    BuiltinParameter("sizes"),
    *_PITCH,
    BuiltinParameter("padding", 0, required=False),
)
_NAMED = (BuiltinParameter("value"), BuiltinParameter("axes"), BuiltinParameter("name", "value", required=False))

BUILTINS = (
    Builtin(
        "each_axis",
        (*_NAMED, BuiltinParameter("least", 1, required=False)),
        _each_axis,
        "A whole number of at least `least` for each of `axes` axes: `value` is such a list, or one number for all. "
        "`name` is what an error calls it.",
    ),
    Builtin(
        "both_ends",
        _NAMED,
        _both_ends,
        "A pair [before, after] for each of `axes` axes: `value` is such a list, or a number for each axis, or one for "
        "all. `name` is what an error calls it.",
    ),
    _over_windows(
        ops.windows,
        "Windows over the leading axes, each copied out: `x: [lengths, rest]` gives `[counts, sizes, rest]`. They are "
        "`strides` apart, their elements `dilations` apart; `padding`, [before, after] for each axis, adds zeros.",
    ),
    Builtin(
        "fold_windows",
        (BuiltinParameter("windows"), BuiltinParameter("lengths"), *_PITCH, BuiltinParameter("before", 0, False)),
        _fold_windows,
        "The transpose of `windows`: `[counts, sizes, rest]` put back into `[lengths, rest]`, added up where they "
        "overlap. `before`: how far the first window begins before the first element.",
    ),
    _over_windows(
        ops.window_max,
        "The largest element of each window over the leading axes, as `windows` makes them; padding is never the "
        "largest. The gradient goes to the first maximum, in row-major order of the window.",
    ),
    _over_windows(ops.window_sum, "The sum of each window over the leading axes, as `windows` makes them."),
    Builtin(
        "window_mean",
        _PARAMETERS,
        _window_mean,
        "The mean of each window over the leading axes, as `windows` makes them, without counting padding.",
    ),
)
