"""Random training steps: several `minimize` over weights that earlier ones changed, states, totals, predictions.

And what they mean: `expected` computes a step statement by statement, every version of every weight kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.ir import DType, Kind, Node, Origin, TensorType, reachable
from nndsl.ir.program import Minimize, Slot, StepGraph, Total, Update
from nndsl.source import SourceFile, Span
from tests.executor import Memory, evaluate
from tests.passes.graphs import values
from tests.random_graphs import Maker

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

SAMPLES = 4
LIMIT = 1e4
SHAPES: dict[str, tuple[int, ...]] = {"vector": (3,), "other": (3,), "matrix": (2, 3), "number": ()}
STATES: dict[str, tuple[int, ...]] = {"mean": (3,), "spread": (3,)}
SPAN = Span(SourceFile("random.nn", "\n", Path("random.nn")), 0, 0)


def shared(shape: tuple[int, ...]) -> TensorType:
    return TensorType(DType.FLOAT, shape, Kind.SHARED)


class StepMaker(Maker):
    """A maker whose shared leaves are weights, as the statements so far have left them, and states."""

    def __init__(self, random: Random) -> None:
        super().__init__(random)
        self.versions = dict.fromkeys(SHAPES, 0)
        self.minimizes: list[Minimize] = []

    def leaf(self, shape: tuple[int, ...], kind: Kind, dtype: DType = DType.FLOAT) -> Node:
        if kind is not Kind.SHARED or dtype is not DType.FLOAT:
            return super().leaf(shape, kind, dtype)
        known = [self.weight(path) for path in SHAPES if SHAPES[path] == shape]
        known += [self.state(path) for path in STATES if STATES[path] == shape]
        return self.random.choice(known) if known else super().leaf(shape, kind, dtype)

    def weight(self, path: str) -> Node:
        """The weight as it is at this statement."""
        return ops.weight.make(self.builder, shared(SHAPES[path]), path=path, version=self.versions[path])

    def state(self, path: str) -> Node:
        return ops.state.make(self.builder, shared(STATES[path]), path=path)

    # ------------------------------------------------------------------------------------------ statements

    def minimize(self) -> None:
        """`minimize` of some value over some weights."""
        index = len(self.minimizes)
        paths = self.random.sample(list(SHAPES), self.random.randint(1, 3))
        loss = self.number_of(self.random.choice(self.floats[-6:]), Kind.SHARED)
        leaves = [self.weight(path) for path in paths]
        loss = ops.add(loss, self.number_of(ops.square(leaves[0]), Kind.SHARED))
        found = zip(paths, leaves, gradients(loss, leaves), strict=True)
        by_weight = tuple((path, ops.splat(leaf, 0.0) if g is None else g) for path, leaf, g in found)
        cut = self.random.randint(1, len(paths))
        groups = [group for group in (paths[:cut], paths[cut:]) if group]
        updates = tuple(self.update(f"{index}.{i}", group) for i, group in enumerate(groups))
        self.minimizes.append(Minimize(index, loss, updates, 1, SPAN, by_weight))
        for path in paths:
            self.versions[path] += 1

    def number_of(self, x: Node, kind: Kind) -> Node:
        """A single number made of `x`, of the kind wanted."""
        x = ops.tanh(x)
        x = ops.sum(x, axes=tuple(range(x.type.rank))) if x.type.rank else x
        if kind is x.type.kind:
            return x
        return ops.batch_sum(x) if kind is Kind.SHARED else ops.broadcast(x, shape=(), kind="sample")

    def update(self, name: str, paths: list[str]) -> Update:
        size = sum(int(np.prod(SHAPES[path])) for path in paths)
        optimizer = self.random.choice(OPTIMIZERS)
        slots, new_slots, new_weight = optimizer(Flat(self, name, size))
        return Update(optimizer.__name__, tuple(paths), slots, new_weight, new_slots, Origin(SPAN))


@dataclass
class Flat:
    """The leaves of one update."""

    maker: StepMaker
    update: str
    size: int

    def leaf(self, op: str, **attributes: str) -> Node:
        return getattr(ops, op).make(self.maker.builder, shared((self.size,)), update=self.update, **attributes)

    @property
    def weight(self) -> Node:
        return self.leaf("flat_weight")

    @property
    def gradient(self) -> Node:
        return self.leaf("flat_gradient")

    def slot(self, name: str) -> Node:
        return self.leaf("slot", name=name)

    def scalar(self, name: str) -> Node:
        type = TensorType(DType.FLOAT, (), Kind.STEP)
        return ops.slot.make(self.maker.builder, type, update=self.update, name=name)


Optimizer = tuple[tuple[Slot, ...], tuple[Node, ...], Node]


def times(x: Node, number: float) -> Node:
    return ops.multiply(x, ops.splat(x, number))


def sgd(f: Flat) -> Optimizer:
    return (), (), ops.subtract(f.weight, times(f.gradient, 0.1))


def momentum(f: Flat) -> Optimizer:
    m = ops.subtract(times(f.slot("m"), 0.9), times(f.gradient, 0.1))
    return (Slot("m", 0.0),), (m,), ops.add(f.weight, m)


def adam(f: Flat) -> Optimizer:
    m = ops.add(times(f.slot("m"), 0.9), times(f.gradient, 0.1))
    v = ops.add(times(f.slot("v"), 0.99), times(ops.square(f.gradient), 0.01))
    power = ops.multiply(f.scalar("power"), ops.splat(f.scalar("power"), 0.9))
    rate = ops.broadcast(ops.from_step(power), shape=(f.size,), kind="shared")
    step = ops.divide(ops.multiply(rate, m), ops.add(ops.sqrt(v), ops.splat(v, 0.1)))
    slots = (Slot("m", 0.0), Slot("power", 1.0, scalar=True), Slot("v", 0.5))
    return slots, (m, power, v), ops.subtract(f.weight, step)


def old_slot_read_late(f: Flat) -> Optimizer:
    """The new weight reads what the slot was before, and how much it changed."""
    m = ops.add(times(f.slot("m"), 0.5), f.gradient)
    change = ops.subtract(m, f.slot("m"))
    return (Slot("m", 0.25),), (m,), ops.subtract(f.weight, times(change, 0.1))


def swapped_slots(f: Flat) -> Optimizer:
    weight = ops.subtract(f.weight, times(ops.add(f.slot("a"), f.gradient), 0.1))
    return (Slot("a", 0.25), Slot("b", 0.75)), (f.slot("b"), f.slot("a")), weight


def crossed_slots(f: Flat) -> Optimizer:
    """Each new slot is made of the other old one."""
    a, b = ops.tanh(f.slot("b")), ops.add(f.slot("a"), f.gradient)
    return (Slot("a", 0.25), Slot("b", 0.75)), (a, b), ops.subtract(f.weight, times(ops.add(a, b), 0.1))


def kept_gradient(f: Flat) -> Optimizer:
    """A slot that is the gradient itself, one that stays, one that is the old weight."""
    slots = (Slot("last", 0.0), Slot("same", 2.0), Slot("before", 0.0))
    weight = ops.subtract(f.weight, times(ops.add(f.gradient, f.slot("last")), 0.1))
    return slots, (f.gradient, f.slot("same"), f.weight), weight


def clipped(f: Flat) -> Optimizer:
    sizes = (1, f.size - 1) if f.size > 1 else (1,)
    gradient = ops.clip_by_norm(f.gradient, sizes=sizes, limit=0.5)
    m = ops.reverse(times(f.slot("m"), 0.5), axes=(0,))
    return (Slot("m", 0.5),), (ops.add(m, gradient),), ops.subtract(f.weight, gradient)


OPTIMIZERS: tuple[Callable[[Flat], Optimizer], ...] = (
    sgd,
    momentum,
    adam,
    old_slot_read_late,
    swapped_slots,
    crossed_slots,
    kept_gradient,
    clipped,
)


@st.composite
def steps(draw: DrawFn, statements: int = 3, most: int = 12) -> StepGraph:
    """A training step with up to `statements` minimizes."""
    m = StepMaker(Random(draw(st.integers(0, 2**32 - 1))))
    m.keep(m.leaf((3,), Kind.SAMPLE))
    m.keep(ops.multiply(m.floats[0], ops.broadcast(m.weight("vector"), shape=(3,), kind="sample")))
    m.keep(m.weight("matrix"))
    for _ in range(draw(st.integers(0, statements))):
        for _ in range(draw(st.integers(0, most))):
            m.grow()
        m.minimize()
    for _ in range(draw(st.integers(0, most))):
        m.grow()
    count = m.random.randint(0, 3)
    totals = [Total(m.number_of(m.random.choice(m.floats), Kind.SAMPLE)) for _ in range(count)]
    totals.append(Total(m.number(TensorType(DType.FLOAT, (), Kind.SAMPLE))))
    outputs = tuple((f"out{i}", m.random.choice(m.floats), None) for i in range(m.random.randint(0, 2)))
    return StepGraph(tuple(totals), (), outputs, new_states(m), tuple(m.minimizes))


def new_states(m: StepMaker) -> tuple[tuple[str, Node], ...]:
    fitting = [node for node in m.floats if node.type == shared((3,))]
    options = [(m.state("spread"), m.state("mean")), (m.state("mean"), m.weight("vector"))]
    if fitting:
        options.append((m.random.choice(fitting), m.random.choice(fitting)))
        options.append((m.state("mean"), ops.reverse(m.state("mean"), axes=(0,))))
    return tuple(zip(STATES, m.random.choice(options), strict=True))


# ------------------------------------------------------------------------------------------------ meaning


def first_memory() -> Memory:
    """Weights and states before the step."""
    rng = np.random.default_rng(0)
    weights = {path: rng.uniform(-1, 1, shape) for path, shape in SHAPES.items()}
    return Memory(weights, {path: rng.uniform(-1, 1, shape) for path, shape in STATES.items()})


def leaf_values(node: Node) -> Any:
    """Fields and host numbers."""
    return values(node, SAMPLES, low=-1.5, high=1.5)


@dataclass
class Outcome:
    """What a step leaves behind. tame: no value on the way is infinite, or so large that its rounding errors show."""

    memory: Memory
    totals: list[float] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    tame: bool = True


def expected(graph: StepGraph, memory: Memory) -> Outcome:
    """The step, statement by statement."""
    versions: dict[tuple[str, int], Any] = {(path, 0): value for path, value in memory.weights.items()}
    latest = dict.fromkeys(memory.weights, 0)
    slots: dict[str, Any] = {}

    def leaves(node: Node) -> Any:
        if node.op is ops.weight:
            return versions[str(node["path"]), int(str(node["version"]))]
        return memory.states[str(node["path"])] if node.op is ops.state else leaf_values(node)

    tame = True

    def computed(nodes: list[Node]) -> list[Any]:
        nonlocal tame
        needed = reachable(nodes)
        found = dict(zip(needed, evaluate(needed, leaves, SAMPLES), strict=True))
        tame = tame and all(np.all(np.abs(value) < LIMIT) for value in found.values())
        return [found[node] for node in nodes]

    for minimize in graph.minimizes:
        found = computed([node for _, node in minimize.gradients])
        by_path = dict(zip((path for path, _ in minimize.gradients), found, strict=True))
        for number, update in enumerate(minimize.updates):
            new = _updated(update, f"{minimize.index}.{number}/", versions, latest, by_path, slots)
            for path, value in new.items():
                latest[path] += 1
                versions[path, latest[path]] = value
    totals = computed([total.node for total in graph.totals])
    outputs = computed([node for _, node, _ in graph.predictions])
    states = computed([node for _, node in graph.states])
    after = Memory(
        {path: versions[path, version] for path, version in latest.items()},
        memory.states | dict(zip((path for path, _ in graph.states), states, strict=True)),
        slots,
    )
    return Outcome(after, [float(np.sum(total)) for total in totals], outputs, tame)


def _updated(
    update: Update,
    prefix: str,
    versions: dict[tuple[str, int], Any],
    latest: dict[str, int],
    gradients: dict[str, Any],
    slots: dict[str, Any],
) -> dict[str, Any]:
    old = {path: versions[path, latest[path]] for path in update.weights}
    flat = {
        "flat_weight": np.concatenate([value.ravel() for value in old.values()]),
        "flat_gradient": np.concatenate([gradients[path].ravel() for path in old]),
    }
    size = flat["flat_weight"].size
    before = {s.name: s.initial if s.scalar else np.full(size, s.initial) for s in update.slots}

    def leaves(node: Node) -> Any:
        return before[str(node["name"])] if node.op is ops.slot else flat[node.op.name]

    weight, *new_slots = evaluate([update.new_weight, *update.new_slots], leaves, 1)
    for slot, value in zip(update.slots, new_slots, strict=True):
        slots[prefix + slot.name] = value
    cuts = np.cumsum([value.size for value in old.values()])[:-1]
    parts = np.split(weight, cuts)
    return {path: part.reshape(old[path].shape) for path, part in zip(old, parts, strict=True)}
