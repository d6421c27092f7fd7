"""Runs ops and graphs straight from the ops' source rules, and draws inputs for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.ir import Builder, Domain, DType, Emission, Kind, Node, Op, Sample, TensorType, reachable
from nndsl.runtime.standalone import attention, kernels, random, windows

Array = NDArray[Any]
SAMPLES = 3


def shape_of(type: TensorType, n: int = SAMPLES) -> tuple[int, ...]:
    return (n, *type.shape) if type.kind is Kind.SAMPLE else type.shape


def dtype_of(dtype: DType, floats: str = "float64") -> Any:
    real = np.dtype(floats)
    whole, truth = np.dtype(np.int32), np.dtype(np.bool_)
    return {DType.FLOAT: real, DType.NARROW: real, DType.INT: whole, DType.BOOL: truth}[dtype]


def scope(n: int = SAMPLES) -> dict[str, Any]:
    """The names that generated source may use."""
    names = {
        name: value
        for module in (attention, kernels, windows)
        for name, value in vars(module).items()
        if not name.startswith("_")
    }
    draws = {name: getattr(random, name) for name in ("uniform", "normal", "bernoulli")}
    return {**names, **draws, "np": np, "math": math, "n": n, "seed": 7, "step": 2, "first": 5}


# ------------------------------------------------------------------------------------------------ inputs


def draw(
    type: TensorType, domain: Domain, rng: np.random.Generator, n: int = SAMPLES, floats: str = "float64"
) -> Array:
    """An array of `type` with numbers of `domain`."""
    shape = shape_of(type, n)
    count = math.prod(shape)
    match type.dtype:
        case DType.BOOL:
            return np.asarray(rng.random(shape) < 0.5)
        case DType.INT:
            return rng.integers(int(domain.low), int(domain.high), shape).astype(np.int32)
        case DType.FLOAT if domain.integers:
            return rng.integers(int(domain.low), int(domain.high), shape).astype(floats)
        case DType.FLOAT if domain.distinct:
            places = (rng.permutation(count) + 0.5) / count
            return (domain.low + (domain.high - domain.low) * places).reshape(shape).astype(floats)
        case DType.FLOAT:
            numbers = rng.uniform(domain.low, domain.high, shape)
            while (close := _close(numbers, domain)).any():
                numbers = np.where(close, rng.uniform(domain.low, domain.high, shape), numbers)
            return numbers.astype(floats)


def _close(numbers: Array, domain: Domain) -> Array:
    points = np.array(domain.avoid).reshape(-1, *[1] * numbers.ndim)
    return (np.abs(numbers - points) < domain.margin).any(axis=0)


def draws(op: Op, sample: Sample, n: int = SAMPLES, floats: str = "float64") -> list[Array]:
    """An array for each input of a sample; the same ones every time."""
    rng = np.random.default_rng(crc32(f"{op.name} {sample}".encode()))
    domains = [*sample.domains, *[Domain()] * (len(sample.types) - len(sample.domains))]
    return [draw(type, domain, rng, n, floats) for type, domain in zip(sample.types, domains, strict=True)]


def applied(op: Op, sample: Sample) -> Node:
    """The op over fields of the sample's types."""
    builder = Builder()
    inputs = [
        (ops.step.make(builder, type, counts=f"{i}") if type.kind is Kind.STEP else field(builder, type, f"x{i}"))
        for i, type in enumerate(sample.types)
    ]
    return op(*inputs, **sample.attributes)


def field(builder: Builder, type: TensorType, name: str) -> Node:
    return ops.field.make(builder, type, name=name)


# ------------------------------------------------------------------------------------------------ running


def textbook(node: Node, operands: Sequence[Any], n: int = SAMPLES, floats: str = "float64") -> Any:
    """The value of one op's expression form; an operand that is a text is written into the source as it is."""
    names = scope(n)
    texts: list[str] = []
    for position, operand in enumerate(operands):
        texts.append(operand if isinstance(operand, str) else f"x{position}")
        names[texts[-1]] = operand
    rule = node.op.numpy
    emission = Emission(node, tuple(texts), "out", dtype=floats)
    write = rule.host if node.type.kind is Kind.STEP else rule.expression
    assert write is not None
    return eval(write(emission), names)


def planned(
    node: Node, operands: Sequence[Array], n: int = SAMPLES, floats: str = "float64", *, in_place: int | None = None
) -> Array:
    """What one op's planned form leaves in its buffer, which held garbage, or in the operand that it overwrites."""
    lines, names = workspace(node, operands, n, floats, in_place=in_place)
    exec("\n".join(lines), names)
    return names["out"]


