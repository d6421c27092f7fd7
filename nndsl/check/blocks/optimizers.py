"""`over ... using ...`: which weights change, and how, as one graph over the group's flat vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.blocks.settings import REDUCE_ON_PLATEAU
from nndsl.check.bodies.statements import run_statements, warn_unused
from nndsl.check.builtins.compile_time import weight_paths
from nndsl.check.context import Frame
from nndsl.check.expressions.arithmetic import alike, arithmetic, as_node, broadcast
from nndsl.check.expressions.binding import bind_parameters
from nndsl.check.expressions.calls import apply_function
from nndsl.check.expressions.evaluate import evaluate
from nndsl.check.scope import Scope
from nndsl.check.values import Argument, Function, Optimizer, SilencedError, Value, describe, is_number
from nndsl.diagnostics import Label, did_you_mean
from nndsl.ir import DType, Kind, Node, NoGradient, Origin, TensorType, reachable
from nndsl.ir.program import Slot, Update
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.source import Span

SCALE = "learning_rate_scale"
"""The slot of an update that its learning rate is multiplied by, where a callback may reduce it."""

_CHANGING = (ops.step, ops.epoch, ops.slot)
_CLIPS = ("clip_value", "clip_norm", "clip_global_norm")
_NUMBER = TensorType(DType.FLOAT, (), Kind.STEP)


def updates_of(
    context: Context, scope: Scope, statement: tree.MinimizeStatement, loss: Node, index: int, *, scaled: bool = False
) -> tuple[Update, ...]:
    """The updates of one minimize, a group each. scaled: a callback scales their learning rates."""
    reached = unfrozen(context, reached_weights(context, loss), statement)
    taken: dict[str, Span] = {}
    updates: list[Update] = []
    if not reached:
        raise context.mistake(
            "NN512",
            "no weight has an influence on this",
            statement.loss.span,
            help="compute it from a model's output; an accuracy or an argmax has no slope, `cross_entropy` has",
        )
    for number, group in enumerate(statement.groups):
        paths = group_weights(context, scope, group, reached, taken, statement)
        updates.append(_update(context, scope, group, paths, (index, number), scaled=scaled))
    return tuple(updates)


def unfrozen(context: Context, reached: tuple[str, ...], statement: tree.MinimizeStatement) -> tuple[str, ...]:
    """Those that may change. A mistake where there are others only."""
    left = tuple(path for path in reached if path not in context.frozen)
    if reached and not left:
        raise context.mistake(
            "NN517", "everything that this depends on is frozen, so nothing would be learnt", statement.loss.span,
            help="put layers behind the frozen model, or take it out of its run without `frozen`",
        )  # fmt: skip
    return left


def reached_weights(context: Context, loss: Node) -> tuple[str, ...]:
    """Paths of the weights that a gradient of `loss` reaches. A mistake where an op has none."""
    nodes = reachable([loss])
    depending: set[int] = set()
    for node in nodes:
        if node.op is ops.weight or any(source.id in depending for source in node.inputs):
            depending.add(node.id)
    open_nodes = {loss.id} & depending
    paths: list[str] = []
    for node in reversed(nodes):
        if node.id not in open_nodes:
            continue
        if node.op is ops.weight:
            paths.append(str(node["path"]))
        elif isinstance(node.op.gradient, NoGradient) and node.op not in (ops.grad, ops.scan):
            if not node.op.gradient.zero:
                raise _no_derivative(context, node, node.op.gradient)
            continue
        open_nodes.update(source.id for source in node.inputs if source.id in depending)
    return tuple(dict.fromkeys(reversed(paths)))


def _no_derivative(context: Context, node: Node, why: NoGradient) -> Exception:
    message = f"`{node.op.name}` can't be differentiated: {why.reason}"
    return context.mistake("NN520", message, node.origins[0].span, help="`stop_gradient(x)` takes a value as it is")


def group_weights(
    context: Context,
    scope: Scope,
    group: tree.OverUsing,
    reached: tuple[str, ...],
    taken: dict[str, Span],
    statement: tree.MinimizeStatement,
) -> tuple[str, ...]:
    """The weights that a group changes, out of those that the loss reaches. `taken` gets them, with their places."""
    if not group.targets:
        chosen = [path for path in reached if path not in taken]
        _warn_unreached(context, chosen, reached, statement)
    else:
        chosen: list[str] = []
        for target in group.targets:
            chosen.extend(_target_weights(context, scope, target, reached))
    place = group.targets[0].span if group.targets else group.optimizer.span
    for path in chosen:
        if path in taken:
            raise context.mistake(
                "NN513", f"{path} is updated twice by this minimize", place, more=[Label(taken[path], "first here")]
            )
        taken[path] = place
    if not chosen:
        raise context.mistake("NN513", "no weight is left for this optimizer", place)
    return tuple(chosen)


def _target_weights(context: Context, scope: Scope, target: tree.Expression, reached: tuple[str, ...]) -> list[str]:
    value = evaluate(context, scope, target)
    paths = weight_paths(context, value)
    if paths is None:
        raise context.mistake(
            "NN513", f"`over` names models, steps or weights, not {describe(value)}", target.span,
            help="for example `over Generator`, `over Price.head`",
        )  # fmt: skip
    chosen = [path for path in paths if path in reached]
    if not chosen and paths and all(path in context.frozen for path in paths):
        raise context.mistake(
            "NN517", f"{target.span.text} is frozen, so nothing of it can be updated", target.span,
            help="leave it out of `over`, or take it out of its run without `frozen`",
        )  # fmt: skip
    if not paths:
        raise context.mistake(
            "NN513", f"{target.span.text} has no weights", target.span,
            help="a label names the last step of its line: give the step that has them a line of its own",
        )  # fmt: skip
    if not chosen:
        raise context.mistake(
            "NN513", f"the loss does not depend on any weight of {target.span.text}", target.span,
            help="apply it in the loss, or leave it out of `over`",
        )  # fmt: skip
    return chosen


def _warn_unreached(
    context: Context, chosen: Sequence[str], reached: tuple[str, ...], statement: tree.MinimizeStatement
) -> None:
    """A weight of a model in the loss that no gradient reaches is a mistake: it would never learn."""
    from nndsl.diagnostics import error

    roots = {path.split("/")[0] for path in reached}
    learning = set(reached)
    for path, weight in context.weights.items():
        known = path in learning or path in context.mode.versions or path in context.frozen
        if path.split("/")[0] in roots and not known:
            context.report(
                error(
                    "NN514",
                    f"no gradient reaches the weight {path}: it would never learn",
                    weight.origin.span,
                    more=[Label(statement.loss.span, "the loss does not depend on it")],
                    help="use the step's output, leave the step out, or say `over` to choose what learns",
                )
            )


# ------------------------------------------------------------------------------------------------ the update itself


@dataclass(slots=True)
class _Slots:
    """The states that an optimizer's body declares, and the names they have there."""

    update: str
    size: int
    slots: list[Slot] = field(default_factory=list[Slot])


