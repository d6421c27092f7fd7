"""`metric` and `predict` lines of a train block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.blocks.losses import divided, sample_mean
from nndsl.check.builtins.reductions import total_of
from nndsl.check.expressions.arithmetic import as_node, broadcast
from nndsl.check.expressions.evaluate import evaluate
from nndsl.check.scope import Scope
from nndsl.check.values import Function, Value, describe
from nndsl.ir import DType, Kind, Node, TensorType
from nndsl.ir.program import Reported
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.blocks.walk import Walk
    from nndsl.check.context import Context


def read_metric(context: Context, scope: Scope, statement: tree.MetricStatement, walk: Walk) -> None:
    """`metric accuracy(scores, label)`, `metric name = expression`."""
    name = statement.name.name if statement.name is not None else _metric_name(context, statement)
    span = statement.value.span
    value = _evaluate_metric(context, scope, statement.value)
    if isinstance(value, Function):
        raise context.mistake("NN508", f"{describe(value)} is not a number", span, help=f"call it: `{value.name}(...)`")
    node = as_node(context, value, span)
    if not isinstance(node, Node) or node.type.kind is not Kind.STEP:
        mean = broadcast(context, sample_mean(context, value, span, "a metric"), (), Kind.SAMPLE, span)
        samples = total_of(context, context.constant(1.0, TensorType(DType.FLOAT, (), Kind.SAMPLE)), span)
        node = divided(context, total_of(context, mean, span), samples, span)
    if name == "loss" or any(metric.name == name for metric in walk.metrics):
        raise context.mistake(
            "NN508",
            f"`{name}` is reported already",
            statement.span,
            help=f"give it another name: `metric {name}_2 = ...`",
        )
    walk.metrics.append(Reported(name, node, statement.span))


def _evaluate_metric(context: Context, scope: Scope, expression: tree.Expression) -> Value:
    """A metric's value. `metric NAME(...)` finds the metric of that name before a function of it."""
    from nndsl.check import library
    from nndsl.check.files import library_scope

    if isinstance(expression, tree.Call) and isinstance(expression.function, tree.Name):
        name = expression.function.name
        found = scope.lookup(name)
        definition = library.definition(f"metric {name}")
        if definition is not None and isinstance(found, Function) and found.scope is library_scope():
            inner = Scope(scope)
            inner.bind(name, Function(definition, library_scope()))
            return evaluate(context, inner, expression)
    return evaluate(context, scope, expression)


def _metric_name(context: Context, statement: tree.MetricStatement) -> str:
    value = statement.value
    if isinstance(value, tree.Call) and isinstance(value.function, tree.Name):
        return value.function.name
    if isinstance(value, tree.Name):
        return value.name
    raise context.mistake(
        "NN508", "this metric has no name", statement.span, help=f"`metric name = {value.span.text.splitlines()[0]}`"
    )


def read_predictions(context: Context, scope: Scope, statement: tree.PredictStatement, walk: Walk) -> None:
    """`predict digit = argmax(scores), confidence`."""
    for item in statement.values:
        name = item.name
        if name is None:
            if not isinstance(item.value, tree.Name):
                raise context.mistake(
                    "NN510", "a prediction needs a name", item.span, help=f"`predict answer = {item.value.span.text}`"
                )
            name = item.value.name
        if any(known == name for known, _, _ in walk.predictions):
            raise context.mistake("NN510", f"`{name}` is predicted already", item.span)
        node = as_node(context, evaluate(context, scope, item.value), item.value.span)
        if not isinstance(node, Node):
            raise context.mistake("NN510", "this is the same for every sample", item.value.span)
        node = broadcast(context, node, node.type.shape, Kind.SAMPLE, item.value.span)
        walk.predictions.append((name, node, _class_names(context, node)))


def _class_names(context: Context, node: Node) -> tuple[str, ...] | None:
    """Class names of predicted ids: of the field that the scores were compared with, or the only one that fits."""
    if node.type.dtype is not DType.INT:
        return None
    if node.id in context.score_classes:
        return context.score_classes[node.id]
    if node.op is not ops.argmax or node.type.rank:
        return None
    size = node.inputs[0].type.shape[-1]
    fitting = [names for names in context.field_classes.values() if len(names) == size]
    return fitting[0] if len(fitting) == 1 else None
