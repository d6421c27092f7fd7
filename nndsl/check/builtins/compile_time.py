"""Functions of compile-time values: lists, shapes, the weights of a model."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from nndsl.check.expressions.arithmetic import list_shape
from nndsl.check.expressions.evaluate import as_whole, weight_node
from nndsl.check.values import (
    Argument,
    Arguments,
    Builtin,
    BuiltinParameter,
    FieldInfo,
    Model,
    Parts,
    Step,
    StepPart,
    Value,
    describe,
)
from nndsl.ir import Node

if TYPE_CHECKING:
    from nndsl.check.context import Context

_X = (BuiltinParameter("x"),)


def _length(context: Context, given: Arguments) -> Value:
    value = given["list"]
    if isinstance(value, tuple | str):
        return len(value)
    raise context.mistake(
        "NN302", f"`length` counts the items of a list, not of {describe(value)}", given.span_of("list"),
        help="`shape(x)[0]` is the size of a value's first axis",
    )  # fmt: skip


def _product(context: Context, given: Arguments) -> Value:
    value = given["list"]
    if not isinstance(value, tuple):
        raise context.mistake("NN302", "`product` multiplies the numbers of a list", given.span_of("list"))
    return prod(as_whole(context, Argument(item, given.span_of("list")), "each of them") for item in value)


def _shape(context: Context, given: Arguments) -> Value:
    value = given["x"]
    if isinstance(value, Parts) and len(value.outputs) == 1:
        value = value.outputs[0][1]
    if isinstance(value, Node | FieldInfo):
        return value.type.shape
    if isinstance(value, int | float | tuple):
        return list_shape(context, value, given.span_of("x"))
    raise context.mistake("NN206", f"{describe(value)} has no shape", given.span_of("x"))


def _rank(context: Context, given: Arguments) -> Value:
    shape = _shape(context, given)
    return len(shape) if isinstance(shape, tuple) else 0


def weight_paths(context: Context, target: Value) -> list[str] | None:
    """Paths of the weights under a model, a step or a part of one; None for anything else."""
    match target:
        case Model(path=path) | StepPart(path=path):
            prefix = path
        case Step(path=str() as path):
            prefix = path
        case Node() if target.op.name == "weight":
            return [str(target["path"])]
        case _:
            return None
    return [path for path in context.weights if path == prefix or path.startswith(f"{prefix}/")]


def _weights(context: Context, given: Arguments) -> Value:
    target = given["target"]
    paths = weight_paths(context, target)
    if paths is None:
        raise context.mistake(
            "NN302", f"`weights` lists those of a model or a step, not of {describe(target)}", given.span_of("target")
        )
    if not paths:
        raise context.mistake(
            "NN103",
            f"{describe(target)} has no weights yet",
            given.span_of("target"),
            help="its weights are made where it is first applied: apply it before this line",
        )
    return tuple(weight_node(context, path) for path in paths)


BUILTINS = (
    Builtin("length", (BuiltinParameter("list"),), _length, "The number of items of a list."),
    Builtin(
        "product", (BuiltinParameter("list"),), _product, "The product of a list of whole numbers; 1 for an empty one."
    ),
    Builtin("shape", _X, _shape, "The shape of a value, as a list of whole numbers; without a batch axis."),
    Builtin("rank", _X, _rank, "The number of axes of a value."),
    Builtin(
        "weights", (BuiltinParameter("target"),), _weights, "The weights of a model or a step, as a list of values."
    ),
)
