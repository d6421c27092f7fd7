"""Repeating values, and adding them up: `broadcast` and the sums are each other's gradients."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from nndsl.ir.device import NotOnDevice, Pointwise
from nndsl.ir.op import Along, Domain, NumpyRule, Op, RuleError, Sample
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.ops.device import sum_over
from nndsl.ops.elementwise import floats, ints
from nndsl.ops.movement import reshape, with_axis
from nndsl.ops.rules import NUMBER, counted, integers, kind_name, kind_of, not_step, takes, valid_axis
from nndsl.ops.text import (
    array_rank,
    derived,
    dims,
    dtype_text,
    offset,
    over_arrays,
    product_text,
    reshaped,
    shape_text,
    workspace_rule,
)

if TYPE_CHECKING:
    from nndsl.ir.device import Element
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ops.text import Define

# ------------------------------------------------------------------------------------------------ broadcast


def _broadcast_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("broadcast", types, 1)
    (type,) = types
    not_step("broadcast", type)
    shape, kind = integers(attributes, "shape"), kind_of(attributes)
    if kind < type.kind:
        raise RuleError("a value of each sample can't be shared by all of them; sum or average it first", 0)
    if type.rank > len(shape):
        raise RuleError(f"{type.shape_text} has more axes than {type.with_shape(shape).shape_text}", 0)
    for own, wanted in zip(reversed(type.shape), reversed(shape), strict=False):
        if own not in (1, wanted):
            raise RuleError(f"{own} is not {wanted}", 0)
    return TensorType(type.dtype, shape, kind)


def _broadcast_gradient(ct: Node, out: Node) -> tuple[Node]:
    """The sum over everything that one element was repeated to."""
    (x,) = out.inputs
    if x.type.kind is not out.type.kind:
        ct = batch_sum(ct)
    new = ct.type.rank - x.type.rank
    stretched = tuple(axis for axis, size in enumerate(ct.type.shape) if axis < new or x.type.shape[axis - new] != size)
    if stretched:
        ct = sum(ct, axes=stretched)
    return (ct if ct.type.shape == x.type.shape else reshape(ct, shape=x.type.shape),)


def _broadcast_text(e: Emission) -> str:
    (operand,), (x,) = e.operands, e.node.inputs
    new = e.node.type.rank - x.type.rank
    if x.type.kind is Kind.SAMPLE and new:
        own = ", ".join([":", *["None"] * new, *[":"] * x.type.rank])
        operand = f"{operand}[{own}]"
    return f"np.broadcast_to({operand}, {shape_text(e)})"


def _broadcast_along(node: Node, axes: tuple[int | None, ...]) -> Along | None:
    (axis,), (x,) = axes, node.inputs
    assert axis is not None
    new = axis + node.type.rank - x.type.rank
    if x.type.shape[axis] != node.type.shape[new]:
        return None
    return Along(new, axes, {"shape": with_axis(node.type.shape, new, 1)})


def _repeated_axes(node: Node) -> tuple[int, ...]:
    (x,) = node.inputs
    new = node.type.rank - x.type.rank
    return tuple(axis for axis in range(node.type.rank) if axis < new or x.type.shape[axis - new] == 1)


def _broadcast_element(e: Element) -> str:
    (x,) = e.node.inputs
    own = e.axes[e.node.type.rank - x.type.rank :]
    return e.read(0, tuple("0" if size == 1 else axis for size, axis in zip(x.type.shape, own, strict=True)))


broadcast = Op(
    name="broadcast",
    documentation="The same value repeated along new or one-element axes (the last axes are matched, as in NumPy), "
    "and for every sample where `kind` is `sample`.",
    type_rule=_broadcast_type,
    gradient=_broadcast_gradient,
    numpy=over_arrays(NumpyRule(_broadcast_text, view=True)),
    flops=lambda node: 0,
    cupy=Pointwise(_broadcast_element, free=True),
    samples=(
        Sample((floats(3, kind=Kind.SHARED),), attributes={"shape": (3,), "kind": "sample"}),
        Sample((floats(3, kind=Kind.SHARED),), attributes={"shape": (2, 3), "kind": "shared"}),
        Sample((floats(2, 1, kind=Kind.SHARED),), attributes={"shape": (4, 2, 3), "kind": "sample"}),
        Sample((floats(kind=Kind.SHARED),), attributes={"shape": (2,), "kind": "sample"}),
        Sample((floats(3),), attributes={"shape": (2, 3), "kind": "sample"}),
        Sample((floats(),), attributes={"shape": (2, 2), "kind": "sample"}),
        Sample((floats(2, 1),), attributes={"shape": (2, 3), "kind": "sample"}),
    ),
    attributes=("kind", "shape"),
    along=_broadcast_along,
    repeats=_repeated_axes,
)


# ------------------------------------------------------------------------------------------------ sums


def reduced_type(name: str, types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    """Type of a reduction over `axes`, which are dropped."""
    counted(name, types, 1)
    (type,) = types
    takes(name, type, NUMBER)
    not_step(name, type)
    axes = integers(attributes, "axes")
    for axis in axes:
        valid_axis(axis, type)
    if list(axes) != sorted(set(axes)) or not axes:
        raise RuleError(f"`{name}` can't reduce the axes {list(axes)}", 0)
    return type.with_shape(tuple(size for axis, size in enumerate(type.shape) if axis not in axes))


def axis_text(e: Emission) -> str:
    """What is behind `axis=` for the node's `axes`, the samples' axis counted."""
    (x,) = e.node.inputs
    axes = [axis + offset(x.type) for axis in integers(e.node, "axes")]
    return str(axes[0]) if len(axes) == 1 else f"({', '.join(map(str, axes))})"


def along_others(node: Node, axes: tuple[int | None, ...], dropped: tuple[int, ...]) -> Along | None:
    """The rule of an op that drops the axes `dropped` of its one operand: any other axis."""
    (axis,) = axes
    if axis is None or axis in dropped:
        return None
    return Along(axis - len([each for each in dropped if each < axis]), axes)


def _int_dtype(e: Emission) -> str:
    """NumPy adds int32 up in int64 unless told otherwise."""
    return ", dtype=np.int32" if e.node.type.dtype is DType.INT else ""


def _sum_gradient(ct: Node, out: Node) -> tuple[Node]:
    (x,) = out.inputs
    axes = integers(out, "axes")
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.type.shape))
    if axes != tuple(range(len(axes))):
        ct = reshape(ct, shape=kept)
    return (broadcast(ct, shape=x.type.shape, kind=kind_name(x.type.kind)),)


# A matrix-vector product with ones adds rows up in a fifth of the time of `add.reduce`.


def _sums_rows(node: Node) -> bool:
    """Whether the axes are the last ones of floats, so that the sum is a product with a vector of ones."""
    (x,) = node.inputs
    axes = integers(node, "axes")
    return node.type.dtype is DType.FLOAT and axes == tuple(range(x.type.rank - len(axes), x.type.rank))


def _write_sum(e: Emission, define: Define) -> list[str]:
    (x,), (type,) = e.operands, (e.node.inputs[0].type,)
    if not _sums_rows(e.node):
        return [f"np.add.reduce({x}, axis={axis_text(e)}, out={e.out})"]
    row = prod(type.shape[axis] for axis in integers(e.node, "axes"))
    rows = product_text(dims(e.node.type, e.n))
    ones = define("ones", f"np.ones({row}, {dtype_text(e)})")
    if array_rank(e.node.type) == 1 and array_rank(type) == 2:
        return [f"np.dot({x}, {ones}, out={e.out})"]
    matrix = define(derived(x, "rows"), reshaped(x, [rows, row]))
    sums = define(derived(e.out, "flat"), reshaped(e.out, [rows]))
    return [f"np.dot({matrix}, {ones}, out={sums})"]


def _sum_by_time(node: Node, by_time: tuple[bool, ...]) -> NumpyRule | None:
    """Of a sequence that is [time, samples, ...]; None where the times are not summed."""
    axes = integers(node, "axes")
    if by_time != (True, False) or 0 not in axes:
        return None
    own = tuple(axis + 1 if axis else 0 for axis in axes)
    text = own[0] if len(own) == 1 else own
    return workspace_rule(_sum_text, lambda e, define: [f"np.add.reduce({e.operands[0]}, axis={text}, out={e.out})"])


def _sum_text(e: Emission) -> str:
    return f"np.sum({e.operands[0]}, axis={axis_text(e)}{_int_dtype(e)})"


sum = Op(
    name="sum",
    documentation="The sum over the axes, which are dropped.",
    type_rule=lambda types, attributes: reduced_type("sum", types, attributes),
    gradient=_sum_gradient,
    numpy=over_arrays(workspace_rule(_sum_text, _write_sum, contiguous=(0,), by_time=_sum_by_time)),
    flops=lambda node: node.inputs[0].type.size,
    cupy=lambda node: sum_over(integers(node, "axes"), False, node.type.dtype),
    samples=(
        Sample((floats(4),), attributes={"axes": (0,)}),
        Sample((floats(2, 3),), attributes={"axes": (0,)}),
        Sample((floats(2, 3, 4),), attributes={"axes": (0, 2)}),
        Sample((floats(2, 3, 4),), attributes={"axes": (1, 2)}),
        Sample((floats(2, 3, kind=Kind.SHARED),), attributes={"axes": (0, 1)}),
        Sample((floats(2, 3, kind=Kind.SHARED),), attributes={"axes": (1,)}),
        Sample((ints(3),), (Domain(-5, 5, integers=True),), {"axes": (0,)}),
    ),
    attributes=("axes",),
    along=lambda node, axes: along_others(node, axes, integers(node, "axes")),
)


def _batch_sum_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("batch_sum", types, 1)
    (type,) = types
    takes("batch_sum", type, NUMBER)
    if type.kind is not Kind.SAMPLE:
        raise RuleError("this value is the same for all samples: there is nothing to sum over the batch", 0)
    return type.with_kind(Kind.SHARED)


def _write_batch_sum(e: Emission, define: Define) -> list[str]:
    (x,) = e.operands
    if e.node.type.dtype is not DType.FLOAT:
        return [f"np.add.reduce({x}, axis=0, out={e.out})"]
    ones = define("ones", f"np.ones({e.n}, {dtype_text(e)})")
    if e.node.type.rank <= 1:
        return [f"np.dot({ones}, {x}, out={e.out})"]
    size = e.node.type.size
    rows = define(derived(x, "rows"), reshaped(x, [e.n, size]))
    sums = define(derived(e.out, "flat"), reshaped(e.out, [size]))
    return [f"np.dot({ones}, {rows}, out={sums})"]


batch_sum = Op(
    name="batch_sum",
    documentation="The sum over the samples of this batch: a shared value. Its gradient flows to every sample.",
    type_rule=_batch_sum_type,
    gradient=lambda ct, out: (broadcast(ct, shape=out.type.shape, kind="sample"),),
    numpy=over_arrays(
        workspace_rule(lambda e: f"np.sum({e.operands[0]}, axis=0{_int_dtype(e)})", _write_batch_sum, contiguous=(0,))
    ),
    flops=lambda node: node.type.size,
    cupy=lambda node: sum_over((), True, node.type.dtype),
    samples=(
        Sample((floats(),)),
        Sample((floats(3),)),
        Sample((floats(2, 3),)),
        Sample((ints(2),), (Domain(-5, 5, integers=True),)),
    ),
)


def _total_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("share_total", types, 1)
    (type,) = types
    takes("share_total", type, NUMBER)
    if type.kind is not Kind.SHARED:
        raise RuleError("only what a share has one of is added up over shares", 0)
    return type


share_total = Op(
    name="share_total",
    documentation="The sum, over all shares of a batch, of what each share has: the value itself where there is one "
    "share. Plans make it, of sums over the samples that something reads before the step is over.",
    type_rule=_total_type,
    gradient=lambda ct, out: (ct,),
    numpy=over_arrays(
        NumpyRule(
            lambda e: e.operands[0],
            statements=lambda e: [] if e.operands[0] == e.out else [f"np.copyto({e.out}, {e.operands[0]})"],
            in_place=(0,),
        )
    ),
    flops=lambda node: 0,
    cupy=NotOnDevice("a device goes through whole batches"),
    samples=(
        Sample((floats(3, kind=Kind.SHARED),)),
        Sample((ints(2, kind=Kind.SHARED),), (Domain(-5, 5, integers=True),)),
    ),
)
