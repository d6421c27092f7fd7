"""Bodies of layers, models and functions, statement by statement; `if`, `for` and `repeat` are run at compile time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

from nndsl.check.bodies.inputs import add_output, bind_input, last_line, refuse_leftovers
from nndsl.check.bodies.loops import run_scan
from nndsl.check.bodies.places import misplaced
from nndsl.check.bodies.steps import remember_step, through
from nndsl.check.bodies.weights import declare_state, declare_weight, keep_states
from nndsl.check.expressions.evaluate import evaluate, whole_number
from nndsl.check.runs import at_path
from nndsl.check.scope import Scope
from nndsl.check.values import (
    BROKEN,
    Argument,
    Broken,
    Function,
    Layer,
    Model,
    Parts,
    SilencedError,
    Step,
    Value,
    describe,
)
from nndsl.diagnostics import Label
from nndsl.ir import Node
from nndsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nndsl.check.context import Context, Frame
    from nndsl.source import Span


def run_body(context: Context, scope: Scope, frame: Frame, definition: tree.Definition) -> Value:
    """Walk a body and give what it outputs: one value, or `Parts` where it has several outputs or labels."""
    run_statements(context, scope, frame, definition.body)
    if frame.broken:
        raise SilencedError
    refuse_leftovers(context, frame, definition)
    if context.mode.training:
        keep_states(context, scope, frame)
    warn_unused(context, scope)
    outputs = frame.outputs or last_line(context, frame, definition)
    if len(outputs) == 1 and not frame.labels and not outputs[0][0]:
        return outputs[0][1]
    named = tuple((name or "output", value) for name, value in outputs)
    return Parts(named, dict(frame.labels), frame.name)


def run_statements(context: Context, scope: Scope, frame: Frame, statements: Sequence[tree.Statement]) -> None:
    """Walk statements in order. In a user's body each is tried, so that several mistakes are said in one go."""
    for statement in statements:
        context.count_statement(statement.span)
        if statement.span.file.library:
            run_statement(context, scope, frame, statement)
        else:
            attempt(context, scope, frame, statement, lambda tried: run_statement(context, scope, frame, tried))


def attempt(
    context: Context, scope: Scope, frame: Frame, statement: tree.Statement, run: Callable[[tree.Statement], None]
) -> None:
    """Run a statement; a mistake in it is reported, and what it would have named says nothing more."""
    with context.surviving() as hurt:
        run(statement)
    if hurt:
        frame.broken = True
        _break_names(scope, frame, statement)


def _break_names(scope: Scope, frame: Frame, statement: tree.Statement) -> None:
    match statement:
        case tree.Binding(names=names):
            for name in names:
                scope.bind(name.name, BROKEN)
        case tree.Input(name=name) | tree.WeightStatement(name=name) | tree.StateStatement(name=name):
            scope.bind(name.name, BROKEN)
            frame.line = BROKEN
        case tree.Scan(carries=carries, body=body):
            for binding in (*carries, *(inner for inner in body if isinstance(inner, tree.Binding))):
                for name in binding.names:
                    scope.bind(name.name, BROKEN)
        case tree.Apply(label=label):
            frame.line = BROKEN
            if label is not None:
                frame.labels[label.name] = BROKEN
                scope.bind(label.name, BROKEN)
        case _:
            pass


def run_statement(context: Context, scope: Scope, frame: Frame, statement: tree.Statement) -> None:
    """Walk one statement of a layer, model or function."""
    match statement:
        case tree.Binding():
            bind_names(context, scope, frame, statement)
        case tree.Apply():
            _apply(context, scope, frame, statement)
        case tree.Input():
            bind_input(context, scope, frame, statement)
        case tree.Output():
            add_output(context, scope, frame, statement)
        case tree.WeightStatement():
            declare_weight(context, scope, frame, statement)
        case tree.StateStatement():
            declare_state(context, scope, frame, statement)
        case tree.AssertStatement():
            check_assert(context, scope, statement)
        case tree.If() | tree.For() | tree.Repeat():
            run_control(context, scope, frame, statement)
        case tree.Scan():
            run_scan(context, scope, frame, statement)
        case (
            tree.Split()
            | tree.PartFrom()
            | tree.MinimizeStatement()
            | tree.MetricStatement()
            | tree.PredictStatement()
            | tree.ExpectStatement()
            | tree.Show()
        ):
            raise misplaced(context, statement, frame)
        case _:
            assert_never(statement)


