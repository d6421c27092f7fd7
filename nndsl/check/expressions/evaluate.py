"""What an expression means: compile-time values are computed, values of the network become nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from nndsl import ops
from nndsl.check import hints
from nndsl.check.endless import refuse_long
from nndsl.check.expressions import arithmetic
from nndsl.check.record import record_call
from nndsl.check.values import (
    BROKEN,
    AllLeading,
    Argument,
    Broken,
    DataSet,
    FieldInfo,
    Function,
    Model,
    Optimizer,
    Option,
    Parts,
    SilencedError,
    StepPart,
    Value,
    describe,
)
from nndsl.diagnostics import did_you_mean
from nndsl.ir import DType, Kind, Node, TensorType
from nndsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.check.context import Context
    from nndsl.check.scope import Scope
    from nndsl.source import Span


def evaluate(context: Context, scope: Scope, expression: tree.Expression) -> Value:
    """The value of an expression. Raises UserError, or SilencedError where the mistake was said before."""
    match expression:
        case tree.Name():
            return _name(context, scope, expression)
        case tree.Number() | tree.Boolean() | tree.String():
            return expression.value
        case tree.Call():
            from nndsl.check.expressions.calls import call

            return call(context, scope, expression)
        case tree.Binary():
            return _binary(context, scope, expression)
        case tree.ListOf(items=items):
            values = tuple(evaluate(context, scope, item) for item in items)
            if any(isinstance(value, tuple) for value in values):
                refuse_long(context, values, expression.span)
            return values
        case tree.Dots():
            return AllLeading()
        case tree.Unary(operator=operator, operand=operand):
            value = argument(context, scope, operand)
            prefix = arithmetic.negated if operator == "-" else arithmetic.inverted
            return prefix(context, value, expression.span)
        case tree.Index():
            return _index(context, scope, expression)
        case tree.Member():
            return _member(context, scope, expression)
        case tree.Chain():
            from nndsl.check.bodies.steps import chain

            return chain(context, scope, expression, label=None)
        case tree.Trained():
            from nndsl.check.runs import trained_model

            return trained_model(context, expression)
        case _:
            assert_never(expression)


def argument(context: Context, scope: Scope, expression: tree.Expression) -> Argument:
    """The value of an expression and its place."""
    return Argument(evaluate(context, scope, expression), expression.span)


def _binary(context: Context, scope: Scope, expression: tree.Binary) -> Value:
    if expression.operator == "|":
        raise context.mistake(
            "NN205", "`|` joins the words a parameter may be, and belongs in its type", expression.span
        )
    left = argument(context, scope, expression.left)
    right = argument(context, scope, expression.right)
    return arithmetic.binary(context, expression.operator, left, right, expression.span)


# ------------------------------------------------------------------------------------------------ names


def _name(context: Context, scope: Scope, name: tree.Name) -> Value:
    if _is_option(scope, name.name):
        return Option(name.name)
    value = named(context, scope, name)
    if isinstance(value, Function | Optimizer) and not name.span.file.library:
        record_call(context, scope, value, {}, name.span)
    return value


def _is_option(scope: Scope, name: str) -> bool:
    """Whether a name is a word that a parameter of the body offers, and nothing nearer."""
    outer: Scope | None = scope
    while outer is not None and outer.find(name) is None:
        if name in outer.options:
            return True
        outer = outer.parent
    return False


def named(context: Context, scope: Scope, name: tree.Name) -> Value:
    """What a name stands for (words that parameters offer are none)."""
    value = scope.lookup(name.name)
    if isinstance(value, Broken):
        raise SilencedError
    if value is not None:
        return value
    if name.name == "training":
        return context.mode.training
    raise unknown_name(context, scope, name.name, name.span)


def unknown_name(context: Context, scope: Scope, name: str, span: Span) -> Exception:
    """The mistake of a name that nothing knows, with what was probably meant."""
    reflex = hints.for_name(name)
    if reflex is not None:
        return context.mistake("NN102", f"there is no `{name}` here", span, help=reflex)
    close = did_you_mean(name, scope.visible())
    help = f"did you mean `{close}`?" if close else None
    return context.mistake("NN101", f"nothing is called `{name}` here", span, help=help)


# ------------------------------------------------------------------------------------------------ parts


def _member(context: Context, scope: Scope, expression: tree.Member) -> Value:
    module = hints.for_module(expression)
    if module is not None and scope.lookup(module) is None:
        raise context.mistake("NN102", f"there is no `{module}` here", expression.span, help=hints.MODULE_HELP)
    owner = evaluate(context, scope, expression.value)
    name, span = expression.name, expression.name_span
    match owner:
        case Broken():
            raise SilencedError
        case Parts():
            return _part(context, owner, name, span)
        case Model(path=path):
            return _step_part(context, path, name, span)
        case StepPart(path=path):
            return _step_part(context, path, name, span)
        case DataSet(fields=fields):
            if name in fields:
                return fields[name]
            raise _no_member(context, f"the data {owner.name} has no field `{name}`", name, fields, span)
        case FieldInfo():
            return _field_part(context, owner, name, span)
        case _:
            help = hints.for_method(name)
            raise context.mistake("NN103", f"{describe(owner)} has no parts", span, help=help)


def _part(context: Context, owner: Parts, name: str, span: Span) -> Value:
    found = owner.member(name)
    if isinstance(found, Broken):
        raise SilencedError
    if found is not None:
        return found
    names = [*dict(owner.outputs), *owner.labels]
    return _raise(
        _no_member(context, f"{owner.title or 'this value'} has no output or label `{name}`", name, names, span)
    )


def _step_part(context: Context, path: str, name: str, span: Span) -> Value:
    inner = f"{path}/{name}"
    if inner in context.weights:
        return weight_node(context, inner)
    if inner in context.states:
        return state_node(context, inner)
    names = {weight[len(path) + 1 :].split("/")[0] for weight in context.weights if weight.startswith(f"{path}/")}
    if any(known.startswith(f"{name}[") for known in names):
        return StepPart(inner, span)
    steps = {path for layers in context.layers.values() for path in layers}
    if name in names or inner in steps:
        return StepPart(inner, span)
    if not names and path not in context.models:
        raise context.mistake(
            "NN103",
            f"`{path}` has no weights yet: it is first applied further down",
            span,
            help="apply it before this line",
        )
    return _raise(_no_member(context, f"`{path}` has no step or weight `{name}`", name, names, span))


def _field_part(context: Context, info: FieldInfo, name: str, span: Span) -> Value:
    if name == "shape":
        return info.type.shape
    if name == "classes":
        if info.ids is None:
            raise context.mistake(
                "NN103",
                f"the field {info.name} has no classes: it is a number",
                span,
                help=f'if these numbers are classes, say so in the data block: `{info.name} = class(column("..."))`',
            )
        return info.ids
    constants = scaling_constants(info)
    if name in constants:
        return learnt_node(context, info, constants[name], span)
    raise _no_member(context, f"the field {info.name} has no `{name}`", name, ("classes", "shape", *constants), span)


def scaling_constants(info: FieldInfo) -> dict[str, str]:
    """What a scaled field's constants are called, and their names in what the data learnt: none for any other."""
    return {} if info.scaling is None else dict(info.scaling.constants)


