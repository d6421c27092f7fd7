"""Models on their own: each as a graph from its inputs to its outputs, as it is used after training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.bodies.steps import apply_model
from nndsl.check.context import Frame, Mode
from nndsl.check.expressions.arithmetic import broadcast
from nndsl.check.values import Argument, Model, Parts, SilencedError, Value
from nndsl.diagnostics import UserError
from nndsl.ir import Kind, Node, TensorType
from nndsl.ir.program import Network, NetworkInput, StepGraph

if TYPE_CHECKING:
    from nndsl.check.context import Context


def networks(context: Context, models: Iterable[Model], data: Mapping[str, str | None]) -> tuple[Network, ...]:
    """The models that some train block applies, in evaluation form, over inputs as they were first applied to.

    data: for each model the data block of the train block that first applied it.
    """
    before, context.mode = context.mode, Mode(training=False)
    try:
        found = [_network(context, model, data.get(model.path)) for model in models if model.path in context.applied]
    finally:
        context.mode = before
    return tuple(network for network in found if network is not None)


def _network(context: Context, model: Model, data: str | None) -> Network | None:
    """The model over fields that are called like its inputs. None where it can't be applied to any other values."""
    given = context.applied[model.path]
    inputs = [_input(name, node) for name, node in given]
    span = model.definition.name.span
    named = {each.name: Argument(context.leaf(ops.field, each.type, span, name=each.name), span) for each in inputs}
    context.mode = Mode(training=False)
    said = len(context.diagnostics)
    try:
        with context.inside(Frame("train", model.path, span, "", "")):
            value = apply_model(context, model, [], named, span)
            outputs = [
                (name, broadcast(context, node, node.type.shape, Kind.SAMPLE, span), None)
                for name, node in outputs_of(value)
            ]
    except (UserError, SilencedError):
        # Such as a model that takes only what all samples share: it has no samples to be applied to.
        del context.diagnostics[said:]
        return None
    data = data if any(each.field for each in inputs) else None
    return Network(model.path, tuple(inputs), data, StepGraph((), (), tuple(outputs), (), ()), span)


def _input(name: str, node: Node) -> NetworkInput:
    """An input, and the field of the data that it was given, as it is or made a float."""
    source = node.inputs[0] if node.op is ops.cast else node
    field = str(source["name"]) if source.op is ops.field else None
    return NetworkInput(name, TensorType(node.type.dtype, node.type.shape, Kind.SAMPLE), field)


def outputs_of(value: Value, name: str = "output") -> list[tuple[str, Node]]:
    """The outputs of what applying something gave, by name; one without a name is "output"."""
    match value:
        case Node():
            return [(name, value)]
        case Parts(outputs=((_, only),)):
            return outputs_of(only, value.outputs[0][0])
        case Parts(outputs=outputs):
            return [(inner, node) for each, part in outputs for inner, node in outputs_of(part, each)]
        case _:
            return []
