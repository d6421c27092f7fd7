"""How large gradients are on their way back: by steps, by weights, and by a loop's state over time.

The gradient by a state at a time is that of a zero added to it there: each loop gets sequences of zeros, `taps`, which
are differentiated by like any other value and then taken for the zeros that they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite, sqrt
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.ir.graph import reachable
from nndsl.ir.types import DType, Kind
from nndsl.ops.rules import integer
from nndsl.passes.match import kind_word

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nndsl.ir.graph import Node
    from nndsl.ir.program import Minimize, Program, TrainProgram
    from nndsl.ops import Body
    from nndsl.runtime.modules import Generated
    from nndsl.runtime.standalone.program import Array, Memory, Table

DEAD = 1e-3
"""A gradient that shrinks by this on its way back has died: what lies behind learns a thousand times more slowly."""
BLOWN_UP = 1e3


@dataclass(frozen=True, slots=True)
class StepFlow:
    """A step of a model: the root mean square, over samples and elements, of the gradient by what it gives."""

    path: str
    shape: tuple[int, ...]
    size: float


@dataclass(frozen=True, slots=True)
class WeightFlow:
    """A weight: the norm of its gradient, and its own."""

    path: str
    gradient: float
    weight: float


@dataclass(frozen=True, slots=True)
class StateFlow:
    """What a loop carries ("Sum/lstm/h"): the norm of the gradient by it at each time, over a whole batch.

    reverse: whether the loop goes from the last time to the first, so that its gradient goes forwards.
    """

    path: str
    sizes: tuple[float, ...]
    reverse: bool

    @property
    def back(self) -> tuple[float, ...]:
        """The sizes in the order in which the gradient flows."""
        return self.sizes if self.reverse else self.sizes[::-1]


@dataclass(frozen=True, slots=True)
class Flow:
    """The gradients of one `minimize`: its loss, steps in the order of the model, weights, states of loops."""

    loss: float
    samples: int
    steps: tuple[StepFlow, ...]
    weights: tuple[WeightFlow, ...]
    states: tuple[StateFlow, ...]

    def verdicts(self) -> list[str]:
        """Where the gradient dies or blows up, a sentence each; none where it arrives."""
        if not isfinite(self.loss):
            return [f"the loss is {self.loss}: numbers grow beyond all bounds on the way to it, before any gradient"]
        said = [verdict for state in self.states if (verdict := _over_time(state))]
        if verdict := _over_steps(self.steps):
            said.append(verdict)
        return said


def _over_time(state: StateFlow) -> str | None:
    """What happens to the gradient by a state, back from the time where it is first felt."""
    sizes = state.back
    first = next((position for position, size in enumerate(sizes) if size != 0.0), None)
    if first is None:
        return f"{state.path}: no gradient arrives at all"
    for steps, size in enumerate(sizes[first:]):
        if not isfinite(size) or size > BLOWN_UP * sizes[first]:
            return f"{state.path}: the gradient blows up, {_times(size, sizes[first])} after {_count(steps)} back"
        if max(sizes[first + steps :]) < DEAD * sizes[first]:
            share = sizes[-1] / sizes[first]
            where = "after the last" if state.reverse else "at the first time"
            return (
                f"{state.path}: the gradient dies, below {DEAD:g} of its size after {_count(steps)} back; "
                f"{share:.1e} of it arrives {where}"
            )
    return None


def _over_steps(steps: Sequence[StepFlow]) -> str | None:
    """What happens to the gradient from the last step to the first."""
    if len(steps) < 2:
        return None
    last = steps[-1]
    for step in reversed(steps[:-1]):
        if not isfinite(step.size) or (last.size and step.size > BLOWN_UP * last.size):
            return f"{step.path}: the gradient blows up on its way there, {_times(step.size, last.size)}"
        if step.size < DEAD * last.size:
            share = f"{step.size / last.size:.1e}" if step.size else "nothing"
            return f"{step.path}: the gradient dies on its way there, {share} of that at {last.path}"
    return None


def _times(size: float, before: float) -> str:
    return f"{size / before:.1e} times its size" if isfinite(size) and before else "beyond all numbers"


def _count(steps: int) -> str:
    return f"{steps} step{'' if steps == 1 else 's'}"


# ------------------------------------------------------------------------------------------------ computing it


def flows(checked: Program, train: TrainProgram, memory: Memory, fields: Table, seed: int, samples: int) -> list[Flow]:
    """The gradients of each `minimize` of a block at the weights in `memory`, in one batch of training.

    samples: the first so many of the fields are the batch, or as many draws where the block has no data.
    """
    import numpy as np

    taken = [_tapped(minimize, train, checked) for minimize in train.training.minimizes]
    generated = _generated(checked, train, [value for one in taken for value in one.values], str(memory.dtype))
    prediction = generated.program.trains[train.name].prediction
    assert prediction is not None  # the loss is among what is predicted
    step = prediction(samples, memory, seed)
    for name, buffer in step.inputs.items():
        buffer[...] = fields[name][:samples]
    with np.errstate(all="ignore"):
        step.run(1, 1, 0)
    outputs = {name: np.asarray(values, np.float64) for name, values in step.outputs.items()}
    norms = {path: _norm(memory.weight(path)) for path, _ in generated.program.weights}
    return [one.read(outputs, norms, samples) for one in taken]


@dataclass(frozen=True, slots=True)
class _Tapped:
    """What is asked of one `minimize`. values: (name, per-sample value) of everything; the rest says what they are."""

    prefix: str
    steps: Mapping[str, Node]
    weights: Sequence[str]
    states: Sequence[tuple[str, bool]]
    values: list[tuple[str, Node]]

    def read(self, outputs: Mapping[str, Array], norms: Mapping[str, float], n: int) -> Flow:
        """Norms, a row for each sample, as sizes over the batch."""
        loss = float(outputs[f"{self.prefix}loss"][0])
        steps = [
            StepFlow(
                path,
                node.type.shape,
                n * sqrt(float((outputs[f"{self.prefix}step {path}"] ** 2).mean()) / node.type.size),
            )
            for path, node in self.steps.items()
        ]
        by_weight = [
            WeightFlow(path, float(outputs[f"{self.prefix}weight {path}"][0]), norms[path]) for path in self.weights
        ]
        states: list[StateFlow] = []
        for number, (path, reverse) in enumerate(self.states):
            squares = (outputs[f"{self.prefix}state {number}"] ** 2).sum(axis=0)
            states.append(StateFlow(path, tuple(map(sqrt, map(float, squares))), reverse))
        return Flow(loss, n, tuple(steps), tuple(by_weight), tuple(states))


def _norm(values: Array) -> float:
    import numpy as np

    return float(np.linalg.norm(np.asarray(values, np.float64)))


def _tapped(minimize: Minimize, train: TrainProgram, checked: Program) -> _Tapped:
    """The values to compute for a `minimize`: its loss, and the norms of its gradients."""
    from nndsl.autodiff.programs import expand
    from nndsl.autodiff.reverse import gradients

    (loss,) = expand((minimize.loss,))
    loss, taps = _with_taps(_at_the_start(loss))
    nodes = reachable([loss])
    steps = _steps(nodes, train)
    types = {weight.path: weight.type for weight in checked.weights}
    leaves = {path: ops.weight.make(loss.builder, types[path], path=path, version=0) for path in minimize.weights}
    found = gradients(loss, [*(tap.leaf for tap in taps), *leaves.values()])
    by_tap, by_leaf = found[: len(taps)], found[len(taps) :]
    prefix = f"{minimize.index} "
    values = [(f"{prefix}loss", loss)]
    by_step = {path: gradients(loss, [node])[0] for path, node in steps.items()}
    steps = {path: node for path, node in steps.items() if by_step[path] is not None}  # not behind a stop_gradient
    values += [(f"{prefix}step {path}", _length(by_step[path], node)) for path, node in steps.items()]
    values += [
        (f"{prefix}weight {path}", _length(gradient, leaf))
        for (path, leaf), gradient in zip(leaves.items(), by_leaf, strict=True)
    ]
    values += [
        (f"{prefix}state {number}", _length(gradient, tap.leaf, kept=1))
        for number, (tap, gradient) in enumerate(zip(taps, by_tap, strict=True))
    ]
    zeros: dict[Node, Node] = {tap.leaf: ops.splat(tap.leaf, 0.0) for tap in taps}
    plain = _rebuilt([node for _, node in values], zeros.get)
    named = [(name, _per_sample(node)) for (name, _), node in zip(values, plain, strict=True)]
    return _Tapped(prefix, steps, minimize.weights, [(tap.path, tap.reverse) for tap in taps], named)


def _steps(nodes: Sequence[Node], train: TrainProgram) -> dict[str, Node]:
    """What the steps give in training, by path: the nodes of their names, as far as the loss needs them."""
    wanted = {path: node.type for path, node in train.steps}
    found: dict[str, Node] = {}
    for node in nodes:
        for name in node.names:
            if wanted.get(name) == node.type and node.type.dtype is DType.FLOAT and node.type.kind is Kind.SAMPLE:
                found[name] = node
    return {path: found[path] for path in wanted if path in found}


def _at_the_start(loss: Node) -> Node:
    """The loss with every weight as it is before the step, whatever was updated in between."""

    def first(node: Node, made: Node) -> Node:
        if node.op is not ops.weight or not node["version"]:
            return made
        return ops.weight.make(node.builder, node.type, path=node["path"], version=0)

    return _rebuilt([loss], first)[0]


def _length(gradient: Node | None, like: Node, kept: int = 0) -> Node:
    """The norm of a gradient over all axes but the first `kept`; zeros where there is none.

    The largest element is taken out first: the squares of small numbers would be 0, and of large ones infinite.
    """
    gradient = ops.splat(like, 0.0) if gradient is None else gradient
    axes = tuple(range(kept, gradient.type.rank))
    sizes = ops.absolute(gradient)
    if not axes:
        return sizes
    largest = ops.max(sizes, axes=axes)
    unit = ops.where(ops.greater(largest, ops.splat(largest, 0.0)), largest, ops.splat(largest, 1.0))
    column = ops.reshape(unit, shape=(*unit.type.shape, *(1 for _ in axes)))
    units = ops.broadcast(column, shape=sizes.type.shape, kind=kind_word(sizes.type.kind))
    return ops.multiply(unit, ops.sqrt(ops.sum(ops.square(ops.divide(sizes, units)), axes=axes)))


def _per_sample(node: Node) -> Node:
    return node if node.type.kind is Kind.SAMPLE else ops.broadcast(node, shape=node.type.shape, kind="sample")


def _rebuilt(roots: Sequence[Node], change: Callable[[Node, Node], Node]) -> tuple[Node, ...]:
    """`roots` with each node replaced by `change(node, the node over its changed inputs)`."""
    made: dict[Node, Node] = {}
    for node in reachable(roots):
        made[node] = change(node, node.builder.again(node, tuple(made[operand] for operand in node.inputs)))
    return tuple(made[root] for root in roots)


def _generated(checked: Program, train: TrainProgram, values: list[tuple[str, Node]], dtype: str) -> Generated:
    """A generated module whose prediction of this block is the `values`."""
    from nndsl.runtime.load import generate
    from nndsl.runtime.modules import Generated, run_folders

    graph = replace(train.evaluation, predictions=tuple((name, node, None) for name, node in values))
    block = replace(train, evaluation=graph, shows=())
    # All blocks stay: the weights' places in the flat vectors depend on them.
    trains = tuple(block if each is train else replace(each, shows=()) for each in checked.trains)
    source = generate(replace(checked, trains=trains, networks=()), precision=dtype)
    return Generated(source, f"<gradients of {checked.file.name}>", run_folders(checked))


# ------------------------------------------------------------------------------------------------ taps


@dataclass(frozen=True, slots=True)
class _Tap:
    """A sequence of zeros that is added to what a loop carries. leaf: it, [time, ...]; path: of what is carried."""

    path: str
    leaf: Node
    reverse: bool


def _with_taps(loss: Node) -> tuple[Node, list[_Tap]]:
    """The loss with a tap on every float that a loop carries."""
    taps: list[_Tap] = []
    loops: dict[tuple[object, ...], tuple[Body, tuple[Node, ...]]] = {}

    def tapped(node: Node, made: Node) -> Node:
        if node.op is not ops.scan:
            return made
        body, length, reverse = ops.body_of(made), integer(made, "length"), bool(made["reverse"])
        key = (body, made.inputs, length, reverse)
        if key not in loops:
            loops[key] = _tapped_loop(body, made.inputs, length, reverse, taps)
        wider, inputs = loops[key]
        new = ops.scan(*inputs, body=wider, length=length, reverse=reverse, output=made["output"])
        for name in made.names:
            new.named(name)
        return new

    return _rebuilt([loss], tapped)[0], taps


def _tapped_loop(
    body: Body, inputs: tuple[Node, ...], length: int, reverse: bool, taps: list[_Tap]
) -> tuple[Body, tuple[Node, ...]]:
    """A loop's body and inputs with a tap for each carry; `taps` gets them."""
    elements: dict[Node, Node] = {}
    leaves: list[Node] = []
    for carry, after in zip(body.carries, body.next, strict=True):
        if carry.type.dtype is not DType.FLOAT or after in body.parameters or after in elements:
            continue
        type = carry.type.with_shape((length, *carry.type.shape))
        leaf = ops.field.make(carry.builder, type, name=f"tap {len(taps)}")
        index = len(body.elements) + len(leaves)
        loop = body.carries[0]["loop"]
        elements[after] = ops.loop_parameter.make(carry.builder, carry.type, loop=loop, role="element", index=index)
        leaves.append(leaf)
        taps.append(_Tap(carry.names[-1] if carry.names else f"state {len(taps)}", leaf, reverse))
    roots = _rebuilt(body.roots, lambda node, made: ops.add(made, elements[node]) if node in elements else made)
    wider = ops.Body(
        body.carries, (*body.elements, *elements.values()), body.constants, *_parted(roots, len(body.next))
    )
    split = len(body.carries) + len(body.elements)
    return wider, (*inputs[:split], *leaves, *inputs[split:])


def _parted(roots: tuple[Node, ...], count: int) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    return roots[:count], roots[count:]
