"""Readers as a data block names them: `csv("titanic.csv", delimiter=";")`, checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.check.expressions.arithmetic import plain
from nndsl.check.expressions.evaluate import evaluate
from nndsl.check.values import describe
from nndsl.diagnostics import did_you_mean
from nndsl.ir.program import ReaderCall
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.check.scope import Scope
    from nndsl.data import Parameter
    from nndsl.ir import Attribute


def read_reader(context: Context, scope: Scope, expression: tree.Expression) -> ReaderCall:
    """`csv("titanic.csv", delimiter=";")`: a reader and its arguments, checked."""
    from nndsl.data import READERS

    if not isinstance(expression, tree.Call) or not isinstance(expression.function, tree.Name):
        raise context.mistake(
            "NN402", "this is not a reader", expression.span, help='for example `csv("file.csv")`, `builtin("digits")`'
        )
    name = expression.function.name
    if name not in READERS:
        close = did_you_mean(name, READERS)
        help = f"did you mean `{close}`?" if close else f"the readers are {', '.join(READERS)}"
        raise context.mistake("NN402", f"there is no reader `{name}`", expression.function.span, help=help)
    parameters = READERS[name].parameters
    names = [parameter.name for parameter in parameters]
    values: dict[str, Attribute] = {p.name: p.default for p in parameters if not p.required}
    given: set[str] = set()
    for position, item in enumerate(expression.arguments):
        if item.name is None and position >= len(names):
            raise context.mistake("NN303", f"{name} takes {len(names)} arguments: {', '.join(names)}", item.span)
        argument = item.name or names[position]
        if argument not in names:
            close = did_you_mean(argument, names)
            help = f"did you mean `{close}`?" if close else f"it has: {', '.join(names)}"
            raise context.mistake("NN301", f"{name} has no argument `{argument}`", item.span, help=help)
        if argument in given:
            raise context.mistake("NN303", f"`{argument}` is given twice", item.span)
        given.add(argument)
        values[argument] = _reader_value(context, scope, item, parameters[names.index(argument)])
    for parameter in parameters:
        if parameter.required and parameter.name not in values:
            raise context.mistake(
                "NN307", f"{name} needs `{parameter.name}`", expression.span, help=parameter.documentation
            )
    folder = expression.span.file.path.parent if expression.span.file.path is not None else Path()
    call = ReaderCall(name, tuple(values.items()), folder, expression.span)
    if not context.known_tables:
        return call
    from nndsl.data import reader_key

    return replace(call, known=context.known_tables.get(reader_key(call)))


def _reader_value(context: Context, scope: Scope, item: tree.Argument, parameter: Parameter) -> Attribute:
    from nndsl.data.parameters import KINDS, is_size

    if parameter.kind == "option":
        return _reader_option(context, item, parameter)
    value = evaluate(context, scope, item.value)
    match (parameter.kind, value):
        case ("text", str()) | ("bool", bool()):
            return plain(value)
        case ("size", tuple()) if is_size(value):
            return plain(value)
        case ("texts", tuple()) if all(isinstance(text, str) for text in value):
            return plain(value)
        case _:
            kinds = {"text": 'a text: "..."', "bool": "true or false", "size": KINDS["size"]}
            wanted = kinds.get(parameter.kind, 'a list of texts: ["a", "b"]')
            raise context.mistake("NN402", f"this must be {wanted}, not {describe(value)}", item.value.span)


def _reader_option(context: Context, item: tree.Argument, parameter: Parameter) -> str:
    """`level=words`: one of a parameter's words."""
    word = item.value.name if isinstance(item.value, tree.Name) else ""
    if word in parameter.options:
        return word
    written = item.value.span.text
    close = did_you_mean(written.strip('"'), parameter.options)
    raise context.mistake(
        "NN402",
        f"`{parameter.name}` is {' or '.join(parameter.options)}, not {written}",
        item.value.span,
        help=close and f"did you mean `{parameter.name}={close}`?",
    )