def _update(
    context: Context,
    scope: Scope,
    group: tree.OverUsing,
    paths: tuple[str, ...],
    place: tuple[int, int],
    *,
    scaled: bool,
) -> Update:
    """The update of a group. place: the number of its `minimize` in the block, and its own in that."""
    update, counts = f"{place[0]}.{place[1]}", str(place[0])
    optimizer = _optimizer(context, scope, group)
    definition = optimizer.definition
    sizes = tuple(context.weights[path].type.size for path in paths)
    vector = TensorType(DType.FLOAT, (sum(sizes),), Kind.SHARED)
    span = group.optimizer.span
    body = Scope(optimizer.scope)
    frame = Frame("optimizer", optimizer.name, span, "", span.text if "\n" not in span.text else optimizer.name)
    known = _Slots(update, vector.size)
    frame.declare_state = lambda inner, statement: _declare_slot(context, inner, statement, known)
    with context.inside(frame):
        step = context.leaf(ops.step, _NUMBER, span, counts=counts)
        arguments = {name: _at_step(context, given, step) for name, given in optimizer.arguments}
        gradient = context.leaf(ops.flat_gradient, vector, span, update=update).named("gradient")
        weight = context.leaf(ops.flat_weight, vector, span, update=update).named("weight")
        bind_parameters(context, body, definition, arguments, span)
        rate = _learning_rate(context, body, optimizer, known, span, scaled=scaled)
        body.bind("gradient", _clipped(context, scope, group, gradient, sizes))
        body.bind("weight", weight)
        body.bind("step", step)
        body.bind("epoch", context.leaf(ops.epoch, _NUMBER, span))
        run_statements(context, body, frame, definition.body)
        if frame.broken:
            raise SilencedError
        new_weight = _result(context, body, "weight", vector, span)
        if new_weight is weight:
            raise context.mistake(
                "NN515", f"{optimizer.name} does not change the weight", span,
                more=[Label(definition.name.span, "it should say `weight = ...`")],
            )  # fmt: skip
        new_slots = tuple(
            _result(context, body, slot.name, _NUMBER if slot.scalar else vector, span) for slot in known.slots
        )
        warn_unused(context, body)
        origin = Origin(context.user_place(span), "", frame.title)
    return Update(optimizer.name, paths, tuple(known.slots), new_weight, new_slots, origin, rate)


def _optimizer(context: Context, scope: Scope, group: tree.OverUsing) -> Optimizer:
    value = evaluate(context, scope, group.optimizer)
    if isinstance(value, Optimizer):
        return value
    raise context.mistake(
        "NN515", f"`using` wants an optimizer, not {describe(value)}", group.optimizer.span,
        help="for example `using Adam(learning_rate=1e-3)`",
    )  # fmt: skip


