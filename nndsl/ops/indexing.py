"""Ops that look elements up by whole numbers, and their transposes, which put elements there.

Ids are known to be in range: what brings them (the data, `argmax`) has been checked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.device import Call, Pointwise
from nndsl.ir.op import Along, Domain, Op, RuleError, Sample, same_axis
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.ops.device import accumulated, zero
from nndsl.ops.elementwise import bools, constant_operand, floats, ints
from nndsl.ops.rules import FLOAT, counted, integer, kind_name, kind_of, not_step, takes
from nndsl.ops.text import (
    array_rank,
    derived,
    dims,
    dtype_text,
    intp_array,
    like,
    literal,
    offset,
    over_arrays,
    product_text,
    reshaped,
    workspace_rule,
)

if TYPE_CHECKING:
    from nndsl.ir.device import DeviceForm, Element
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ops.text import Define

_IDS = (DType.INT,)


# ------------------------------------------------------------------------------------------------ gather


def _gather_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("gather", types, 2)
    not_step("gather", *types)
    table, ids = types
    takes("gather", ids, _IDS, 1)
    if table.rank == 0:
        raise RuleError("`gather` looks up rows of a table, and this is a single number", 0)
    return TensorType(table.dtype, ids.shape + table.shape[1:], max(table.kind, ids.kind))


def _gather_gradient(ct: Node, out: Node) -> tuple[Node, None]:
    table, ids = out.inputs
    return scatter_add(ct, ids, rows=table.type.shape[0], kind=kind_name(table.type.kind)), None


def _own_table(node: Node) -> bool:
    """Whether each sample looks up its own ids in its own table."""
    return all(operand.type.kind is Kind.SAMPLE for operand in node.inputs)


def _gather_text(e: Emission) -> str:
    table, ids = e.operands
    kinds = [operand.type.kind for operand in e.node.inputs]
    if kinds[0] is not Kind.SAMPLE:
        return f"{table}[{ids}]"
    if kinds[1] is not Kind.SAMPLE:
        return f"{table}[:, {ids}]"
    return f"{table}[{_sample_numbers(e)}, {ids}]"


def _sample_numbers(e: Emission) -> str:
    """The number of each sample, with an axis for each axis of its ids."""
    ids = e.node.inputs[1]
    return f"np.arange({e.n})" + (f"[:{', None' * ids.type.rank}]" if ids.type.rank else "")


def _row_starts(e: Emission, rows: int) -> str:
    """Where each sample's own table starts among the rows of all of them, one below another."""
    shape = ", 1" * e.node.inputs[1].type.rank
    numbers = f"np.arange(0, {e.n} * {rows}, {rows})"
    return f"{numbers}.reshape({e.n}{shape})" if shape else numbers


def _write_gather(e: Emission, define: Define) -> list[str]:
    table, ids = e.operands
    rows, type = e.node.inputs[0].type, e.node.inputs[1].type
    places = define("places", intp_array(e, type))
    # Without `mode="clip"` NumPy looks up into a copy of `out` first, in case an id is out of range.
    if _own_table(e.node):
        starts = define("starts", _row_starts(e, rows.shape[0]))
        table_rows = define(derived(table, "rows"), reshaped(table, [f"{e.n} * {rows.shape[0]}", *rows.shape[1:]]))
        return [
            f"np.add({ids}, {starts}, out={places})",
            f'{table_rows}.take({places}, axis=0, out={e.out}, mode="clip")',
        ]
    axis = 1 if rows.kind is Kind.SAMPLE else 0
    return [f"np.copyto({places}, {ids})", f'{table}.take({places}, axis={axis}, out={e.out}, mode="clip")']


def _gather_along(node: Node, axes: tuple[int | None, ...]) -> Along | None:
    """An axis of the ids, or one of what each row holds."""
    table, ids = axes
    if table is None and ids is not None:
        return Along(ids, axes)
    if ids is None and table:
        return Along(node.inputs[1].type.rank + table - 1, axes)
    return None


