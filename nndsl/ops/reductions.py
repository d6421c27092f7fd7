"""The largest and smallest of several numbers, and where they are; sums are in `broadcasting`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.op import Domain, NumpyRule, Op, Sample
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.ops.broadcasting import along_others, axis_text, reduced_type
from nndsl.ops.device import extreme_over, position_over
from nndsl.ops.elementwise import floats, ints
from nndsl.ops.indexing import place
from nndsl.ops.movement import reshape, transpose
from nndsl.ops.rules import CHOICE, NUMBER, counted, integer, integers, not_step, takes, valid_axis
from nndsl.ops.text import array_rank, derived, intp_array, like, offset, over_arrays, workspace_rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ops.text import Define, Scratch

_DISTINCT = (Domain(distinct=True),)
_DEVICE = {"max": "larger", "min": "smaller"}


def _extreme_gradient(ct: Node, out: Node, position: Callable[[Node], Node]) -> tuple[Node]:
    """All of it goes to the first extreme, in row-major order of the reduced axes. position: index of the extreme."""
    (x,) = out.inputs
    axes = integers(out, "axes")
    kept = tuple(axis for axis in range(x.type.rank) if axis not in axes)
    order = kept + axes
    moved = x if order == tuple(range(x.type.rank)) else transpose(x, permutation=order)
    shape = moved.type.shape
    count = x.type.size // out.type.size
    rows = moved if len(axes) == 1 else reshape(moved, shape=(*out.type.shape, count))
    placed = place(ct, position(rows), size=count)
    if len(axes) > 1:
        placed = reshape(placed, shape=shape)
    if moved is not x:
        placed = transpose(placed, permutation=tuple(order.index(axis) for axis in range(x.type.rank)))
    return (placed,)


def _extreme(name: str, adjective: str, ufunc: str, position: Callable[[Node], Node]) -> Op:
    return Op(
        name=name,
        documentation=f"The {adjective} over the axes, which are dropped. Its gradient goes to the first {adjective}, "
        "in row-major order.",
        type_rule=lambda types, attributes: reduced_type(name, types, attributes),
        gradient=lambda ct, out: _extreme_gradient(ct, out, position),
        numpy=over_arrays(
            NumpyRule(
                lambda e: f"np.{name}({e.operands[0]}, axis={axis_text(e)})",
                statements=lambda e: [f"np.{ufunc}.reduce({e.operands[0]}, axis={axis_text(e)}, out={e.out})"],
            )
        ),
        flops=lambda node: node.inputs[0].type.size,
        cupy=lambda node: extreme_over(integers(node, "axes"), node.type.dtype, _DEVICE[name]),
        samples=(
            Sample((floats(4),), _DISTINCT, {"axes": (0,)}),
            Sample((floats(2, 3),), _DISTINCT, {"axes": (0,)}),
            Sample((floats(2, 3, 2),), _DISTINCT, {"axes": (0, 2)}),
            Sample((floats(2, 3, kind=Kind.SHARED),), _DISTINCT, {"axes": (0, 1)}),
            Sample((ints(4),), (Domain(-9, 9, integers=True),), {"axes": (0,)}),
        ),
        attributes=("axes",),
        along=lambda node, axes: along_others(node, axes, integers(node, "axes")),
    )


max = _extreme("max", "largest", "maximum", lambda rows: argmax(rows, axis=rows.type.rank - 1))
min = _extreme("min", "smallest", "minimum", lambda rows: argmin(rows, axis=rows.type.rank - 1))


def _position_type(name: str, types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted(name, types, 1)
    (type,) = types
    takes(name, type, NUMBER)
    not_step(name, type)
    axis = integer(attributes, "axis")
    valid_axis(axis, type)
    return TensorType(DType.INT, type.shape[:axis] + type.shape[axis + 1 :], type.kind)


def _array_axis(e: Emission) -> int:
    return integer(e.node, "axis") + offset(e.node.inputs[0].type)


def _position_scratch(node: Node) -> tuple[Scratch, ...]:
    """NumPy looks along the last axis alone, and copies an array first of which another one is meant."""
    type, axis = node.inputs[0].type, integer(node, "axis")
    if axis == type.rank - 1:
        return ()
    return (like(type.with_shape((*type.shape[:axis], *type.shape[axis + 1 :], type.shape[axis]))),)


def _write_position(name: str, e: Emission, define: Define) -> list[str]:
    places = define("places", intp_array(e, e.node.type))
    lines: list[str] = []
    (array,) = e.operands
    if e.scratch:
        moved = define(derived(array, "moved"), f"np.moveaxis({array}, {_array_axis(e)}, -1)")
        (array,) = e.scratch
        lines.append(f"np.copyto({array}, {moved})")
    return [
        *lines,
        f"np.{name}({array}, axis={array_rank(e.node.type)}, out={places})",
        f'np.copyto({e.out}, {places}, casting="same_kind")',
    ]


def _position(name: str, adjective: str) -> Op:
    return Op(
        name=name,
        documentation=f"Where along the axis the {adjective} is, counted from 0: the first of several. The axis is "
        "dropped.",
        type_rule=lambda types, attributes: _position_type(name, types, attributes),
        gradient=CHOICE,
        numpy=over_arrays(
            workspace_rule(
                lambda e: f"np.{name}({e.operands[0]}, axis={_array_axis(e)})",
                lambda e, define: _write_position(name, e, define),
                scratch=_position_scratch,
                contiguous=(0,),
            )
        ),
        flops=lambda node: node.inputs[0].type.size,
        cupy=lambda node: position_over(integer(node, "axis"), node.inputs[0].type.dtype, _DEVICE[name[3:]]),
        samples=(
            Sample((floats(4),), _DISTINCT, {"axis": 0}),
            Sample((floats(2, 3),), _DISTINCT, {"axis": 0}),
            Sample((floats(2, 3),), _DISTINCT, {"axis": 1}),
            Sample((floats(5, kind=Kind.SHARED),), _DISTINCT, {"axis": 0}),
            Sample((ints(4),), (Domain(-3, 3, integers=True),), {"axis": 0}),
        ),
        attributes=("axis",),
        along=lambda node, axes: along_others(node, axes, (integer(node, "axis"),)),
    )


argmax = _position("argmax", "largest")
argmin = _position("argmin", "smallest")