def workspace(
    node: Node, operands: Sequence[Array], n: int = SAMPLES, floats: str = "float64", *, in_place: int | None = None
) -> tuple[list[str], dict[str, Any]]:
    """The lines of the planned form and the names that they use, buffers and views made."""
    rule = node.op.numpy
    names = scope(n)
    texts = tuple(f"x{position}" for position in range(len(operands)))
    names.update(zip(texts, operands, strict=True))
    names["out"] = garbage(node.type, n, floats) if in_place is None else operands[in_place]
    if rule.view:
        view = eval(rule.expression(Emission(node, texts, "", dtype=floats)), names)
        assert np.shares_memory(view, operands[0])
        return ["out = view"], {**names, "view": view}
    assert rule.statements is not None
    scratch: list[str] = []
    for shape, dtype, per_sample in rule.scratch(node) if rule.scratch is not None else ():
        type = TensorType(DType(dtype), shape, Kind.SAMPLE if per_sample else Kind.SHARED)
        scratch.append(f"scratch{len(scratch)}")
        names[scratch[-1]] = garbage(type, n, floats)
    emission = Emission(node, texts, "out", tuple(scratch), dtype=floats)
    prepared: list[str] = []
    for name, text in rule.prepare(emission) if rule.prepare is not None else ():
        assert f"prepared_{name}" not in prepared, f"{name} is defined twice"
        prepared.append(f"prepared_{name}")
        names[prepared[-1]] = eval(text, names)
    return rule.statements(Emission(node, texts, "out", tuple(scratch), tuple(prepared), dtype=floats)), names


def garbage(type: TensorType, n: int = SAMPLES, floats: str = "float64") -> Array:
    """A buffer as the op finds it."""
    value = {DType.FLOAT: math.nan, DType.NARROW: math.nan, DType.INT: -(1 << 30), DType.BOOL: True}[type.dtype]
    return np.full(shape_of(type, n), value, dtype_of(type.dtype, floats))


def evaluate(roots: Sequence[Node], values: Mapping[Node, Any], n: int = SAMPLES, floats: str = "float64") -> list[Any]:
    """Values of graphs in their textbook form; `values` holds those of the leaves that have no source of their own."""
    found: dict[Node, Any] = dict(values)
    for node in reachable(roots):
        if node in found:
            continue
        if node.op is ops.constant:
            found[node] = np.full(shape_of(node.type, n), node["value"], dtype_of(node.type.dtype, floats))
            continue
        value = textbook(node, [found[operand] for operand in node.inputs], n, floats)
        assert np.shape(value) == shape_of(node.type, n), f"{node!r} came out as {np.shape(value)}"
        found[node] = np.asarray(value)
    return [found[root] for root in roots]


# ------------------------------------------------------------------------------------------------ derivatives


def inner_product(node: Node, name: str) -> tuple[Node, Node]:
    """The sum of all elements of a float node, each times a field called `name`: a shared scalar, and the field."""
    factors = field(node.builder, node.type, name)
    total = ops.multiply(node, factors)
    if node.type.rank:
        total = ops.sum(total, axes=tuple(range(node.type.rank)))
    return (ops.batch_sum(total) if node.type.kind is Kind.SAMPLE else total), factors


def slopes(root: Node, values: Mapping[Node, Array], by: Node, n: int = SAMPLES, difference: float = 1e-6) -> Array:
    """Central differences of a shared scalar by every element of a leaf."""
    result = np.zeros_like(values[by])
    for index in np.ndindex(result.shape):
        moved: list[float] = []
        for direction in (difference, -difference):
            changed = values[by].copy()
            changed[index] += direction
            moved.append(float(evaluate([root], {**values, by: changed}, n)[0]))
        result[index] = (moved[0] - moved[1]) / (2 * difference)
    return result


def check_gradients(root: Node, values: Mapping[Node, Array], leaves: Sequence[Node], n: int = SAMPLES) -> None:
    """Gradients of a shared scalar by float leaves against central differences, and the gradients of those."""
    first = gradients(root, leaves)
    rng = np.random.default_rng(3)
    for leaf, gradient in zip(leaves, first, strict=True):
        expected = slopes(root, values, leaf, n)
        if gradient is None:
            np.testing.assert_allclose(expected, 0, atol=1e-7)
            continue
        (actual,) = evaluate([gradient], values, n)
        np.testing.assert_allclose(np.broadcast_to(actual, expected.shape), expected, rtol=1e-6, atol=1e-7)
    values = dict(values)
    seconds: list[Node] = []
    for position, gradient in enumerate(first):
        if gradient is not None:
            second, factors = inner_product(gradient, f"second {position}")
            values[factors] = rng.uniform(-1, 1, shape_of(factors.type, n))
            seconds.append(second)
    for second in seconds:
        for leaf, gradient in zip(leaves, gradients(second, leaves), strict=True):
            expected = slopes(second, values, leaf, n)
            actual = np.zeros_like(expected) if gradient is None else evaluate([gradient], values, n)[0]
            np.testing.assert_allclose(np.broadcast_to(actual, expected.shape), expected, rtol=1e-5, atol=1e-6)
