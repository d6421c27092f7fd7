"""What graphs start from: constants, the data's columns and fields, weights, states, and the numbers of a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import ByPlan
from nndsl.ir.op import NoGradient, NumpyRule, Op
from nndsl.ops.rules import attribute, integer
from nndsl.ops.text import dtype_text, literal

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ir.types import TensorType


def _no_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    raise InternalError("ops: the type of a leaf is given, not computed")


def _named_elsewhere(e: Emission) -> str:
    raise InternalError(f"ops: {e.node!r} is named by whoever emits the workspace; it has no expression of its own")


def _leaf(
    name: str,
    documentation: str,
    *attributes: str,
    rule: NumpyRule | None = None,
    repeats: Callable[[Node], tuple[int, ...]] | None = None,
) -> Op:
    return Op(
        name=name,
        documentation=documentation,
        type_rule=_no_type,
        gradient=NoGradient("it is where a graph starts"),
        numpy=rule or NumpyRule(_named_elsewhere, host=_named_elsewhere),
        flops=lambda node: 0,
        cupy=ByPlan(),
        leaf=True,
        attributes=attributes,
        repeats=repeats,
    )


def _constant_text(e: Emission) -> str:
    return literal(attribute(e.node, "value"), e.node.type.dtype)


def _array_text(e: Emission) -> str:
    return f"np.array({_constant_text(e)}, {dtype_text(e)})"


constant = _leaf(
    "constant",
    "One number, known while compiling, of any type: in a larger shape every element is that number.",
    "value",
    rule=NumpyRule(_constant_text, host=_constant_text),
    repeats=lambda node: tuple(range(node.type.rank)),
)
array = _leaf(
    "array",
    "An array of numbers written in the file, as nested tuples.",
    "value",
    rule=NumpyRule(_array_text),
)
column = _leaf("column", "A raw column of the data, by its key.", "name")
fitted = _leaf("fitted", "A number or array learnt from the training split, by its name.", "name")
learnt = _leaf("learnt", "In a step: what a data block learnt from its training rows, by its name.", "data", "name")
field = _leaf("field", "A field of the data: what each sample brings.", "name")
weight = _leaf("weight", "A weight, after as many updates in this step as its version says.", "path", "version")
narrow_weight = _leaf(
    "narrow_weight", "In a step on a device: a weight as it is before this step, in fewer bits, by its path.", "path"
)
direction = _leaf("direction", "A solver's direction: its part for the weight at this path.", "path")
state = _leaf("state", "A state of a layer, as it was before this step.", "path")
flat_weight = _leaf("flat_weight", "All weights of an update's group, one after another.", "update")
flat_gradient = _leaf("flat_gradient", "The gradients of an update's group, one after another.", "update")
gradient = _leaf(
    "gradient",
    "The sum over a batch's tiles of one minimize's gradient by the weight at this path.",
    "minimize",
    "path",
)
slot = _leaf("slot", "A state of an optimizer, as it was before this step.", "update", "name")
step = _leaf("step", "The number of this step, from 1: of training, or of one `minimize`.", "counts")
epoch = _leaf("epoch", "The number of this epoch, from 1.")
batch_size = _leaf("batch_size", "The number of samples in this batch.")


def _total_text(e: Emission) -> str:
    return f"totals[{integer(e.node, 'index')}]"


total = _leaf(
    "total",
    "The sum of a value over all samples of a split.",
    "index",
    rule=NumpyRule(_total_text, host=_total_text),
)


def splat(like: Node, value: float) -> Node:
    """`value` everywhere, in the type of `like`."""
    return constant.make(like.builder, like.type, value=value)
