"""Functions of each element: `exp`, `maximum`, `where`, `float` ..."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import alike, as_node, broadcast, cast, common_shape
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, Number, Value
from nndsl.ir import DType, Node, Op

if TYPE_CHECKING:
    from nndsl.check.context import Context

_X = (BuiltinParameter("x"),)


def _unary(name: str, op: Op, number: Callable[[float], float] | None, *, floats: bool = True) -> Builtin:
    """A function of one value; `number` does it at compile time. floats: whole numbers become floats first."""

    def call(context: Context, given: Arguments) -> Value:
        value = as_node(context, given["x"], given.span_of("x"))
        if isinstance(value, Node):
            wanted = DType.FLOAT if floats or value.type.dtype is DType.BOOL else value.type.dtype
            return context.apply(op, [cast(context, value, wanted, given.span)], given.span, [given.span_of("x")])
        if number is None:
            raise context.mistake("NN206", f"`{name}` of a compile-time number is not available", given.span_of("x"))
        try:
            return number(float(value) if floats else value)
        except (ValueError, OverflowError, ZeroDivisionError):
            raise context.mistake("NN208", f"{name}({value}) is not a number", given.span) from None

    return Builtin(name, _X, call, op.documentation)


def _pair(name: str, op: Op, number: Callable[..., float]) -> Builtin:
    """A function of two values, broadcast against each other."""

    def call(context: Context, given: Arguments) -> Value:
        a = as_node(context, given["a"], given.span_of("a"))
        b = as_node(context, given["b"], given.span_of("b"))
        if not isinstance(a, Node) and not isinstance(b, Node):
            return number(a, b)
        operands = [Argument(a, given.span_of("a")), Argument(b, given.span_of("b"))]
        nodes = alike(context, operands, given.span, symbol=name)
        if nodes[0].type.dtype is DType.BOOL:
            nodes = [cast(context, node, DType.INT, given.span) for node in nodes]
        return context.apply(op, nodes, given.span, [operand.span for operand in operands])

    return Builtin(name, (BuiltinParameter("a"), BuiltinParameter("b")), call, op.documentation)


def _where(context: Context, given: Arguments) -> Value:
    condition = as_node(context, given["condition"], given.span_of("condition"))
    if isinstance(condition, bool):
        return given["a"] if condition else given["b"]
    if not isinstance(condition, Node) or condition.type.dtype is not DType.BOOL:
        raise context.mistake(
            "NN206",
            "the condition of `where` must be true or false for each element",
            given.span_of("condition"),
            help="compare first: `where(x > 0, x, 0)`",
        )
    names = ("condition", "a", "b")
    chosen = [as_node(context, given[name], given.span_of(name)) for name in ("a", "b")]
    dtype = _result_dtype(chosen)
    operands = [Argument(v, given.span_of(n)) for v, n in zip([condition, *chosen], names, strict=True)]
    if condition.op is ops.constant and any(isinstance(value, Node) for value in chosen):
        left, right = alike(context, operands[1:], given.span, symbol="where", dtype=dtype)
        shape = common_shape([left.type.shape, condition.type.shape]) or left.type.shape
        kind = max(left.type.kind, condition.type.kind)
        return broadcast(context, left if condition["value"] is True else right, shape, kind, given.span)
    nodes = alike(context, operands, given.span, symbol="where", dtype=dtype)
    mask = alike(
        context, [operands[0], Argument(nodes[1], operands[1].span)], given.span, symbol="where", dtype=DType.BOOL
    )[0]
    return context.apply(ops.where, [mask, nodes[1], nodes[2]], given.span, [o.span for o in operands])


def _result_dtype(values: list[Node | Number]) -> DType:
    ranks = {DType.BOOL: 0, DType.INT: 1, DType.FLOAT: 2}
    best = DType.BOOL
    for value in values:
        if isinstance(value, Node):
            dtype = value.type.dtype
        else:
            dtype = DType.BOOL if isinstance(value, bool) else DType.INT if isinstance(value, int) else DType.FLOAT
        best = max(best, dtype, key=ranks.__getitem__)
    return best


def _to(dtype: DType) -> Builtin:
    """A change of number type."""

    def call(context: Context, given: Arguments) -> Value:
        value = as_node(context, given["x"], given.span_of("x"))
        if isinstance(value, Node):
            return cast(context, value, dtype, given.span)
        return float(value) if dtype is DType.FLOAT else int(value)

    what = "floats" if dtype is DType.FLOAT else "whole numbers, the fraction dropped"
    return Builtin(dtype.value, _X, call, f"The same values as {what}.")


BUILTINS = (
    _unary("exp", ops.exp, math.exp),
    _unary("expm1", ops.expm1, math.expm1),
    _unary("log", ops.log, math.log),
    _unary("log1p", ops.log1p, math.log1p),
    _unary("sqrt", ops.sqrt, math.sqrt),
    _unary("sin", ops.sin, math.sin),
    _unary("cos", ops.cos, math.cos),
    _unary("tan", ops.tan, math.tan),
    _unary("tanh", ops.tanh, math.tanh),
    _unary("erf", ops.erf, math.erf),
    _unary("normal_quantile", ops.normal_quantile, None),
    _unary("floor", ops.floor, math.floor, floats=False),
    _unary("ceil", ops.ceil, math.ceil, floats=False),
    _unary("round", ops.round, round, floats=False),
    _unary("abs", ops.absolute, abs, floats=False),
    _unary("sign", ops.sign, lambda x: float((x > 0) - (x < 0)), floats=False),
    _pair("maximum", ops.maximum, max),
    _pair("minimum", ops.minimum, min),
    Builtin(
        "where",
        (BuiltinParameter("condition"), BuiltinParameter("a"), BuiltinParameter("b")),
        _where,
        ops.where.documentation,
    ),
    _to(DType.FLOAT),
    _to(DType.INT),
)
