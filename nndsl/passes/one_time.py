"""A graph over a window of times as a graph over one of them, where nothing but loops looks across time.

An axis of the inputs is time. Ops say whether they keep the elements of an axis apart (`Op.keeps_apart`): then one
time of the result follows from one time of the operands. A loop over the times becomes one step of it: its carries
come in, and go out. What reads only the last time is computed at every time, as if it were the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.program import Crossing, OneTime, StepGraph
from nndsl.ops import body_of
from nndsl.ops.rules import text
from nndsl.passes.loops import replaced
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import NodeAttribute

SEVERAL = "looks at several times at once"
PLACE = "depends on the place in the window"
LATER = "reads at every time what is known after the last one only"
BACKWARDS = "goes from the last time to the first"
BEGINNING = "starts from what the window holds"
OTHER_AXIS = "goes through another axis than time"


class CrossingError(Exception):
    """A graph that looks across time, and where."""

    def __init__(self, crossing: Crossing) -> None:
        super().__init__(crossing.why)
        self.crossing = crossing


@record
class Timed:
    """What becomes of a node that depends on the times: `node` is its value for one time.

    axis: which axis is time, with one element left. None: the node is known after the last time, and has its own type.
    """

    node: Node
    axis: int | None


@record
class Carry:
    """What a loop carries: its name as a field, its value before the first time and after this one."""

    name: str
    first: Node
    next: Node


@dataclass(slots=True)
class OneTimeGraph:
    """A graph for one time in the making.

    made: what became of each node that depends on the times; for a start, of the inputs. What is not there is the same
    at all times. taken: names of fields that carries can't have.
    """

    made: dict[Node, Timed]
    taken: set[str] = field(default_factory=set[str])
    carries: list[Carry] = field(default_factory=list[Carry])
    _steps: dict[tuple[object, ...], tuple[Node, ...]] = field(
        default_factory=dict[tuple[object, ...], "tuple[Node, ...]"]
    )

    def lower(self, root: Node) -> Timed | None:
        """What becomes of `root`; None where it does not depend on the times. Raises CrossingError."""
        for node in reachable([root]):
            if node not in self.made and any(operand in self.made for operand in node.inputs):
                self.made[node] = self._lowered(node)
        return self.made.get(root)

    def _lowered(self, node: Node) -> Timed:
        axes = tuple(self.made[operand].axis if operand in self.made else None for operand in node.inputs)
        if all(axis is None for axis in axes):
            return Timed(self._again(node, [self._now(operand) for operand in node.inputs], {}), None)
        if node.op is ops.scan:
            return self._one_step(node)
        if any(operand in self.made and axis is None for operand, axis in zip(node.inputs, axes, strict=True)):
            raise _crossing(node, LATER)
        along = node.op.keeps_apart(node, axes)
        if along is None:
            raise _crossing(node, SEVERAL)
        inputs = [
            self._now(operand) if operand in self.made or axis is None else _one_of(operand, axis, node)
            for operand, axis in zip(node.inputs, along.operands, strict=True)
        ]
        return Timed(self._again(node, inputs, along.attributes), None if along.last else along.axis)

    def _now(self, operand: Node) -> Node:
        return self.made[operand].node if operand in self.made else operand

    def _again(self, node: Node, inputs: Sequence[Node], attributes: Mapping[str, NodeAttribute]) -> Node:
        with node.builder.at(*node.origins):
            made = node.op(*inputs, **{**dict(node.attributes), **attributes})
        for name in node.names:
            made.named(name)
        return made

    # ---------------------------------------------------------------------------------------- loops

    def _one_step(self, node: Node) -> Timed:
        """The output of a loop after one step of it."""
        body = body_of(node)
        roots = self._step_roots(node)
        what, _, number = text(node, "output").partition(":")
        if what == "last":
            return Timed(roots[int(number)], None)
        value = roots[len(body.next) + int(number)]
        with node.builder.at(*node.origins):
            made = ops.reshape(value, shape=(1, *value.type.shape))
        return Timed(made, 0)

    def _step_roots(self, node: Node) -> tuple[Node, ...]:
        """What the body of a loop computes in one step: the same for all outputs of the loop."""
        body = body_of(node)
        key = (body, node.inputs, node["reverse"])
        if key not in self._steps:
            if node["reverse"]:
                raise _crossing(node, BACKWARDS)
            firsts = node.inputs[: len(body.carries)]
            sequences = node.inputs[len(firsts) : len(firsts) + len(body.elements)]
            constants = node.inputs[len(firsts) + len(sequences) :]
            if any(operand in self.made for operand in (*firsts, *constants)):
                raise _crossing(node, BEGINNING if any(first in self.made for first in firsts) else LATER)
            parameters: dict[Node, Node] = dict(zip(body.constants, constants, strict=True))
            parameters |= {
                element: self._element(node, sequence)
                for element, sequence in zip(body.elements, sequences, strict=True)
            }
            carried = [ops.field.make(node.builder, c.type, name=self._carry_name(c)) for c in body.carries]
            parameters |= dict(zip(body.carries, carried, strict=True))
            self._steps[key] = roots = replaced(body.roots, parameters)
            for leaf, first, after in zip(carried, firsts, roots, strict=False):
                self.carries.append(Carry(str(leaf["name"]), first, after))
        return self._steps[key]

    def _element(self, loop: Node, sequence: Node) -> Node:
        """This time's element of a sequence."""
        timed = self.made.get(sequence)
        if timed is None:
            one = _one_of(sequence, 0, loop)
        elif timed.axis is None:
            raise _crossing(loop, LATER)
        elif timed.axis != 0:
            raise _crossing(loop, OTHER_AXIS)
        else:
            one = timed.node
        with loop.builder.at(*sequence.origins):
            return ops.reshape(one, shape=one.type.shape[1:])

    def _carry_name(self, carry: Node) -> str:
        wish = carry.names[-1] if carry.names else "carry"
        name, number = wish, 2
        while name in self.taken:
            name, number = f"{wish} {number}", number + 1
        self.taken.add(name)
        return name


