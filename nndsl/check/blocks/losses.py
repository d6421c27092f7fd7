"""`minimize` lines of a train block: what is differentiated, what is reported of it, and who updates the weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.blocks.optimizers import updates_of
from nndsl.check.blocks.solvers import solver_of
from nndsl.check.builtins.reductions import average, batch_size, batch_total, total_of
from nndsl.check.expressions.arithmetic import arithmetic, as_node, broadcast, cast
from nndsl.check.expressions.evaluate import evaluate, whole_number
from nndsl.check.values import Argument, Function, Parts, Value, describe
from nndsl.ir import DType, Kind, Node, TensorType
from nndsl.ir.program import Minimize, Reported

if TYPE_CHECKING:
    from nndsl.check.blocks.walk import Walk
    from nndsl.check.context import Context
    from nndsl.check.scope import Scope
    from nndsl.source import Span
    from nndsl.syntax import tree


def sample_mean(context: Context, value: Value, span: Span, what: str) -> Node:
    """What a loss or a metric is of each sample: the mean over the axes that are left, as a float."""
    node = as_node(context, value, span)
    if not isinstance(node, Node):
        node = context.constant(float(node), TensorType(DType.FLOAT, (), Kind.SHARED))
    if node.type.kind is Kind.STEP:
        node = context.apply(ops.from_step, [node], span)
    return average(context, cast(context, node, DType.FLOAT, span), tuple(range(node.type.rank)), span)


def read_minimize(context: Context, scope: Scope, statement: tree.MinimizeStatement, walk: Walk) -> None:
    """`minimize loss weighted by w over Model using Adam every 5`."""
    span = statement.loss.span
    value = evaluate(context, scope, statement.loss)
    if isinstance(value, Function):
        raise context.mistake(
            "NN507", f"{describe(value)} is not a number to minimize", span, help=f"call it: `{value.name}(...)`"
        )
    if isinstance(value, Parts | Node):
        node = as_node(context, value, span)
        if isinstance(node, Node) and node.type.dtype is not DType.FLOAT:
            raise context.mistake(
                "NN507", f"this is {node.type.dtype.value}, and only floats can be minimized", span,
                help="an accuracy has no slope: minimize `cross_entropy(scores, label)`",
            )  # fmt: skip
    loss = sample_mean(context, value, span, "the loss")
    weight = _sample_weight(context, scope, statement)
    mean, reported, counted = _batch_mean_loss(context, loss, weight, span)
    walk.losses.append(Reported("loss", reported, span))
    if not context.mode.training:
        return
    index = len(walk.minimizes)
    solver = solver_of(context, scope, statement, value, mean, walk.minimizes)
    if solver is not None:
        walk.minimizes.append(Minimize(index, mean, (), 1, statement.span, solver=solver))
        return
    updates = updates_of(context, scope, statement, mean, index, scaled=walk.scaled)
    every = 1 if statement.every is None else whole_number(context, scope, statement.every, "`every`")
    if every < 1:
        raise context.mistake("NN209", f"`every` counts steps from 1, and this is {every}", statement.span)
    walk.minimizes.append(Minimize(index, mean, updates, every, statement.span, counted=counted))
    for update in updates:
        for path in update.weights:
            context.mode.versions[path] = context.mode.versions.get(path, 0) + 1


def _sample_weight(context: Context, scope: Scope, statement: tree.MinimizeStatement) -> Node | None:
    if statement.weighted_by is None:
        return None
    span = statement.weighted_by.span
    node = as_node(context, evaluate(context, scope, statement.weighted_by), span)
    if not isinstance(node, Node) or node.type.kind is not Kind.SAMPLE:
        raise context.mistake("NN507", "`weighted by` wants a number for each sample", span)
    if node.type.shape == (1,):
        node = context.apply(ops.reshape, [node], span, shape=())
    if node.type.rank:
        raise context.mistake(
            "NN507", f"`weighted by` wants one number for each sample, and this is {node.type.shape_text}", span
        )
    return cast(context, node, DType.FLOAT, span)


def _batch_mean_loss(context: Context, loss: Node, weight: Node | None, span: Span) -> tuple[Node, Node, int | None]:
    """What is differentiated: the mean over the batch; what is reported: the mean over the split; total of the weights.

    The last is that total's number, None where each sample counts as one.
    """
    loss = broadcast(context, loss, (), Kind.SAMPLE, span)
    if weight is None:
        total, count = batch_total(context, loss, span), context.apply(ops.from_step, [batch_size(context)], span)
        samples = total_of(context, context.constant(1.0, TensorType(DType.FLOAT, (), Kind.SAMPLE)), span)
        reported = divided(context, total_of(context, loss, span), samples, span)
        return context.apply(ops.divide, [total, count], span).named("loss"), reported, None
    weighted = context.apply(ops.multiply, [loss, weight], span)
    total, count = batch_total(context, weighted, span), _no_zero(context, batch_total(context, weight, span), span)
    weighted_total, weights = total_of(context, weighted, span), total_of(context, weight, span)
    index = weights["index"]
    assert isinstance(index, int)
    reported = divided(context, weighted_total, weights, span)
    return context.apply(ops.divide, [total, count], span).named("loss"), reported, index


def _no_zero(context: Context, count: Node, span: Span) -> Node:
    """A sum of weights to divide by: 1 for a batch whose weights are all 0, whose loss is 0 then."""
    zero, one = context.constant(0.0, count.type), context.constant(1.0, count.type)
    return context.apply(ops.where, [context.apply(ops.not_equal, [count, zero], span), count, one], span)


def divided(context: Context, a: Node, b: Node, span: Span) -> Node:
    """`a / b`."""
    return arithmetic(context, "/", Argument(a, span), Argument(b, span), span)
