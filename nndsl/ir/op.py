"""What a primitive operation is: one record that holds everything about it.

The records themselves live in `nndsl.ops`, a file a family. Nothing but that file, the rewrites and the tests names
an op.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.device import DeviceRule
    from nndsl.ir.graph import Builder, Node
    from nndsl.ir.types import TensorType


@runtime_checkable
class Subgraph(Protocol):
    """A graph inside a node (the body of a loop); two are equal where their nodes are the same."""

    @property
    def parameters(self) -> tuple[Node, ...]:
        """The leaves that stand for the node's inputs."""
        ...

    @property
    def roots(self) -> tuple[Node, ...]:
        """What it computes."""
        ...

    @property
    def results(self) -> tuple[tuple[str, Node], ...]:
        """What each of the roots is for, and the root."""
        ...

    def __hash__(self) -> int: ...


Attribute = int | float | bool | str | None | tuple["Attribute", ...]
NodeAttribute = Attribute | Subgraph
PLAIN = (int, float, str, tuple, type(None))
"""Classes of the attributes that are no graphs: asking for these is far quicker than asking for a protocol."""

Attributes = Mapping[str, NodeAttribute]
TypeRule = Callable[[tuple["TensorType", ...], Attributes], "TensorType"]
GradientRule = Callable[["Node", "Node"], "tuple[Node | None, ...]"]
"""(ct, out) -> for each of `out.inputs` its gradient, of exactly that input's type, or None where none flows."""


class RuleError(Exception):
    """Operands that an op can't take. `operands` are the positions at fault; the checker knows where they came from."""

    def __init__(self, message: str, *operands: int, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.operands = operands
        self.help = help


@record
class NoGradient:
    """Why an op has no gradient: `reason` finishes the sentence "`argmax` can't be differentiated: ...".

    `zero`: the derivative is 0 wherever it exists (comparisons, rounding, random draws), so it stops silently there.
    Otherwise differentiating through it is an error that says the reason.
    """

    reason: str
    zero: bool = True


@record
class Emission:
    """What an op's source rule may use: names and literals of its operands, of its result, and its types.

    node: the node itself (attributes, types). operands: source text of each input, atomic (a name or a literal).
    out: the name of the result's buffer. scratch: names of the buffers asked for by `NumpyRule.scratch`.
    prepared: names of what `NumpyRule.prepare` asked to be made once. n: the source text of the number of samples in
    the batch. dtype: NumPy's name of the floats (without `np.`), "float32" or "float64", or "real": a variable, where
    the same source runs in both. blocks: whether matrix products may be written as stacks of smaller ones.
    """

    node: Node
    operands: tuple[str, ...]
    out: str
    scratch: tuple[str, ...] = ()
    prepared: tuple[str, ...] = ()
    n: str = "n"
    dtype: str = "float32"
    blocks: bool = False


@record
class NumpyRule:
    """How an op is written in NumPy. Names are NumPy's own, `np.` in front (the emitter may import them bare).

    expression: the textbook form, one expression over whole batches (a per-sample value carries a leading axis n).
    statements: the planned form, lines that compute into `out` and allocate nothing; None for views.
    scratch: buffers that `statements` needs, each as (shape, "float" | "int" | "bool", per sample?).
    prepare: what `statements` needs made once for the workspace, outside the step: (name to build on, expression) each,
    over `operands`, `out` and `scratch`: reshaped or transposed views (`x_rows = x.reshape(n * 7, 64)`), index arrays
    (`np.arange(n)`).
    in_place: operands whose buffer the result may overwrite (same shape and dtype).
    view: the result is a view of operand 0: `expression` makes it once, outside the step.
    contiguous: operands that `statements` or `prepare` need as one C-contiguous block (to reshape without copying): the
    plan copies other views first. For a view, (0,) says that it is one only of a contiguous operand, and then
    contiguous itself (`reshape`).
    host: a number of the host (kind STEP): `expression` is Python arithmetic in float64 (`math.sqrt(a)`).
    runtime: names from `nndsl.runtime.kernels` that the source calls.
    by_time: the rule over sequences whose arrays are [time, samples, ...]: (node, which operands are, and at last
    whether the result is) -> the rule, or None where it would not do. Such operands' names are those arrays'.
    spread: numbers among its operands are better given as arrays: NumPy goes through two arrays in order three times as
    fast as through one and a number.
    """

    expression: Callable[[Emission], str]
    statements: Callable[[Emission], list[str]] | None = None
    scratch: Callable[[Node], tuple[tuple[tuple[int, ...], str, bool], ...]] | None = None
    prepare: Callable[[Emission], tuple[tuple[str, str], ...]] | None = None
    in_place: tuple[int, ...] = ()
    view: bool = False
    contiguous: tuple[int, ...] = ()
    host: Callable[[Emission], str] | None = None
    runtime: tuple[str, ...] = ()
    by_time: Callable[[Node, tuple[bool, ...]], NumpyRule | None] | None = None
    spread: bool = False


@record
class Domain:
    """Numbers to draw a test input from: uniform in [low, high), or evenly spaced and shuffled (`distinct`: no ties).

    `integers` draws whole numbers; `avoid` keeps floats at least `margin` from the points where the op has a kink.
    """

    low: float = -2.0
    high: float = 2.0
    integers: bool = False
    avoid: tuple[float, ...] = ()
    margin: float = 0.1
    distinct: bool = False


@record
class Sample:
    """One way to call an op in the gradient and parity checks: input types, where to draw them from, attributes."""

    types: tuple[TensorType, ...]
    domains: tuple[Domain, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])


