"""`scan`: the one loop, over the time of sequences with a state that is carried from step to step.

A loop's body is a graph of its own over `loop_parameter` leaves. What several outputs of one loop are (a carry's last
value, a value of every step) are nodes of their own that share body and inputs; the plan computes them in one loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import ByPlan
from nndsl.ir.graph import reachable
from nndsl.ir.op import NoGradient, NumpyRule, Op, RuleError
from nndsl.ir.types import Kind
from nndsl.ops.rules import integer, text
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Builder, Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ir.types import TensorType


@record
class Body:
    """One step of a loop. Two bodies are the same where their nodes are.

    carries, elements, constants: `loop_parameter` leaves: each carry's value before the step, each sequence's value at
    this time, and what is the same in every step. next: each carry's value after the step, of the carry's type.
    stacked: values of this step that are kept for every time. The graph has no other leaves than these, constants and
    numbers of the step.
    """

    carries: tuple[Node, ...]
    elements: tuple[Node, ...]
    constants: tuple[Node, ...]
    next: tuple[Node, ...]
    stacked: tuple[Node, ...]

    @property
    def parameters(self) -> tuple[Node, ...]:
        """Every parameter, in the order of the loop's inputs."""
        return (*self.carries, *self.elements, *self.constants)

    @property
    def roots(self) -> tuple[Node, ...]:
        """What a step computes."""
        return (*self.next, *self.stacked)

    @property
    def results(self) -> tuple[tuple[str, Node], ...]:
        """The roots by what they are for: `next 0`, `stack 0`."""
        carried = ((f"next {number}", node) for number, node in enumerate(self.next))
        return (*carried, *((f"stack {number}", node) for number, node in enumerate(self.stacked)))

    def with_roots(self, roots: tuple[Node, ...]) -> Body:
        """This body computing other nodes, given in the order of `roots`."""
        count = len(self.next)
        return Body(self.carries, self.elements, self.constants, roots[:count], roots[count:])

    @property
    def flops(self) -> int:
        """Floating-point operations of one step (of one sample, where it is per sample)."""
        return sum(node.op.flops(node) for node in reachable(self.roots))


def body_of(node: Node) -> Body:
    """The body of a `scan` node."""
    for graph in node.subgraphs:
        if isinstance(graph, Body):
            return graph
    raise InternalError(f"ops: {node!r} has no body")


def _scan_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    body, length, output = attributes["body"], integer(attributes, "length"), text(attributes, "output")
    if not isinstance(body, Body):
        raise InternalError("ops: a scan has a body")
    if len(types) != len(body.parameters):
        raise RuleError(f"the body of this loop has {len(body.parameters)} parameters for {len(types)} inputs")
    carries = len(body.carries)
    for position, (given, parameter, after) in enumerate(zip(types, body.carries, body.next, strict=False)):
        if parameter.type != given or after.type != given:
            raise RuleError(f"a carry is {given}, and becomes {after.type}", position)
    for position, (given, element) in enumerate(zip(types[carries:], body.elements, strict=False), start=carries):
        if given.shape != (length, *element.type.shape) or given.kind is not element.type.kind:
            raise RuleError(f"a sequence of {length} times {element.type} can't be {given}", position)
    what, _, number = output.partition(":")
    if what == "last":
        return body.next[int(number)].type
    kept = body.stacked[int(number)].type
    return kept.with_shape((length, *kept.shape))


def _by_the_plan(e: Emission) -> str:
    raise InternalError(f"ops: {e.node!r} is written by the emitter, as a loop")


def _total_flops(node: Node) -> int:
    return body_of(node).flops * integer(node, "length")


def _no_type(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
    raise InternalError("ops: the type of a leaf is given, not computed")


loop_parameter = Op(
    name="loop_parameter",
    documentation="A parameter of a loop's body: `role` is carry, element or constant.",
    type_rule=_no_type,
    gradient=NoGradient("it is where a graph starts"),
    numpy=NumpyRule(_by_the_plan),
    flops=lambda node: 0,
    cupy=ByPlan(),
    leaf=True,
    attributes=("loop", "role", "index"),
)

scan = Op(
    name="scan",
    documentation="A loop over time. Inputs: each carry's first value, the sequences ([time, ...] each), what is the "
    "same in every step. `output`: `last:k` is carry k after the last step, `stack:k` what the body stacks k-th, at "
    "every time. `reverse`: from the last time to the first.",
    type_rule=_scan_type,
    gradient=NoGradient("differentiation writes the loop that goes backwards", zero=False),
    numpy=NumpyRule(_by_the_plan),
    flops=_total_flops,
    cupy=ByPlan(),
    attributes=("body", "length", "output", "reverse"),
)


@dataclass(slots=True)
class LoopParameters:
    """Makes the parameters of one loop's body; `loop` tells them from those of other loops of the same builder."""

    builder: Builder
    loop: int
    counts: dict[str, int] = field(default_factory=dict[str, int])

    def make(self, role: str, type: TensorType) -> Node:
        """The next parameter of a role ("carry", "element" or "constant"), of a type."""
        if type.kind is Kind.STEP:
            raise InternalError("ops: numbers of the step need no parameter")
        index = self.counts.get(role, 0)
        self.counts[role] = index + 1
        return loop_parameter.make(self.builder, type, loop=self.loop, role=role, index=index)


__all__ = ["Body", "LoopParameters", "body_of", "loop_parameter", "scan"]
