"""The loop that goes backwards: the gradient of a `scan` is another scan, from the last time to the first.

Its carries are the gradients by the carries, its sequences what the forward loop computed and the backward step reads.
What is the same in every step gets the sum over all times, contracted once outside of the loop wherever that is a
product or a sum over the batch (its factors are stacked), added up from step to step otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.types import DType, Kind
from nndsl.ops.rules import integer, text

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ops import Body

_TIME = "T"
"""Label of the time axis in an einsum over stacked values; equations use small letters."""


class Loops:
    """The loops among some nodes: which nodes are outputs of one, and which of them is computed first."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._outputs: dict[tuple[object, ...], list[Node]] = defaultdict(list)
        for node in nodes:
            if node.op is ops.scan:
                self._outputs[_loop_key(node)].append(node)

    def outputs(self, node: Node) -> Sequence[Node]:
        """Every output of the loop that `node` is one of, the first one first."""
        return self._outputs[_loop_key(node)]

    def is_due(self, node: Node) -> bool:
        """Is `node` the first output of a loop? Then the gradients of all of them are there."""
        return node.op is ops.scan and self.outputs(node)[0] is node


def _loop_key(node: Node) -> tuple[object, ...]:
    return (ops.body_of(node), node.inputs, node["reverse"])


@dataclass(slots=True)
class _Step:
    """The body of the backward loop in the making, over parameters of its own.

    outer: for each parameter what it is outside. stacked: values kept for all times, and `kept` the position of each.
    """

    parameters: ops.LoopParameters
    carries: list[tuple[Node, Node]] = field(default_factory=list["tuple[Node, Node]"])
    elements: list[tuple[Node, Node]] = field(default_factory=list["tuple[Node, Node]"])
    constants: list[tuple[Node, Node]] = field(default_factory=list["tuple[Node, Node]"])
    stacked: list[Node] = field(default_factory=list["Node"])

    def carry(self, first: Node) -> Node:
        """A carry that starts from `first`."""
        parameter = self.parameters.make("carry", first.type)
        self.carries.append((parameter, first))
        return parameter

    def element(self, sequence: Node) -> Node:
        """One time's value of `sequence`."""
        parameter = self.parameters.make("element", sequence.type.with_shape(sequence.type.shape[1:]))
        self.elements.append((parameter, sequence))
        return parameter

    def constant(self, value: Node) -> Node:
        """What is `value` in every step."""
        parameter = self.parameters.make("constant", value.type)
        self.constants.append((parameter, value))
        return parameter

    def keep(self, node: Node) -> int:
        """Have `node` stacked; its position."""
        if node not in self.stacked:
            self.stacked.append(node)
        return self.stacked.index(node)


def backward_loop(outputs: Sequence[Node], flowing: Mapping[Node, Node]) -> list[tuple[Node, Node]]:
    """What flows into the inputs of a loop from those of its outputs that have a gradient in `flowing`."""
    from nndsl.autodiff.reverse import pulled_back

    given = [(node, flowing[node]) for node in outputs if node in flowing]
    if not given:
        return []
    loop, body = outputs[0], ops.body_of(outputs[0])
    step = _Step(ops.LoopParameters(loop.builder, -1 - max(node.id for _, node in given)))
    seeds = _seeds(step, body, given)
    targets = [parameter for parameter in body.parameters if parameter.type.dtype is DType.FLOAT]
    pulled = dict(zip(targets, pulled_back(seeds, targets), strict=True))
    slopes = {parameter: gradient for parameter, gradient in pulled.items() if gradient is not None}
    return _written_out(loop, body, step, slopes)


def _seeds(step: _Step, body: Body, given: Sequence[tuple[Node, Node]]) -> list[tuple[Node, Node]]:
    """(what a step computes, its gradient): of each carry, and of what is stacked and has one."""
    last: dict[int, Node] = {}
    seeds: list[tuple[Node, Node]] = []
    for node, ct in given:
        what, _, number = text(node, "output").partition(":")
        if what == "last":
            last[int(number)] = ct
        else:
            seeds.append((body.stacked[int(number)], step.element(ct)))
    for number, (after, parameter) in enumerate(zip(body.next, body.carries, strict=True)):
        if parameter.type.dtype is DType.FLOAT:
            seeds.append((after, step.carry(last.get(number, ops.splat(parameter, 0.0)))))
    return seeds