# ------------------------------------------------------------------------------------------------ control flow


def run_control(
    context: Context,
    scope: Scope,
    frame: Frame,
    statement: tree.If | tree.For | tree.Repeat,
    run: Callable[[tuple[tree.Statement, ...]], None] | None = None,
) -> None:
    """`if`, `for` and `repeat`: their blocks share the surrounding scope. `run` walks a block."""

    def as_body(body: tuple[tree.Statement, ...]) -> None:
        run_statements(context, scope, frame, body)

    walk = run or as_body
    match statement:
        case tree.If():
            chosen = condition(context, scope, statement.condition)
            walk(statement.body if chosen else statement.otherwise)
        case tree.For():
            values = evaluate(context, scope, statement.values)
            if not isinstance(values, tuple):
                raise context.mistake(
                    "NN212",
                    f"`for` goes through a list, not {describe(values)}",
                    statement.values.span,
                    help="for example `for units in [64, 32]`, `for i in range(3)`",
                )
            for turn, value in enumerate(values):
                context.count_statement(statement.span)
                scope.bind(statement.name.name, value)
                _turn(frame, turn, statement.body, walk)
        case tree.Repeat():
            count = whole_number(context, scope, statement.count, "the count of a repeat")
            if count < 0 or count > 100_000:
                raise context.mistake("NN209", f"a repeat can't be done {count} times", statement.count.span)
            for turn in range(count):
                context.count_statement(statement.span)
                _turn(frame, turn, statement.body, walk)


def _turn(
    frame: Frame, turn: int, body: tuple[tree.Statement, ...], walk: Callable[[tuple[tree.Statement, ...]], None]
) -> None:
    frame.loops.append(turn)
    try:
        walk(body)
    finally:
        frame.loops.pop()


def condition(context: Context, scope: Scope, expression: tree.Expression) -> bool:
    """A compile-time truth value."""
    value = evaluate(context, scope, expression)
    if isinstance(value, bool):
        return value
    if isinstance(value, Node):
        raise context.mistake(
            "NN212",
            "this is known only when the network runs, and `if` and `assert` are decided before",
            expression.span,
            help="`where(condition, a, b)` chooses for each element",
        )
    raise context.mistake("NN212", f"a truth value is wanted, not {describe(value)}", expression.span)


def check_assert(context: Context, scope: Scope, statement: tree.AssertStatement) -> None:
    """`assert condition, "message with {names}"`."""
    if condition(context, scope, statement.condition):
        return
    if statement.message is None:
        message = f"this does not hold: {statement.condition.span.text}"
    else:
        message = re.sub(r"\{(\w+)\}", lambda name: _filled(scope, name[1]), statement.message.value)
    call = context.frame.call if context.frames else None
    shown = call is not None and not call.file.library and not statement.span.file.library
    more = [Label(call, "applied here")] if call is not None and shown else []
    raise context.mistake("NN308", message, statement.span, more=more)


def _filled(scope: Scope, name: str) -> str:
    value = scope.lookup(name)
    match value:
        case None:
            return f"{{{name}}}"
        case bool():
            return "true" if value else "false"
        case int() | float() | str():
            return str(value)
        case tuple():
            return _list_text(value)
        case Node():
            return value.type.shape_text
        case _:
            return describe(value)


def _list_text(value: Value) -> str:
    return f"[{', '.join(map(_list_text, value))}]" if isinstance(value, tuple) else str(value)


# ------------------------------------------------------------------------------------------------ names and steps


def bind_names(context: Context, scope: Scope, frame: Frame, statement: tree.Binding) -> None:
    """`name = value`, or `mean, variance = Encoder(x)` and `a, b = split(x, 2)`."""
    value = evaluate(context, scope, statement.value)
    frame.line, frame.why = None, f"`{statement.span.text.splitlines()[0]}` stands before it"
    if len(statement.names) == 1:
        name = statement.names[0]
        bind_name(context, scope, name, value)
        return
    values = _several(context, value, statement)
    for name, item in zip(statement.names, values, strict=True):
        bind_name(context, scope, name, item)


