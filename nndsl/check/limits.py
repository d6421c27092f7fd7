"""Which values fields of the data may have: ids that have a row in a table, targets that a loss can take."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir import DType, Kind
from nndsl.ir.program import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nndsl.check.context import Context
    from nndsl.ir import Node
    from nndsl.ir.program import DataProgram
    from nndsl.source import Span

_SAME_NUMBERS = (ops.reshape, ops.broadcast, ops.slice, ops.transpose, ops.reverse)


def limit_ids(context: Context, ids: Node, size: int, span: Span) -> None:
    """Ids look up one of `size` things. A mistake for a class or category of more; else the rows will be looked at."""
    found = _field_behind(ids)
    if found is None or context.reading is None:
        return
    name, offset = found
    info = context.reading.fields.get(name)
    if info is None:
        return
    if info.ids is None:
        _limit(context, name, Limits(-offset, size - 1 - offset, context.user_place(span)))
    elif offset < 0 or info.ids + offset > size:
        first = f"{offset} to " if offset else "0 to "
        raise context.mistake(
            "NN518",
            f"`{name}` has the ids {first}{info.ids - 1 + offset}, and what is looked up here has 0 to {size - 1}",
            span,
            help=f"`{context.reading.name}.{name}.classes` is how many there are"
            if not offset
            else "ids count from 0 already",
        )


def limit_targets(context: Context, function: str, target: Node, span: Span) -> None:
    """The target of a loss between two classes is 0 or 1, or between: a mistake for a class of more."""
    found = _field_behind(target)
    if found is None or context.reading is None or found[1]:
        return
    info = context.reading.fields.get(found[0])
    if info is None:
        return
    if info.ids is None:
        if info.type.dtype is DType.INT or not info.type.shape:
            _limit(context, info.name, Limits(0, 1, context.user_place(span)))
    elif info.ids > 2:
        raise context.mistake(
            "NN504",
            f"{function} tells two classes apart, and `{info.name}` has {info.ids}",
            span,
            help=f"`cross_entropy(scores, {info.name})`, with a score for each class: `Dense({context.reading.name}."
            f"{info.name}.classes)`",
        )


def _limit(context: Context, field: str, new: Limits) -> None:
    """Remember what a field of the data that is being trained on must be; the narrowest limits count."""
    assert context.reading is not None
    key = (context.reading.name, field)
    known = context.limits.get(key, new)
    place = new.span if new.low > known.low or new.high < known.high else known.span
    context.limits[key] = Limits(max(new.low, known.low), min(new.high, known.high), place)


def _field_behind(node: Node) -> tuple[str, int] | None:
    """(field, what was added to it), for a field as it is, in another shape, or as whole numbers."""
    offset = 0
    while node.type.kind is Kind.SAMPLE:
        if node.op is ops.field:
            return str(node["name"]), offset
        if node.op in _SAME_NUMBERS or (node.op is ops.cast and not offset):
            node = node.inputs[0]
            continue
        added = _added(node)
        if added is None:
            return None
        node, change = added
        offset += change
    return None


def _added(node: Node) -> tuple[Node, int] | None:
    """The operand and the whole number of `x + 1`, `1 + x`, `x - 1`; None for anything else."""
    if node.op not in (ops.add, ops.subtract):
        return None
    first, second = node.inputs
    if node.op is ops.add and first.op is ops.constant:
        first, second = second, first
    if second.op is not ops.constant:
        return None
    value = second["value"]
    if not isinstance(value, int | float) or not float(value).is_integer():
        return None
    return first, int(value) if node.op is ops.add else -int(value)


def limited(data: DataProgram, known: Mapping[tuple[str, str], Limits]) -> DataProgram:
    """A data block whose fields know their limits."""
    fields = tuple(replace(field, limits=known.get((data.name, field.name))) for field in data.fields)
    return replace(data, fields=fields)