def _gather_element(e: Element) -> str:
    rank = e.node.inputs[1].type.rank
    row = e.let(e.read(1, e.axes[:rank]))
    return e.read(0, (row, *e.axes[rank:]))


_ROWS = Domain(low=0, high=4, integers=True)
gather = Op(
    name="gather",
    documentation="Rows of a table by their numbers: `table: [rows, rest], ids: int[...]` give `[..., rest]`.",
    type_rule=_gather_type,
    gradient=_gather_gradient,
    numpy=over_arrays(workspace_rule(_gather_text, _write_gather, contiguous=(0,))),
    flops=lambda node: 0,
    cupy=Pointwise(_gather_element),
    samples=(
        Sample((floats(4, 3, kind=Kind.SHARED), ints(5)), (Domain(), _ROWS)),
        Sample((floats(4, 3, kind=Kind.SHARED), ints()), (Domain(), _ROWS)),
        Sample((floats(4, kind=Kind.SHARED), ints(2, 2)), (Domain(), _ROWS)),
        Sample((floats(4, 2, kind=Kind.SHARED), ints(6, kind=Kind.SHARED)), (Domain(), _ROWS)),
        Sample((floats(4, 2), ints(3)), (Domain(), _ROWS)),
        Sample((floats(4), ints()), (Domain(), _ROWS)),
        Sample((floats(4, 2), ints(3, kind=Kind.SHARED)), (Domain(), _ROWS)),
        Sample((ints(4), ints(3)), (_ROWS, _ROWS)),
    ),
    along=_gather_along,
)


# ------------------------------------------------------------------------------------------------ scatter_add


def _scatter_add_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("scatter_add", types, 2)
    not_step("scatter_add", *types)
    values, ids = types
    takes("scatter_add", values, FLOAT)
    takes("scatter_add", ids, _IDS, 1)
    rows, kind = integer(attributes, "rows"), kind_of(attributes)
    if values.shape[: ids.rank] != ids.shape:
        raise RuleError(f"{values.shape_text} does not start with {ids.shape_text}", 0, 1)
    if kind is Kind.SAMPLE and values.kind is not Kind.SAMPLE:
        raise RuleError("what each sample adds up must be per sample", 0)
    if kind is Kind.SHARED and values.kind is not ids.kind:
        raise RuleError("values and ids must both be per sample or both be shared", 0, 1)
    return TensorType(values.dtype, (rows, *values.shape[ids.rank :]), kind)


def _scatter_add_text(e: Emission, more: str = "") -> str:
    values, ids = e.operands
    rows = integer(e.node, "rows")
    if e.node.type.kind is not Kind.SAMPLE:
        return f"scatter_add({values}, {ids}, {rows}{more})"
    own = ids if e.node.inputs[1].type.kind is Kind.SAMPLE else f"{ids}[None]"
    return f"scatter_add_each({values}, {own}, {rows}{more})"


def _write_scatter_add(e: Emission, define: Define) -> list[str]:
    values, ids = (operand.type for operand in e.node.inputs)
    count = product_text(dims(values, e.n)[: offset(values) + ids.rank])
    rows = [reshaped(buffer, [count, *values.shape[ids.rank :]]) for buffer in e.scratch]
    room = define(derived(e.operands[0], "room"), f"RowRoom({', '.join(rows)})")
    return [_scatter_add_text(e, f", out={e.out}, room={room}")]


def _scatter_add_element(e: Element) -> str:
    """Each row of a sample goes through all its ids, in their order."""
    ids = e.node.inputs[1]
    total = accumulated(e)

    def through(places: tuple[str, ...]) -> None:
        if len(places) < ids.type.rank:
            with e.loop(str(ids.type.shape[len(places)])) as place:
                through((*places, place))
            return
        with e.when(f"{e.read(1, places)} == {e.axes[0]}"):
            e.set(total, f"{total} + {e.read(0, (*places, *e.axes[1:]))}")

    through(())
    return total