def bind_name(context: Context, scope: Scope, name: tree.Name, value: Value) -> None:
    """Let a name stand for a value; a step that has not been applied gets it as its own name, a node remembers it."""
    if isinstance(value, Layer):
        value = Step(value, (), name.span)
    if isinstance(value, Step) and value.path is None:
        value = value.at(context.joined(name.name + "".join(f"[{turn}]" for turn in context.frame.loops)))
    if isinstance(value, Model):
        value = at_path(value, context.joined(name.name + "".join(f"[{turn}]" for turn in context.frame.loops)))
    node = value.outputs[0][1] if isinstance(value, Parts) and len(value.outputs) == 1 else value
    if isinstance(node, Node):
        remember = node.named_if_nameless if context.frame.kind == "function" else node.named
        remember(context.joined(name.name))
    if name.span.file.library:
        scope.bind(name.name, value)
    else:
        scope.bind(name.name, value, name.span)
        context.bound.add(name.span)


def _several(context: Context, value: Value, statement: tree.Binding) -> tuple[Value, ...]:
    values = tuple(v for _, v in value.outputs) if isinstance(value, Parts) else value
    if not isinstance(values, tuple):
        raise context.mistake(
            "NN206",
            f"{len(statement.names)} names for {describe(value)}",
            statement.value.span,
            help="one name takes it",
        )
    if len(values) != len(statement.names):
        raise context.mistake("NN206", f"{len(statement.names)} names for {len(values)} values", statement.span)
    return values


def warn_unused(context: Context, scope: Scope) -> None:
    """Note which of a body's names were read; those that never are get a warning when the whole check is done."""
    context.bound.difference_update(scope.used)


def _apply(context: Context, scope: Scope, frame: Frame, statement: tree.Apply) -> None:
    """A bare or labelled line."""
    expression = statement.value
    if isinstance(expression, tree.Chain):
        start = evaluate(context, scope, expression.start)
        if isinstance(start, Layer | Step | Function):
            begin = _line_before(context, frame, expression.start.span)
            value = through(context, scope, begin, (expression.start, *expression.steps), statement.label)
        else:
            value = through(context, scope, Argument(start, expression.start.span), expression.steps, statement.label)
    else:
        value = _bare_line(context, scope, frame, statement)
    _set_line(context, scope, frame, statement, value)


def _bare_line(context: Context, scope: Scope, frame: Frame, statement: tree.Apply) -> Value:
    callee = evaluate(context, scope, statement.value)
    if isinstance(callee, Layer | Step | Function | Model):
        begin = _line_before(context, frame, statement.span)
        return through(context, scope, begin, (statement.value,), statement.label)
    if isinstance(callee, Node | Parts):
        return callee
    help = "a line is a step: `Dense(10)`, `relu`"
    if isinstance(statement.value, tree.Call):
        name = statement.value.function.span.text
        help = f"`{name}` waits for its first argument only while that is missing: give the others by name"
    raise context.mistake("NN306", f"{describe(callee)} is not a step", statement.value.span, help=help)


def _line_before(context: Context, frame: Frame, span: Span) -> Argument:
    if isinstance(frame.line, Broken):
        raise SilencedError
    if frame.line is None:
        start = frame.inputs[-1][0] if frame.inputs else "x"
        raise context.mistake(
            "NN311",
            f"this step has no value to start from: {frame.why}",
            span,
            help=f"say where it starts: `{start} -> {span.text.strip().splitlines()[0]}`",
        )
    return Argument(frame.line, span)


def _set_line(context: Context, scope: Scope, frame: Frame, statement: tree.Apply, value: Value) -> None:
    frame.line = value
    if statement.label is None:
        return
    label = statement.label
    if isinstance(value, Node):
        value.named(context.joined(label.name))
    if frame.loops:
        before = frame.labels.get(label.name, ())
        frame.labels[label.name] = (*(before if isinstance(before, tuple) else ()), value)
    else:
        frame.labels[label.name] = value
    scope.bind(label.name, value)
    if frame.kind == "model":
        turns = "".join(f"[{turn}]" for turn in frame.loops)
        remember_step(context, context.joined(f"{label.name}{turns}"), value)