def learnt_node(context: Context, info: FieldInfo, name: str, span: Span) -> Node:
    """A constant of a scaled field, in a step: of the field's shape, in the units of before."""
    if context.data is not None:
        raise context.mistake("NN450", f"what is learnt of {info.name} is known once training begins", span)
    type = TensorType(DType.FLOAT, info.type.shape, Kind.SHARED)
    return context.leaf(ops.learnt, type, span, data=info.data, name=name).named(name)


def _no_member(context: Context, message: str, name: str, known: Iterable[str], span: Span) -> Exception:
    known = list(known)
    close = did_you_mean(name, known)
    listed = ", ".join(sorted(known)[:12])
    help = f"did you mean `{close}`?" if close else (f"it has: {listed}" if listed else None)
    return context.mistake("NN103", message, span, help=help)


def _raise(mistake: Exception) -> Value:
    raise mistake


def weight_node(context: Context, path: str) -> Node:
    """The weight at `path`, as the statements so far have left it."""
    weight = context.weights[path]
    version = context.mode.versions.get(path, 0)
    with context.builder.at(weight.origin):
        return context.leaf(ops.weight, weight.type, path=path, version=version).named(path)


def state_node(context: Context, path: str) -> Node:
    """The state at `path`, as the statements so far have left it."""
    known = context.mode.state_values.get(path)
    if known is not None:
        return known
    state = context.states[path]
    with context.builder.at(state.origin):
        return context.leaf(ops.state, state.type, path=path).named(path)


# ------------------------------------------------------------------------------------------------ indexing


def _index(context: Context, scope: Scope, expression: tree.Index) -> Value:
    if not expression.items:
        raise context.mistake("NN210", "there is no index between these brackets", expression.span)
    owner = evaluate(context, scope, expression.value)
    if isinstance(owner, Parts) and len(owner.outputs) == 1:
        owner = owner.outputs[0][1]
    if isinstance(owner, StepPart):
        return _turn_of(context, scope, owner, expression)
    if isinstance(owner, tuple | str):
        return _list_item(context, scope, owner, expression)
    value = arithmetic.as_node(context, owner, expression.value.span)
    if not isinstance(value, Node):
        raise context.mistake("NN206", f"{describe(value)} has no parts to index", expression.value.span)
    return _node_item(context, scope, value, expression)