def _written_out(loop: Node, body: Body, step: _Step, slopes: Mapping[Node, Node]) -> list[tuple[Node, Node]]:
    """The backward loop, and from it the gradient by each input of the forward loop."""
    inputs = dict(zip(body.parameters, loop.inputs, strict=True))
    floats = [parameter for parameter in body.carries if parameter.type.dtype is DType.FLOAT]
    after = [slopes.get(parameter, ops.splat(parameter, 0.0)) for parameter in floats]
    backward = _Backward(loop, body, step, inputs)
    places = {parameter: backward.stack(slopes[parameter]) for parameter in body.elements if parameter in slopes}
    sums = {parameter: backward.sum_over_time(slopes[parameter]) for parameter in body.constants if parameter in slopes}
    finished = backward.finish(after)
    flows = [(inputs[parameter], finished.last(number)) for number, parameter in enumerate(floats)]
    flows += [(inputs[parameter], finished.sequence(place)) for parameter, place in places.items()]
    flows += [(inputs[parameter], _as(inputs[parameter], build(finished))) for parameter, build in sums.items()]
    return flows


def _as(like: Node, gradient: Node) -> Node:
    """A gradient of the type of what it is by."""
    return gradient if gradient.type == like.type else ops.reshape(gradient, shape=like.type.shape)


# ------------------------------------------------------------------------------------------------ the backward body


@dataclass(frozen=True, slots=True)
class _Finished:
    """The backward loop: its outputs by number."""

    inputs: tuple[Node, ...]
    body: Body
    length: int
    reverse: bool

    def last(self, number: int) -> Node:
        """Carry `number` at the end (at the first time)."""
        return self._output(f"last:{number}")

    def sequence(self, number: int) -> Node:
        """The `number`th stacked value, at all times."""
        return self._output(f"stack:{number}")

    def _output(self, output: str) -> Node:
        return ops.scan(*self.inputs, body=self.body, length=self.length, output=output, reverse=self.reverse)


