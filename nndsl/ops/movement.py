"""Ops that move numbers without changing them: other shapes, other orders, parts and joins."""

from __future__ import annotations

import builtins
from math import prod
from typing import TYPE_CHECKING

from nndsl.ir.device import Pointwise
from nndsl.ir.op import Along, NumpyRule, Op, RuleError, Sample, same_axis
from nndsl.ir.types import Kind, TensorType
from nndsl.ops.device import accumulated, joined
from nndsl.ops.elementwise import bools, floats, ints
from nndsl.ops.rules import counted, integer, integers, not_step, valid_axis
from nndsl.ops.text import derived, dims, offset, over_arrays, reshaped, transposed, workspace_rule

if TYPE_CHECKING:
    from nndsl.ir.device import Element
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ops.text import Define


def _one(name: str, types: tuple[TensorType, ...]) -> TensorType:
    counted(name, types, 1)
    not_step(name, types[0])
    return types[0]


def with_axis(sizes: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    """The numbers with another one for this axis."""
    return (*sizes[:axis], size, *sizes[axis + 1 :])


def _for_each_axis(name: str, type: TensorType, *lists: tuple[int, ...]) -> None:
    for values in lists:
        if len(values) != type.rank:
            raise RuleError(f"`{name}` wants a number for each axis of {type.shape_text}, not {len(values)}", 0)


# ------------------------------------------------------------------------------------------------ reshape


def _reshape_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    type = _one("reshape", types)
    shape = integers(attributes, "shape")
    if prod(shape) != type.size or any(size < 0 for size in shape):
        new = type.with_shape(shape)
        raise RuleError(
            f"{type.shape_text} has {type.size} elements and {new.shape_text} has {prod(shape)}",
            0,
            help="a reshape keeps every element",
        )
    return type.with_shape(shape)


def _reshape_along(node: Node, axes: tuple[int | None, ...]) -> Along | None:
    """An axis of the same length, with as many elements before it."""
    (axis,), before = axes, node.inputs[0].type.shape
    assert axis is not None
    for new, size in enumerate(after := node.type.shape):
        if size == before[axis] and prod(after[:new]) == prod(before[:axis]):
            return Along(new, axes, {"shape": with_axis(after, new, 1)})
    return None


reshape = Op(
    name="reshape",
    documentation="The same numbers, in the same row-major order, in another shape.",
    type_rule=_reshape_type,
    gradient=lambda ct, out: (reshape(ct, shape=out.inputs[0].type.shape),),
    numpy=over_arrays(NumpyRule(lambda e: reshaped(e.operands[0], dims(e.node.type, e.n)), view=True, contiguous=(0,))),
    flops=lambda node: 0,
    cupy=Pointwise(lambda e: e.reshaped(0), free=True),
    samples=(
        Sample((floats(2, 3),), attributes={"shape": (3, 2)}),
        Sample((floats(2, 3),), attributes={"shape": (6,)}),
        Sample((floats(),), attributes={"shape": (1, 1)}),
        Sample((floats(4, 1, kind=Kind.SHARED),), attributes={"shape": (2, 2)}),
        Sample((floats(1, kind=Kind.SHARED),), attributes={"shape": ()}),
        Sample((ints(4),), attributes={"shape": (2, 2)}),
        Sample((floats(2, 3, 4),), attributes={"shape": (2, 3, 1, 2, 2)}),
    ),
    attributes=("shape",),
    along=_reshape_along,
)


# ------------------------------------------------------------------------------------------------ transpose, reverse


def _transpose_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    type = _one("transpose", types)
    permutation = integers(attributes, "permutation")
    if sorted(permutation) != list(range(type.rank)):
        raise RuleError(f"{list(permutation)} is not an order of the {type.rank} axes of {type.shape_text}", 0)
    return type.with_shape(tuple(type.shape[axis] for axis in permutation))


def _transpose_gradient(ct: Node, out: Node) -> tuple[Node]:
    permutation = integers(out, "permutation")
    return (transpose(ct, permutation=tuple(permutation.index(axis) for axis in range(len(permutation)))),)


def _transpose_text(e: Emission) -> str:
    first = offset(e.node.type)
    order = [*range(first), *(axis + first for axis in integers(e.node, "permutation"))]
    return transposed(e.operands[0], order)


def _transpose_along(node: Node, axes: tuple[int | None, ...]) -> Along | None:
    (axis,) = axes
    assert axis is not None
    return Along(integers(node, "permutation").index(axis), axes)


def _transpose_element(e: Element) -> str:
    permutation = integers(e.node, "permutation")
    return e.read(0, tuple(e.axes[permutation.index(axis)] for axis in range(len(permutation))))


transpose = Op(
    name="transpose",
    documentation="The same numbers with the axes in another order: axis `i` of the result is axis `permutation[i]`.",
    type_rule=_transpose_type,
    gradient=_transpose_gradient,
    numpy=over_arrays(NumpyRule(_transpose_text, view=True)),
    flops=lambda node: 0,
    cupy=Pointwise(_transpose_element, free=True),
    samples=(
        Sample((floats(2, 3),), attributes={"permutation": (1, 0)}),
        Sample((floats(2, 3, 4),), attributes={"permutation": (2, 0, 1)}),
        Sample((floats(2, 3, kind=Kind.SHARED),), attributes={"permutation": (1, 0)}),
        Sample((floats(2),), attributes={"permutation": (0,)}),
    ),
    attributes=("permutation",),
    along=_transpose_along,
)


def _reverse_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    type = _one("reverse", types)
    for axis in integers(attributes, "axes"):
        valid_axis(axis, type)
    return type


def _index_text(type: TensorType, own: list[str]) -> str:
    """`[:, 1:3]`: an index over the axes of one sample, those at the end that take all of an axis left out."""
    parts = [*[":"] * offset(type), *own]
    while parts and parts[-1] == ":":
        parts.pop()
    return f"[{', '.join(parts)}]" if parts else ""


def _reverse_text(e: Emission) -> str:
    axes = integers(e.node, "axes")
    own = ["::-1" if axis in axes else ":" for axis in range(e.node.type.rank)]
    return e.operands[0] + _index_text(e.node.type, own)


def _reverse_element(e: Element) -> str:
    turned = integers(e.node, "axes")
    ends = [e.let(f"{size - 1} - {axis}") if k in turned else axis for k, (axis, size) in _numbered(e)]
    return e.read(0, ends)


def _numbered(e: Element) -> list[tuple[int, tuple[str, int]]]:
    """Each axis of an element's node: its number, where the element is along it, its length."""
    return list(enumerate(zip(e.axes, e.node.type.shape, strict=True)))


reverse = Op(
    name="reverse",
    documentation="The same numbers, backwards along the axes.",
    type_rule=_reverse_type,
    gradient=lambda ct, out: (reverse(ct, axes=integers(out, "axes")),),
    numpy=over_arrays(NumpyRule(_reverse_text, view=True)),
    flops=lambda node: 0,
    cupy=Pointwise(_reverse_element, free=True),
    samples=(
        Sample((floats(4),), attributes={"axes": (0,)}),
        Sample((floats(2, 3),), attributes={"axes": (0, 1)}),
        Sample((floats(2, 3, kind=Kind.SHARED),), attributes={"axes": (1,)}),
    ),
    attributes=("axes",),
    along=lambda node, axes: None if axes[0] in integers(node, "axes") else same_axis(node, axes),
)


# ------------------------------------------------------------------------------------------------ slice, pad


def _slice_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    type = _one("slice", types)
    bounds = tuple(integers(attributes, name) for name in ("starts", "stops", "steps"))
    _for_each_axis("slice", type, *bounds)
    shape: list[int] = []
    for size, start, stop, step in zip(type.shape, *bounds, strict=True):
        if not 0 <= start < stop <= size or step < 1:
            raise RuleError(f"the part {start}:{stop} does not lie within an axis of {size}", 0)
        shape.append(-(-(stop - start) // step))
    return type.with_shape(tuple(shape))


def _slice_gradient(ct: Node, out: Node) -> tuple[Node]:
    """Back in its place among zeros."""
    (x,) = out.inputs
    starts, steps = integers(out, "starts"), integers(out, "steps")
    if any(step > 1 for step in steps):
        ct = _spread(ct, steps)
    # What `_spread` puts behind the last element may reach past the end.
    room = tuple(size - start for size, start in zip(x.type.shape, starts, strict=True))
    kept = tuple(builtins.min(have, fits) for have, fits in zip(ct.type.shape, room, strict=True))
    if kept != ct.type.shape:
        rank = len(kept)
        ct = slice(ct, starts=(0,) * rank, stops=kept, steps=(1,) * rank)
    after = tuple(fits - have for fits, have in zip(room, kept, strict=True))
    return (ct if ct.type.shape == x.type.shape else pad(ct, before=starts, after=after),)


def _spread(ct: Node, steps: tuple[int, ...]) -> Node:
    """Each element followed by `step - 1` zeros, along every axis: an axis of zeros beside each, and both made one."""
    pairs = tuple(part for size in ct.type.shape for part in (size, 1))
    zeros = tuple(part for step in steps for part in (0, step - 1))
    spread = pad(reshape(ct, shape=pairs), before=(0,) * len(zeros), after=zeros)
    return reshape(spread, shape=tuple(size * step for size, step in zip(ct.type.shape, steps, strict=True)))


def _slice_text(e: Emission) -> str:
    (x,) = e.node.inputs
    bounds = zip(*(integers(e.node, name) for name in ("starts", "stops", "steps")), strict=True)
    own: list[str] = []
    for size, (start, stop, step) in zip(x.type.shape, bounds, strict=True):
        text = f"{start or ''}:{stop if stop < size else ''}"
        own.append(text if step == 1 else f"{text}:{step}")
    return e.operands[0] + _index_text(x.type, own)


def _slice_along(node: Node, axes: tuple[int | None, ...]) -> Along | None:
    """All of the axis, or its last element."""
    (axis,) = axes
    assert axis is not None
    starts, stops, steps = (integers(node, name) for name in ("starts", "stops", "steps"))
    length = node.inputs[0].type.shape[axis]
    one = {"starts": with_axis(starts, axis, 0), "stops": with_axis(stops, axis, 1)}
    if (starts[axis], stops[axis], steps[axis]) == (0, length, 1):
        return Along(axis, axes, one)
    last = (starts[axis], stops[axis]) == (length - 1, length)
    return Along(axis, axes, one, last=True) if last else None


def _slice_element(e: Element) -> str:
    starts, steps = integers(e.node, "starts"), integers(e.node, "steps")
    places: list[str] = []
    for axis, start, step in zip(e.axes, starts, steps, strict=True):
        scaled = axis if step == 1 else f"{axis} * {step}"
        places.append(axis if scaled == axis and not start else e.let(f"{scaled} + {start}" if start else scaled))
    return e.read(0, places)


slice = Op(
    name="slice",
    documentation="A part of every axis: from `start` to before `stop`, each `step`th element.",
    type_rule=_slice_type,
    gradient=_slice_gradient,
    numpy=over_arrays(NumpyRule(_slice_text, view=True)),
    flops=lambda node: 0,
    cupy=Pointwise(_slice_element, free=True),
    samples=(
        Sample((floats(5),), attributes={"starts": (1,), "stops": (3,), "steps": (1,)}),
        Sample((floats(5),), attributes={"starts": (0,), "stops": (5,), "steps": (2,)}),
        Sample((floats(6, 4),), attributes={"starts": (1, 0), "stops": (6, 4), "steps": (3, 1)}),
        Sample((floats(7, 2),), attributes={"starts": (1, 1), "stops": (5, 2), "steps": (3, 1)}),
        Sample((floats(3, 3, kind=Kind.SHARED),), attributes={"starts": (0, 2), "stops": (2, 3), "steps": (1, 1)}),
        Sample((floats(2, 2),), attributes={"starts": (0, 0), "stops": (2, 2), "steps": (1, 1)}),
    ),
    attributes=("starts", "steps", "stops"),
    along=_slice_along,
)


def _pad_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    type = _one("pad", types)
    before, after = integers(attributes, "before"), integers(attributes, "after")
    _for_each_axis("pad", type, before, after)
    if any(count < 0 for count in before + after):
        raise RuleError("`pad` can't add fewer than 0 zeros", 0, help="a slice takes elements away: `x[1:]`")
    return type.with_shape(tuple(size + b + a for size, b, a in zip(type.shape, before, after, strict=True)))


def _inside(out: Node) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where the padded value stands in the result: starts and stops."""
    before = integers(out, "before")
    return before, tuple(b + size for b, size in zip(before, out.inputs[0].type.shape, strict=True))


def _pad_gradient(ct: Node, out: Node) -> tuple[Node]:
    starts, stops = _inside(out)
    return (slice(ct, starts=starts, stops=stops, steps=(1,) * len(starts)),)


def _pad_text(e: Emission) -> str:
    widths = zip(integers(e.node, "before"), integers(e.node, "after"), strict=True)
    pairs = ["(0, 0)"] * offset(e.node.type) + [f"({before}, {after})" for before, after in widths]
    return f"np.pad({e.operands[0]}, [{', '.join(pairs)}])" if e.node.type.rank else e.operands[0]


def _write_pad(e: Emission, define: Define) -> list[str]:
    starts, stops = _inside(e.node)
    own = [
        f"{start or ''}:{stop if stop < size else ''}"
        for start, stop, size in zip(starts, stops, e.node.type.shape, strict=True)
    ]
    inside = define(derived(e.out, "inside"), e.out + _index_text(e.node.type, own))
    return [f"{e.out}.fill(0)", f"np.copyto({inside}, {e.operands[0]})"]


def _pad_along(node: Node, axes: tuple[int | None, ...]) -> Along | None:
    (axis,) = axes
    assert axis is not None
    padded = integers(node, "before")[axis] or integers(node, "after")[axis]
    return None if padded else same_axis(node, axes)


def _pad_element(e: Element) -> str:
    """0 outside: nothing is read there."""
    starts, stops = _inside(e.node)
    conditions: list[str] = []
    for axis, start, stop, size in zip(e.axes, starts, stops, e.node.type.shape, strict=True):
        conditions += [f"{axis} >= {start}"] if start else []
        conditions += [f"{axis} < {stop}"] if stop < size else []
    if not conditions:
        return e.read(0, e.axes)
    found = accumulated(e, e.node.type.dtype)
    with e.when(joined(conditions)):
        own = [e.let(f"{axis} - {start}") if start else axis for axis, start in zip(e.axes, starts, strict=True)]
        e.set(found, e.read(0, own))
    return found


pad = Op(
    name="pad",
    documentation="The value with zeros before and after it along every axis.",
    type_rule=_pad_type,
    gradient=_pad_gradient,
    numpy=over_arrays(workspace_rule(_pad_text, _write_pad)),
    flops=lambda node: 0,
    cupy=Pointwise(_pad_element),
    samples=(
        Sample((floats(3),), attributes={"before": (1,), "after": (2,)}),
        Sample((floats(2, 3),), attributes={"before": (0, 1), "after": (2, 0)}),
        Sample((floats(2, 2, kind=Kind.SHARED),), attributes={"before": (1, 1), "after": (0, 1)}),
        Sample((floats(2, 3),), attributes={"before": (0, 1), "after": (0, 2)}),
        Sample((ints(2),), attributes={"before": (1,), "after": (0,)}),
    ),
    attributes=("after", "before"),
    along=_pad_along,
)


# ------------------------------------------------------------------------------------------------ concatenate


def _concatenate_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    not_step("concatenate", *types)
    axis = integer(attributes, "axis")
    first = types[0]
    valid_axis(axis, first)
    for position, type in enumerate(types):
        if type.dtype is not first.dtype or type.kind is not first.kind:
            raise RuleError(f"can't join {first} and {type}", 0, position)
        if type.rank != first.rank:
            raise RuleError(
                f"{first.shape_text} has {first.rank} axes and {type.shape_text} has {type.rank}", 0, position
            )
        for other, (a, b) in enumerate(zip(first.shape, type.shape, strict=True)):
            if other != axis and a != b:
                raise RuleError(f"{a} is not {b}", 0, position)
    joined = builtins.sum(type.shape[axis] for type in types)
    return first.with_shape((*first.shape[:axis], joined, *first.shape[axis + 1 :]))


def _concatenate_gradient(ct: Node, out: Node) -> tuple[Node, ...]:
    axis = integer(out, "axis")
    rank = out.type.rank
    parts: list[Node] = []
    start = 0
    for operand in out.inputs:
        stop = start + operand.type.shape[axis]
        starts = tuple(start if other == axis else 0 for other in range(rank))
        stops = tuple(stop if other == axis else size for other, size in enumerate(out.type.shape))
        parts.append(slice(ct, starts=starts, stops=stops, steps=(1,) * rank))
        start = stop
    return tuple(parts)


def _concatenate_text(e: Emission, more: str = "") -> str:
    operands = ", ".join(e.operands) + ("," if len(e.operands) == 1 else "")
    return f"np.concatenate(({operands}), axis={integer(e.node, 'axis') + offset(e.node.type)}{more})"


def _concatenate_element(e: Element) -> str:
    """Of the operand that has the place."""
    axis = integer(e.node, "axis")
    at, start = e.axes[axis], 0
    found = accumulated(e, e.node.type.dtype)
    for position, operand in enumerate(e.node.inputs):
        stop = start + operand.type.shape[axis]
        after, before = f"{at} >= {start}", f"{at} < {stop}"
        with e.when(joined([*([after] if start else []), *([before] if stop < e.node.type.shape[axis] else [])])):
            own = [*e.axes[:axis], e.let(f"{at} - {start}") if start else at, *e.axes[axis + 1 :]]
            e.set(found, e.read(position, own))
        start = stop
    return found


_TWO = (floats(2), floats(3))
concatenate = Op(
    name="concatenate",
    documentation="Values one behind the other along an axis.",
    type_rule=_concatenate_type,
    gradient=_concatenate_gradient,
    numpy=over_arrays(NumpyRule(_concatenate_text, statements=lambda e: [_concatenate_text(e, f", out={e.out}")])),
    flops=lambda node: 0,
    cupy=Pointwise(_concatenate_element),
    samples=(
        Sample(_TWO, attributes={"axis": 0}),
        Sample((floats(2, 3), floats(2, 1), floats(2, 2)), attributes={"axis": 1}),
        Sample((floats(1, 2, kind=Kind.SHARED), floats(2, 2, kind=Kind.SHARED)), attributes={"axis": 0}),
        Sample((floats(3),), attributes={"axis": 0}),
        Sample((bools(2), bools(1)), attributes={"axis": 0}),
    ),
    attributes=("axis",),
    along=lambda node, axes: None if integer(node, "axis") in axes else same_axis(node, axes),
)
