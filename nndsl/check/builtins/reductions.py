"""Functions over axes: `sum`, `mean`, `max`, `norm`, `argmax` ... and those that look across the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import arithmetic, as_node, broadcast, cast, tensor
from nndsl.check.expressions.evaluate import as_whole
from nndsl.check.values import AllLeading, Argument, Arguments, Builtin, BuiltinParameter, Value
from nndsl.ir import DType, Kind, Node, TensorType
from nndsl.ir.program import Total

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.source import Span

_PARAMETERS = (
    BuiltinParameter("x"),
    BuiltinParameter("axis", required=False),
    BuiltinParameter("keepdims", default=False, required=False),
)
Reduce = Callable[["Context", Node, tuple[int, ...], "Span"], Node]


def chosen_axes(context: Context, given: Arguments, rank: int, default: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that `axis=` says, counted from 0 and sorted; `default` where it is not given."""
    if "axis" not in given.values:
        return default
    value, span = given["axis"], given.span_of("axis")
    if isinstance(value, AllLeading):
        return tuple(range(rank - 1))
    items = value if isinstance(value, tuple) else (value,)
    axes = [as_whole(context, Argument(item, span), "an axis") for item in items]
    for axis in axes:
        if not -rank <= axis < rank:
            raise context.mistake(
                "NN210", f"there is no axis {axis}: the value has {rank} {'axis' if rank == 1 else 'axes'}", span,
                help="axes are of one sample: the batch axis is never counted",
            )  # fmt: skip
    normal = sorted({axis % rank for axis in axes})
    if len(normal) < len(axes):
        raise context.mistake("NN210", "an axis is said twice", span)
    return tuple(normal)


def _with_kept(context: Context, given: Arguments, node: Node, shape: tuple[int, ...], axes: tuple[int, ...]) -> Node:
    if given["keepdims"] is not True:
        return node
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return context.apply(ops.reshape, [node], given.span, shape=kept)


def _reduction(name: str, reduce: Reduce, documentation: str, *, extremes: bool = False) -> Builtin:
    """A reduction over all axes of a sample, or `axis=`. extremes: of a list of compile-time numbers, too."""

    def call(context: Context, given: Arguments) -> Value:
        value = given["x"]
        if extremes and isinstance(value, tuple) and value and all(isinstance(v, int | float) for v in value):
            numbers = [v for v in value if isinstance(v, int | float)]
            return max(numbers) if name == "max" else min(numbers)
        node = tensor(context, Argument(value, given.span_of("x")))
        axes = chosen_axes(context, given, node.type.rank, tuple(range(node.type.rank)))
        shape = node.type.shape
        return _with_kept(context, given, reduce(context, node, axes, given.span), shape, axes)

    return Builtin(name, _PARAMETERS, call, documentation)


def add_up(context: Context, node: Node, axes: tuple[int, ...], span: Span) -> Node:
    """Sum over axes; truth values count as 0 and 1."""
    if node.type.dtype is DType.BOOL:
        node = cast(context, node, DType.INT, span)
    return context.apply(ops.sum, [node], span, axes=axes) if axes else node


def average(context: Context, node: Node, axes: tuple[int, ...], span: Span) -> Node:
    """Mean over axes, as floats."""
    node = cast(context, node, DType.FLOAT, span)
    if not axes:
        return node
    count = 1
    for axis in axes:
        count *= node.type.shape[axis]
    total = add_up(context, node, axes, span)
    return arithmetic(context, "/", Argument(total, span), Argument(count, span), span) if count > 1 else total


def _largest(context: Context, node: Node, axes: tuple[int, ...], span: Span) -> Node:
    return context.apply(ops.max, [node], span, axes=axes) if axes else node


def _smallest(context: Context, node: Node, axes: tuple[int, ...], span: Span) -> Node:
    return context.apply(ops.min, [node], span, axes=axes) if axes else node


def _norm(context: Context, node: Node, axes: tuple[int, ...], span: Span) -> Node:
    node = cast(context, node, DType.FLOAT, span)
    squares = context.apply(ops.square, [node], span)
    return context.apply(ops.sqrt, [add_up(context, squares, axes, span)], span)


