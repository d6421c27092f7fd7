"""Steps applied to values: chains, layers and models. Each application of a path has the same weights."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from nndsl.check.bodies.repeats import repeatable, walked_or_repeated
from nndsl.check.context import Frame, snake_case
from nndsl.check.expressions.binding import bind_parameters, input_names
from nndsl.check.expressions.calls import call_value
from nndsl.check.expressions.evaluate import argument, evaluate
from nndsl.check.record import record_call
from nndsl.check.runs import at_path, inside_run, root_in_run
from nndsl.check.scope import Scope
from nndsl.check.values import Argument, Function, Layer, Model, Parts, Step, Value
from nndsl.diagnostics import Label
from nndsl.ir import Node, TensorType
from nndsl.ir.program import LayerInfo, ModelInfo
from nndsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.check.context import Context
    from nndsl.source import Span


def chain(context: Context, scope: Scope, expression: tree.Chain, label: tree.Name | None) -> Value:
    """`start -> step -> step`: each step applied to what comes out of the one before. `label` names the last."""
    return through(context, scope, argument(context, scope, expression.start), expression.steps, label)


def through(
    context: Context, scope: Scope, start: Argument, steps: Sequence[tree.Expression], label: tree.Name | None
) -> Value:
    """A value through the steps in turn."""
    value = start
    for position, step in enumerate(steps):
        name = label if position == len(steps) - 1 else None
        value = Argument(_through_one(context, scope, value, step, name), step.span)
    return value.value


def _through_one(
    context: Context, scope: Scope, value: Argument, expression: tree.Expression, label: tree.Name | None
) -> Value:
    callee = evaluate(context, scope, expression)
    title = expression.span.text if label is None else f"{label.name}: {expression.span.text}"
    if isinstance(callee, Layer):
        record_call(context, scope, callee, {}, expression.span)
        callee = Step(callee, (), expression.span)
    if isinstance(callee, Step):
        if callee.path is None:
            callee = callee.at(context.joined(labelled(context, label, callee)))
        return apply_step(context, callee, [value], {}, expression.span, title)
    if isinstance(callee, Model) and not callee.path:
        callee = at_path(callee, context.joined(labelled(context, label, callee)))
    if isinstance(callee, Function | Model):
        with_title(context, title)
        return call_value(context, callee, value, expression.span)
    if isinstance(expression, tree.Call) and isinstance(evaluate(context, scope, expression.function), Function):
        name = expression.function.span.text
        raise context.mistake(
            "NN306",
            f"{expression.span.text} is a value already, not a step",
            expression.span,
            help=f"`{name}` waits for its first argument only while that is missing: give the others by name",
        )
    return call_value(context, callee, value, expression.span)


def with_title(context: Context, title: str) -> None:
    """Remember how the user wrote the line that is being walked (inside a body of theirs)."""
    frame = context.frame
    if frame.kind in ("model", "train") and "\n" not in title:
        frame.title = title


def labelled(context: Context, label: tree.Name | None, step: Step | Model) -> str:
    """The name of a step: its label (with the turn of each loop around it), or its layer's, counted."""
    if label is None:
        name = step.definition.name.name if isinstance(step, Model) else step.layer.name
        return context.step_name(snake_case(name))
    return label.name + "".join(f"[{turn}]" for turn in context.frame.loops)


# ------------------------------------------------------------------------------------------------ layers


