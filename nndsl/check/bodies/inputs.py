"""What a body takes and gives: `input` and `output`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.bodies.places import misplaced
from nndsl.check.expressions.arithmetic import as_node, broadcast, cast, tensor
from nndsl.check.expressions.binding import written
from nndsl.check.expressions.evaluate import argument, evaluate
from nndsl.check.expressions.patterns import declared_type, match_shape, resolve_shape
from nndsl.check.scope import Scope
from nndsl.check.values import Argument, Broken, Looped, Parts, SilencedError, Value
from nndsl.diagnostics import Label
from nndsl.ir import DType, Node
from nndsl.syntax import tree

if TYPE_CHECKING:
    from nndsl.check.context import Context, Frame


def bind_input(context: Context, scope: Scope, frame: Frame, statement: tree.Input) -> None:
    """`input image: [8, 8] = default`: what was given for it, matched with its type."""
    if frame.kind not in ("layer", "model"):
        raise misplaced(context, statement, frame)
    name = statement.name.name
    given = _given_input(context, scope, frame, statement)
    value = as_node(context, given.value, given.span)
    if not isinstance(value, Node):
        value = tensor(context, Argument(value, given.span))
    if statement.type is not None:
        value = _typed_input(context, scope, statement, value, given)
    value.named_if_nameless(context.joined(name))
    scope.bind(name, value)
    if len(frame.inputs) == 0 and frame.line is None:
        frame.line = value
    else:
        frame.line, frame.why = None, "after a second input or a name a line must say where it starts"
    frame.inputs.append((name, value))
    if not statement.span.file.library:
        context.inputs.setdefault(statement.span, []).append(value.type)


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
                f"{_flows_in(given, what)} must be {wanted.value}, and this is {value.type.dtype.value}",
                given.span,
                value.type.shape_text,
                help="ids come from `class(...)` or `category(...)` in the data block, or `int(x)`"
                if wanted is DType.INT
                else "compare it: `x > 0`",
            )
    open_axes = any(isinstance(dimension, tree.Dots) for dimension in pattern.dimensions)
    if value.op is ops.constant and value.type.rank == 0 and not open_axes:
        return broadcast(context, value, resolve_shape(context, pattern, scope), value.type.kind, given.span)
    match_shape(context, pattern, value.type.shape, scope, given.span, what)
    return value


def _flows_in(given: Argument, what: str) -> str:
    """`y`, which flows into the input `ids`,: as the user wrote it, where that is short."""
    text = written(given.span, "")
    return f"`{text}`, which flows into {what}," if text else what


def _given_input(context: Context, scope: Scope, frame: Frame, statement: tree.Input) -> Argument:
    name = statement.name.name
    if name in frame.given:
        return Argument(frame.given.pop(name), frame.call or statement.span)
    if frame.positional:
        value, span = frame.positional.pop(0)
        return Argument(value, span)
    if statement.default is not None:
        frame.defaulted.add(name)
        return argument(context, scope, statement.default)
    raise context.mistake(
        "NN307",
        f"{frame.name} needs its input `{name}`",
        frame.call or statement.span,
        more=[Label(statement.span, "declared here")] if frame.call is not None else [],
        help=_named_step_help(frame),
    )


def _named_step_help(frame: Frame) -> str | None:
    """Of `x -> step(mask=m)`, for a step that has a name: the arrow does not reach into its parentheses."""
    if frame.kind != "layer" or frame.call is None or frame.inputs:
        return None
    step, bracket, rest = frame.call.text.partition("(")
    if not bracket:
        return None
    values = ", ".join(["x", rest.removesuffix(")")] if rest != ")" else ["x"])
    return f"parentheses after the name of a step hold all of its values: `{step}({values})`, without an arrow"


def refuse_leftovers(context: Context, frame: Frame, definition: tree.Definition) -> None:
    """A value given for which there is no `input` is a mistake."""
    if frame.positional:
        count = len(frame.inputs)
        raise context.mistake(
            "NN303",
            f"{frame.name} takes {count} {'input' if count == 1 else 'inputs'}, and one more is given",
            frame.positional[0][1],
            more=[Label(definition.name.span, "defined here")],
        )


def add_output(context: Context, scope: Scope, frame: Frame, statement: tree.Output) -> None:
    """`output value` or `output name = value`."""
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


def last_line(context: Context, frame: Frame, definition: tree.Definition) -> list[tuple[str, Value]]:
    """What a body without `output` gives: its last line."""
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
