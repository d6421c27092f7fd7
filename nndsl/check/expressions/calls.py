"""Calls: parameters bound to arguments, functions run, layers given their parameters."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl.check import hints
from nndsl.check.context import Frame
from nndsl.check.expressions.binding import Signature, bind, bind_parameters, input_names, layer_signature
from nndsl.check.expressions.evaluate import argument, evaluate, named
from nndsl.check.lints import refuse_classes, refuse_probabilities, remember_probabilities
from nndsl.check.record import record_call
from nndsl.check.scope import Scope
from nndsl.check.values import (
    Argument,
    Arguments,
    Builtin,
    Function,
    Layer,
    Model,
    Optimizer,
    Parts,
    Step,
    Value,
    describe,
)
from nndsl.diagnostics import did_you_mean
from nndsl.ir import Node
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.source import Span


# ------------------------------------------------------------------------------------------------ calls


def call(context: Context, scope: Scope, expression: tree.Call) -> Value:
    """`callee(arguments)`: what it is depends on the callee (see the language's "Steps, layers, models")."""
    function = expression.function
    callee = named(context, scope, function) if isinstance(function, tree.Name) else evaluate(context, scope, function)
    if isinstance(callee, Node) and isinstance(function, tree.Name) and context.data is not None:
        callee = context.data.functions.get(function.name, callee)  # a field may be called like what made it
    span = expression.span
    match callee:
        case Function():
            return _call_function(context, scope, callee, expression)
        case Layer():
            given = bind(context, scope, layer_signature(callee), expression.arguments, span)
            record_call(context, scope, callee, given, span)
            return Step(callee, tuple(given.items()), span)
        case Optimizer():
            if callee.arguments:
                raise context.mistake("NN305", f"{callee.name} has its parameters already", span)
            signature = Signature(callee.name, callee.definition.parameters)
            given = bind(context, scope, signature, expression.arguments, span)
            record_call(context, scope, callee, given, span)
            return replace(callee, arguments=tuple(given.items()))
        case Step():
            return _call_step(context, scope, callee, expression)
        case Model():
            return _call_model(context, scope, callee, expression)
        case _:
            raise context.mistake(
                "NN306",
                f"{describe(callee)} can't be called",
                span,
                help=_call_help(expression, callee),
            )


def _call_help(expression: tree.Call, callee: Value) -> str | None:
    if isinstance(expression.function, tree.Call) and expression.arguments:
        first, *rest = expression.arguments
        inner, given = expression.function.span.text, first.value.span.text
        more = ", ".join(item.span.text for item in rest if item.name is not None)
        if more and first.name is None and inner.endswith(")"):
            inner = f"{inner[:-1]}{'' if inner.endswith('()') else ', '}{more})"
        return f"a value flows into a step with an arrow: `{given} -> {inner}`"
    if isinstance(callee, Node | Parts):
        return "for a product write `*`"
    return None


def _call_step(context: Context, scope: Scope, step: Step, expression: tree.Call) -> Value:
    from nndsl.check.bodies.steps import apply_step

    if isinstance(expression.function, tree.Call):
        raise context.mistake(
            "NN306",
            f"{expression.function.span.text} is a step, and parentheses after it are Keras's way to apply it",
            expression.span,
            help=_call_help(expression, step),
        )
    positional, named = _given_values(context, scope, expression)
    return apply_step(context, step, positional, named, expression.span)


def _call_model(context: Context, scope: Scope, model: Model, expression: tree.Call) -> Value:
    from nndsl.check.bodies.steps import apply_model

    positional, named = _given_values(context, scope, expression)
    if not positional and not named and input_names(model.definition):
        raise context.mistake(
            "NN307",
            f"{model.path}() has no input",
            expression.span,
            help=f"give it values: `{model.path}({', '.join(input_names(model.definition))})`; another network is "
            f"declared with `model Other = {model.definition.name.name}(...)`",
        )
    return apply_model(context, model, positional, named, expression.span)


def _given_values(context: Context, scope: Scope, expression: tree.Call) -> tuple[list[Argument], dict[str, Argument]]:
    positional: list[Argument] = []
    named: dict[str, Argument] = {}
    for item in expression.arguments:
        given = Argument(evaluate(context, scope, item.value), item.value.span)
        if item.name is None:
            positional.append(given)
        elif item.name in named:
            raise context.mistake("NN303", f"`{item.name}` is given twice", item.span)
        else:
            named[item.name] = given
    return positional, named


# ------------------------------------------------------------------------------------------------ functions


def _call_function(context: Context, scope: Scope, function: Function, expression: tree.Call) -> Value:
    """A function over its arguments; without its first one it waits for it."""
    if isinstance(function.definition, Builtin):
        return _call_builtin(context, scope, function, function.definition, expression)
    signature = Signature(function.name, function.definition.parameters)
    given = bind(context, scope, signature, expression.arguments, expression.span)
    if not function.bound:
        record_call(context, scope, function, given, expression.span)
    else:
        given = _complete(context, function, given, expression)
    first = function.definition.parameters[0] if function.definition.parameters else None
    if first is not None and first.name.name not in given and first.default is None:
        return replace(function, bound=tuple(given.items()))
    return run_function(context, function, given, expression.span)


def _complete(
    context: Context, function: Function, given: dict[str, Argument], expression: tree.Call
) -> dict[str, Argument]:
    """A waiting function's bound arguments together with those of this call."""
    both = {**dict(function.bound), **given}
    if len(both) < len(function.bound) + len(given):
        raise context.mistake("NN303", f"{function.name} was given this argument before", expression.span)
    return both


def apply_function(context: Context, function: Function, first: Argument, span: Span) -> Value:
    """A waiting function given what it waits for."""
    name = function.first_parameter
    bound = dict(function.bound)
    if name is None or name in bound:
        raise context.mistake("NN306", f"{function.name} does not wait for a value", span)
    if isinstance(function.definition, Builtin):
        return _run_builtin(context, function.definition, {name: first, **bound}, span, function.scope)
    return run_function(context, function, {name: first, **bound}, span)


def run_function(context: Context, function: Function, given: dict[str, Argument], span: Span) -> Value:
    """Run a function written in the language: parameters bound and matched, then its body."""
    from nndsl.check.bodies.statements import run_body

    definition = function.definition
    assert isinstance(definition, tree.Definition)
    refuse_probabilities(context, function, given, span)
    refuse_classes(context, function, given)
    scope = Scope(function.scope)
    context.count_statement(span)
    frame = Frame("function", definition.name.name, span, context.path, "")
    with context.inside(frame):
        bind_parameters(context, scope, definition, given, span)
        result = run_body(context, scope, frame, definition)
    remember_probabilities(context, function, result, span)
    if isinstance(result, Node):
        result.named_if_nameless(context.joined(definition.name.name))
    return result


# ------------------------------------------------------------------------------------------------ builtins


def _call_builtin(context: Context, scope: Scope, function: Function, builtin: Builtin, expression: tree.Call) -> Value:
    given = dict(function.bound)
    names = [parameter.name for parameter in builtin.parameters]
    rest: list[Value] = []
    many = builtin.parameters[-1] if builtin.parameters and builtin.parameters[-1].many else None
    waiting = [name for name in names if name not in given]
    for position, item in enumerate(expression.arguments):
        value = argument(context, scope, item.value) if item.name != "axis" else _axis(context, scope, item)
        name = item.name
        if name is None and many is not None and position >= len(names) - 1:
            rest.append(value.value)
            continue
        if name is None:
            if position >= len(waiting):
                pair = {"max": "maximum", "min": "minimum"}.get(builtin.name)
                raise context.mistake(
                    "NN303",
                    f"{builtin.name} takes {len(names)} and is given {len(expression.arguments)} arguments",
                    item.span,
                    help=f"it has: {', '.join(names)}" if pair is None else f"of two values: `{pair}(a, b)`",
                )
            name = waiting[position]
        elif name not in names:
            close = did_you_mean(name, names)
            help = f"did you mean `{close}`?" if close else hints.for_argument(name) or f"it has: {', '.join(names)}"
            raise context.mistake("NN301", f"{builtin.name} has no argument `{name}`", item.span, help=help)
        if name in given:
            raise context.mistake("NN303", f"`{name}` is given twice", item.span)
        given[name] = value
    if many is not None:
        given[many.name] = Argument(tuple(rest), expression.span)
    if not function.bound:
        record_call(context, scope, function, given, expression.span)
    first = builtin.parameters[0] if builtin.parameters else None
    if first is not None and first.required and first.name not in given:
        return replace(function, bound=tuple(given.items()), scope=scope)
    return _run_builtin(context, builtin, given, expression.span, scope)


def _axis(context: Context, scope: Scope, item: tree.Argument) -> Argument:
    """`axis=...` means the leading axes that this body's pattern bound: they are the first ones."""
    if not isinstance(item.value, tree.Dots):
        return argument(context, scope, item.value)
    outer: Scope | None = scope
    while outer is not None and outer.dots is None:
        outer = outer.parent
    if outer is None or outer.dots is None:
        raise context.mistake(
            "NN205",
            "nothing says what `...` stands for here",
            item.value.span,
            help="a pattern does: `input x: [..., d]`",
        )
    return Argument(tuple(range(len(outer.dots))), item.value.span)


def _run_builtin(
    context: Context, builtin: Builtin, given: dict[str, Argument], span: Span, scope: Scope | None
) -> Value:
    values: dict[str, Argument] = {}
    for parameter in builtin.parameters:
        if parameter.name in given:
            values[parameter.name] = given[parameter.name]
        elif parameter.required:
            names = ", ".join(p.name for p in builtin.parameters)
            raise context.mistake("NN307", f"{builtin.name} needs `{parameter.name}`", span, help=f"it has: {names}")
        elif parameter.default is not None:
            values[parameter.name] = Argument(parameter.default, span)
    return builtin.call(context, Arguments(values, span, scope))


def call_value(context: Context, callee: Value, given: Argument, span: Span) -> Value:
    """Anything that waits for one value, given it: a function, a step, a model."""
    from nndsl.check.bodies.steps import apply_model, apply_step

    match callee:
        case Function():
            return apply_function(context, callee, given, span)
        case Layer():
            return apply_step(context, Step(callee, (), span), [given], {}, span)
        case Step():
            return apply_step(context, callee, [given], {}, span)
        case Model():
            return apply_model(context, callee, [given], {}, span)
        case Parts() if len(callee.outputs) == 1:
            return call_value(context, callee.outputs[0][1], given, span)
        case _:
            raise context.mistake("NN306", f"{describe(callee)} is not a step", span, help=_step_help(callee))


def _step_help(callee: Value) -> str | None:
    if isinstance(callee, Node):
        return "a function waits for its first argument: give the others by name, `leaky_relu(negative_slope=0.2)`"
    if isinstance(callee, Optimizer):
        return "an optimizer stands after `using` in a train block"
    return None
