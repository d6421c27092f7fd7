"""Windows over the leading axes of a value, for convolution and pooling: copies, sums and maxima, and their transposes.

Where windows stand, and what the attributes mean, is in `geometry`.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from nndsl.ir.device import Pointwise
from nndsl.ir.op import Domain, Op, RuleError, Sample
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.ops.device_windows import (
    fold_element,
    max_element,
    put_element,
    spread_element,
    sum_element,
    take_element,
    windows_element,
)
from nndsl.ops.elementwise import floats
from nndsl.ops.geometry import (
    Geometry,
    call_text,
    define_parts,
    folding,
    pitch,
    pitch_text,
    pooling,
    putting,
    samples_text,
    sizes_text,
    spreading,
    windows_rule,
)
from nndsl.ops.rules import FLOAT, counted, integers, not_step, takes
from nndsl.ops.text import derived

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ops.text import Define, Scratch


# ------------------------------------------------------------------------------------------------ windows, fold_windows


def _one(name: str, types: tuple[TensorType, ...]) -> TensorType:
    counted(name, types, 1)
    not_step(name, *types)
    takes(name, types[0], FLOAT)
    return types[0]


def _windows_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    x = _one("windows", types)
    g = pooling(attributes, x)
    return x.with_shape((*g.counts, *g.sizes, *x.shape[len(g.sizes) :]))


def _windows_gradient(ct: Node, out: Node) -> tuple[Node]:
    g = pooling(out, out.inputs[0].type)
    return (fold_windows(ct, lengths=g.lengths, **pitch(out)),)


def _write_windows(e: Emission, define: Define) -> list[str]:
    (x,) = e.operands
    arrays = f"{samples_text(e, e.out)}, {samples_text(e, x)}"
    blocks = define(derived(e.out, "blocks"), f"window_blocks({arrays}{pitch_text(e.node)})")
    lines = [f"gather_parts({blocks})"]
    if not pooling(e.node, e.node.inputs[0].type).reach_outside:
        return lines
    edges = define(derived(e.out, "edges"), f"window_edges({arrays}{pitch_text(e.node)})")
    return [f"clear_parts({edges})", *lines]


_SQUARE = {"sizes": (2, 2), "strides": (1, 1), "dilations": (1, 1), "before": (0, 0)}
_LINE = {"sizes": (2,), "strides": (2,), "dilations": (1,), "before": (0,)}
_DILATED = {"sizes": (3,), "strides": (2,), "dilations": (2,), "before": (2,)}
_APART = {"sizes": (1, 2), "strides": (3, 3), "dilations": (1, 1), "before": (0, 1)}


def _without(attributes: dict[str, tuple[int, ...]], *names: str) -> dict[str, tuple[int, ...]]:
    return {name: value for name, value in attributes.items() if name not in names}


def _from_lengths(*domains: Domain, operands: int = 1) -> tuple[Sample, ...]:
    """Samples of ops from [lengths, rest]."""
    cases = (
        (floats(3, 4, 2), _SQUARE, (2, 3)),
        (floats(5, 1), _LINE, (2,)),
        (floats(5), _DILATED, (3,)),
        (floats(3, 4, 1), _APART, (1, 2)),
        (floats(3, 3, kind=Kind.SHARED), _SQUARE, (2, 2)),
    )
    return tuple(Sample((type,) * operands, domains, {**a, "counts": counts}) for type, a, counts in cases)


windows = Op(
    name="windows",
    documentation="Windows over the leading axes, each copied out: `x: [lengths, rest]` gives `[counts, sizes, rest]`.",
    type_rule=_windows_type,
    gradient=_windows_gradient,
    numpy=windows_rule(
        call_text("windows", "sizes", "counts"),
        _write_windows,
        "windows",
        "window_blocks",
        "gather_parts",
        "window_edges",
        "clear_parts",
    ),
    flops=lambda node: 0,
    cupy=Pointwise(lambda e: windows_element(e, pooling(e.node, e.node.inputs[0].type)), repeats=True),
    samples=_from_lengths(),
    attributes=("before", "counts", "dilations", "sizes", "strides"),
)


def _fold_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    windows = _one("fold_windows", types)
    g = folding(attributes, windows)
    return windows.with_shape((*g.lengths, *windows.shape[2 * len(g.lengths) :]))


def _fold_gradient(ct: Node, out: Node) -> tuple[Node]:
    g = folding(out, out.inputs[0].type)
    return (windows(ct, sizes=g.sizes, counts=g.counts, **pitch(out)),)


def _write_fold(e: Emission, define: Define) -> list[str]:
    parts = define_parts(e, define, "window", e.operands[0], e.operands[0], e.out)
    return _added(e.out, parts, folding(e.node, e.node.inputs[0].type))


def _added(out: str, parts: str, g: Geometry) -> list[str]:
    """Lines that add parts up at their targets in `out`, or put them there where no two share one."""
    start = [] if g.cover and not g.overlap else [f"{out}.fill(0.0)"]
    return [*start, f"{'add' if g.overlap else 'scatter'}_parts({parts})"]


fold_windows = Op(
    name="fold_windows",
    documentation="The transpose of `windows`: `windows: [counts, sizes, rest]` put back into `[lengths, rest]`, where "
    "they overlap added up, zeros where there is none.",
    type_rule=_fold_type,
    gradient=_fold_gradient,
    numpy=windows_rule(
        call_text("fold_windows", "lengths"), _write_fold, "fold_windows", "window_parts", "add_parts", "scatter_parts"
    ),
    flops=lambda node: node.inputs[0].type.size,
    cupy=Pointwise(lambda e: fold_element(e, folding(e.node, e.node.inputs[0].type)), repeats=True),
    samples=(
        Sample((floats(2, 3, 2, 2, 2),), (), {**_without(_SQUARE, "sizes"), "lengths": (3, 4)}),
        Sample((floats(2, 2, 1),), (), {**_without(_LINE, "sizes"), "lengths": (5,)}),
        Sample((floats(2, 2, 3),), (), {**_without(_LINE, "sizes"), "lengths": (4,)}),
        Sample((floats(3, 3),), (), {**_without(_DILATED, "sizes"), "lengths": (5,)}),
        Sample((floats(2, 2, 2, 2, kind=Kind.SHARED),), (), {**_without(_SQUARE, "sizes"), "lengths": (3, 3)}),
    ),
    attributes=("before", "dilations", "lengths", "strides"),
)


# ------------------------------------------------------------------------------------------------ sums


def _pooled_type(name: str, types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    x = _one(name, types)
    g = pooling(attributes, x)
    return x.with_shape((*g.counts, *x.shape[len(g.sizes) :]))


def _sum_gradient(ct: Node, out: Node) -> tuple[Node]:
    g = pooling(out, out.inputs[0].type)
    return (spread_windows(ct, sizes=g.sizes, lengths=g.lengths, **pitch(out)),)


def _write_sum(e: Emission, define: Define) -> list[str]:
    parts = define_parts(e, define, "pool", e.out, e.out, e.operands[0], sizes_text(e.node))
    return [f"{e.out}.fill(0.0)", f"sum_parts({parts})"]


def _pooling_flops(node: Node) -> int:
    return node.type.size * prod(integers(node, "sizes"))


window_sum = Op(
    name="window_sum",
    documentation="The sum of each window over the leading axes: `x: [lengths, rest]` gives `[counts, rest]`.",
    type_rule=lambda types, attributes: _pooled_type("window_sum", types, attributes),
    gradient=_sum_gradient,
    numpy=windows_rule(call_text("window_sum", "sizes", "counts"), _write_sum, "window_sum", "pool_parts", "sum_parts"),
    flops=_pooling_flops,
    cupy=Pointwise(lambda e: sum_element(e, pooling(e.node, e.node.inputs[0].type)), repeats=True),
    samples=_from_lengths(),
    attributes=("before", "counts", "dilations", "sizes", "strides"),
)


def _spread_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    sums = _one("spread_windows", types)
    g = spreading(attributes, sums)
    return sums.with_shape((*g.lengths, *sums.shape[len(g.sizes) :]))


def _spread_gradient(ct: Node, out: Node) -> tuple[Node]:
    g = spreading(out, out.inputs[0].type)
    return (window_sum(ct, sizes=g.sizes, counts=g.counts, **pitch(out)),)


def _write_spread(e: Emission, define: Define) -> list[str]:
    parts = define_parts(e, define, "pool", e.out, e.operands[0], e.out, sizes_text(e.node))
    return _added(e.out, parts, spreading(e.node, e.node.inputs[0].type))


spread_windows = Op(
    name="spread_windows",
    documentation="The transpose of `window_sum`: `sums: [counts, rest]` added to every element of its window in "
    "`[lengths, rest]`.",
    type_rule=_spread_type,
    gradient=_spread_gradient,
    numpy=windows_rule(
        call_text("spread_windows", "sizes", "lengths"),
        _write_spread,
        "spread_windows",
        "pool_parts",
        "add_parts",
        "scatter_parts",
    ),
    flops=lambda node: node.inputs[0].type.size * prod(integers(node, "sizes")),
    cupy=Pointwise(lambda e: spread_element(e, spreading(e.node, e.node.inputs[0].type)), repeats=True),
    samples=(
        Sample((floats(2, 3, 2),), (), {**_SQUARE, "lengths": (3, 4)}),
        Sample((floats(2, 1),), (), {**_LINE, "lengths": (5,)}),
        Sample((floats(2, 3),), (), {**_LINE, "lengths": (4,)}),
        Sample((floats(3),), (), {**_DILATED, "lengths": (5,)}),
        Sample((floats(2, 2, kind=Kind.SHARED),), (), {**_SQUARE, "lengths": (3, 3)}),
    ),
    attributes=("before", "dilations", "lengths", "sizes", "strides"),
)


# ------------------------------------------------------------------------------------------------ maxima

# Where a window's maximum stands is a choice: nothing flows back into it, only into what is put or taken there.


def _max_gradient(ct: Node, out: Node) -> tuple[Node]:
    return (put_at_maxima(ct, out.inputs[0], sizes=integers(out, "sizes"), **pitch(out)),)


def _write_max(e: Emission, define: Define) -> list[str]:
    parts = define_parts(e, define, "pool", e.out, e.out, e.operands[0], sizes_text(e.node))
    if not pooling(e.node, e.node.inputs[0].type).reach_outside:
        return [f"largest_of_parts({parts})"]
    return [f"{e.out}.fill(-np.inf)", f"maximum_parts({parts})"]


window_max = Op(
    name="window_max",
    documentation="The largest element of each window over the leading axes: `x: [lengths, rest]` gives "
    "`[counts, rest]`. Its gradient goes to the first maximum, in row-major order of the window.",
    type_rule=lambda types, attributes: _pooled_type("window_max", types, attributes),
    gradient=_max_gradient,
    numpy=windows_rule(
        call_text("window_max", "sizes", "counts"),
        _write_max,
        "window_max",
        "pool_parts",
        "maximum_parts",
        "largest_of_parts",
    ),
    flops=_pooling_flops,
    cupy=Pointwise(lambda e: max_element(e, pooling(e.node, e.node.inputs[0].type)), repeats=True),
    samples=_from_lengths(Domain(distinct=True)),
    attributes=("before", "counts", "dilations", "sizes", "strides"),
)


def _two(name: str, types: tuple[TensorType, ...]) -> tuple[TensorType, TensorType]:
    counted(name, types, 2)
    not_step(name, *types)
    for position, type in enumerate(types):
        takes(name, type, FLOAT, position)
    values, x = types
    if values.kind is not x.kind:
        raise RuleError(f"`{name}` got operands of two kinds: {values} and {x}", 0, 1)
    return values, x


def _put_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    values, x = _two("put_at_maxima", types)
    axes = len(putting(attributes, values, x).sizes)
    if values.shape[axes:] != x.shape[axes:]:
        raise RuleError(f"{values.shape_text} does not belong to windows of {x.shape_text}", 0, 1)
    return x


def _put_gradient(ct: Node, out: Node) -> tuple[Node, None]:
    values, x = out.inputs
    g = putting(out, values.type, x.type)
    return take_at_maxima(ct, x, sizes=g.sizes, counts=g.counts, **pitch(out)), None


def _marked(e: Emission, define: Define) -> tuple[str, list[str]]:
    """The list of marks for each place, and the lines that set them. All of the scratch is used."""
    marks, largest, taken = e.scratch
    x, more = e.operands[1], sizes_text(e.node)
    parts = define_parts(e, define, "pool", largest, largest, x, more)
    marked = define_parts(e, define, "mark", marks, marks, x, more)
    arrays = ", ".join(samples_text(e, array) for array in (marks, largest, taken))
    return marked, [f"mark_first_maxima({parts}, {marked}, {arrays})"]


def _mark_scratch(node: Node, counts: tuple[int, ...]) -> tuple[Scratch, ...]:
    x = node.inputs[1].type
    pooled = (*counts, *x.shape[len(counts) :])
    places = prod(integers(node, "sizes"))
    samples = x.kind is Kind.SAMPLE
    return (
        ((places, *pooled), DType.BOOL.value, samples),
        (pooled, DType.FLOAT.value, samples),
        (pooled, DType.BOOL.value, samples),
    )


def _put_geometry(node: Node) -> Geometry:
    return putting(node, node.inputs[0].type, node.inputs[1].type)


def _write_put(e: Emission, define: Define) -> list[str]:
    g = _put_geometry(e.node)
    marked, lines = _marked(e, define)
    parts = define_parts(e, define, "pool", e.out, e.operands[0], e.out, sizes_text(e.node))
    if not g.overlap:
        start = [] if g.cover else [f"{e.out}.fill(0.0)"]
        return [*lines, *start, f"scatter_marked({parts}, {marked})"]
    # By then `largest` is free again: it takes the products.
    products = define_parts(e, define, "pool", e.scratch[1], e.scratch[1], e.out, sizes_text(e.node))
    return [*lines, f"{e.out}.fill(0.0)", f"add_marked({parts}, {products}, {marked})"]


_DISTINCT = (Domain(), Domain(distinct=True))

put_at_maxima = Op(
    name="put_at_maxima",
    documentation="`values: [counts, rest]`, each put where `x: [lengths, rest]` has the first maximum of its window, "
    "added up where windows overlap; zeros elsewhere.",
    type_rule=_put_type,
    gradient=_put_gradient,
    numpy=windows_rule(
        call_text("put_at_maxima", "sizes"),
        _write_put,
        "put_at_maxima",
        "pool_parts",
        "mark_parts",
        "mark_first_maxima",
        "scatter_marked",
        "add_marked",
        scratch=lambda node: _mark_scratch(node, _put_geometry(node).counts),
    ),
    flops=lambda node: node.inputs[0].type.size * prod(integers(node, "sizes")),
    cupy=Pointwise(lambda e: put_element(e, _put_geometry(e.node)), repeats=True),
    samples=(
        Sample((floats(2, 3, 2), floats(3, 4, 2)), _DISTINCT, _SQUARE),
        Sample((floats(2, 1), floats(5, 1)), _DISTINCT, _LINE),
        Sample((floats(2, 3), floats(4, 3)), _DISTINCT, _LINE),
        Sample((floats(3), floats(5)), _DISTINCT, _DILATED),
        Sample((floats(2, 2, kind=Kind.SHARED), floats(3, 3, kind=Kind.SHARED)), _DISTINCT, _SQUARE),
    ),
    attributes=("before", "dilations", "sizes", "strides"),
)


def _take_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    values, x = _two("take_at_maxima", types)
    if values.shape != x.shape:
        raise RuleError(f"{values.shape_text} is not {x.shape_text}", 0, 1)
    g = pooling(attributes, x)
    return x.with_shape((*g.counts, *x.shape[len(g.sizes) :]))


def _take_gradient(ct: Node, out: Node) -> tuple[Node, None]:
    return put_at_maxima(ct, out.inputs[1], sizes=integers(out, "sizes"), **pitch(out)), None


def _write_take(e: Emission, define: Define) -> list[str]:
    marked, lines = _marked(e, define)
    parts = define_parts(e, define, "pool", e.out, e.out, e.operands[0], sizes_text(e.node))
    return [*lines, f"{e.out}.fill(0.0)", f"gather_marked({parts}, {marked})"]


take_at_maxima = Op(
    name="take_at_maxima",
    documentation="The transpose of `put_at_maxima`: the element of `values: [lengths, rest]` that stands where `x`, "
    "of the same shape, has the first maximum of each window: `[counts, rest]`.",
    type_rule=_take_type,
    gradient=_take_gradient,
    numpy=windows_rule(
        call_text("take_at_maxima", "sizes", "counts"),
        _write_take,
        "take_at_maxima",
        "pool_parts",
        "mark_parts",
        "mark_first_maxima",
        "gather_marked",
        scratch=lambda node: _mark_scratch(node, integers(node, "counts")),
    ),
    flops=_pooling_flops,
    cupy=Pointwise(lambda e: take_element(e, pooling(e.node, e.node.inputs[0].type)), repeats=True),
    samples=_from_lengths(*_DISTINCT, operands=2),
    attributes=("before", "counts", "dilations", "sizes", "strides"),
)
