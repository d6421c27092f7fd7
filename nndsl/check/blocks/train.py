"""Train blocks: what happens to one batch, walked twice, for training and for evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check import hints
from nndsl.check.blocks.callbacks import (
    callback_name,
    checked_callback,
    checked_expectation,
    has_callback,
    read_callback,
    read_expectation,
    read_setting,
)
from nndsl.check.blocks.losses import read_minimize
from nndsl.check.blocks.metrics import read_metric, read_predictions
from nndsl.check.blocks.settings import CALLBACKS, REDUCE_ON_PLATEAU, SETTINGS
from nndsl.check.blocks.shows import read_shows
from nndsl.check.blocks.solvers import check_solver_settings
from nndsl.check.blocks.walk import Walk
from nndsl.check.bodies.places import misplaced
from nndsl.check.bodies.statements import attempt, bind_names, check_assert, run_control, warn_unused
from nndsl.check.context import Frame, Mode
from nndsl.check.scope import Scope
from nndsl.check.values import SilencedError
from nndsl.diagnostics import Label, UserError, did_you_mean, error
from nndsl.ir import DType, Kind, TensorType, reachable
from nndsl.ir.program import Reported, StepGraph, TrainProgram
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.ir import Attribute
    from nndsl.ir.program import DataProgram


def check_train(
    context: Context, file_scope: Scope, block: tree.Train, data: DataProgram | None
) -> TrainProgram | None:
    """A train block as graphs, or None where it had mistakes (they are reported)."""
    context.field_classes = (
        {f.name: f.classes for f in data.fields if f.classes is not None} if data is not None else {}
    )
    context.data_name = data.name if data is not None else None
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
    check_solver_settings(context, walk.minimizes, walk.settings, walk.callbacks, has_data=data is not None)
    _check_updates(context, block, walk)
    reported = [report.name for report in graph.reported]
    return TrainProgram(
        name=block.name.name,
        data=block.data.name if block.data is not None else None,
        fields=_fields_read(graph, evaluated, *(show.graph for show in evaluating.shows)),
        settings=tuple(settings.items()),
        training=graph,
        evaluation=evaluated,
        callbacks=tuple(checked_callback(context, callback, reported) for callback, _ in walk.callbacks),
        expectations=tuple(checked_expectation(context, e, reported, data) for e in walk.expectations),
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


def _check_updates(context: Context, block: tree.Train, walk: Walk) -> None:
    """Refuses settings about updates that mean nothing to this block."""
    if walk.settings.get("gradient_accumulation_steps", 1) != 1 and len(walk.minimizes) > 1:
        first, second = walk.minimizes[0].span, walk.minimizes[1].span
        message = "gradients are accumulated for one `minimize`, and this is another"
        help = "a larger `batch_size`, without `gradient_accumulation_steps`"
        context.report(error("NN540", message, second, more=[Label(first, "the first is here")], help=help))
    if "ema_momentum" in walk.settings and walk.settings.get("use_ema") is not True:
        message = "`ema_momentum` means nothing without a moving average of the weights"
        context.report(error("NN501", message, block.name.span, help="say `use_ema = true`"))


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
    walk = Walk(has_data=data is not None, scaled=has_callback(block.body, REDUCE_ON_PLATEAU))
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
            read_minimize(context, scope, statement, walk)
        case tree.MetricStatement():
            read_metric(context, scope, statement, walk)
        case tree.PredictStatement():
            read_predictions(context, scope, statement, walk)
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
    name = statement.value
    if isinstance(name, tree.Call):
        name = name.function
    if isinstance(name, tree.Name) and scope.lookup(name.name) is None:
        close = did_you_mean(name.name, CALLBACKS)
        help = f"did you mean `{close}`?" if close else f"the callbacks are {', '.join(CALLBACKS)}"
        help = hints.for_callback(name.name) or help
        return context.mistake("NN509", f"there is no callback `{name.name}`", statement.span, help=help)
    if isinstance(name, tree.Member) and (reflex := hints.for_method(name.name)) is not None:
        return context.mistake("NN102", f"there is no `.{name.name}` here", name.name_span, help=reflex)
    return context.mistake(
        "NN309",
        "a line on its own in a train block is a callback, and this is not one",
        statement.span,
        help=f"name the value: `scores = {statement.value.span.text.splitlines()[0]}`",
    )
