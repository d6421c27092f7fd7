"""Derivatives inside a program, and steps of one's own: `grad`, `stop_gradient`, `copy`, `clip_by_norm`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.expressions.arithmetic import tensor
from nndsl.check.values import Argument, Arguments, Builtin, BuiltinParameter, Step, Value, describe
from nndsl.ir import DType, Kind

if TYPE_CHECKING:
    from nndsl.check.context import Context


def _grad(context: Context, given: Arguments) -> Value:
    y = tensor(context, Argument(given["y"], given.span_of("y")))
    x = tensor(context, Argument(given["x"], given.span_of("x")))
    if y.type.shape == (1,):
        y = context.apply(ops.reshape, [y], given.span, shape=())
    if y.type.rank:
        raise context.mistake(
            "NN215",
            f"`grad` differentiates one number a sample, and this is {y.type.shape_text}",
            given.span_of("y"),
            help="`sum(y)` adds its elements up; `y[0]` picks one",
        )
    if x.type.dtype is not DType.FLOAT or x.type.kind is Kind.STEP:
        raise context.mistake("NN215", "only floats have derivatives by them", given.span_of("x"))
    return context.apply(ops.grad, [y, x], given.span, [given.span_of("y"), given.span_of("x")])


def _stop_gradient(context: Context, given: Arguments) -> Value:
    return context.apply(ops.stop_gradient, [tensor(context, Argument(given["x"], given.span_of("x")))], given.span)


def _copy(context: Context, given: Arguments) -> Value:
    step = given["step"]
    if not isinstance(step, Step):
        raise context.mistake(
            "NN302", f"`copy` makes a step with weights of its own, not from {describe(step)}", given.span_of("step"),
            help="a second network is declared with `model Other = Model(...)`",
        )  # fmt: skip
    return replace(step, path=None, span=given.span)


BUILTINS = (
    Builtin("grad", (BuiltinParameter("y"), BuiltinParameter("x")), _grad, ops.grad.documentation),
    Builtin("stop_gradient", (BuiltinParameter("x"),), _stop_gradient, ops.stop_gradient.documentation),
    Builtin("copy", (BuiltinParameter("step"),), _copy, "The same step with weights of its own."),
)
