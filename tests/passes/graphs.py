"""Small graphs for the tests of rewrites: leaves by name, numbers, and their values."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from nndsl import ops
from nndsl.ir import Builder, DType, Kind, Node, TensorType

SAMPLES = 4
SHAPE = (2, 3)


class Graph:
    """A builder, and leaves in it: `x("a")` is [2, 3] per sample, `w("a")` shared, `h("rate")` a number of the step."""

    def __init__(self) -> None:
        self.builder = Builder()

    def leaf(self, name: str, shape: tuple[int, ...], kind: Kind = Kind.SAMPLE, dtype: DType = DType.FLOAT) -> Node:
        return ops.field.make(self.builder, TensorType(dtype, shape, kind), name=name)

    def x(self, name: str = "x", *shape: int) -> Node:
        return self.leaf(name, shape or SHAPE)

    def w(self, name: str = "w", *shape: int) -> Node:
        return self.leaf(name, shape or SHAPE, Kind.SHARED)

    def one(self, name: str, kind: Kind = Kind.SAMPLE) -> Node:
        """A single number per sample (or shared)."""
        return self.leaf(name, (), kind)

    def c(self, name: str = "c", *shape: int) -> Node:
        """Truth values."""
        return self.leaf(name, shape or SHAPE, dtype=DType.BOOL)

    def i(self, name: str = "i", *shape: int) -> Node:
        """Whole numbers from 0 to 2."""
        return self.leaf(name, shape or SHAPE, dtype=DType.INT)

    def h(self, name: str = "h") -> Node:
        """A number of the step."""
        return self.leaf(name, (), Kind.STEP)

    def number(self, value: float, like: Node) -> Node:
        return ops.constant.make(self.builder, like.type, value=value)

    def step_splat(self, host: Node, like: Node) -> Node:
        """A number of the step, everywhere in the type of `like`."""
        return spread(ops.from_step(host), like)


def spread(x: Node, like: Node) -> Node:
    """`x` broadcast to the type of `like`."""
    return ops.broadcast(x, shape=like.type.shape, kind=kind(like))


def kind(like: Node) -> str:
    return "sample" if like.type.kind is Kind.SAMPLE else "shared"


def values(node: Node, n: int = SAMPLES, low: float = 0.3, high: float = 1.7) -> Any:
    """What a leaf holds: numbers that depend on its name alone, in a range where every function has a value."""
    rng = np.random.default_rng(zlib.crc32(str(node.attributes).encode()))
    shape = (n, *node.type.shape) if node.type.kind is Kind.SAMPLE else node.type.shape
    match node.type.dtype:
        case DType.BOOL:
            return rng.random(shape) < 0.5
        case DType.INT:
            return rng.integers(0, 3, shape).astype(np.int32)
        case DType.FLOAT if node.op is ops.batch_size:
            return float(n)
        case DType.FLOAT if node.type.kind is Kind.STEP:
            return float(rng.uniform(low, high))
        case DType.FLOAT:
            return rng.uniform(low, high, shape) * np.where(rng.random(shape) < 0.5, 1, -1 if low < 0 else 1)