def _scatter_add_on_device(node: Node) -> DeviceForm:
    values, ids = node.inputs
    if node.type.kind is Kind.SAMPLE:
        return Pointwise(_scatter_add_element, repeats=True)
    count = ids.type.size
    text = str(count) if values.type.kind is Kind.SHARED else "n" if count == 1 else f"n * {count}"
    rows = integer(node, "rows")
    return Call("ScatterAdd", lambda _: (str(rows), text, str(node.type.size // rows)))


scatter_add = Op(
    name="scatter_add",
    documentation="The transpose of `gather`, rows added up at their numbers: `values: [..., rest], ids: int[...]` "
    "give `[rows, rest]`; over all samples where `kind` is `shared`.",
    type_rule=_scatter_add_type,
    gradient=lambda ct, out: (gather(ct, out.inputs[1]), None),
    numpy=over_arrays(
        workspace_rule(
            _scatter_add_text,
            _write_scatter_add,
            scratch=lambda node: (like(node.inputs[0].type),) * 2,
            contiguous=(0, 1),
            runtime=("RowRoom", "scatter_add", "scatter_add_each"),
        )
    ),
    flops=lambda node: node.inputs[0].type.size,
    cupy=_scatter_add_on_device,
    samples=(
        Sample((floats(5, 3), ints(5)), (Domain(), _ROWS), {"rows": 4, "kind": "shared"}),
        Sample((floats(), ints()), (Domain(), _ROWS), {"rows": 4, "kind": "shared"}),
        Sample((floats(2, 2), ints(2, 2)), (Domain(), _ROWS), {"rows": 4, "kind": "shared"}),
        Sample(
            (floats(6, 2, kind=Kind.SHARED), ints(6, kind=Kind.SHARED)),
            (Domain(), _ROWS),
            {"rows": 4, "kind": "shared"},
        ),
        Sample((floats(5, 3), ints(5)), (Domain(), _ROWS), {"rows": 4, "kind": "sample"}),
        Sample((floats(), ints()), (Domain(), _ROWS), {"rows": 4, "kind": "sample"}),
        Sample((floats(5, 3), ints(5, kind=Kind.SHARED)), (Domain(), _ROWS), {"rows": 4, "kind": "sample"}),
    ),
    attributes=("kind", "rows"),
)


# ------------------------------------------------------------------------------------------------ pick


def _pick_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("pick", types, 2)
    not_step("pick", *types)
    values, index = types
    takes("pick", index, _IDS, 1)
    if values.rank == 0:
        raise RuleError("`pick` takes one of several values, and this is a single number", 0)
    if values.shape[:-1] != index.shape:
        raise RuleError(f"{values.with_shape(values.shape[:-1]).shape_text} is not {index.shape_text}", 0, 1)
    if values.kind is not index.kind:
        raise RuleError(f"`pick` got operands of two kinds: {values} and {index}", 0, 1)
    return values.with_shape(index.shape)


def _pick_text(e: Emission) -> str:
    values, index = e.operands
    match array_rank(e.node.type), e.node.type.kind:
        case 0, _:
            return f"{values}[{index}]"
        case 1, Kind.SAMPLE:
            return f"{values}[np.arange({e.n}), {index}]"
        case _:
            return f"np.take_along_axis({values}, {index}[..., None], axis=-1)[..., 0]"


def _element_starts(e: Emission, type: TensorType, size: int) -> str:
    """Where each row of `size` elements starts among all elements, in the shape of the index."""
    rows = dims(type, e.n)
    count = product_text([*rows, size])
    starts = f"np.arange(0, {count}, {size})"
    return starts if len(rows) == 1 else reshaped(starts, rows)


def _write_pick(e: Emission, define: Define) -> list[str]:
    values, index = (operand.type for operand in e.node.inputs)
    places = define("places", intp_array(e, index))
    starts = define("starts", _element_starts(e, index, values.shape[-1]))
    elements = define(derived(e.operands[0], "flat"), reshaped(e.operands[0], [-1]))
    return [
        f"np.add({e.operands[1]}, {starts}, out={places})",
        f'{elements}.take({places}, out={e.out}, mode="clip")',
    ]


pick = Op(
    name="pick",
    documentation="One of the values along the last axis: `values: [..., n], index: int[...]`.",
    type_rule=_pick_type,
    gradient=lambda ct, out: (place(ct, out.inputs[1], size=out.inputs[0].type.shape[-1]), None),
    numpy=over_arrays(workspace_rule(_pick_text, _write_pick, contiguous=(0,))),
    flops=lambda node: 0,
    cupy=Pointwise(lambda e: e.read(0, (*e.axes, e.let(e.operand(1))))),
    samples=(
        Sample((floats(4), ints()), (Domain(), _ROWS)),
        Sample((floats(2, 3, 4), ints(2, 3)), (Domain(), _ROWS)),
        Sample((floats(3, 4, kind=Kind.SHARED), ints(3, kind=Kind.SHARED)), (Domain(), _ROWS)),
        Sample((floats(4, kind=Kind.SHARED), ints(kind=Kind.SHARED)), (Domain(), _ROWS)),
        Sample((ints(3, 4), ints(3)), (_ROWS, _ROWS)),
    ),
    along=lambda node, axes: None if node.type.rank in axes else same_axis(node, axes),
)


# ------------------------------------------------------------------------------------------------ place


def _place_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    counted("place", types, 2)
    not_step("place", *types)
    values, index = types
    takes("place", index, _IDS, 1)
    if values.shape != index.shape:
        raise RuleError(f"{values.shape_text} is not {index.shape_text}", 0, 1)
    if values.kind is not index.kind:
        raise RuleError(f"`place` got operands of two kinds: {values} and {index}", 0, 1)
    return values.with_shape((*values.shape, integer(attributes, "size")))


def _place_text(e: Emission) -> str:
    values, index = e.operands
    size = integer(e.node, "size")
    if constant_operand(e.node, 0) == 1:
        return f"np.eye({size}, dtype={dtype_text(e)})[{index}]"
    none = literal(0, e.node.type.dtype)
    return f"np.where(np.arange({size}) == {index}[..., None], {values}[..., None], {none})"


def _write_place(e: Emission, define: Define) -> list[str]:
    index = e.node.inputs[1].type
    places = define("places", intp_array(e, index))
    starts = define("starts", _element_starts(e, index, integer(e.node, "size")))
    elements = define(derived(e.out, "flat"), reshaped(e.out, [-1]))
    return [
        f"{e.out}.fill(0)",
        f"np.add({e.operands[1]}, {starts}, out={places})",
        f"{elements}[{places}] = {e.operands[0]}",
    ]


def _place_element(e: Element) -> str:
    *own, last = e.axes
    found = f"{e.read(1, own)} == {last}"
    return f"({found} ? {e.read(0, own)} : {zero(e.node.type.dtype)})"


place = Op(
    name="place",
    documentation="The transpose of `pick`: `values: [...]` put at `index: int[...]` of a new last axis of `size` "
    "elements, zeros elsewhere. Of ones, it is the one-hot form of the index.",
    type_rule=_place_type,
    gradient=lambda ct, out: (pick(ct, out.inputs[1]), None),
    numpy=over_arrays(workspace_rule(_place_text, _write_place, contiguous=(0,))),
    flops=lambda node: 0,
    cupy=Pointwise(_place_element),
    samples=(
        Sample((floats(), ints()), (Domain(), _ROWS), {"size": 4}),
        Sample((floats(2, 3), ints(2, 3)), (Domain(), _ROWS), {"size": 4}),
        Sample((floats(3, kind=Kind.SHARED), ints(3, kind=Kind.SHARED)), (Domain(), _ROWS), {"size": 4}),
        Sample((floats(kind=Kind.SHARED), ints(kind=Kind.SHARED)), (Domain(), _ROWS), {"size": 4}),
        Sample((bools(3), ints(3)), (Domain(), _ROWS), {"size": 4}),
    ),
    attributes=("size",),
    along=same_axis,
)
