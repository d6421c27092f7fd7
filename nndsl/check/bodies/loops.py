"""`scan`: its body walked once, as a graph of its own; `sequence(h)` and `last(h)` read what it computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import as_node, broadcast, cast, tensor
from nndsl.check.expressions.evaluate import argument
from nndsl.check.scope import Scope
from nndsl.check.values import Arguments, Builtin, BuiltinParameter, Looped, Value, describe
from nndsl.diagnostics import Label
from nndsl.ir import DType, Kind, Node, reachable
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.check.context import Context, Frame
    from nndsl.source import Span
    from nndsl.syntax import tree


@record
class _Outside:
    """What a loop starts from: its sequences and its carries' first values, of the types they have inside."""

    sequences: tuple[Node, ...]
    firsts: tuple[Node, ...]
    length: int


def run_scan(context: Context, scope: Scope, frame: Frame, statement: tree.Scan) -> None:
    """`scan x_t in x, keep in mask with h = zeros([units]) { ... }`.

    Afterwards the names of the carries and of the body stand for what they were at every time.
    """
    from nndsl.check.bodies.statements import run_statements

    outside = _outside(context, scope, statement)
    parameters = ops.LoopParameters(context.builder, context.next_loop())
    inner = Scope(scope)
    carries = tuple(parameters.make("carry", first.type) for first in outside.firsts)
    bound = tuple(_element(context, parameters, sequence) for sequence in outside.sequences)
    elements = tuple(element for element in bound if element.op is not ops.constant)
    sequences = tuple(s for s in outside.sequences if s.op is not ops.constant)
    for item, element in zip(statement.sequences, bound, strict=True):
        inner.bind(item.name.name, element, _place(item.name))
        if element.op is not ops.constant:
            element.named(context.joined(item.name.name))
    for item, carry in zip(statement.carries, carries, strict=True):
        inner.bind(item.names[0].name, carry.named(context.joined(item.names[0].name)))
    states = dict(context.mode.state_values)
    run_statements(context, inner, frame, statement.body)
    if frame.broken:
        return
    if context.mode.state_values != states:
        raise context.mistake(
            "NN317", "a layer with moving statistics can't stand inside a scan", statement.span,
            help="apply it before the loop, to the whole sequence",
        )  # fmt: skip
    after = tuple(
        _next_value(context, inner, item, carry) for item, carry in zip(statement.carries, carries, strict=True)
    )
    kept = _kept(inner, statement)
    context.bound.difference_update(inner.used)
    context.bound.difference_update(inner.spans.values())
    body, constants = _closed(parameters, carries, elements, after, tuple(kept.values()))
    inputs = (*outside.firsts, *sequences, *constants)
    for number, item in enumerate(statement.carries):
        position = list(kept).index(item.names[0].name)
        scope.bind(item.names[0].name, Looped(item.names[0].name, body, inputs, outside.length, position, number))
    for position, name in enumerate(kept):
        if name not in {item.names[0].name for item in statement.carries}:
            scope.bind(name, Looped(name, body, inputs, outside.length, position, None))


def _element(context: Context, parameters: ops.LoopParameters, sequence: Node) -> Node:
    """One time's value of a sequence; of one number for all times, that number."""
    type = sequence.type.with_shape(sequence.type.shape[1:])
    if sequence.op is not ops.constant:
        return parameters.make("element", type)
    value = sequence["value"]
    assert isinstance(value, bool | int | float)
    return context.constant(value, type)


def _place(name: tree.Name) -> Span | None:
    return None if name.span.file.library else name.span


def _outside(context: Context, scope: Scope, statement: tree.Scan) -> _Outside:
    sequences = [tensor(context, argument(context, scope, item.values)) for item in statement.sequences]
    for item, node in zip(statement.sequences, sequences, strict=True):
        if node.type.rank == 0:
            raise context.mistake(
                "NN317",
                "a scan goes through the first axis of a sequence, and this is a single number",
                item.values.span,
            )
        if node.type.shape[0] != sequences[0].type.shape[0]:
            raise context.mistake(
                "NN317",
                f"these sequences differ in length: {sequences[0].type.shape[0]} and {node.type.shape[0]} times",
                item.values.span,
                more=[Label(statement.sequences[0].values.span, sequences[0].type.shape_text)],
            )
    kind = max(Kind.SHARED, *(node.type.kind for node in sequences))
    firsts: list[Node] = []
    for item in statement.carries:
        node = tensor(context, argument(context, scope, item.value))
        dtype = DType.FLOAT if node.type.dtype is DType.INT and node.op is ops.constant else node.type.dtype
        node = cast(context, node, dtype, item.value.span)
        firsts.append(broadcast(context, node, node.type.shape, max(kind, node.type.kind), item.value.span))
    return _Outside(tuple(sequences), tuple(firsts), sequences[0].type.shape[0])


