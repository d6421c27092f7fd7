"""Bodies of layers, models and functions, statement by statement; `if`, `for` and `repeat` are run at compile time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, assert_never

from nndsl import ops
from nndsl.check.arithmetic import as_node, broadcast, cast, tensor
from nndsl.check.calls import call_value
from nndsl.check.expressions import argument, evaluate, state_node, weight_node, whole_number
from nndsl.check.loops import run_scan
from nndsl.check.patterns import declared_type, match_shape, resolve_shape
from nndsl.check.scope import Scope
from nndsl.check.steps import through
from nndsl.check.values import (
    BROKEN,
    Argument,
    Broken,
    Function,
    Layer,
    Looped,
    Model,
    Parts,
    SilencedError,
    Step,
    Value,
    describe,
)
from nndsl.diagnostics import Label
from nndsl.ir import DType, Kind, Node, TensorType
from nndsl.ir.program import State, Weight
from nndsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nndsl.check.context import Context, Frame
    from nndsl.source import Span

_PLACES = {
    "split": "a data block",
    "test from": "a data block",
    "minimize": "a train block",
    "metric": "a train block",
    "predict": "a train block",
    "expect": "a train block",
    "weight": "a layer or a model",
    "state": "a layer or an optimizer",
    "input": "a layer or a model",
}


def run_body(context: Context, scope: Scope, frame: Frame, definition: tree.Definition) -> Value:
    """Walk a body and give what it outputs: one value, or `Parts` where it has several outputs or labels."""
    run_statements(context, scope, frame, definition.body)
    if frame.broken:
        raise SilencedError
    _refuse_leftovers(context, frame, definition)
    if context.mode.training:
        _keep_states(context, scope, frame)
    warn_unused(context, scope)
    outputs = frame.outputs or _last_line(context, frame, definition)
    if len(outputs) == 1 and not frame.labels and not outputs[0][0]:
        return outputs[0][1]
    named = tuple((name or "output", value) for name, value in outputs)
    return Parts(named, dict(frame.labels), frame.name)


def run_statements(context: Context, scope: Scope, frame: Frame, statements: Sequence[tree.Statement]) -> None:
    """Walk statements in order. In a user's body each is tried, so that several mistakes are said in one go."""
    for statement in statements:
        if statement.span.file.library:
            run_statement(context, scope, frame, statement)
            continue
        with context.surviving() as hurt:
            run_statement(context, scope, frame, statement)
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
            _input(context, scope, frame, statement)
        case tree.Output():
            _output(context, scope, frame, statement)
        case tree.WeightStatement():
            _weight(context, scope, frame, statement)
        case tree.StateStatement():
            _state(context, scope, frame, statement)
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


def misplaced(context: Context, statement: tree.Statement, frame: Frame) -> Exception:
    """The mistake of a statement in a block where it means nothing."""
    words: dict[type[object], str] = {
        tree.Split: "split",
        tree.PartFrom: "test from",
        tree.MinimizeStatement: "minimize",
        tree.MetricStatement: "metric",
        tree.PredictStatement: "predict",
        tree.ExpectStatement: "expect",
        tree.WeightStatement: "weight",
        tree.StateStatement: "state",
        tree.Input: "input",
        tree.Output: "output",
        tree.Apply: "a step",
        tree.Show: "show",
    }
    word = words.get(type(statement), "this statement")
    place = _PLACES.get(word, "a layer, a model or a function")
    return context.mistake(
        "NN309", f"`{word}` does not belong in a {frame.kind} block", statement.span, help=f"it stands in {place}"
    )


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
                scope.bind(statement.name.name, value)
                _turn(frame, turn, statement.body, walk)
        case tree.Repeat():
            count = whole_number(context, scope, statement.count, "the count of a repeat")
            if count < 0 or count > 100_000:
                raise context.mistake("NN209", f"a repeat can't be done {count} times", statement.count.span)
            for turn in range(count):
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
    raise context.mistake("NN308", message, statement.span)


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
            return f"[{', '.join(map(str, value))}]"
        case Node():
            return value.type.shape_text
        case _:
            return describe(value)


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
    if isinstance(value, Node) and (context.frame.kind != "function" or not value.names):
        value.named(context.joined(name.name))
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
    raise context.mistake(
        "NN306", f"{describe(callee)} is not a step", statement.value.span, help="a line is a step: `Dense(10)`, `relu`"
    )


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


