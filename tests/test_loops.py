"""Loops: what a scan computes, its gradient (a loop that goes backwards), and the passes that know of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.ir import DType, Kind, Node, reachable
from nndsl.ir.verify import verify
from nndsl.passes import loops
from nndsl.passes.joining import joined_products
from nndsl.passes.loops import hoisted, into_bodies, merged, settled
from nndsl.passes.numerics import NUMERICS
from nndsl.passes.pipeline import simplify
from nndsl.passes.rewrite import rewrite
from tests.check.programs import checked, mistakes, model
from tests.executor import array_shape, evaluate

N = 3
TIMES, WIDTH = 5, 2

SIMPLE = "scan x_t in x with h = zeros([3]) { h = tanh(x_t @ w + h @ u + b) }"
WEIGHTS = ("weight w: [2, 3] = glorot_uniform", "weight u: [3, 3] = glorot_uniform", "weight b: [3] = ones")

LOOPS = {
    "simple, last": (*WEIGHTS, SIMPLE, "output sum(last(h)^2)"),
    "simple, every time": (*WEIGHTS, SIMPLE, "output sum(sequence(h) * sequence(h))"),
    "both": (*WEIGHTS, SIMPLE, "output sum(last(h)) + sum(sequence(h)^3)"),
    "backwards": (*WEIGHTS, SIMPLE.replace("in x", "in reverse(x, axis=0)"), "output sum(last(h)^2)"),
    "two carries": (
        *WEIGHTS,
        "scan x_t in x with h = zeros([3]), c = ones([3]) {",
        "  a = x_t @ w + h @ u + b",
        "  c = sigmoid(a) * c + tanh(a)",
        "  h = a * tanh(c)",
        "}",
        "output sum(last(h) * last(c)) + sum(sequence(a))",
    ),
    "carries that change places": (
        "weight g: [2] = ones",
        "scan x_t in x with p = zeros([2]), q = ones([2]) {",
        "  old = p",
        "  p = q * x_t * g",
        "  q = old + x_t",
        "}",
        "output sum(last(p)^2) + sum(last(q)^3)",
    ),
    "masked": (
        *WEIGHTS,
        "scan x_t in x, keep in x[..., 0] > 0 with h = zeros([3]) {",
        "  h = where(keep, tanh(x_t @ w + h @ u + b), h)",
        "}",
        "output sum(last(h)^2)",
    ),
    "a weight used twice": (
        "weight u: [2, 2] = glorot_uniform",
        "scan x_t in x with h = zeros([2]) { h = tanh(x_t @ u + h @ u) * sum(u) }",
        "output sum(last(h)^2)",
    ),
    "what is the same in every step": (
        "weight g: [2] = ones",
        "start = mean(x, axis=0)",
        "scan x_t in x with h = start { h = h * sigmoid(start * g) + x_t * start }",
        "output sum(last(h)^2)",
    ),
    "one inside another": (
        "weight u: [2] = ones",
        "scan x_t in x with h = zeros([2]) {",
        "  scan y_t in x with k = h { k = tanh(k * u + y_t * x_t) }",
        "  h = h + last(k)",
        "}",
        "output sum(last(h)^2)",
    ),
    "a shared sequence": (
        "weight p: [5, 2] = glorot_uniform",
        "scan p_t in p, x_t in x with h = zeros([2]) { h = tanh(h + p_t * x_t) }",
        "output sum(sequence(h)^2)",
    ),
    "no carry": (
        "weight g: [2] = ones",
        "scan x_t in x { y = exp(x_t * g) }",
        "output sum(sequence(y)) + sum(last(y))",
    ),
}


def loop_program(name: str) -> Node:
    """What a model with this loop gives: one number a sample."""
    text = model(*LOOPS[name], inputs=f"x: [{TIMES}, {WIDTH}]")
    text += f"train T {{\n  steps = 1\n  x = normal([{TIMES}, {WIDTH}])\n  minimize M(x) using SGD\n}}\n"
    program = checked(text)
    (total, *_) = [t.node for t in program.trains[0].training.totals if t.node.op is not ops.constant]
    return total


def values_of(root: Node) -> dict[Node, NDArray[Any]]:
    """Numbers for the leaves that a graph needs from outside."""
    random = np.random.default_rng(1)
    leaves = [node for node in reachable([root]) if node.op in (ops.weight, ops.random_normal)]
    return {node: random.normal(size=array_shape(node.type, N)) for node in leaves}


def valued(root: Node, leaves: Mapping[Node, NDArray[Any]]) -> NDArray[Any]:
    """The value of a graph whose draws are given numbers."""
    new: dict[Node, Node] = {}
    for node in reachable([root]):
        if node.op is ops.random_normal:
            new[node] = ops.field.make(node.builder, node.type, name=str(node["site"]))
        else:
            new[node] = node.builder.again(node, tuple(new[i] for i in node.inputs))
    known = {new[node]: value for node, value in leaves.items() if node in new}
    return np.asarray(evaluate([new[root]], known.__getitem__, N)[0])


@pytest.mark.parametrize("name", LOOPS)
def test_the_gradient_of_a_loop_equals_central_differences(name: str) -> None:
    output = loop_program(name)
    leaves = values_of(output)
    targets = [node for node in leaves if node.type.dtype is DType.FLOAT]
    for target, gradient in zip(targets, gradients(output, targets), strict=True):
        assert gradient is not None
        verify([gradient])
        (after,) = into_bodies(simplify)(into_bodies(merged)(into_bodies(hoisted)((gradient,))))
        found = valued(gradient, leaves)
        np.testing.assert_allclose(valued(after, leaves), found, rtol=1e-9, atol=1e-12)
        expected = differences(output, target, leaves)
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", LOOPS)
def test_joined_products_keep_values_and_gradients(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_STEPS_WORTH_A_COPY", 1)
    output = loop_program(name)
    leaves = values_of(output)
    (joined,) = into_bodies(joined_products)((output,))
    np.testing.assert_allclose(valued(joined, leaves), valued(output, leaves), rtol=1e-9, atol=1e-12)
    targets = [node for node in leaves if node.type.dtype is DType.FLOAT]
    for plain, gradient in zip(gradients(output, targets), gradients(joined, targets), strict=True):
        assert plain is not None
        assert gradient is not None
        (after,) = into_bodies(settled)(into_bodies(simplify)(into_bodies(merged)((gradient,))))
        verify([after])
        np.testing.assert_allclose(valued(after, leaves), valued(plain, leaves), rtol=1e-9, atol=1e-12)


def differences(output: Node, target: Node, leaves: Mapping[Node, NDArray[Any]]) -> NDArray[Any]:
    """Central differences of the output (summed over samples where the target is shared), each number by itself."""
    found = np.zeros(array_shape(target.type, N))
    shared = target.type.kind is not Kind.SAMPLE
    for place in np.ndindex(target.type.shape):
        ends: list[NDArray[Any]] = []
        for shift in (1e-5, -1e-5):
            moved = leaves[target].copy()
            moved[place if shared else (slice(None), *place)] += shift
            ends.append(valued(output, {**leaves, target: moved}))
        slope = (ends[0] - ends[1]) / 2e-5
        found[place if shared else (slice(None), *place)] = slope.sum() if shared else slope
    return found


def test_a_loop_can_be_differentiated_twice() -> None:
    output = loop_program("simple, last")
    (weight, *_) = [node for node in reachable([output]) if node.op is ops.weight and node["path"] == "M/u"]
    (first,) = gradients(output, [weight])
    assert first is not None
    norm = ops.broadcast(ops.sum(ops.square(first), axes=(0, 1)), shape=(), kind="sample")
    (second,) = gradients(norm, [weight])
    assert second is not None
    verify([second])
    leaves = values_of(output)
    expected = differences(norm, weight, leaves)
    np.testing.assert_allclose(valued(second, leaves), expected, rtol=1e-5, atol=1e-6)


def loops_of(*roots: Node) -> set[tuple[object, ...]]:
    """The different loops in a graph."""
    return {(ops.body_of(n), n.inputs) for n in reachable(roots) if n.op is ops.scan}


def test_forward_and_backward_are_one_loop_each_after_merging() -> None:
    output = loop_program("two carries")
    targets = [node for node in reachable([output]) if node.op is ops.weight]
    found = [g for g in gradients(output, targets) if g is not None]
    assert len(loops_of(output, *found)) > 2
    assert len(loops_of(*into_bodies(merged)((output, *found)))) == 2


def test_products_of_the_input_are_done_for_all_times_before_the_loop() -> None:
    output = loop_program("simple, last")
    (after,) = into_bodies(hoisted)((output,))
    (body,) = {ops.body_of(node) for node in reachable([after]) if node.op is ops.scan}
    assert [node.op.name for node in reachable(body.roots)].count("einsum") == 1
    assert "einsum" in [node.op.name for node in reachable([after])]


def test_a_sum_of_products_in_a_step_is_one_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_STEPS_WORTH_A_COPY", 1)
    (after,) = into_bodies(joined_products)((loop_program("simple, last"),))
    (body,) = {ops.body_of(node) for node in reachable([after]) if node.op is ops.scan}
    steps = [node.op.name for node in reachable(body.roots)]
    assert steps.count("einsum") == 1
    assert "add" not in steps
    assert [len(node.inputs) for node in reachable([after]) if node.op is ops.concatenate] == [3]


def test_a_product_and_a_bias_are_not_joined_but_leave_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_STEPS_WORTH_A_COPY", 1)
    gated = "scan x_t in x with h = zeros([3]) { h = tanh(x_t @ w + b) * sigmoid(h @ u) }"
    monkeypatch.setitem(LOOPS, "gated", (*WEIGHTS, gated, "output sum(last(h)^2)"))
    output = loop_program("gated")
    assert into_bodies(joined_products)((output,)) == (output,)
    (after,) = into_bodies(hoisted)((output,))
    (body,) = {ops.body_of(node) for node in reachable([after]) if node.op is ops.scan}
    assert [node.op.name for node in reachable(body.roots)].count("einsum") == 1


def test_short_loops_keep_their_products_apart() -> None:
    output = loop_program("simple, last")
    assert into_bodies(joined_products)((output,)) == (output,)


def test_what_is_the_same_in_every_step_is_computed_before_the_loop() -> None:
    (after,) = into_bodies(settled)((loop_program("a weight used twice"),))
    (body,) = {ops.body_of(node) for node in reachable([after]) if node.op is ops.scan}
    assert "sum" not in [node.op.name for node in reachable(body.roots)]
    assert "sum" in [node.op.name for node in reachable([after])]


def test_a_loop_stacks_nothing_that_it_was_given() -> None:
    output = loop_program("simple, last")
    targets = [node for node in reachable([output]) if node.op is ops.weight]
    found = [gradient for gradient in gradients(output, targets) if gradient is not None]
    merging = into_bodies(merged)((output, *found))
    bodies = {ops.body_of(node) for node in reachable(merging) if node.op is ops.scan}
    assert all(kept not in body.elements for body in bodies for kept in body.stacked)


def test_a_matrix_that_a_loop_reads_sideways_is_put_in_order_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "_STEPS_WORTH_A_COPY", 1)
    output = loop_program("simple, last")
    targets = [node for node in reachable([output]) if node.op is ops.random_normal]
    (gradient, *_) = [found for found in gradients(output, targets) if found is not None]
    (after,) = into_bodies(loops.turned)(into_bodies(merged)((gradient,)))
    inputs = [operand for node in reachable([after]) if node.op is ops.scan for operand in node.inputs]
    assert any(operand.op is ops.transpose and operand.inputs[0].op is ops.weight for operand in inputs)
    leaves = values_of(gradient)
    np.testing.assert_allclose(valued(after, leaves), valued(gradient, leaves), rtol=1e-9, atol=1e-12)


def test_the_gradient_by_a_recurrent_weight_is_one_product_over_time() -> None:
    output = loop_program("simple, last")
    (weight, *_) = [node for node in reachable([output]) if node.op is ops.weight and node["path"] == "M/u"]
    (gradient,) = gradients(output, [weight])
    assert gradient is not None
    assert gradient.op is ops.einsum
    assert all(operand.op is ops.scan for operand in gradient.inputs)


def test_rewrites_reach_into_bodies() -> None:
    output = loop_program("no carry")
    body = next(ops.body_of(node) for node in reachable([output]) if node.op is ops.scan)
    longer = ops.log(ops.exp(body.roots[0]))
    text = ops.softplus(body.roots[0])
    assert longer is not text
    assert into_bodies(lambda roots: rewrite(roots, NUMERICS))((output,))


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("scan x_t in x with h = zeros([3]) { h = x_t }", "output last(h)"), "NN317"),
        (("scan x_t in x, y_t in x[0:2] with h = zeros([2]) { h = x_t + y_t }", "output last(h)"), "NN317"),
        (("scan x_t in x[0][0] with h = 0 { h = h + x_t }", "output last(h)"), "NN317"),
        (("scan x_t in x with h = zeros([2]) { h = h + x_t }", "output h"), "NN206"),
        (("output last(x)",), "NN302"),
        (("scan x_t in x { y = x_t -> BatchNormalization }", "output last(y)"), "NN317"),
    ],
)
def test_loops_that_can_not_be_are_refused(lines: tuple[str, ...], code: str) -> None:
    assert [mistake.code for mistake in mistakes(model(*lines, inputs="x: [5, 2]"))] == [code]