def _next_value(context: Context, inner: Scope, item: tree.Binding, carry: Node) -> Node:
    """A carry's value after the step: what its name stands for at the end of the body, of the carry's type."""
    name = item.names[0]
    value = inner.lookup(name.name)
    if value is None:
        return carry
    node = as_node(context, value, name.span)
    if not isinstance(node, Node):
        return context.constant(float(node) if carry.type.dtype is DType.FLOAT else node, carry.type)
    node = cast(context, node, carry.type.dtype, name.span) if carry.type.dtype is DType.FLOAT else node
    if (
        node.type.shape != carry.type.shape
        or node.type.dtype is not carry.type.dtype
        or node.type.kind > carry.type.kind
    ):
        raise context.mistake(
            "NN317",
            f"`{name.name}` starts as {carry.type}, and a step makes it {node.type}",
            item.span,
            help="what is carried keeps its shape from step to step: start from one like it, `zeros([units])`",
        )
    return broadcast(context, node, carry.type.shape, carry.type.kind, name.span)


def _kept(inner: Scope, statement: tree.Scan) -> dict[str, Node]:
    """The values of the body that have a name: any of them may be asked for as a sequence."""
    hidden = {item.name.name for item in statement.sequences}
    return {name: value for name, value in inner.names.items() if isinstance(value, Node) and name not in hidden}


# ------------------------------------------------------------------------------------------------ the body alone


def _closed(
    parameters: ops.LoopParameters,
    carries: tuple[Node, ...],
    elements: tuple[Node, ...],
    after: tuple[Node, ...],
    kept: tuple[Node, ...],
) -> tuple[ops.Body, tuple[Node, ...]]:
    """The body with what it reads from outside as parameters; and those values, in the order of the parameters."""
    roots = (*after, *kept)
    nodes = reachable(roots)
    inside = set(carries) | set(elements)
    for node in nodes:
        if any(operand in inside for operand in node.inputs):
            inside.add(node)
    constants: dict[Node, Node] = {}
    new: dict[Node, Node] = {node: node for node in (*carries, *elements)}

    def closed(node: Node) -> Node:
        """The node in terms of parameters; what does not depend on time comes in as a constant."""
        if node in new:
            return new[node]
        if node in inside or node.op is ops.broadcast:
            made = node.builder.again(node, tuple(closed(operand) for operand in node.inputs))
        elif node.op is ops.constant or node.type.kind is Kind.STEP:
            made = node
        else:
            made = constants[node] = parameters.make("constant", node.type)
            for name in node.names:
                made.named(name)
        new[node] = made
        return made

    for node in nodes:
        if node in inside:
            closed(node)
    made = tuple(closed(root) for root in roots)
    body = ops.Body(carries, elements, tuple(constants.values()), made[: len(after)], made[len(after) :])
    return body, tuple(constants)


# ------------------------------------------------------------------------------------------------ reading it


def _output(context: Context, given: Arguments, output: str, looped: Looped) -> Node:
    name = looped.name if output.startswith("stack") else f"last_{looped.name}"
    node = context.apply(
        ops.scan, looped.inputs, given.span, body=looped.body, length=looped.length, output=output, reverse=False
    )
    return node.named(context.joined(name))


def _looped(context: Context, given: Arguments, what: str) -> Looped:
    value: Value = given["x"]
    if isinstance(value, Looped):
        return value
    raise context.mistake(
        "NN302",
        f"`{what}` reads what a scan computed, not {describe(value)}",
        given.span_of("x"),
        help=f"for example `scan x_t in x with h = zeros([units]) {{ ... }}`, then `{what}(h)`",
    )


def _sequence(context: Context, given: Arguments) -> Value:
    looped = _looped(context, given, "sequence")
    return _output(context, given, f"stack:{looped.position}", looped)


def _last(context: Context, given: Arguments) -> Value:
    looped = _looped(context, given, "last")
    if looped.carry is not None:
        return _output(context, given, f"last:{looped.carry}", looped)
    node = _output(context, given, f"stack:{looped.position}", looped)
    shape = node.type.shape
    starts = (shape[0] - 1, *(0 for _ in shape[1:]))
    node = context.apply(ops.slice, [node], given.span, starts=starts, stops=shape, steps=(1,) * len(shape))
    return context.apply(ops.reshape, [node], given.span, shape=shape[1:])


BUILTINS = (
    Builtin("sequence", (BuiltinParameter("x"),), _sequence, "What a name of a scan was at every time: [time, ...]."),
    Builtin("last", (BuiltinParameter("x"),), _last, "What a name of a scan was after the last step."),
)