def one_time(graph: OneTimeGraph, name: str, root: Node) -> OneTime | None:
    """The prediction `name` for one time; None where it does not depend on the times. Raises CrossingError."""
    found = graph.lower(root)
    if found is None:
        return None
    first = tuple((carry.name, carry.first, None) for carry in graph.carries)
    after = tuple((carry.name, carry.next, None) for carry in graph.carries)
    names = tuple(carry.name for carry in graph.carries)
    return OneTime(names, _predicting(first), _predicting(((name, found.node, None), *after)))


def _predicting(predictions: tuple[tuple[str, Node, None], ...]) -> StepGraph:
    return StepGraph(totals=(), reported=(), predictions=predictions, states=(), minimizes=())


def _one_of(operand: Node, axis: int, user: Node) -> Node:
    """One element of an axis that `operand` has and that is no time: they all have to be the same."""
    if not _is_the_same_along(operand, axis):
        raise _crossing(user, PLACE)
    shape = operand.type.shape
    stops = (*shape[:axis], 1, *shape[axis + 1 :])
    with operand.builder.at(*operand.origins):
        return ops.slice(operand, starts=(0,) * len(shape), stops=stops, steps=(1,) * len(shape))


def _is_the_same_along(node: Node, axis: int) -> bool:
    """Whether all elements of an axis are the same for sure."""
    if node.op.repeats is not None and axis in node.op.repeats(node):
        return True
    return node.op.elementwise and all(_is_the_same_along(operand, axis) for operand in node.inputs)


def _crossing(node: Node, why: str) -> CrossingError:
    origin = node.origins[0] if node.origins else None
    if origin is None:
        return CrossingError(Crossing(node.op.name, why, None))
    return CrossingError(Crossing(origin.title or origin.span.text, why, origin.span))
