"""Functions that look things up: `pick`, `gather`, `one_hot`, `einsum`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import broadcast, cast, raised, tensor
from nndsl.check.expressions.binding import written
from nndsl.check.expressions.evaluate import as_whole
from nndsl.check.limits import limit_ids
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, Value
from nndsl.diagnostics import Label
from nndsl.ir import DType, Kind, Node, TensorType

if TYPE_CHECKING:
    from nndsl.check.context import Context

_PLURALS = {DType.FLOAT: "floats", DType.BOOL: "truth values", DType.INT: "whole numbers"}


def _node(context: Context, given: Arguments, name: str) -> Node:
    return tensor(context, Argument(given[name], given.span_of(name)))


def _ids(context: Context, given: Arguments, name: str) -> Node:
    node = _node(context, given, name)
    if node.type.dtype is not DType.INT:
        what = written(given.span_of(name), name)
        raise context.mistake(
            "NN211",
            f"`{what}` must be ids (whole numbers), and these are {_PLURALS[node.type.dtype]}",
            given.span_of(name),
            help=f"`class(...)` and `category(...)` of a column give ids, `int({what})` drops fractions",
        )
    return node


def _pick(context: Context, given: Arguments) -> Value:
    values, index = _node(context, given, "values"), _ids(context, given, "index")
    if values.type.rank == 0:
        raise context.mistake("NN206", "`pick` chooses among the last axis, and this is a single number", given.span)
    classes = context.field_classes.get(str(index["name"])) if index.op is ops.field else None
    if classes is not None:
        _compare_classes(context, given, values, classes)
    else:
        limit_ids(context, index, values.type.shape[-1], given.span)
    kind = max(values.type.kind, index.type.kind)
    shape = values.type.shape[:-1]
    values = broadcast(context, values, values.type.shape, kind, given.span)
    index = broadcast(context, index, shape, kind, given.span) if index.type.shape != shape else index
    index = broadcast(context, index, index.type.shape, kind, given.span)
    return context.apply(ops.pick, [values, index], given.span, [given.span_of("values"), given.span_of("index")])


def _compare_classes(context: Context, given: Arguments, values: Node, classes: tuple[str, ...]) -> None:
    """The network's last axis against the classes in the data."""
    context.score_classes[values.id] = classes
    outputs = values.type.shape[-1]
    if outputs != len(classes):
        fewer = "too few" if outputs < len(classes) else "too many"
        more = [Label(o.span, f"{values.type.shape_text} comes from here") for o in values.origins[:1]]
        raise context.mistake(
            "NN504",
            f"the network has {outputs} outputs for {len(classes)} classes: {fewer}",
            given.span,
            more=more,
            help=f"the classes are {_listed(classes)}; their number is `.{_field_name(given)}.classes` of the data",
        )


def _field_name(given: Arguments) -> str:
    node = given["index"]
    return str(node["name"]) if isinstance(node, Node) and node.op is ops.field else "label"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 8 else ", ".join(names[:6]) + f", ... ({len(names)} in all)"


def _gather(context: Context, given: Arguments) -> Value:
    table, ids = _node(context, given, "table"), _ids(context, given, "ids")
    table = raised(context, table, Kind.SHARED, given.span)
    if table.type.rank:
        limit_ids(context, ids, table.type.shape[0], given.span)
    return context.apply(ops.gather, [table, ids], given.span, [given.span_of("table"), given.span_of("ids")])


def _one_hot(context: Context, given: Arguments) -> Value:
    from nndsl.check.blocks.columns import ids_of

    ids = _ids(context, given, "ids")
    if "classes" in given.values:
        size = as_whole(context, Argument(given["classes"], given.span_of("classes")), "the number of classes")
    else:
        known = ids_of(context, ids)
        if known is None:
            raise context.mistake(
                "NN307",
                "one_hot needs `classes`, their number",
                given.span,
                help=f"say how many ids there are: `one_hot({written(given.span_of('ids'), 'x')}, classes=10)`; a "
                "`class(...)` or a `category(...)` of the data knows it",
            )
        size = known
    limit_ids(context, ids, size, given.span)
    ones = context.constant(1.0, TensorType(DType.FLOAT, ids.type.shape, ids.type.kind))
    return context.apply(ops.place, [ones, ids], given.span, size=size)


def _einsum(context: Context, given: Arguments) -> Value:
    equation = given["equation"]
    if not isinstance(equation, str) or equation.count("->") != 1 or equation.split("->")[0].count(",") != 1:
        raise context.mistake(
            "NN302", "an equation names the axes of two values and of the result", given.span_of("equation"),
            help='for example `einsum("td,sd->ts", queries, keys)`',
        )  # fmt: skip
    equation = equation.replace(" ", "")
    a, b = _float(context, given, "a"), _float(context, given, "b")
    kind = "sample" if Kind.SAMPLE in (a.type.kind, b.type.kind) else "shared"
    return context.apply(
        ops.einsum, [a, b], given.span, [given.span_of("a"), given.span_of("b")], equation=equation, kind=kind
    )


def _float(context: Context, given: Arguments, name: str) -> Node:
    return raised(context, cast(context, _node(context, given, name), DType.FLOAT, given.span), Kind.SHARED, given.span)


def _orthogonalize(context: Context, given: Arguments) -> Value:
    return context.apply(ops.orthogonalize, [_float(context, given, "x")], given.span, [given.span_of("x")])


BUILTINS = (
    Builtin("pick", (BuiltinParameter("values"), BuiltinParameter("index")), _pick, ops.pick.documentation),
    Builtin("gather", (BuiltinParameter("table"), BuiltinParameter("ids")), _gather, ops.gather.documentation),
    Builtin(
        "one_hot",
        (BuiltinParameter("ids"), BuiltinParameter("classes", required=False)),
        _one_hot,
        "1 at each id and 0 elsewhere, along a new last axis of size `classes`.",
    ),
    Builtin(
        "einsum",
        (BuiltinParameter("equation"), BuiltinParameter("a"), BuiltinParameter("b")),
        _einsum,
        ops.einsum.documentation,
    ),
    Builtin("orthogonalize", (BuiltinParameter("x"),), _orthogonalize, ops.orthogonalize.documentation),
)