# ------------------------------------------------------------------------------------------------ inputs and outputs


def _input(context: Context, scope: Scope, frame: Frame, statement: tree.Input) -> None:
    if frame.kind not in ("layer", "model"):
        raise misplaced(context, statement, frame)
    name = statement.name.name
    given = _given_input(context, scope, frame, statement)
    value = as_node(context, given.value, given.span)
    if not isinstance(value, Node):
        value = tensor(context, Argument(value, given.span))
    if statement.type is not None:
        value = _typed_input(context, scope, statement, value, given)
    if not value.names:
        value.named(context.joined(name))
    scope.bind(name, value)
    if len(frame.inputs) == 0 and frame.line is None:
        frame.line = value
    else:
        frame.line, frame.why = None, "after a second input or a name a line must say where it starts"
    frame.inputs.append((name, value))


def _typed_input(context: Context, scope: Scope, statement: tree.Input, value: Node, given: Argument) -> Node:
    assert statement.type is not None
    pattern = declared_type(context, statement.type, scope)
    wanted = pattern.dtype or DType.FLOAT
    what = f"the input `{statement.name.name}`"
    if value.type.dtype is not wanted:
        if wanted is DType.FLOAT:
            value = cast(context, value, wanted, given.span)
        else:
            raise context.mistake(
                "NN211",
                f"{what} must be {wanted.value}, and this is {value.type.dtype.value}",
                given.span,
                value.type.shape_text,
                help="ids come from `class(...)` or `category(...)` in the data block, or `int(x)`"
                if wanted is DType.INT
                else "compare it: `x > 0`",
            )
    if value.op is ops.constant and value.type.rank == 0:
        return broadcast(context, value, resolve_shape(context, pattern, scope), value.type.kind, given.span)
    match_shape(context, pattern, value.type.shape, scope, given.span, what)
    return value


def _given_input(context: Context, scope: Scope, frame: Frame, statement: tree.Input) -> Argument:
    name = statement.name.name
    if name in frame.given:
        return Argument(frame.given.pop(name), frame.call or statement.span)
    if frame.positional:
        value, span = frame.positional.pop(0)
        return Argument(value, span)
    if statement.default is not None:
        return argument(context, scope, statement.default)
    raise context.mistake(
        "NN307",
        f"{frame.name} needs its input `{name}`",
        frame.call or statement.span,
        more=[Label(statement.span, "declared here")] if frame.call is not None else [],
    )


def _refuse_leftovers(context: Context, frame: Frame, definition: tree.Definition) -> None:
    if frame.positional:
        count = len(frame.inputs)
        raise context.mistake(
            "NN303",
            f"{frame.name} takes {count} {'input' if count == 1 else 'inputs'}, and one more is given",
            frame.positional[0][1],
            more=[Label(definition.name.span, "defined here")],
        )


def _output(context: Context, scope: Scope, frame: Frame, statement: tree.Output) -> None:
    value = evaluate(context, scope, statement.value)
    name = statement.name.name if statement.name is not None else ""
    if any(known == name for known, _ in frame.outputs):
        what = f"an output called `{name}`" if name else "an output without a name"
        raise context.mistake(
            "NN312",
            f"{frame.name} has {what} already",
            statement.span,
            help="several outputs have names: `output mean = ...`",
        )
    if isinstance(value, Parts) and len(value.outputs) == 1:
        value = value.outputs[0][1]
    if isinstance(value, Looped) or (frame.kind != "function" and not isinstance(value, Parts)):
        node = as_node(context, value, statement.value.span)
        value = node if isinstance(node, Node) else tensor(context, Argument(node, statement.value.span))
    if isinstance(value, Node) and name:
        value.named(context.joined(name))
    frame.outputs.append((name, value))


def _last_line(context: Context, frame: Frame, definition: tree.Definition) -> list[tuple[str, Value]]:
    if isinstance(frame.line, Broken):
        raise SilencedError
    if frame.line is None:
        raise context.mistake(
            "NN312",
            f"{frame.name} gives no value",
            definition.name.span,
            help="end it with a step, or with `output value`",
        )
    value = frame.line
    if isinstance(value, Parts) and len(value.outputs) == 1:
        value = value.outputs[0][1]
    return [("", value)]


