"""`class_weight` in a data block: a number for each row by its class, for `weighted by`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.blocks.columns import notes, side_by_side
from nndsl.check.blocks.learnt import learn
from nndsl.check.expressions.arithmetic import arithmetic
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, Option, Value, describe, is_number
from nndsl.diagnostics import did_you_mean
from nndsl.ir import DType, Kind, Node, TensorType

if TYPE_CHECKING:
    from nndsl.check.blocks.columns import DataNotes
    from nndsl.check.context import Context
    from nndsl.source import Span

BALANCED = "balanced"


def _class_weight(context: Context, given: Arguments) -> Value:
    known, span = notes(context, given.span, "class_weight"), given.span
    label = side_by_side(context, given["label"], given.span_of("label"))
    names = known.names.get(label.id)
    if names is None:
        raise context.mistake(
            "NN452", "`class_weight` takes a field of classes", given.span_of("label"),
            help='for example `label = class(column("label"))`, then `class_weight(label, balanced)`',
        )  # fmt: skip
    weights = given["weights"]
    if isinstance(weights, Option) and weights.name == BALANCED:
        table = _balanced(context, known, label, len(names), span)
    else:
        numbers = _numbers(context, weights, names, given.span_of("weights"))
        type = TensorType(DType.FLOAT, (len(names),), Kind.SHARED)
        table = context.leaf(ops.array, type, span, value=numbers)
    return context.apply(ops.gather, [table, label], span)


def _balanced(context: Context, known: DataNotes, label: Node, classes: int, span: Span) -> Node:
    """Rows / (classes * rows of the class), of the training rows; 1 for a class that these have not."""
    ones = context.constant(1.0, TensorType(DType.FLOAT, (), Kind.SAMPLE))
    share = learn(context, known, "mean", context.apply(ops.place, [ones, label], span, size=classes), span)
    one = context.constant(1.0, share.type)
    there = context.apply(ops.greater, [share, context.constant(0.0, share.type)], span)
    share = context.apply(ops.where, [there, share, context.constant(1.0 / classes, share.type)], span)
    times = arithmetic(context, "*", Argument(share, span), Argument(classes, span), span)
    return arithmetic(context, "/", Argument(one, span), Argument(times, span), span)


def _numbers(context: Context, weights: Value, names: tuple[str, ...], span: Span) -> tuple[float, ...]:
    """The weights in the order of the classes: as they are listed, or by name, 1 for those that are not named."""
    if not isinstance(weights, tuple) or not weights:
        raise context.mistake(
            "NN302", f"weights of classes are `balanced` or a list, not {describe(weights)}", span,
            help=f'`[["{names[0]}", 2.0]]` names classes; a number for each class comes in the order {_listed(names)}',
        )  # fmt: skip
    named = dict.fromkeys(names, 1.0)
    if all(isinstance(item, tuple) for item in weights):
        for item in weights:
            name, number = _pair(context, item, span)
            if name not in named:
                close = did_you_mean(name, names)
                help = f'did you mean "{close}"?' if close else f"the classes are {_listed(names)}"
                raise context.mistake("NN302", f'there is no class "{name}"', span, help=help)
            named[name] = number
        return tuple(named.values())
    numbers = tuple(float(item) for item in weights if is_number(item) and item >= 0)
    if len(numbers) < len(weights):
        raise context.mistake("NN302", "a weight is a number of at least 0", span)
    if len(numbers) != len(names):
        message = f"there are {len(names)} classes and {len(numbers)} weights"
        raise context.mistake("NN302", message, span, help=f"the classes are {_listed(names)}")
    return numbers


def _pair(context: Context, item: Value, span: Span) -> tuple[str, float]:
    match item:
        case (name, number) if is_number(number) and number >= 0 and not isinstance(name, tuple):
            text = str(int(name)) if isinstance(name, float) and name.is_integer() else str(name)
            return text, float(number)
        case _:
            help = '`[["yes", 5.0], ["no", 1.0]]`'
            raise context.mistake("NN302", "a class's weight is its name and a number of at least 0", span, help=help)


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:8])
    return shown if len(names) <= 8 else f"{shown}, ... ({len(names)} in all)"


CLASS_WEIGHT = Builtin(
    "class_weight",
    (BuiltinParameter("label"), BuiltinParameter("weights")),
    _class_weight,
    "The weight of a row's class, for `weighted by`: `balanced` (learnt from the training rows: each class weighs as "
    "much as any other), a number for each class in their order, or names and numbers, as [[name, number], ...].",
)
