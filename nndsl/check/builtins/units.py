"""The way back from a field that was scaled: `original_units`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import arithmetic
from nndsl.check.expressions.evaluate import learnt_node
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, FieldInfo, Value, describe
from nndsl.ir import Node

if TYPE_CHECKING:
    from nndsl.check.context import Context


def _original_units(context: Context, given: Arguments) -> Value:
    """What a scaled field's value was before it was scaled."""
    info = _field(context, given)
    span = given.span
    if info.scaling is None:
        raise context.mistake(
            "NN456",
            f"the field {info.name} was not scaled",
            given.span_of("field"),
            help=f"a field that is scaled: `{info.name} = standardize(...)`, or `normalize(...)`, and nothing after it",
        )
    low, high = (Argument(learnt_node(context, info, name, span), span) for _, name in info.scaling.constants)
    value = Argument(given["value"], given.span_of("value"))
    if info.scaling.name == "normalize":
        high = Argument(_spread(context, arithmetic(context, "-", high, low, span), given), span)
    return arithmetic(context, "+", Argument(arithmetic(context, "*", value, high, span), span), low, span)


def _spread(context: Context, difference: Node, given: Arguments) -> Node:
    """The difference of maximum and minimum; 1 where there is none, as `normalize` has it."""
    zero, one = (context.constant(number, difference.type) for number in (0.0, 1.0))
    positive = context.apply(ops.greater, [difference, zero], given.span)
    return context.apply(ops.where, [positive, difference, one], given.span)


def _field(context: Context, given: Arguments) -> FieldInfo:
    field = given["field"]
    if isinstance(field, FieldInfo):
        return field
    known = context.data_fields.get(context.data_name or "", {})
    if isinstance(field, Node) and field.op is ops.field and str(field["name"]) in known:
        return known[str(field["name"])]
    raise context.mistake(
        "NN456",
        f"`original_units` goes back by a field of the data, not by {describe(field)}",
        given.span_of("field"),
        help="in a train block `original_units(value, price)`, elsewhere `original_units(value, houses.price)`",
    )


BUILTINS = (
    Builtin(
        "original_units",
        (BuiltinParameter("value"), BuiltinParameter("field")),
        _original_units,
        "What a value was before the data block scaled it as it scaled a field, by `standardize` or `normalize`: a "
        "prediction of the field in the units of its column.",
    ),
)