def apply_step(
    context: Context,
    step: Step,
    positional: list[Argument],
    named: dict[str, Argument],
    span: Span,
    title: str = "",
) -> Value:
    """A layer's body over its inputs. The step gets a name here if it has none."""
    from nndsl.check.bodies.statements import run_body

    definition = step.layer.definition
    if step.path is None:
        step = step.at(context.joined(context.step_name(snake_case(step.layer.name))))
    path = step.path or ""
    inputs = set(input_names(definition))
    parameters = {name: given for name, given in step.arguments if name not in inputs}
    given = {**{name: given for name, given in step.arguments if name in inputs}, **named}
    refuse_unknown_inputs(context, definition, named, span)
    outer = context.frame if context.frames else None
    frame = Frame("layer", step.layer.name, span, path, title if "\n" not in title else "", given=_values(given))
    frame.positional = [(item.value, item.span) for item in positional]
    frame.library = definition.span.file.library
    scope = Scope(step.layer.scope)
    known = len(context.weights)

    def walk() -> Value:
        with context.inside(frame):
            bind_parameters(context, scope, definition, parameters, step.span)
            result = run_body(context, scope, frame, definition)
        if isinstance(result, Node) and all(result is not node for _, node in frame.inputs):
            result.named(path)
        return result

    application = None if given else repeatable(context, step, path, positional, span, frame.title or context.title)
    result = walked_or_repeated(context, application, walk)
    output = _type_of(result)
    if output is not None and outer is not None and outer.kind == "model" and not span.file.library:
        made = tuple(islice(reversed(context.weights), len(context.weights) - known))[::-1]
        _remember_layer(context, outer.path, LayerInfo(path, step.layer.name, output, made, span))
        remember_step(context, path, result)
    return result


def refuse_unknown_inputs(
    context: Context, definition: tree.Definition, named: dict[str, Argument], span: Span
) -> None:
    """An input that the layer or model does not have is a mistake."""
    from nndsl.diagnostics import did_you_mean

    known = input_names(definition)
    for name, item in named.items():
        if name not in known:
            close = did_you_mean(name, known)
            help = f"did you mean `{close}`?" if close else f"it has: {', '.join(known) or 'none'}"
            raise context.mistake("NN301", f"{definition.name.name} has no input `{name}`", item.span, help=help)


def _values(given: dict[str, Argument]) -> dict[str, Value]:
    return {name: item.value for name, item in given.items()}


def _remember_layer(context: Context, model: str, info: LayerInfo) -> None:
    """Keep what the summary says of a step, as it was first applied."""
    context.layers.setdefault(model, {}).setdefault(info.path, info)


def remember_step(context: Context, path: str, value: Value) -> None:
    """Keep what a step or label of a user's model gave, as it was first applied in evaluation."""
    while isinstance(value, Parts):
        value = value.outputs[0][1]
    if not context.mode.training and isinstance(value, Node):
        context.mode.steps.setdefault(path, value)


def _type_of(value: Value) -> TensorType | None:
    """Type of a step's (first) output."""
    while isinstance(value, Parts):
        value = value.outputs[0][1]
    return value.type if isinstance(value, Node) else None


# ------------------------------------------------------------------------------------------------ models


def apply_model(
    context: Context,
    model: Model,
    positional: list[Argument],
    named: dict[str, Argument],
    span: Span,
) -> Value:
    """A model over its inputs: the same weights wherever it is applied."""
    from nndsl.check.bodies.statements import run_body

    model = inside_run(context, at_path(model, context.joined(snake_case(model.definition.name.name))))
    definition = model.definition
    if any(frame.kind == "model" and frame.path == model.path for frame in context.frames):
        raise context.mistake(
            "NN304",
            f"{model.path} is applied inside itself",
            span,
            more=[Label(definition.name.span, "defined here")],
            help=f"a network of its own is declared with `model Other = {definition.name.name}(...)`",
        )
    refuse_unknown_inputs(context, definition, named, span)
    frame = Frame("model", definition.name.name, span, model.path, "", given=_values(named))
    frame.positional = [(item.value, item.span) for item in positional]
    scope = Scope(model.scope)
    frame.model = model
    frame.root = root_in_run(context, model)
    training = context.mode.training
    context.mode.training = training and not model.frozen
    try:
        with context.inside(frame):
            bind_parameters(context, scope, definition, dict(model.arguments), model.span)
            result = run_body(context, scope, frame, definition)
    finally:
        context.mode.training = training
    if not training:
        given = tuple((name, node) for name, node in frame.inputs if name not in frame.defaulted)
        context.applied.setdefault(model.path, given)
    context.models[model.path] = ModelInfo(
        model.path,
        tuple((name, node.type) for name, node in frame.inputs),
        tuple(context.layers.get(model.path, {}).values()),
        definition.name.span,
    )
    return result
