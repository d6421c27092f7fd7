"""`@`: NumPy's matrix product on per-sample shapes, as an einsum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import as_node, broadcast, cast, common_shape, raised
from nndsl.check.values import Argument, describe
from nndsl.diagnostics import Label
from nndsl.ir import DType, Kind, Node

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.source import Span

_LEADING = "abcdefghijklmnopqrstuvw"


def matmul(context: Context, left: Argument, right: Argument, span: Span) -> Node:
    """`left @ right`: `[..., i, k] @ [..., k, j] -> [..., i, j]`; vectors are a row, or a column."""
    a, b = _operand(context, left), _operand(context, right)
    inner_a, inner_b = a.type.shape[-1], b.type.shape[0] if b.type.rank == 1 else b.type.shape[-2]
    if inner_a != inner_b:
        raise _does_not_fit(context, left, right, a, b, span, f"{inner_a} is not {inner_b}")
    a, b, equation = _with_equal_batches(context, left, right, a, b, span)
    kind = "sample" if Kind.SAMPLE in (a.type.kind, b.type.kind) else "shared"
    return context.apply(ops.einsum, [a, b], span, [left.span, right.span], equation=equation, kind=kind)


def _operand(context: Context, argument: Argument) -> Node:
    value = as_node(context, argument.value, argument.span)
    if not isinstance(value, Node):
        raise context.mistake(
            "NN206", f"`@` multiplies matrices, not {describe(value)}", argument.span, help="use `*` for numbers"
        )
    if value.type.rank == 0:
        raise context.mistake(
            "NN201", "`@` multiplies matrices, and this is a single number", argument.span, help="use `*` for numbers"
        )
    return raised(context, cast(context, value, DType.FLOAT, argument.span), Kind.SHARED, argument.span)


def _with_equal_batches(
    context: Context, left: Argument, right: Argument, a: Node, b: Node, span: Span
) -> tuple[Node, Node, str]:
    """The operands with their leading axes made equal where both have some, and the equation."""
    batch_a, batch_b = a.type.shape[:-2], b.type.shape[:-2]
    if batch_a and batch_b and batch_a != batch_b:
        batch = common_shape([batch_a, batch_b])
        if batch is None:
            raise _does_not_fit(context, left, right, a, b, span, "the leading axes differ")
        a = broadcast(context, a, (*batch, *a.type.shape[-2:]), a.type.kind, left.span)
        b = broadcast(context, b, (*batch, *b.type.shape[-2:]), b.type.kind, right.span)
    lead_a, lead_b = _LEADING[: max(a.type.rank - 2, 0)], _LEADING[: max(b.type.rank - 2, 0)]
    row = "x" if a.type.rank > 1 else ""
    column = "z" if b.type.rank > 1 else ""
    lead = max(lead_a, lead_b, key=len)
    return a, b, f"{lead_a}{row}y,{lead_b}y{column}->{lead}{row}{column}"


def _does_not_fit(
    context: Context, left: Argument, right: Argument, a: Node, b: Node, span: Span, why: str
) -> Exception:
    label = f"{left.span.text.strip()}: {a.type.shape_text}, {right.span.text.strip()}: {b.type.shape_text}"
    more: list[Label] = []
    if b.op is ops.weight and b.origins:
        more.append(Label(b.origins[0].span, f"{b.type.shape_text} is said here"))
    return context.mistake(
        "NN201",
        f"cannot multiply {a.type.shape_text} by {b.type.shape_text}: {why}",
        span,
        label if "\n" not in label and len(label) < 90 else "",
        more=more,
        help="let the shape follow from the input: name its size in the pattern (`input x: [..., d]`) and write "
        "`weight kernel: [d, 16]`",
    )