class _Backward:
    """Gathers what the backward loop stacks and adds up, in forward and backward nodes; then closes its body."""

    def __init__(self, loop: Node, body: Body, step: _Step, inputs: Mapping[Node, Node]) -> None:
        self._loop = loop
        self._body = body
        self._step = step
        self._inputs = inputs
        self._forward = set(reachable(body.roots)) | set(body.parameters)
        self._invariant = _invariant(body)
        self._sums: list[Node] = []

    def stack(self, node: Node) -> int:
        """Have a value of the backward step kept for all times; its position."""
        return self._step.keep(node)

    def sum_over_time(self, node: Node) -> Callable[[_Finished], Node]:
        """The sum of a value over all times, once the loop is there: contracted outside where that is cheaper."""
        if node.op is ops.add:
            parts = [self.sum_over_time(operand) for operand in node.inputs]
            return lambda finished: ops.add(parts[0](finished), parts[1](finished))
        if node.op is ops.einsum and node.type.kind is Kind.SHARED and self._both_vary(node):
            return self._contracted(node)
        if node.op is ops.batch_sum:
            place = self.stack(node.inputs[0])
            return lambda finished: ops.batch_sum(ops.sum(finished.sequence(place), axes=(0,)))
        if node.op in (ops.reshape, ops.transpose) and node.type.kind is Kind.SHARED:
            inner = self.sum_over_time(node.inputs[0])
            return lambda finished: finished.body.carries[0].builder.again(node, (inner(finished),))
        if node.type.kind is Kind.SAMPLE:
            place = self.stack(node)
            return lambda finished: ops.sum(finished.sequence(place), axes=(0,))
        number = len(self._step.carries) + len(self._sums)
        self._sums.append(node)
        return lambda finished: finished.last(number)

    def _both_vary(self, node: Node) -> bool:
        return all(operand not in self._invariant for operand in node.inputs)

    def _contracted(self, node: Node) -> Callable[[_Finished], Node]:
        """A product summed over time is one product over time as well: of its factors, stacked."""
        left, right = (self.stack(operand) for operand in node.inputs)
        labels, result = text(node, "equation").split("->")
        first, second = labels.split(",")
        equation = f"{_TIME}{first},{_TIME}{second}->{result}"
        return lambda finished: ops.einsum(
            finished.sequence(left), finished.sequence(right), equation=equation, kind="shared"
        )

    def finish(self, after: Sequence[Node]) -> _Finished:
        """Close the body: what it reads of the forward step comes in as sequences and constants."""
        step = self._step
        totals = [step.carry(ops.splat(node, 0.0)) for node in self._sums]
        after = [*after, *(ops.add(total, node) for total, node in zip(totals, self._sums, strict=True))]
        roots = (*after, *step.stacked)
        residuals = self._read_of_forward(roots)
        new = dict(zip(residuals, self._brought_in(residuals), strict=True))
        made = _rebuilt(roots, new)
        body = ops.Body(
            tuple(parameter for parameter, _ in step.carries),
            tuple(parameter for parameter, _ in step.elements),
            tuple(parameter for parameter, _ in step.constants),
            made[: len(after)],
            made[len(after) :],
        )
        inputs = tuple(outer for _, outer in (*step.carries, *step.elements, *step.constants))
        return _Finished(inputs, body, integer(self._loop, "length"), not self._loop["reverse"])

    def _read_of_forward(self, roots: Sequence[Node]) -> list[Node]:
        """The nodes of the forward step that the backward step reads (or is), but for those known without it."""
        read: dict[Node, None] = {}
        stack, seen = list(roots), set[int]()
        while stack:
            node = stack.pop()
            if node.id in seen:
                continue
            seen.add(node.id)
            if node in self._forward:
                if node.op is not ops.constant and node.type.kind is not Kind.STEP:
                    read[node] = None
            else:
                stack.extend(node.inputs)
        return sorted(read, key=lambda node: node.id)

    def _brought_in(self, residuals: Sequence[Node]) -> list[Node]:
        """Parameters of the backward step for nodes of the forward step, which keeps those that it did not."""
        body, step = self._body, self._step
        kept = [n for n in residuals if n not in body.elements and n not in self._invariant]
        fresh = [node for node in kept if node not in body.stacked]
        wider = replace(body, stacked=(*body.stacked, *fresh))
        brought: list[Node] = []
        for node in residuals:
            if node in self._inputs and (node in body.constants or node in body.elements):
                outer = self._inputs[node]
                brought.append(step.constant(outer) if node in body.constants else step.element(outer))
            elif node in self._invariant:
                brought.append(step.constant(_rebuilt((node,), self._inputs)[0]))
            else:
                output = f"stack:{wider.stacked.index(node)}"
                attributes = {"length": self._loop["length"], "reverse": self._loop["reverse"], "output": output}
                sequence = ops.scan(*self._loop.inputs, body=wider, **attributes)
                for name in node.names:
                    sequence.named(name)
                brought.append(step.element(sequence))
        return brought


def _invariant(body: Body) -> set[Node]:
    """The nodes of a body that are the same in every step."""
    varying = {*body.carries, *body.elements}
    nodes = reachable((*body.roots, *body.parameters))
    for node in nodes:
        if any(operand in varying for operand in node.inputs):
            varying.add(node)
    return {node for node in nodes if node not in varying}


def _rebuilt(roots: Sequence[Node], new: Mapping[Node, Node]) -> tuple[Node, ...]:
    """`roots` with some nodes replaced."""
    made = dict(new)
    for node in reachable(roots):
        if node not in made:
            made[node] = node.builder.again(node, tuple(made[operand] for operand in node.inputs))
    return tuple(made[root] for root in roots)
