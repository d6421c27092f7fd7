from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.ir import Builder, DType, Kind, Node, Origin, TensorType
from nndsl.ir.program import Minimize, StepGraph, Total, Update
from nndsl.passes.pipeline import fold, share, simplify
from nndsl.plan import ApplyUpdate, Compute, InBuffer, InPlace, plan_nodes, plan_step, verify_schedule
from nndsl.plan.tenants import Pool
from tests.programs import digits_mlp
from tests.random_steps import SPAN

if TYPE_CHECKING:
    from types import FrameType

    from nndsl.plan import Schedule

WIDTH = 8


def chain(layers: int) -> tuple[Node, dict[str, Node]]:
    """`layers` dense layers of 8 with relu; what comes out, and the weights."""
    builder = Builder()
    x = ops.field.make(builder, TensorType(DType.FLOAT, (WIDTH,), Kind.SAMPLE), name="x")
    weights: dict[str, Node] = {}
    for i in range(layers):
        kernel = shared(builder, f"{i}/kernel", WIDTH, WIDTH)
        bias = shared(builder, f"{i}/bias", WIDTH)
        weights |= {f"{i}/kernel": kernel, f"{i}/bias": bias}
        y = ops.einsum(x, kernel, equation="a,ab->b", kind="sample")
        y = ops.add(y, ops.broadcast(bias, shape=(WIDTH,), kind="sample"))
        x = ops.where(ops.greater(y, ops.splat(y, 0.0)), y, ops.splat(y, 0.0))
    return x, weights


def shared(builder: Builder, path: str, *shape: int) -> Node:
    return ops.weight.make(builder, TensorType(DType.FLOAT, shape, Kind.SHARED), path=path, version=0)


def training(layers: int) -> StepGraph:
    """A step of gradient descent on the chain, optimised."""
    y, weights = chain(layers)
    each = ops.sum(ops.square(y), axes=(0,))
    loss = ops.batch_sum(each)
    found = gradients(loss, list(weights.values()))
    by_path = tuple((path, g) for path, g in zip(weights, found, strict=True) if g is not None)
    size = sum(node.type.size for node in weights.values())
    vector = TensorType(DType.FLOAT, (size,), Kind.SHARED)
    weight = ops.flat_weight.make(y.builder, vector, update="0.0")
    gradient = ops.flat_gradient.make(y.builder, vector, update="0.0")
    new = ops.subtract(weight, ops.multiply(gradient, ops.splat(gradient, 0.1)))
    update = Update("SGD", tuple(weights), (), new, (), Origin(SPAN))
    graph = StepGraph((Total(each),), (), (), (), (Minimize(0, loss, (update,), 1, SPAN, by_path),))
    return graph.with_roots(share(simplify(fold(graph.roots()))))


def floats(schedule: Schedule) -> list[int]:
    return [buffer.size for buffer in schedule.buffers if buffer.dtype is DType.FLOAT and buffer.per_sample]


@pytest.mark.parametrize("layers", [2, 10, 60])
def test_a_chain_of_layers_needs_two_buffers_however_long(layers: int) -> None:
    (out,) = simplify((chain(layers)[0],))
    schedule = plan_nodes([out])
    verify_schedule(schedule)
    assert floats(schedule) == [WIDTH, WIDTH]


@pytest.mark.parametrize("layers", [2, 10, 60])
def test_training_keeps_one_value_a_layer(layers: int) -> None:
    graph = training(layers)
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    large = [size for size in floats(schedule) if size == WIDTH]
    assert len(large) <= layers + 2


def test_a_dying_operand_is_computed_over() -> None:
    (out,) = simplify((chain(1)[0],))
    schedule = plan_nodes([out])
    product, summed = out.inputs[0].inputs[0], out.inputs[0]
    assert schedule.places[product] == schedule.places[summed] == schedule.places[out] == InBuffer(0)


def test_outputs_keep_their_places() -> None:
    builder = Builder()
    x = ops.field.make(builder, TensorType(DType.FLOAT, (WIDTH,), Kind.SAMPLE), name="x")
    a = ops.exp(x)
    b = ops.exp(ops.exp(a))
    schedule = plan_nodes([a, b])
    verify_schedule(schedule)
    assert schedule.places[a] != schedule.places[b]


def test_buffers_are_not_shared_between_number_types() -> None:
    builder = Builder()
    x = ops.field.make(builder, TensorType(DType.FLOAT, (WIDTH,), Kind.SAMPLE), name="x")
    y = ops.where(ops.greater(ops.exp(x), x), x, ops.square(x))
    schedule = plan_nodes([y])
    verify_schedule(schedule)
    used = {place.buffer: set() for place in schedule.places.values() if isinstance(place, InBuffer)}
    for node, place in schedule.places.items():
        if isinstance(place, InBuffer):
            used[place.buffer].add(node.type.dtype)
    assert all(len(types) == 1 for types in used.values())


def test_the_best_fit_is_taken_and_the_largest_grows() -> None:
    pool = Pool()
    small, large = pool.take(DType.FLOAT, 4, True), pool.take(DType.FLOAT, 9, True)
    pool.give_back(small)
    pool.give_back(large)
    assert pool.take(DType.FLOAT, 5, True) == large
    assert pool.take(DType.FLOAT, 5, True) == small
    assert [buffer.size for buffer in pool.buffers] == [5, 9]
    assert pool.take(DType.FLOAT, 1, True) == 2
    assert pool.take(DType.FLOAT, 1, False) == 3


def test_adam_is_computed_in_its_own_vectors() -> None:
    schedule = plan_step(digits_mlp().trains[0].training)
    update = next(action.schedule for action in schedule.actions if isinstance(action, ApplyUpdate))
    places = Counter(place for place in update.places.values() if isinstance(place, InPlace))
    assert {place.name for place in places} == {"m", "v", "weight"}
    assert len(update.buffers) == 2
    assert all(isinstance(action, Compute) for action in update.actions)


# ------------------------------------------------------------------------------------------------ growth


def calls(work: Callable[[], Any]) -> int:
    """How many Python functions `work` calls: a measure of work that does not depend on the machine."""
    count = 0

    def profile(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def growth(work: Callable[[int], Callable[[], Any]]) -> float:
    """Work for 80 layers, for each that 40 took: 2 where it grows linearly."""
    return calls(work(80)) / calls(work(40))


def test_planning_grows_linearly() -> None:
    def planning(layers: int) -> Callable[[], Any]:
        graph = training(layers)
        return lambda: plan_step(graph)

    assert growth(planning) < 2.1


def test_verifying_grows_linearly() -> None:
    def verifying(layers: int) -> Callable[[], Any]:
        graph = training(layers)
        schedule = plan_step(graph)
        return lambda: verify_schedule(schedule, graph)

    assert growth(verifying) < 2.1


def test_optimising_grows_linearly() -> None:
    def optimising(layers: int) -> Callable[[], Any]:
        y, weights = chain(layers)
        roots = [g for g in gradients(ops.batch_sum(ops.sum(y, axes=(0,))), list(weights.values())) if g is not None]
        return lambda: share(simplify(fold(tuple(roots))))

    assert growth(optimising) < 2.1


def test_graphs_of_any_depth_are_optimised_and_planned() -> None:
    builder = Builder()
    x = ops.field.make(builder, TensorType(DType.FLOAT, (), Kind.SAMPLE), name="x")
    for _ in range(5000):
        x = ops.tanh(ops.add(x, ops.splat(x, 1.0)))
    (out,) = simplify(fold((x,)))
    schedule = plan_nodes([out])
    verify_schedule(schedule)
    assert len(schedule.buffers) == 1
