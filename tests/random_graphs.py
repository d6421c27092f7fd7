"""Random graphs for hypothesis: float values of several shapes and kinds, made by every family of ops.

They are drawn as a seed and a size: a failing graph shrinks to the shortest beginning that still fails.

What jumps (comparisons, rounding, `argmax`) reads leaves only, so that a rounding error does not become a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from nndsl import ops
from nndsl.ir import Builder, DType, Kind, Node, TensorType

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn

SHAPES = ((), (3,), (1,), (2, 3), (3, 2), (1, 3), (2, 1))
NUMBERS = (0.0, 1.0, -1.0, 2.0, 0.5, -0.5, 3.0)

UNARY = (
    ops.negate,
    ops.exp,
    ops.expm1,
    ops.log,
    ops.log1p,
    ops.sqrt,
    ops.square,
    ops.reciprocal,
    ops.absolute,
    ops.tanh,
    ops.sigmoid,
    ops.softplus,
    ops.sin,
    ops.stop_gradient,
)
BINARY = (ops.add, ops.subtract, ops.multiply, ops.divide, ops.maximum, ops.minimum)
COMPARISONS = (ops.greater, ops.greater_equal, ops.less, ops.less_equal)


class Maker:
    """A graph in the making: `floats` are the values so far, any of which the next op may read."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.builder = Builder()
        self.floats: list[Node] = []

    def flip(self) -> bool:
        return self.random.random() < 0.5

    def leaf(self, shape: tuple[int, ...], kind: Kind, dtype: DType = DType.FLOAT) -> Node:
        name = f"{dtype.value}{shape}{kind.name}{self.random.randint(0, 1)}"
        return ops.field.make(self.builder, TensorType(dtype, shape, kind), name=name)

    def number(self, type: TensorType) -> Node:
        return ops.constant.make(self.builder, type, value=self.random.choice(NUMBERS))

    def step_splat(self, type: TensorType) -> Node:
        host = ops.field.make(self.builder, TensorType(DType.FLOAT, (), Kind.STEP), name="rate")
        return spread(ops.from_step(host), type)

    def keep(self, node: Node) -> None:
        self.floats.append(node)

    def like(self, type: TensorType) -> Node:
        """A value of the given type: one that is there, a leaf, a number or something broadcast."""
        same = [node for node in self.floats if node.type == type]
        below = [node for node in self.floats if can_spread(node.type, type)]
        choice = self.random.randint(0, 5)
        if choice <= 2 and same:
            return self.random.choice(same)
        if choice == 3 and below:
            return spread(self.random.choice(below), type)
        if choice == 4:
            return self.number(type)
        return self.step_splat(type) if choice == 5 else self.leaf(type.shape, type.kind)

    # ------------------------------------------------------------------------------------------ one more op

    def grow(self) -> None:
        recent = self.floats[-3:] if self.flip() else self.floats
        made = self.random.choice(FAMILIES)(self, self.random.choice(recent))
        if made is not None and made.type.size <= 64:
            self.keep(made)


def spread(x: Node, type: TensorType) -> Node:
    kind = "sample" if type.kind is Kind.SAMPLE else "shared"
    return ops.broadcast(x, shape=type.shape, kind=kind)


def can_spread(small: TensorType, large: TensorType) -> bool:
    if small.kind > large.kind or small.rank > large.rank or small == large:
        return False
    pairs = zip(reversed(small.shape), reversed(large.shape), strict=False)
    return all(own in (1, wanted) for own, wanted in pairs)


def unary(m: Maker, x: Node) -> Node:
    return m.random.choice(UNARY)(x)


def binary(m: Maker, x: Node) -> Node:
    other = m.like(x.type)
    op = m.random.choice(BINARY)
    return op(x, other) if m.flip() else op(other, x)


def scaled(m: Maker, x: Node) -> Node:
    """A sign, a factor or a neutral number."""
    number = m.step_splat(x.type) if m.flip() else m.number(x.type)
    options: list[Callable[[], Node]] = [
        lambda: ops.negate(x),
        lambda: ops.multiply(number, x),
        lambda: ops.multiply(x, number),
        lambda: ops.divide(x, number),
        lambda: ops.subtract(number, x),
        lambda: ops.add(x, number),
        lambda: ops.multiply(x, x),
    ]
    return m.random.choice(options)()


def power(m: Maker, x: Node) -> Node:
    value = m.random.choice((0.0, 1.0, 2.0, 3.0, 4.0, 0.5, -1.0, -0.5, -2.0))
    return ops.power(x, ops.constant.make(m.builder, x.type, value=value))


def choice(m: Maker, x: Node) -> Node:
    leaf = m.leaf(x.type.shape, x.type.kind)
    bound = ops.constant.make(m.builder, x.type, value=0.0)
    condition = m.random.choice(COMPARISONS)(leaf, bound)
    if m.flip():
        condition = ops.logical_not(condition)
    return ops.where(condition, x, leaf if m.flip() else m.like(x.type))


