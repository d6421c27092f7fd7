"""Functions that move elements: `reshape`, `transpose`, `concatenate`, `split`, `pad` ..."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import as_node, broadcast, cast, number_node, tensor
from nndsl.check.expressions.evaluate import as_whole
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, Value, describe
from nndsl.ir import DType, Kind, Node

if TYPE_CHECKING:
    from nndsl.check.context import Context

_X = BuiltinParameter("x")


def whole_numbers(context: Context, given: Arguments, name: str, what: str) -> tuple[int, ...]:
    """An argument that must be a list of whole numbers."""
    value = given[name]
    if not isinstance(value, tuple):
        raise context.mistake(
            "NN302", f"`{name}` must be a list, not {describe(value)}", given.span_of(name), help="for example `[2, 3]`"
        )
    return tuple(as_whole(context, Argument(item, given.span_of(name)), what) for item in value)


def _node(context: Context, given: Arguments, name: str = "x") -> Node:
    return tensor(context, Argument(given[name], given.span_of(name)))


def _reshape(context: Context, given: Arguments) -> Value:
    node = _node(context, given)
    shape = list(whole_numbers(context, given, "shape", "a size"))
    if shape.count(-1) == 1:
        rest = prod(size for size in shape if size != -1)
        if rest > 0 and node.type.size % rest == 0:
            shape[shape.index(-1)] = node.type.size // rest
    if prod(shape) != node.type.size or any(size < 1 for size in shape):
        raise context.mistake(
            "NN214",
            f"{node.type.shape_text} has {node.type.size} elements, and {_text(shape)} "
            + (f"has {prod(shape)}" if min(shape, default=1) > 0 else "does not divide them"),
            given.span,
        )
    return (
        node if tuple(shape) == node.type.shape else context.apply(ops.reshape, [node], given.span, shape=tuple(shape))
    )


def _transpose(context: Context, given: Arguments) -> Value:
    node = _node(context, given)
    rank = node.type.rank
    if "permutation" in given.values:
        permutation = whole_numbers(context, given, "permutation", "an axis")
    else:
        permutation = tuple(reversed(range(rank)))
    normal = tuple(axis % rank if rank and -rank <= axis < rank else -1 for axis in permutation)
    if sorted(normal) != list(range(rank)):
        raise context.mistake(
            "NN210",
            f"a permutation of {rank} axes names each of 0 to {rank - 1} once, and this is {_text(permutation)}",
            given.span,
        )
    return (
        node if normal == tuple(range(rank)) else context.apply(ops.transpose, [node], given.span, permutation=normal)
    )


def joinable(context: Context, given: Arguments, name: str) -> list[Node]:
    """The values of a list argument as nodes of one number type and kind."""
    items = given[name]
    if not isinstance(items, tuple) or not items:
        raise context.mistake(
            "NN302", f"`{name}` must be a list of values", given.span_of(name), help="for example `concatenate([a, b])`"
        )
    span = given.span_of(name)
    values = [as_node(context, item, span) for item in items]
    nodes = [v if isinstance(v, Node) else number_node(context, v, Kind.SHARED) for v in values]
    ranks = {DType.BOOL: 0, DType.INT: 1, DType.FLOAT: 2}
    dtype = max((node.type.dtype for node in nodes), key=ranks.__getitem__)
    kind = max(*(node.type.kind for node in nodes), Kind.SHARED)
    return [broadcast(context, cast(context, node, dtype, span), node.type.shape, kind, span) for node in nodes]


def _one_axis(context: Context, given: Arguments, rank: int) -> int:
    axis = as_whole(context, Argument(given["axis"], given.span_of("axis")), "an axis")
    if not -rank <= axis < rank:
        raise context.mistake(
            "NN210", f"there is no axis {axis}: there are {rank}", given.span_of("axis"),
            help="axes are of one sample: the batch axis is never counted",
        )  # fmt: skip
    return axis % rank


def _concatenate(context: Context, given: Arguments) -> Value:
    nodes = joinable(context, given, "values")
    axis = _one_axis(context, given, nodes[0].type.rank)
    for node in nodes[1:]:
        rest = [
            node.type.shape[:axis] + node.type.shape[axis + 1 :],
            nodes[0].type.shape[:axis] + nodes[0].type.shape[axis + 1 :],
        ]
        if node.type.rank != nodes[0].type.rank or rest[0] != rest[1]:
            shapes = " and ".join(n.type.shape_text for n in (nodes[0], node))
            raise context.mistake("NN201", f"{shapes} can't be joined along axis {axis}", given.span)
    return nodes[0] if len(nodes) == 1 else context.apply(ops.concatenate, nodes, given.span, axis=axis)


def _stack(context: Context, given: Arguments) -> Value:
    nodes = joinable(context, given, "values")
    shape = nodes[0].type.shape
    if any(node.type.shape != shape for node in nodes):
        shapes = " and ".join(sorted({node.type.shape_text for node in nodes}))
        raise context.mistake("NN201", f"only values of one shape can be stacked, not {shapes}", given.span)
    axis = _one_axis(context, given, len(shape) + 1)
    wide = (*shape[:axis], 1, *shape[axis:])
    parts = [context.apply(ops.reshape, [node], given.span, shape=wide) for node in nodes]
    return parts[0] if len(parts) == 1 else context.apply(ops.concatenate, parts, given.span, axis=axis)


def _split(context: Context, given: Arguments) -> Value:
    node = _node(context, given)
    axis = _one_axis(context, given, node.type.rank)
    parts = as_whole(context, Argument(given["parts"], given.span_of("parts")), "the number of parts")
    size = node.type.shape[axis]
    if parts < 1 or size % parts:
        raise context.mistake("NN214", f"{size} can't be split into {parts} equal parts", given.span)
    each = size // parts
    return tuple(_range_of(context, given, node, axis, number * each, (number + 1) * each) for number in range(parts))


def _range_of(context: Context, given: Arguments, node: Node, axis: int, start: int, stop: int) -> Node:
    shape = node.type.shape
    starts = tuple(start if a == axis else 0 for a in range(len(shape)))
    stops = tuple(stop if a == axis else size for a, size in enumerate(shape))
    return context.apply(ops.slice, [node], given.span, starts=starts, stops=stops, steps=(1,) * len(shape))


def _pad(context: Context, given: Arguments) -> Value:
    node = _node(context, given)
    widths = given["widths"]
    pairs: list[tuple[int, int]] = []
    for item in widths if isinstance(widths, tuple) else ():
        if isinstance(item, tuple) and len(item) == 2:
            ends = [as_whole(context, Argument(end, given.span_of("widths")), "a width") for end in item]
            pairs.append((ends[0], ends[1]))
    if len(pairs) != node.type.rank or any(width < 0 for pair in pairs for width in pair):
        raise context.mistake(
            "NN302",
            f"`widths` has a pair [before, after] for each of the {node.type.rank} axes",
            given.span_of("widths"),
            help="for example `pad(x, [[1, 1], [2, 2]])`",
        )
    before, after = tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)
    return context.apply(ops.pad, [node], given.span, before=before, after=after)


def _reverse(context: Context, given: Arguments) -> Value:
    node = _node(context, given)
    return context.apply(ops.reverse, [node], given.span, axes=(_one_axis(context, given, node.type.rank),))


def _text(sizes: tuple[int, ...] | list[int]) -> str:
    return f"[{', '.join(map(str, sizes))}]"


_LAST = BuiltinParameter("axis", default=-1, required=False)

BUILTINS = (
    Builtin("reshape", (_X, BuiltinParameter("shape")), _reshape, ops.reshape.documentation),
    Builtin(
        "transpose", (_X, BuiltinParameter("permutation", required=False)), _transpose, ops.transpose.documentation
    ),
    Builtin("concatenate", (BuiltinParameter("values"), _LAST), _concatenate, ops.concatenate.documentation),
    Builtin(
        "stack",
        (BuiltinParameter("values"), BuiltinParameter("axis", default=0, required=False)),
        _stack,
        "Values of one shape, side by side along a new axis.",
    ),
    Builtin(
        "split", (_X, BuiltinParameter("parts"), _LAST), _split, "A value cut into equal parts along an axis: a list."
    ),
    Builtin("pad", (_X, BuiltinParameter("widths")), _pad, ops.pad.documentation),
    Builtin("reverse", (_X, _LAST), _reverse, ops.reverse.documentation),
)