def _turn_of(context: Context, scope: Scope, owner: StepPart, expression: tree.Index) -> StepPart:
    """`M.block[1]`: the step that a turn of a loop made."""
    turns = "".join(
        f"[{whole_number(context, scope, i, 'a turn')}]" for i in expression.items if not isinstance(i, tree.Slice)
    )
    path = f"{owner.path}{turns}"
    if not turns or not any(weight.startswith((f"{path}/", f"{path}[")) for weight in context.weights):
        raise context.mistake("NN103", f"`{owner.path}` has no step {turns or 'for a range'}", expression.span)
    return StepPart(path, expression.span)


def _list_item(context: Context, scope: Scope, owner: tuple[Value, ...] | str, expression: tree.Index) -> Value:
    if len(expression.items) != 1:
        raise context.mistake("NN206", "a list has one index", expression.span)
    item = expression.items[0]
    if isinstance(item, tree.Slice):
        start, stop = _bound(context, scope, item.start), _bound(context, scope, item.stop)
        return owner[start:stop]
    position = whole_number(context, scope, item, "an index")
    if not -len(owner) <= position < len(owner):
        raise context.mistake("NN210", f"there is no item {position}: the list has {len(owner)}", item.span)
    found = owner[position]
    if found is BROKEN:
        raise SilencedError
    return found


def _bound(context: Context, scope: Scope, expression: tree.Expression | None) -> int | None:
    return None if expression is None else whole_number(context, scope, expression, "an index")


def _node_item(context: Context, scope: Scope, node: Node, expression: tree.Index) -> Node:
    """`x[0]` drops an axis, `x[1:4]` keeps it; `...` stands for the axes that are not said."""
    shape = node.type.shape
    items = _all_axes(context, expression, len(shape))
    starts: list[int] = []
    stops: list[int] = []
    kept: list[int] = []
    for size, item in zip(shape, items, strict=True):
        if isinstance(item, tree.Slice):
            start, stop, _ = slice(_bound(context, scope, item.start), _bound(context, scope, item.stop)).indices(size)
            if stop <= start:
                raise context.mistake("NN210", f"nothing is left: this axis has {size} elements", item.span)
            kept.append(stop - start)
        else:
            start = whole_number(context, scope, item, "an index")
            if not -size <= start < size:
                raise context.mistake("NN210", f"there is no element {start}: this axis has {size}", item.span)
            start %= size
            stop = start + 1
        starts.append(start)
        stops.append(stop)
    if tuple(starts) != (0,) * len(shape) or tuple(stops) != shape:
        node = context.apply(
            ops.slice, [node], expression.span, starts=tuple(starts), stops=tuple(stops), steps=(1,) * len(shape)
        )
    if tuple(kept) != node.type.shape:
        node = context.apply(ops.reshape, [node], expression.span, shape=tuple(kept))
    return node


def _all_axes(context: Context, expression: tree.Index, rank: int) -> list[tree.Expression | tree.Slice]:
    whole = tree.Slice(expression.span, None, None)
    items = list(expression.items)
    dots = [position for position, item in enumerate(items) if isinstance(item, tree.Dots)]
    given = len(items) - len(dots)
    if given > rank or len(dots) > 1:
        raise context.mistake(
            "NN210", f"{given} indices for a value of {rank} {'axis' if rank == 1 else 'axes'}", expression.span
        )
    middle: list[tree.Expression | tree.Slice] = [whole] * (rank - given)
    if dots:
        return [*items[: dots[0]], *middle, *items[dots[0] + 1 :]]
    return [*items, *middle]


def whole_number(context: Context, scope: Scope, expression: tree.Expression, what: str) -> int:
    """The value of an expression that must be a whole compile-time number."""
    return as_whole(context, Argument(evaluate(context, scope, expression), expression.span), what)


def as_whole(context: Context, given: Argument, what: str) -> int:
    """An argument that must be a whole compile-time number."""
    value = given.value
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float):
        raise context.mistake(
            "NN209",
            f"{what} must be a whole number, and this is {value:g}",
            given.span,
            help="`//` divides whole numbers and drops the rest" if "/" in given.span.text else None,
        )
    raise context.mistake(
        "NN209", f"{what} must be a whole number known at compile time, not {describe(value)}", given.span
    )
