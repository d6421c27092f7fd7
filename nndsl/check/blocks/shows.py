"""`show` lines of a train block: values that are drawn while training goes on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from nndsl.check.context import Mode
from nndsl.check.expressions.arithmetic import as_node, broadcast
from nndsl.check.expressions.evaluate import evaluate, whole_number
from nndsl.check.values import describe
from nndsl.diagnostics import did_you_mean
from nndsl.ir import Kind, Node
from nndsl.ir.program import Show, StepGraph
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.check.scope import Scope

_UNITS = {"epochs": "epochs", "epoch": "epochs", "steps": "steps", "step": "steps"}
_CHANNELS = (1, 3)


def read_shows(
    context: Context, scope: Scope, statement: tree.Show, taken: Iterable[str], *, has_data: bool
) -> list[Show]:
    """The values of one `show`, in evaluation form. taken: names of those before it.

    Its draws are its own: they neither depend on what else the block draws nor change it.
    """
    every, unit = _times(context, scope, statement, has_data=has_data)
    names = list(taken)
    shows: list[Show] = []
    before, context.mode = context.mode, Mode(training=False)
    try:
        for item in statement.values:
            name = _unused(item.name or _name_of(item.value), names)
            node = _drawn(context, scope, item)
            shared = node.type.kind is not Kind.SAMPLE
            node = broadcast(context, node, node.type.shape, Kind.SAMPLE, item.value.span)
            graph = StepGraph((), (), ((name, node, None),), (), ())
            shows.append(Show(name, graph, every, unit, shared, statement.span))
            names.append(name)
    finally:
        context.mode = before
    return shows


def _times(context: Context, scope: Scope, statement: tree.Show, *, has_data: bool) -> tuple[int, str]:
    """How often: (10, "epochs"); 0 where `every` is missing."""
    if statement.every is None:
        return 0, "epochs"
    every = whole_number(context, scope, statement.every, "`every`")
    if every < 1:
        raise context.mistake("NN209", f"`every` counts from 1, and this is {every}", statement.every.span)
    units = "epochs" if has_data else "steps"
    if statement.unit is None:
        return every, units
    unit = _UNITS.get(statement.unit.name)
    if unit is None:
        close = did_you_mean(statement.unit.name, _UNITS)
        raise context.mistake(
            "NN530",
            f"`every` counts epochs or steps, not {statement.unit.name}",
            statement.unit.span,
            help=f"did you mean `{close}`?" if close else f"for example `every {every} {units}`",
        )
    if unit == "epochs" and not has_data:
        raise context.mistake(
            "NN530", "without data there are no epochs", statement.unit.span, help=f"`every {every} steps`"
        )
    return every, unit


def _drawn(context: Context, scope: Scope, item: tree.Argument) -> Node:
    """The value, of a shape that can be drawn."""
    span = item.value.span
    value = evaluate(context, scope, item.value)
    node = as_node(context, value, span)
    if not isinstance(node, Node) or node.type.kind is Kind.STEP:
        raise context.mistake("NN530", f"{describe(value)} is no picture", span, help="`metric` logs numbers")
    shape = node.type.shape
    if len(shape) > 3 or 0 in shape or (len(shape) == 3 and shape[-1] not in _CHANNELS):
        help = "show one channel: `x[..., 0]`" if len(shape) == 3 else "take a part of it: `x[0]`, `reshape(x, [8, 8])`"
        raise context.mistake(
            "NN530",
            f"{node.type.shape_text} can't be drawn",
            span,
            "images are [h, w] or [h, w, 3], vectors [n], numbers []",
            help=help,
        )
    return node


def _name_of(expression: tree.Expression) -> str:
    """What the files of a value are called: after its model, its step, or itself."""
    match expression:
        case tree.Name(name=name) | tree.Member(name=name):
            return name
        case tree.Call(function=inner) | tree.Index(value=inner) | tree.Trained(model=inner):
            return _name_of(inner)
        case tree.Chain(steps=steps):
            return _name_of(steps[-1])
        case _:
            return "value"


def _unused(name: str, taken: list[str]) -> str:
    """`name`, or `name_2`, `name_3`, ... where it is taken."""
    number, found = 1, name
    while found in taken:
        number += 1
        found = f"{name}_{number}"
    return found
