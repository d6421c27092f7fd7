"""Random programs like small networks: branches, shared weights, reductions, number types, states, two optimizers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.autodiff import differentiate
from nndsl.ir import DType, Node
from nndsl.ir.program import (
    Minimize,
    Program,
    Reported,
    Slot,
    State,
    StepGraph,
    Total,
    TrainProgram,
    Update,
    Weight,
)
from tests.programs import Writer, adam, filled, sample, shared, to_sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis import strategies as st

TEXT = "model Random {\n  step\n}\ntrain Random on rows {\n  minimize loss using Adam\n}\n"
LINE = "minimize loss using Adam"


class RandomNetwork:
    """Grows a graph from a pool of per-sample vectors, each drawn decision at a time."""

    def __init__(self, draw: Callable[[st.SearchStrategy[int]], int], integers: Callable[[int, int], int]) -> None:
        self.choose = integers
        self.w = Writer(TEXT, "random.nn")
        self.weights: dict[str, Node] = {}
        self.states: dict[str, tuple[Node, Node]] = {}
        with self.w.at(LINE):
            x = self.w.leaf("field", sample(3), name="x")
            y = self.w.leaf("field", sample(), name="y")
            z = self.w.leaf("field", sample(3), name="z")
            label = self.w.leaf("field", sample(dtype=DType.INT), name="label")
        self.vectors = [x, z]
        self.scalars = [y]
        self.label = label

    def pick(self, pool: list[Node]) -> Node:
        """One of a pool, later ones more often."""
        return pool[max(self.choose(0, len(pool) - 1), self.choose(0, len(pool) - 1))]

    def weight(self, *shape: int) -> Node:
        """A new weight, or one of the same shape used again."""
        known = [node for node in self.weights.values() if node.type.shape == shape]
        if known and self.choose(0, 2) == 0:
            return known[self.choose(0, len(known) - 1)]
        path = f"Random/layer_{len(self.weights)}/kernel"
        self.weights[path] = self.w.leaf("weight", shared(*shape), path=path, version=0)
        return self.weights[path]

    def grow(self) -> None:
        """Add one value to the pools."""
        makers = (
            self.dense,
            self.elementwise,
            self.branch,
            self.reduction,
            self.moved,
            self.chosen,
            self.normalized,
            self.noisy,
        )
        with self.w.builder.at(self.w.origin("step", f"Random/layer_{self.choose(0, 5)}")):
            makers[self.choose(0, len(makers) - 1)]()

    def dense(self) -> None:
        x = self.pick(self.vectors)
        units = self.choose(1, 4)
        product = ops.einsum(x, self.weight(x.type.shape[0], units), equation="a,ab->b", kind="sample")
        self.vectors.append(ops.add(product, to_sample(self.weight(units), units)).named(f"Random/layer_{units}/y"))

    def elementwise(self) -> None:
        pool = self.vectors if self.choose(0, 3) else self.scalars
        x = self.pick(pool)
        one = filled(x, 1.0)
        made = (
            lambda: ops.tanh(x),
            lambda: ops.sigmoid(x),
            lambda: ops.softplus(x),
            lambda: ops.sin(x),
            lambda: ops.sqrt(ops.add(ops.square(x), one)),
            lambda: ops.divide(x, ops.add(ops.square(x), one)),
            lambda: ops.log(ops.add(ops.exp(ops.tanh(x)), one)),
            lambda: ops.maximum(x, filled(x, 0.25)),
            lambda: ops.erf(x),
            lambda: ops.multiply(x, filled(x, -0.75)),
        )[self.choose(0, 9)]()
        pool.append(made.named("value") if self.choose(0, 1) else made)

    def branch(self) -> None:
        x = self.pick(self.vectors)
        alike = [v for v in self.vectors if v.type == x.type]
        other = self.pick(alike)
        op = (ops.add, ops.subtract, ops.multiply, ops.minimum)[self.choose(0, 3)]
        self.vectors.append(op(x, ops.tanh(other)))

    def reduction(self) -> None:
        x = self.pick(self.vectors)
        op = (ops.sum, ops.max)[self.choose(0, 1)]
        total = op(x, axes=(0,))
        self.scalars.append(total)
        if self.choose(0, 1):
            self.vectors.append(ops.subtract(x, ops.broadcast(total, shape=x.type.shape, kind="sample")))

    def moved(self) -> None:
        x = self.pick(self.vectors)
        other = self.pick(self.vectors)
        joined = ops.concatenate(x, other, axis=0)
        length = joined.type.shape[0]
        start = self.choose(0, length - 1)
        stop = self.choose(start + 1, length)
        made = ops.slice(joined, starts=(start,), stops=(stop,), steps=(1,))
        self.vectors.append(ops.reverse(made, axes=(0,)) if self.choose(0, 1) else made)

    def chosen(self) -> None:
        x = self.pick(self.vectors)
        size = x.type.shape[0]
        within = ops.remainder(self.label, filled(self.label, size))
        self.scalars.append(ops.pick(x, within))
        positive = ops.greater(x, filled(x, 0.0))
        self.vectors.append(ops.where(positive, x, filled(x, 0.1)))
        if self.choose(0, 1):
            table = self.weight(4, 2)
            ids = ops.remainder(self.label, filled(self.label, 4))
            self.vectors.append(ops.gather(table, ids))

    def normalized(self) -> None:
        """As BatchNormalization has it: a mean of the batch, and a moving one that is kept."""
        x = self.pick(self.vectors)
        (size,) = x.type.shape
        count = ops.from_step(self.w.step_number("batch_size"))
        mean = ops.divide(ops.batch_sum(x), ops.broadcast(count, shape=(size,), kind="shared"))
        path = f"Random/layer_{len(self.states)}/moving_mean"
        old = self.w.leaf("state", shared(size), path=path)
        new = ops.add(ops.multiply(filled(old, 0.9), old), ops.multiply(filled(old, 0.1), mean))
        self.states[path] = (old, new)
        self.vectors.append(ops.subtract(x, to_sample(mean, size)))

    def noisy(self) -> None:
        x = self.pick(self.vectors)
        site = f"site {len(self.vectors)}"
        if self.choose(0, 1):
            keep = self.w.leaf("random_bernoulli", x.type.with_dtype(DType.BOOL), site=site, probability=0.5)
            self.vectors.append(ops.where(keep, x, filled(x, 0.0)))
        else:
            noise = self.w.leaf("random_normal", x.type, site=site)
            self.vectors.append(ops.add(x, ops.multiply(noise, filled(noise, 0.1))))


def momentum(w: Writer, minimize: int, number: int, weights: tuple[str, ...], size: int) -> Update:
    """A second kind of optimizer: one vector, and a number of its own that grows."""
    update = f"{minimize}.{number}"
    vector = shared(size)
    with w.at(LINE):
        weight = w.leaf("flat_weight", vector, update=update)
        gradient = w.leaf("flat_gradient", vector, update=update)
        velocity = w.leaf("slot", vector, update=update, name="velocity").named("velocity")
        heat = w.step_number("slot", update=update, name="heat").named("heat")
        new_heat = ops.multiply(heat, filled(heat, 1.5)).named("heat")
        scale = ops.broadcast(ops.from_step(ops.divide(filled(heat, 1e-3), heat)), shape=(size,), kind="shared")
        clipped = ops.clip_by_norm(gradient, sizes=(size,), limit=1.0)
        new_velocity = ops.subtract(ops.multiply(velocity, filled(velocity, 0.9)), ops.multiply(scale, clipped))
        new_weight = ops.add(weight, new_velocity)
    slots = (Slot("velocity", 0.0), Slot("heat", 1.0, scalar=True))
    return Update("Momentum", weights, slots, new_weight, (new_velocity, new_heat), w.origin(LINE))


def second_minimize(network: RandomNetwork, path: str) -> Minimize:
    """One that sees what the first made of a weight, and what it was before."""
    w, old = network.w, network.weights[path]
    with w.at(LINE):
        new = w.leaf("weight", old.type, path=path, version=1)
        both = ops.add(ops.square(new), ops.multiply(ops.tanh(new), old))
        penalty = ops.sum(both, axes=tuple(range(old.type.rank)))
    return Minimize(1, penalty, (adam(w, 1, 0, (path,), old.type.size, LINE),), network.choose(1, 3), w.span(LINE))


def random_program(integers: Callable[[int, int], int]) -> Program:
    """A program whose every decision is `integers(low, high)`. Its fields: x [3], z [3], y [], label int[]."""
    network = RandomNetwork(integers, integers)
    network.dense()
    for _ in range(integers(1, 12)):
        network.grow()
    w = network.w
    with w.at(LINE):
        reduced = [ops.sum(v, axes=(0,)) for v in network.vectors[-3:]]
        terms = [*reduced, *network.scalars[-2:]]
        losses = terms[0]
        for term in terms[1:]:
            losses = ops.add(losses, term)
        losses = ops.square(ops.subtract(ops.tanh(losses), network.scalars[0])).named("loss")
        count = w.step_number("batch_size")
        loss = ops.divide(ops.batch_sum(losses), ops.from_step(count))
        right = ops.equal(ops.argmax(network.vectors[-1], axis=0), network.label)
        large = ops.cast(ops.greater(losses, filled(losses, 0.5)), to="int")
        totals = (Total(losses), Total(right), Total(large), Total(filled(losses, 1.0)))
        number = [w.step_number("total", index=index) for index in range(4)]
        reported = (
            Reported("loss", ops.divide(number[0], number[3]), w.span(LINE)),
            Reported("right", ops.divide(number[1], count), w.span(LINE)),
            Reported("large", ops.multiply(number[2], ops.sqrt(number[0])), w.span(LINE)),
        )
    paths = tuple(network.weights)
    first = paths[: integers(0, len(paths) - 1)] if integers(0, 1) else ()
    if integers(0, 1):
        first = tuple(path for position, path in enumerate(paths) if position % 2)
    groups = [group for group in (tuple(p for p in paths if p not in first), first) if group]
    sizes = [sum(network.weights[path].type.size for path in group) for group in groups]
    updates = tuple(
        adam(w, 0, k, group, size, LINE) if integers(0, 1) else momentum(w, 0, k, group, size)
        for k, (group, size) in enumerate(zip(groups, sizes, strict=True))
    )
    minimizes = [Minimize(0, loss, updates, integers(1, 2), w.span(LINE))]
    if integers(0, 1):
        minimizes.append(second_minimize(network, paths[integers(0, len(paths) - 1)]))
    last = network.vectors[-1]
    predictions = (
        ("guess", ops.argmax(last, axis=0), None),
        ("last", last, None),
        ("value", network.scalars[-1], None),
    )
    train = TrainProgram(
        name="Random",
        data=None,
        fields=("x", "y", "z", "label"),
        settings=(("steps", 3), ("batch_size", 5)),
        training=StepGraph(
            totals, reported, (), tuple((path, new) for path, (_, new) in network.states.items()), tuple(minimizes)
        ),
        evaluation=StepGraph(totals, reported, predictions, (), ()),
        callbacks=(),
        expectations=(),
        span=w.span("train Random on rows"),
    )
    with w.at("step"):
        weights = tuple(
            Weight(path, node.type, _drawn(w, path, node), w.origin("step", path.rpartition("/")[0]))
            for path, node in network.weights.items()
        )
        states = tuple(
            State(path, old.type, w.constant(0.5, old.type), w.origin("step", path.rpartition("/")[0]))
            for path, (old, _) in network.states.items()
        )
    return differentiate(
        Program(
            file=w.file,
            sources=(w.file,),
            builder=w.builder,
            weights=weights,
            states=states,
            data=(),
            models=(),
            trains=(train,),
        )
    )


def _drawn(w: Writer, path: str, node: Node) -> Node:
    drawn = w.leaf("random_normal", node.type, site=f"initial {path}")
    return ops.multiply(drawn, filled(drawn, 0.6))
