"""Train blocks: what happens to one batch, walked twice, for training and for evaluation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check import hints
from nndsl.check.blocks.callbacks import callback_name, read_callback, read_expectation, read_setting
from nndsl.check.blocks.optimizers import updates_of
from nndsl.check.blocks.settings import FALLING, RISING, SETTINGS
from nndsl.check.blocks.shows import read_shows
from nndsl.check.blocks.solvers import check_solver_settings, solver_of
from nndsl.check.bodies.places import misplaced
from nndsl.check.bodies.statements import attempt, bind_names, check_assert, run_control, warn_unused
from nndsl.check.builtins.reductions import average, batch_size, batch_total, total_of
from nndsl.check.context import Frame, Mode
from nndsl.check.expressions.arithmetic import arithmetic, as_node, broadcast, cast
from nndsl.check.expressions.evaluate import evaluate, whole_number
from nndsl.check.scope import Scope
from nndsl.check.values import Argument, Function, Parts, SilencedError, Value, describe
from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.ir import DType, Kind, Node, TensorType, reachable
from nndsl.ir.program import (
    Callback,
    Expectation,
    Minimize,
    Reported,
    Show,
    StepGraph,
    TrainProgram,
)
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.ir import Attribute
    from nndsl.ir.program import DataProgram
    from nndsl.source import Span


@dataclass(slots=True)
class Walk:
    """What one walk through a train block gathers."""

    has_data: bool
    losses: list[Reported] = field(default_factory=list[Reported])
    metrics: list[Reported] = field(default_factory=list[Reported])
    predictions: list[tuple[str, Node, tuple[str, ...] | None]] = field(
        default_factory=list[tuple[str, Node, tuple[str, ...] | None]]
    )
    minimizes: list[Minimize] = field(default_factory=list[Minimize])
    settings: dict[str, Attribute] = field(default_factory=dict[str, "Attribute"])
    callbacks: list[tuple[Callback, tree.Apply]] = field(default_factory=list[tuple[Callback, tree.Apply]])
    expectations: list[Expectation] = field(default_factory=list[Expectation])
    shows: list[Show] = field(default_factory=list[Show])
    steps: dict[str, Node] = field(default_factory=dict[str, Node])


def check_train(
    context: Context, file_scope: Scope, block: tree.Train, data: DataProgram | None
) -> TrainProgram | None:
    """A train block as graphs, or None where it had mistakes (they are reported)."""
    context.field_classes = (
        {f.name: f.classes for f in data.fields if f.classes is not None} if data is not None else {}
    )
    before = len(context.diagnostics)
    training = _walk(context, file_scope, block, data, training=True)
    if training is None:
        return None
    evaluation = _walk(context, file_scope, block, data, training=False)
    if evaluation is None or (len(context.diagnostics) > before and context.failed):
        return None
    (walk, graph), (evaluating, evaluated) = training, evaluation
    _refuse_other_reports(context, block, graph, evaluated)
    settings = _settings(context, block, walk, data)
    check_solver_settings(context, walk.minimizes, walk.settings, has_data=data is not None)
    reported = [report.name for report in graph.reported]
    return TrainProgram(
        name=block.name.name,
        data=block.data.name if block.data is not None else None,
        fields=_fields_read(graph, evaluated, *(show.graph for show in evaluating.shows)),
        settings=tuple(settings.items()),
        training=graph,
        evaluation=evaluated,
        callbacks=tuple(_checked_callback(context, callback, reported) for callback, _ in walk.callbacks),
        expectations=tuple(_checked_expectation(context, e, reported, data) for e in walk.expectations),
        span=block.span,
        shows=tuple(evaluating.shows),
        steps=tuple(evaluating.steps.items()),
    )


def _refuse_other_reports(context: Context, block: tree.Train, graph: StepGraph, evaluated: StepGraph) -> None:
    """What is reported must be the same in training and evaluation: only how it is computed may differ."""
    names = [[report.name for report in each.reported] for each in (graph, evaluated)]
    if names[0] != names[1] or len(graph.totals) != len(evaluated.totals):
        message = f"{block.name.name} reports other numbers in training than in evaluation"
        help = "losses and metrics stand outside of `if training`"
        context.report(error("NN508", message, block.name.span, help=help))
        raise SilencedError


def _settings(context: Context, block: tree.Train, walk: Walk, data: DataProgram | None) -> dict[str, Attribute]:
    settings: dict[str, Attribute] = {setting.name: setting.default for setting in SETTINGS}
    settings.update(walk.settings)
    unused = "steps" if data is not None else "epochs"
    if unused in walk.settings:
        other = "epochs" if data is not None else "steps"
        where = "with data" if data is not None else "without data"
        context.report(
            error(
                "NN501", f"`{unused}` does not count for a block {where}", block.name.span, help=f"say `{other} = ...`"
            )
        )
    if data is None and walk.settings.get("steps") is None:
        context.report(
            error(
                "NN506",
                f"{block.name.name} has no data and no `steps`",
                block.name.span,
                help="without data a batch is fresh draws, and `steps = 1000` says how many there are",
            )
        )
    return settings


def _fields_read(*graphs: StepGraph) -> tuple[str, ...]:
    nodes = reachable(node for graph in graphs for node in (*graph.roots(), *(t.node for t in graph.totals)))
    return tuple(dict.fromkeys(str(node["name"]) for node in nodes if node.op is ops.field))


# ------------------------------------------------------------------------------------------------ one walk


def _walk(
    context: Context, file_scope: Scope, block: tree.Train, data: DataProgram | None, *, training: bool
) -> tuple[Walk, StepGraph] | None:
    context.mode = Mode(training=training)
    scope = Scope(file_scope)
    scope.bind("step", context.leaf(ops.step, TensorType(DType.FLOAT, (), Kind.STEP), counts="train"))
    scope.bind("epoch", context.leaf(ops.epoch, TensorType(DType.FLOAT, (), Kind.STEP)))
    for item in data.fields if data is not None else ():
        type = item.node.type
        scope.bind(item.name, context.leaf(ops.field, type, item.span, name=item.name).named(item.name))
    frame = Frame("train", block.name.name, None, "", "")
    walk = Walk(has_data=data is not None)
    with context.inside(frame):
        _statements(context, scope, frame, block.body, walk)
        warn_unused(context, scope)
        if frame.broken:
            return None
        with context.surviving() as hurt:
            if not walk.losses:
                raise UserError(
                    error(
                        "NN505",
                        f"{block.name.name} minimizes nothing",
                        block.name.span,
                        help="say what is to become small, and how: `minimize cross_entropy(scores, label) using Adam`",
                    )
                )
            reported = _named_losses(walk.losses) + walk.metrics
            states = tuple(context.mode.state_values.items()) if training else ()
            predictions = () if training else tuple(walk.predictions)
            walk.steps = dict(context.mode.steps)
            graph = StepGraph(tuple(context.mode.totals), tuple(reported), predictions, states, tuple(walk.minimizes))
        return None if hurt else (walk, graph)


def _named_losses(losses: list[Reported]) -> list[Reported]:
    """One loss is "loss"; several are "loss" (their sum would mean nothing: the first), then "loss_2", ..."""
    names = ["loss", *(f"loss_{number}" for number in range(2, len(losses) + 1))]
    return [Reported(name, loss.value, loss.span) for name, loss in zip(names, losses, strict=True)]


def _statements(
    context: Context, scope: Scope, frame: Frame, statements: tuple[tree.Statement, ...], walk: Walk
) -> None:
    for statement in statements:
        attempt(context, scope, frame, statement, lambda tried: _statement(context, scope, frame, tried, walk))


def _statement(context: Context, scope: Scope, frame: Frame, statement: tree.Statement, walk: Walk) -> None:
    match statement:
        case tree.Binding(names=(tree.Name(name=name),)) if read_setting(
            context, scope, name, statement, walk.settings
        ):
            return
        case tree.Binding():
            bind_names(context, scope, frame, statement)
        case tree.MinimizeStatement():
            _minimize(context, scope, statement, walk)
        case tree.MetricStatement():
            _metric(context, scope, statement, walk)
        case tree.PredictStatement():
            _predict(context, scope, statement, walk)
        case tree.ExpectStatement():
            walk.expectations.append(read_expectation(context, scope, statement))
        case tree.Show():
            if not context.mode.training:
                taken = [show.name for show in walk.shows]
                walk.shows += read_shows(context, scope, statement, taken, has_data=walk.has_data)
        case tree.Apply() if callback_name(statement) is not None:
            walk.callbacks.append((read_callback(context, scope, statement), statement))
        case tree.Apply():
            raise _stray_line(context, scope, statement)
        case tree.If() | tree.For() | tree.Repeat():
            run_control(context, scope, frame, statement, lambda body: _statements(context, scope, frame, body, walk))
        case tree.AssertStatement():
            check_assert(context, scope, statement)
        case _:
            raise misplaced(context, statement, frame)


def _stray_line(context: Context, scope: Scope, statement: tree.Apply) -> Exception:
    from nndsl.check.blocks.settings import CALLBACKS

    name = statement.value
    if isinstance(name, tree.Call):
        name = name.function
    if isinstance(name, tree.Name) and scope.lookup(name.name) is None:
        close = did_you_mean(name.name, CALLBACKS)
        help = f"did you mean `{close}`?" if close else f"the callbacks are {', '.join(CALLBACKS)}"
        return context.mistake("NN509", f"there is no callback `{name.name}`", statement.span, help=help)
    if isinstance(name, tree.Member) and (reflex := hints.for_method(name.name)) is not None:
        return context.mistake("NN102", f"there is no `.{name.name}` here", name.name_span, help=reflex)
    return context.mistake(
        "NN309",
        "a line on its own in a train block is a callback, and this is not one",
        statement.span,
        help=f"name the value: `scores = {statement.value.span.text.splitlines()[0]}`",
    )


# ------------------------------------------------------------------------------------------------ minimize


def sample_mean(context: Context, value: Value, span: Span, what: str) -> Node:
    """What a loss or a metric is of each sample: the mean over the axes that are left, as a float."""
    node = as_node(context, value, span)
    if not isinstance(node, Node):
        node = context.constant(float(node), TensorType(DType.FLOAT, (), Kind.SHARED))
    if node.type.kind is Kind.STEP:
        node = context.apply(ops.from_step, [node], span)
    return average(context, cast(context, node, DType.FLOAT, span), tuple(range(node.type.rank)), span)


def _minimize(context: Context, scope: Scope, statement: tree.MinimizeStatement, walk: Walk) -> None:
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
    mean, reported = _batch_mean_loss(context, loss, weight, span)
    walk.losses.append(Reported("loss", reported, span))
    if not context.mode.training:
        return
    index = len(walk.minimizes)
    solver = solver_of(context, scope, statement, value, mean, walk.minimizes)
    if solver is not None:
        walk.minimizes.append(Minimize(index, mean, (), 1, statement.span, solver=solver))
        return
    updates = updates_of(context, scope, statement, mean, index)
    every = 1 if statement.every is None else whole_number(context, scope, statement.every, "`every`")
    if every < 1:
        raise context.mistake("NN209", f"`every` counts steps from 1, and this is {every}", statement.span)
    walk.minimizes.append(Minimize(index, mean, updates, every, statement.span))
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


def _batch_mean_loss(context: Context, loss: Node, weight: Node | None, span: Span) -> tuple[Node, Node]:
    """(what is differentiated: the mean over the batch; what is reported: the mean over the split)."""
    loss = broadcast(context, loss, (), Kind.SAMPLE, span)
    if weight is None:
        total, count = batch_total(context, loss, span), context.apply(ops.from_step, [batch_size(context)], span)
        samples = total_of(context, context.constant(1.0, TensorType(DType.FLOAT, (), Kind.SAMPLE)), span)
        reported = _divided(context, total_of(context, loss, span), samples, span)
        return context.apply(ops.divide, [total, count], span).named("loss"), reported
    weighted = context.apply(ops.multiply, [loss, weight], span)
    total, count = batch_total(context, weighted, span), _no_zero(context, batch_total(context, weight, span), span)
    reported = _divided(context, total_of(context, weighted, span), total_of(context, weight, span), span)
    return context.apply(ops.divide, [total, count], span).named("loss"), reported


def _no_zero(context: Context, count: Node, span: Span) -> Node:
    """A sum of weights to divide by: 1 for a batch whose weights are all 0, whose loss is 0 then."""
    zero, one = context.constant(0.0, count.type), context.constant(1.0, count.type)
    return context.apply(ops.where, [context.apply(ops.not_equal, [count, zero], span), count, one], span)


def _divided(context: Context, a: Node, b: Node, span: Span) -> Node:
    return arithmetic(context, "/", Argument(a, span), Argument(b, span), span)


# ------------------------------------------------------------------------------------------ metrics and predictions


def _metric(context: Context, scope: Scope, statement: tree.MetricStatement, walk: Walk) -> None:
    name = statement.name.name if statement.name is not None else _metric_name(context, statement)
    span = statement.value.span
    value = evaluate_metric(context, scope, statement.value)
    if isinstance(value, Function):
        raise context.mistake("NN508", f"{describe(value)} is not a number", span, help=f"call it: `{value.name}(...)`")
    node = as_node(context, value, span)
    if not isinstance(node, Node) or node.type.kind is not Kind.STEP:
        mean = broadcast(context, sample_mean(context, value, span, "a metric"), (), Kind.SAMPLE, span)
        samples = total_of(context, context.constant(1.0, TensorType(DType.FLOAT, (), Kind.SAMPLE)), span)
        node = _divided(context, total_of(context, mean, span), samples, span)
    if name == "loss" or any(metric.name == name for metric in walk.metrics):
        raise context.mistake(
            "NN508",
            f"`{name}` is reported already",
            statement.span,
            help=f"give it another name: `metric {name}_2 = ...`",
        )
    walk.metrics.append(Reported(name, node, statement.span))


def evaluate_metric(context: Context, scope: Scope, expression: tree.Expression) -> Value:
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


def _predict(context: Context, scope: Scope, statement: tree.PredictStatement, walk: Walk) -> None:
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


# ------------------------------------------------------------------------------------------------ afterwards


def _checked_callback(context: Context, callback: Callback, reported: list[str]) -> Callback:
    monitor = dict(callback.arguments).get("monitor")
    known = [*reported, *(f"{part}.{name}" for part in ("train", "validation") for name in reported)]
    if isinstance(monitor, str) and monitor not in known:
        close = did_you_mean(monitor, reported)
        context.report(
            error(
                "NN509",
                f"{callback.name} watches `{monitor}`, and nothing of that name is reported",
                callback.span,
                help=f"did you mean `{close}`?" if close else f"reported are: {', '.join(reported)}",
            )
        )
    elif _is_unclear(monitor, dict(callback.arguments)["mode"]):
        message = f"{callback.name} can't tell whether more or less {monitor} is better"
        context.report(error("NN509", message, callback.span, help="say `mode=max` or `mode=min`"))
    return callback


def _is_unclear(monitor: Attribute, mode: Attribute) -> bool:
    """Whether the name of a monitored number leaves open what is better of it."""
    return isinstance(monitor, str) and mode == "auto" and not monitor.endswith((*RISING, *FALLING))


def _checked_expectation(
    context: Context, expectation: Expectation, reported: list[str], data: DataProgram | None
) -> Expectation:
    parts = ["train"]
    if data is not None:
        parts += [name for name, _ in data.split.parts] if data.split is not None else []
        parts += [name for name, _ in data.part_readers]
    for given, known, what in (
        (expectation.metric, reported, "reported"),
        (expectation.part, parts, "a part of the data"),
    ):
        if given not in known:
            close = did_you_mean(given, known)
            listed = ", ".join(dict.fromkeys(known))
            context.report(
                error(
                    "NN511",
                    f"`{given}` is not {what}",
                    expectation.span,
                    help=f"did you mean `{close}`?" if close else f"there is: {listed}",
                )
            )
            raise SilencedError
    return expectation
