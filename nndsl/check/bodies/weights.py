"""What a body keeps: `weight` and `state`, and what they start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.check.bodies.places import misplaced
from nndsl.check.expressions.arithmetic import as_node, broadcast, cast
from nndsl.check.expressions.calls import call_value
from nndsl.check.expressions.evaluate import evaluate, state_node, weight_node
from nndsl.check.expressions.patterns import declared_type, resolve_shape
from nndsl.check.runs import source_of
from nndsl.check.scope import Scope
from nndsl.check.values import Argument, Function
from nndsl.diagnostics import Label
from nndsl.ir import DType, Kind, Node, TensorType
from nndsl.ir.program import FromRun, State, Weight
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context, Frame


def declare_weight(context: Context, scope: Scope, frame: Frame, statement: tree.WeightStatement) -> None:
    """`weight kernel: [d, units] = glorot_uniform`: made once for its path, the same wherever that is applied."""
    if frame.kind not in ("layer", "model"):
        raise misplaced(context, statement, frame)
    path = _own_path(context, frame, statement.name)
    pattern = declared_type(context, statement.type, scope)
    if pattern.dtype not in (None, DType.FLOAT):
        raise context.mistake("NN205", "weights are floats", statement.type.span)
    type = TensorType(DType.FLOAT, resolve_shape(context, pattern, scope), Kind.SHARED)
    known = context.weights.get(path)
    if known is None:
        initial, source = _start_of(context, scope, path, type, statement)
        origin = context.origin(statement.span)
        context.weights[path] = Weight(path, type, initial, origin, source, context.library_layers())
    elif known.type != type:
        raise context.mistake(
            "NN313",
            f"{path} is {known.type.shape_text}, and would be {type.shape_text} here",
            statement.span,
            help="a named step or a model has one set of weights; `copy(step)` and `model Other = ...` have their own",
        )
    scope.bind(statement.name.name, weight_node(context, path))


def declare_state(context: Context, scope: Scope, frame: Frame, statement: tree.StateStatement) -> None:
    """`state moving_mean: [d] = zeros`; in an optimizer, one of its slots."""
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
        initial, source = _start_of(context, scope, path, type, statement)
        origin = context.origin(statement.span)
        context.states[path] = State(path, type, initial, origin, source, context.library_layers())
    elif known.type != type:
        raise context.mistake(
            "NN313", f"{path} is {known.type.shape_text}, and would be {type.shape_text} here", statement.span
        )
    frame.states.append((statement.name.name, path))
    scope.bind(statement.name.name, state_node(context, path))


def _start_of(
    context: Context, scope: Scope, path: str, type: TensorType, statement: tree.WeightStatement | tree.StateStatement
) -> tuple[Node, FromRun | None]:
    """What a weight or state starts from: its initial value, or an earlier run's."""
    found = source_of(context, path, type, statement.span)
    if found is None:
        return initial_value(context, scope, path, type, statement.value), None
    run, source, frozen = found
    if frozen:
        context.frozen.add(path)
    return context.constant(0.0, type), FromRun(run.name, run.folder, source, frozen)


def _own_path(context: Context, frame: Frame, name: tree.Name) -> str:
    path = context.joined(name.name + "".join(f"[{turn}]" for turn in frame.loops))
    if path in frame.weights:
        raise context.mistake(
            "NN314", f"`{name.name}` is declared twice", name.span, more=[Label(frame.weights[path], "first here")]
        )
    frame.weights[path] = name.span
    return path


def keep_states(context: Context, scope: Scope, frame: Frame) -> None:
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