def _position(name: str) -> Builtin:
    """`argmax` and `argmin`: along the last axis unless `axis=` says which."""
    op = ops.argmax if name == "argmax" else ops.argmin

    def call(context: Context, given: Arguments) -> Value:
        node = tensor(context, Argument(given["x"], given.span_of("x")))
        if node.type.rank == 0:
            raise context.mistake("NN206", f"`{name}` of a single number", given.span_of("x"))
        axes = chosen_axes(context, given, node.type.rank, (node.type.rank - 1,))
        if len(axes) != 1:
            raise context.mistake("NN210", f"`{name}` goes along one axis", given.span)
        result = context.apply(op, [node], given.span, axis=axes[0])
        if node.id in context.score_classes:
            context.score_classes[result.id] = context.score_classes[node.id]
        return result

    return Builtin(name, _PARAMETERS[:2], call, op.documentation)


# ------------------------------------------------------------------------------------------------ across the batch


def batch_total(context: Context, node: Node, span: Span) -> Node:
    """The sum over the samples of the batch: shared."""
    return context.apply(ops.batch_sum, [node], span)


def _per_sample(context: Context, given: Arguments, name: str) -> Node:
    node = tensor(context, Argument(given["x"], given.span_of("x")))
    if node.type.kind is not Kind.SAMPLE:
        raise context.mistake(
            "NN213",
            f"`{name}` looks across the samples of the batch, and this is the same for all of them",
            given.span_of("x"),
        )
    return cast(context, node, DType.FLOAT, given.span)


def _batch_sum(context: Context, given: Arguments) -> Value:
    node = _per_sample(context, given, "batch_sum")
    axes = chosen_axes(context, given, node.type.rank, ())
    return batch_total(context, add_up(context, node, axes, given.span), given.span)


def _batch_mean(context: Context, given: Arguments) -> Value:
    node = _per_sample(context, given, "batch_mean")
    axes = chosen_axes(context, given, node.type.rank, ())
    total = batch_total(context, average(context, node, axes, given.span), given.span)
    count = broadcast(context, batch_size(context), total.type.shape, Kind.SHARED, given.span)
    return context.apply(ops.divide, [total, count], given.span)


def batch_size(context: Context) -> Node:
    """The number of samples in the batch, a step scalar."""
    return context.leaf(ops.batch_size, TensorType(DType.FLOAT, (), Kind.STEP))


def total_of(context: Context, node: Node, span: Span) -> Node:
    """The float64 sum of a per-sample value over the whole split, a step scalar."""
    if node.type.kind is not Kind.SAMPLE:
        node = broadcast(context, node, node.type.shape, Kind.SAMPLE, span)
    node = add_up(context, node, tuple(range(node.type.rank)), span)
    for position, known in enumerate(context.mode.totals):
        if known.node is node and node.op is ops.constant:  # others may be one value in evaluation and two in training
            return context.leaf(ops.total, TensorType(DType.FLOAT, (), Kind.STEP), span, index=position)
    context.mode.totals.append(Total(node))
    return context.leaf(ops.total, TensorType(DType.FLOAT, (), Kind.STEP), span, index=len(context.mode.totals) - 1)


def _total(context: Context, given: Arguments) -> Value:
    value = as_node(context, given["x"], given.span_of("x"))
    if not isinstance(value, Node):
        count = total_of(context, context.constant(1.0, TensorType(DType.FLOAT, (), Kind.SAMPLE)), given.span)
        return arithmetic(context, "*", Argument(float(value), given.span), Argument(count, given.span), given.span)
    if value.type.kind is Kind.STEP:
        raise context.mistake(
            "NN213", "`total` adds up what each sample has, and this is one number", given.span_of("x")
        )
    return total_of(context, value, given.span)


BUILTINS = (
    _reduction("sum", add_up, ops.sum.documentation),
    _reduction("mean", average, "The mean over all axes of a sample, or over `axis=`."),
    _reduction("max", _largest, ops.max.documentation, extremes=True),
    _reduction("min", _smallest, ops.min.documentation, extremes=True),
    _reduction(
        "norm", _norm, "The Euclidean norm: the root of the sum of squares over all axes of a sample, or over `axis=`."
    ),
    _position("argmax"),
    _position("argmin"),
    Builtin(
        "batch_sum",
        _PARAMETERS[:2],
        _batch_sum,
        "The sum over the samples of the batch (and the axes named): shared, of this batch.",
    ),
    Builtin(
        "batch_mean",
        _PARAMETERS[:2],
        _batch_mean,
        "The mean over the samples of the batch (and the axes named): shared, of this batch.",
    ),
    Builtin("total", _PARAMETERS[:1], _total, "For metrics: the sum over every sample of the split, in float64."),
)