# ------------------------------------------------------------------------------------------------ weights and states


def _weight(context: Context, scope: Scope, frame: Frame, statement: tree.WeightStatement) -> None:
    if frame.kind not in ("layer", "model"):
        raise misplaced(context, statement, frame)
    path = _own_path(context, frame, statement.name)
    pattern = declared_type(context, statement.type, scope)
    if pattern.dtype not in (None, DType.FLOAT):
        raise context.mistake("NN205", "weights are floats", statement.type.span)
    type = TensorType(DType.FLOAT, resolve_shape(context, pattern, scope), Kind.SHARED)
    known = context.weights.get(path)
    if known is None:
        initial = initial_value(context, scope, path, type, statement.value)
        origin = context.origin(statement.span)
        context.weights[path] = Weight(path, type, initial, origin)
    elif known.type != type:
        raise context.mistake(
            "NN313",
            f"{path} is {known.type.shape_text}, and would be {type.shape_text} here",
            statement.span,
            help="a named step or a model has one set of weights; `copy(step)` and `model Other = ...` have their own",
        )
    scope.bind(statement.name.name, weight_node(context, path))


def _state(context: Context, scope: Scope, frame: Frame, statement: tree.StateStatement) -> None:
    if frame.declare_state is not None:
        frame.declare_state(scope, statement)
        return
    if frame.kind not in ("layer", "model") or statement.type is None:
        raise misplaced(context, statement, frame)
    path = _own_path(context, frame, statement.name)
    pattern = declared_type(context, statement.type, scope)
    type = TensorType(pattern.dtype or DType.FLOAT, resolve_shape(context, pattern, scope), Kind.SHARED)
    known = context.states.get(path)
    if known is None:
        initial = initial_value(context, scope, path, type, statement.value)
        context.states[path] = State(path, type, initial, context.origin(statement.span))
    elif known.type != type:
        raise context.mistake(
            "NN313", f"{path} is {known.type.shape_text}, and would be {type.shape_text} here", statement.span
        )
    frame.states.append((statement.name.name, path))
    scope.bind(statement.name.name, state_node(context, path))


def _own_path(context: Context, frame: Frame, name: tree.Name) -> str:
    path = context.joined(name.name + "".join(f"[{turn}]" for turn in frame.loops))
    if path in frame.weights:
        raise context.mistake(
            "NN314", f"`{name.name}` is declared twice", name.span, more=[Label(frame.weights[path], "first here")]
        )
    frame.weights[path] = name.span
    return path


def _keep_states(context: Context, scope: Scope, frame: Frame) -> None:
    """The last binding of a state is its value for the next step."""
    for name, path in frame.states:
        value = scope.lookup(name)
        if not isinstance(value, Node) or value is state_node(context, path):
            continue
        type = context.states[path].type
        if value.type != type:
            span = context.states[path].origin.span
            raise context.mistake(
                "NN213",
                f"the state `{name}` is {type}, and would become {value.type}",
                span,
                help="a state is shared by all samples: `batch_mean(x, axis=...)` looks across the batch",
            )
        context.mode.state_values[path] = value


def initial_value(context: Context, scope: Scope, path: str, type: TensorType, expression: tree.Expression) -> Node:
    """What a weight or state starts from: an initializer waiting for the shape, or a value."""
    before, context.initializing = context.initializing, path
    try:
        value = evaluate(context, scope, expression)
        if isinstance(value, Function):
            value = call_value(context, value, Argument(type.shape, expression.span), expression.span)
    finally:
        context.initializing = before
    node = as_node(context, value, expression.span)
    if not isinstance(node, Node):
        number = float(node) if type.dtype is DType.FLOAT else int(node)
        return context.constant(number, type)
    node = cast(context, node, type.dtype, expression.span)
    if node.type.shape != type.shape and node.type.rank:
        raise context.mistake(
            "NN204",
            f"this initial value is {node.type.shape_text}, and the weight is {type.shape_text}",
            expression.span,
            help="an initializer without a shape fits itself: `glorot_uniform`, `zeros`",
        )
    if node.type.kind is Kind.SAMPLE:
        raise context.mistake("NN213", "an initial value can't depend on a sample", expression.span)
    return broadcast(context, node, type.shape, Kind.SHARED, expression.span)