def _learning_rate(
    context: Context, body: Scope, optimizer: Optimizer, known: _Slots, span: Span, *, scaled: bool
) -> Node | None:
    """The optimizer's learning rate where it may change; scaled: by a number that the update keeps for a callback."""
    given = body.find("learning_rate")
    if given is None and scaled:
        raise context.mistake(
            "NN509", f"{optimizer.name} has no parameter `learning_rate`, which {REDUCE_ON_PLATEAU} would reduce",
            span, help="leave the callback out, or call the optimizer's parameter `learning_rate`",
        )  # fmt: skip
    if given is None:
        return None
    if scaled:
        known.slots.append(Slot(SCALE, 1.0, scalar=True))
        scale = context.leaf(ops.slot, _NUMBER, span, update=known.update, name=SCALE).named(SCALE)
        body.bind(SCALE, scale)
        given = arithmetic(context, "*", Argument(given, span), Argument(scale, span), span)
        body.bind("learning_rate", given)
    rate = as_node(context, given, span)
    if not isinstance(rate, Node) or not any(node.op in _CHANGING for node in reachable([rate])):
        return None
    return rate


def _at_step(context: Context, given: Argument, step: Node) -> Argument:
    """A schedule (a function waiting for `step`) as its value at this step."""
    if isinstance(given.value, Function):
        return Argument(apply_function(context, given.value, Argument(step, given.span), given.span), given.span)
    return given


def _declare_slot(context: Context, scope: Scope, statement: tree.StateStatement, known: _Slots) -> None:
    """`state m = 0` is shaped like the weight; `state t: [] = 1` is one number."""
    name = statement.name.name
    scalar = statement.type is not None
    if scalar and not (isinstance(statement.type, tree.ListOf) and not statement.type.items):
        raise context.mistake(
            "NN515", "an optimizer's state is shaped like the weight, or one number: `state t: [] = 1`", statement.span
        )
    initial = evaluate(context, scope, statement.value)
    if not is_number(initial):
        raise context.mistake("NN515", f"`{name}` starts from a number, not {describe(initial)}", statement.value.span)
    if any(slot.name == name for slot in known.slots):
        raise context.mistake("NN314", f"`{name}` is declared twice", statement.name.span)
    known.slots.append(Slot(name, float(initial), scalar))
    type = _NUMBER if scalar else TensorType(DType.FLOAT, (known.size,), Kind.SHARED)
    scope.bind(name, context.leaf(ops.slot, type, statement.span, update=known.update, name=name).named(name))


def _result(context: Context, scope: Scope, name: str, type: TensorType, span: Span) -> Node:
    value: Value | None = scope.lookup(name)
    if value is None:
        raise SilencedError
    node = as_node(context, value, span)
    if not isinstance(node, Node):
        return context.constant(float(node), type)
    if node.type == type:
        return node
    if type.kind is Kind.SHARED and node.type.dtype is DType.FLOAT and node.type.rank == 0:
        return broadcast(context, node, type.shape, Kind.SHARED, span)
    raise context.mistake(
        "NN515", f"`{name}` is {type}, and would become {node.type}", span,
        help="an optimizer works on each number of the weights alone",
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ clipping


def _clipped(context: Context, scope: Scope, group: tree.OverUsing, gradient: Node, sizes: tuple[int, ...]) -> Node:
    """The gradient after the clips that follow the optimizer, in the order written."""
    for clip in group.clips:
        if clip.name not in _CLIPS:
            close = did_you_mean(clip.name or "", _CLIPS)
            raise context.mistake(
                "NN516", f"there is no `{clip.name}`", clip.span,
                help=f"did you mean `{close}`?" if close else f"there is: {', '.join(_CLIPS)}",
            )  # fmt: skip
        limit = evaluate(context, scope, clip.value)
        if not is_number(limit) or not limit > 0:
            raise context.mistake("NN516", f"`{clip.name}` is a positive number", clip.value.span)
        gradient = _clip(context, clip, gradient, float(limit), sizes)
    return gradient


def _clip(context: Context, clip: tree.Argument, gradient: Node, limit: float, sizes: tuple[int, ...]) -> Node:
    span = clip.span
    if clip.name == "clip_norm":
        return context.apply(ops.clip_by_norm, [gradient], span, sizes=sizes, limit=limit)
    if clip.name == "clip_value":
        low = context.constant(-limit, gradient.type)
        high = context.constant(limit, gradient.type)
        return context.apply(ops.minimum, [context.apply(ops.maximum, [gradient, low], span), high], span)
    squares = context.apply(ops.square, [gradient], span)
    norm = context.apply(ops.sqrt, [context.apply(ops.sum, [squares], span, axes=(0,))], span)
    bound = context.constant(limit, norm.type)
    factor = context.apply(ops.divide, [bound, context.apply(ops.maximum, [norm, bound], span)], span)
    nodes = alike(context, [Argument(gradient, span), Argument(factor, span)], span, symbol="*")
    return context.apply(ops.multiply, nodes, span)