def rectified(m: Maker, x: Node) -> Node:
    nothing = ops.constant.make(m.builder, x.type, value=0.0)
    leaf = m.leaf(x.type.shape, x.type.kind)
    return ops.where(ops.greater(leaf, nothing), leaf, nothing)


def broadcast(m: Maker, x: Node) -> Node | None:
    kinds = [kind for kind in (Kind.SHARED, Kind.SAMPLE) if kind >= x.type.kind]
    wider = [TensorType(DType.FLOAT, shape, kind) for shape in SHAPES for kind in kinds]
    fitting = [type for type in wider if can_spread(x.type, type)]
    return spread(x, m.random.choice(fitting)) if fitting else None


def movement(m: Maker, x: Node) -> Node | None:
    rank = x.type.rank
    options = [lambda: ops.reshape(x, shape=(x.type.size,)), lambda: ops.reshape(x, shape=(1, *x.type.shape))]
    if rank:
        stops, before = x.type.shape, m.random.randint(0, 2)
        start = m.random.randrange(stops[-1])
        options += [
            lambda: ops.transpose(x, permutation=tuple(reversed(range(rank)))),
            lambda: ops.reverse(x, axes=(rank - 1,)),
            lambda: ops.slice(x, starts=(*(0,) * (rank - 1), start), stops=stops, steps=(1,) * rank),
            lambda: ops.pad(x, before=(*(0,) * (rank - 1), before), after=(0,) * rank),
            lambda: ops.concatenate(x, m.like(x.type), axis=m.random.randrange(rank)),
        ]
    made = m.random.choice(options)()
    return made if made.type.rank <= 3 else None


def reduction(m: Maker, x: Node) -> Node | None:
    options: list[Callable[[], Node]] = []
    if x.type.rank:
        axes = {m.random.randrange(x.type.rank) for _ in range(2)}
        op = m.random.choice((ops.sum, ops.sum, ops.max))
        options.append(lambda: op(x, axes=tuple(sorted(axes))))
    if x.type.kind is Kind.SAMPLE:
        options.append(lambda: ops.batch_sum(x))
    return m.random.choice(options)() if options else None


def product(m: Maker, x: Node) -> Node | None:
    if x.type.rank == 0:
        return None
    other = m.like(TensorType(DType.FLOAT, (x.type.shape[-1], 2), Kind.SHARED))
    letters = "abc"[: x.type.rank] if x.type.rank < 3 else "abc"
    equation = f"{letters},{letters[-1]}z->{letters[:-1]}z"
    return ops.einsum(x, other, equation=equation, kind="sample" if x.type.kind is Kind.SAMPLE else "shared")


def outer_product(m: Maker, x: Node) -> Node | None:
    if x.type.rank != 1:
        return None
    other = m.like(TensorType(DType.FLOAT, (2,), x.type.kind))
    kind = "shared" if m.flip() or x.type.kind is Kind.SHARED else "sample"
    return ops.einsum(x, other, equation="a,b->ab", kind=kind)


def lookup(m: Maker, x: Node) -> Node | None:
    if x.type.rank == 0 or x.type.shape[-1] != 3:
        return None
    index = m.leaf(x.type.shape[:-1], x.type.kind, DType.INT)
    return ops.pick(x, index) if m.flip() else ops.place(ops.pick(x, index), index, size=3)


def form(m: Maker, x: Node) -> Node:
    """A formula as people write it, which `numerics` knows."""
    one = ops.constant.make(m.builder, x.type, value=1.0)
    half = ops.constant.make(m.builder, x.type, value=0.5)
    options: list[Callable[[], Node]] = [
        lambda: ops.log(ops.add(one, ops.exp(x))),
        lambda: ops.add(ops.multiply(half, ops.tanh(ops.multiply(half, x))), half),
        lambda: ops.log(ops.sigmoid(x)),
        lambda: ops.sqrt(ops.square(x)),
    ]
    if x.type.rank:
        axes = tuple(range(x.type.rank))
        total = ops.sum(ops.exp(x), axes=axes)
        options += [
            lambda: ops.log(total),
            lambda: ops.log(ops.divide(ops.exp(x), spread(total, x.type))),
            lambda: ops.sqrt(ops.sum(ops.square(x), axes=axes)),
        ]
    return m.random.choice(options)()


FAMILIES = (
    unary,
    binary,
    binary,
    scaled,
    scaled,
    power,
    choice,
    rectified,
    broadcast,
    broadcast,
    movement,
    movement,
    movement,
    reduction,
    reduction,
    product,
    outer_product,
    lookup,
    form,
)


@st.composite
def graphs(draw: DrawFn, most: int = 40) -> Maker:
    """A maker with at least one float value."""
    maker = Maker(Random(draw(st.integers(0, 2**32 - 1))))
    for _ in range(maker.random.randint(1, 3)):
        kind = maker.random.choice((Kind.SAMPLE, Kind.SAMPLE, Kind.SHARED))
        maker.keep(maker.leaf(maker.random.choice(SHAPES), kind))
    for _ in range(draw(st.integers(1, most))):
        maker.grow()
    return maker