@record
class Along:
    """How a node treats an axis of its operands whose elements it keeps apart.

    Element k of the result along its `axis` is the same op over element k of each operand along its own: `operands`
    has that axis of each, None for an operand that goes into every element as a whole. `attributes` are those of the
    node that computes one element (all its axes stay, this one with length 1), where they differ from this node's.
    last: the result is the last element alone.
    """

    axis: int
    operands: tuple[int | None, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    last: bool = False


AxisRule = Callable[["Node", "tuple[int | None, ...]"], "Along | None"]
"""(node, which axis of each operand is meant, None: it has none) -> how the node treats it; None where its elements
meet. An operand that has none may be given one in the answer: there, all its elements have to be the same."""


def same_axis(node: Node, axes: tuple[int | None, ...]) -> Along | None:
    """The rule of an axis that stands in one place in all operands and in the result."""
    (axis, *others) = {axis for axis in axes if axis is not None} or {None}
    return None if axis is None or others else Along(axis, (axis,) * len(node.inputs))


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """A primitive operation. Calling it with nodes (and attributes by name) makes, or finds, the node that applies it.

    cupy: how a device computes it (see `nndsl.ir.device`).
    flops: floating-point operations of one node, per sample where its type (or an input's) is per sample, else in all.
    samples: at least one Sample, unless `leaf`; a test fails for an op without.
    elementwise: each element of the result depends on the same element of each input; one shape and kind for all.
    leaf: has no inputs; its type is given, not computed (`type_rule` is not asked).
    attributes: the names of the attributes that every node of this op has.
    along: how it treats an axis; elementwise ops need not say, and those without a rule let its elements meet.
    repeats: axes of a node's result along which all elements are the same, whatever the operands are.
    """

    name: str
    documentation: str
    type_rule: TypeRule
    gradient: GradientRule | NoGradient
    numpy: NumpyRule
    flops: Callable[[Node], int]
    cupy: DeviceRule
    samples: tuple[Sample, ...] = ()
    elementwise: bool = False
    leaf: bool = False
    attributes: tuple[str, ...] = ()
    along: AxisRule | None = None
    repeats: Callable[[Node], tuple[int, ...]] | None = None

    def __call__(self, *inputs: Node, **attributes: NodeAttribute) -> Node:
        """The node of this op over `inputs` (one or more), in their builder. Raises RuleError where they do not fit."""
        return inputs[0].builder.node(self, inputs, attributes)

    def keeps_apart(self, node: Node, axes: tuple[int | None, ...]) -> Along | None:
        """How `node` treats an axis of its operands, as AxisRule has it."""
        rule = self.along or (same_axis if self.elementwise else None)
        return None if rule is None else rule(node, axes)

    def make(self, builder: Builder, type: TensorType, **attributes: NodeAttribute) -> Node:
        """The node of a leaf, of the given type."""
        return builder.leaf(self, type, attributes)

    def __repr__(self) -> str:
        return f"<op {self.name}>"
