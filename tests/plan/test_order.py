from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nndsl import ops
from nndsl.autodiff import gradients
from nndsl.diagnostics import InternalError
from nndsl.ir import DType, Kind, Node, Origin, TensorType
from nndsl.ir.program import Minimize, StepGraph, Total, Update
from nndsl.plan import (
    AddTotal,
    ApplyUpdate,
    Compute,
    Given,
    GradientOf,
    Host,
    InBuffer,
    Literal,
    SetGradient,
    SetState,
    ViewOf,
    plan_nodes,
    plan_step,
    verify_schedule,
)
from tests.programs import digits_mlp
from tests.random_steps import SPAN, Flat, StepMaker, sgd

if TYPE_CHECKING:
    from nndsl.plan import Schedule

from random import Random


def maker() -> StepMaker:
    return StepMaker(Random(0))


def update(m: StepMaker, index: int, path: str, size: int) -> Update:
    slots, new_slots, weight = sgd(Flat(m, f"{index}.0", size))
    return Update("sgd", (path,), slots, weight, new_slots, Origin(SPAN))


def minimize(m: StepMaker, loss: Node, path: str) -> Minimize:
    """`minimize loss over path`; the weight is of the next version afterwards."""
    index, leaf = len(m.minimizes), m.weight(path)
    (gradient,) = gradients(loss, [leaf])
    assert gradient is not None
    made = Minimize(index, loss, (update(m, index, path, leaf.type.size),), 1, SPAN, ((path, gradient),))
    m.minimizes.append(made)
    m.versions[path] += 1
    return made


def order(schedule: Schedule) -> dict[Node, int]:
    return {action.node: i for i, action in enumerate(schedule.actions) if isinstance(action, Compute)}


def updates(schedule: Schedule) -> list[int]:
    return [i for i, action in enumerate(schedule.actions) if isinstance(action, ApplyUpdate)]


def sample(x: Node, shape: tuple[int, ...]) -> Node:
    return ops.broadcast(x, shape=shape, kind="sample")


def total(x: Node) -> Node:
    return ops.batch_sum(ops.sum(x, axes=(0,)))


def test_forward_comes_before_backward_and_the_last_layer_first() -> None:
    training = digits_mlp().trains[0].training
    schedule = plan_step(training)
    at = order(schedule)
    gradient = dict(training.minimizes[0].gradients)
    loss = training.totals[0].node
    assert at[loss] < at[gradient["Digits/dense/kernel"]] < at[gradient["Digits/features/kernel"]]


def test_totals_are_added_as_soon_as_they_are_there() -> None:
    schedule = plan_step(digits_mlp().trains[0].training)
    for i, action in enumerate(schedule.actions):
        if isinstance(action, AddTotal):
            before = schedule.actions[i - 1]
            assert isinstance(before, Compute)
            assert before.node is action.node


def test_gradients_are_computed_in_the_flat_vector() -> None:
    training = digits_mlp().trains[0].training
    schedule = plan_step(training)
    places = {path: schedule.places[node] for path, node in training.minimizes[0].gradients}
    assert places == {path: GradientOf(path) for path in places}
    assert not any(isinstance(action, SetGradient) for action in schedule.actions)


def test_a_gradient_of_two_weights_is_copied_to_both() -> None:
    m = maker()
    a, b = m.weight("vector"), m.weight("other")
    x = m.leaf((3,), Kind.SAMPLE)
    loss = total(ops.multiply(x, sample(ops.add(a, b), (3,))))
    found = gradients(loss, [a, b])
    assert found[0] is found[1]
    assert found[0] is not None
    both = (("vector", found[0]), ("other", found[0]))
    one = Minimize(0, loss, (update(m, 0, "vector", 3), update(m, 0, "other", 3)), 1, SPAN, both)
    graph = StepGraph((), (), (), (), (one,))
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    assert [a.path for a in schedule.actions if isinstance(a, SetGradient)] == ["vector", "other"]


def test_a_weight_that_nothing_reads_gets_a_gradient_of_zeros() -> None:
    m = maker()
    leaf = m.weight("vector")
    one = Minimize(0, ops.splat(leaf, 0.0), (update(m, 0, "vector", 3),), 1, SPAN, (("vector", ops.splat(leaf, 0.0)),))
    schedule = plan_step(StepGraph((), (), (), (), (one,)))
    assert [a for a in schedule.actions if isinstance(a, SetGradient)] == [SetGradient("vector", None)]


def test_later_statements_read_updated_weights_and_named_values_the_old_ones() -> None:
    m = maker()
    x = m.leaf((3,), Kind.SAMPLE)
    old = m.weight("vector")
    named = ops.exp(ops.multiply(x, sample(old, (3,))))
    first = minimize(m, total(named), "vector")
    new = m.weight("vector")
    assert new is not old
    second = minimize(m, total(ops.multiply(named, ops.exp(ops.multiply(x, sample(new, (3,)))))), "vector")
    graph = StepGraph((), (), (), (), (first, second))
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    at, (one, two) = order(schedule), updates(schedule)
    readers = [node for node in at if any(reads(node, leaf) for leaf in (old,))]
    assert readers
    assert all(at[node] < one for node in readers)
    assert all(one < at[node] < two for node in at if reads(node, new))
    assert schedule.places[old] == schedule.places[new] == Given()


def reads(node: Node, leaf: Node) -> bool:
    operands = [operand.inputs[0] if operand.op is ops.broadcast else operand for operand in node.inputs]
    return leaf in operands


def test_a_weight_is_copied_where_its_old_value_is_read_after_the_update() -> None:
    m = maker()
    x = m.leaf((3,), Kind.SAMPLE)
    old = m.weight("vector")
    product = ops.multiply(x, sample(old, (3,)))
    first = minimize(m, total(product), "vector")
    late = ops.multiply(sample(old, (3,)), sample(m.weight("vector"), (3,)))
    second = minimize(m, total(ops.multiply(late, sample(m.weight("other"), (3,)))), "other")
    graph = StepGraph((), (), (), (), (first, second))
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    assert isinstance(schedule.places[old], InBuffer)
    assert order(schedule)[old] < updates(schedule)[0] < order(schedule)[late]


def test_reading_a_weight_that_nothing_makes_is_a_bug() -> None:
    m = maker()
    m.versions["vector"] = 1
    graph = StepGraph((Total(ops.sum(sample(m.weight("vector"), (3,)), axes=(0,))),), (), (), (), ())
    with pytest.raises(InternalError, match="nothing makes version 1 of the weight vector"):
        plan_step(graph)


def test_an_update_without_gradients_is_a_bug() -> None:
    m = maker()
    leaf = m.weight("vector")
    one = Minimize(0, leaf, (update(m, 0, "vector", 3),), 1, SPAN)
    with pytest.raises(InternalError, match="has no gradient for it"):
        plan_step(StepGraph((), (), (), (), (one,)))


def test_states_are_set_at_the_end_and_not_where_they_stay() -> None:
    m = maker()
    mean, spread = m.state("mean"), m.state("spread")
    x = ops.batch_sum(m.leaf((3,), Kind.SAMPLE))
    graph = StepGraph((), (), (), (("mean", ops.add(mean, x)), ("spread", spread)), ())
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    assert [(type(a), a.path) for a in schedule.actions if not isinstance(a, Compute)] == [(SetState, "mean")]
    assert isinstance(schedule.actions[-1], SetState)


def test_exchanged_states_are_copied_first() -> None:
    m = maker()
    mean, spread = m.state("mean"), m.state("spread")
    graph = StepGraph((), (), (), (("mean", spread), ("spread", mean)), ())
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    assert [type(action) for action in schedule.actions] == [Compute, Compute, SetState, SetState]


def test_numbers_of_the_step_stay_on_the_host() -> None:
    m = maker()
    x = m.leaf((3,), Kind.SAMPLE)
    rate = ops.field.make(m.builder, TensorType(DType.FLOAT, (), Kind.STEP), name="rate")
    half = ops.multiply(rate, ops.splat(rate, 0.5))
    spread = sample(ops.from_step(half), (3,))
    schedule = plan_nodes([ops.multiply(x, spread)])
    assert schedule.places[half] == schedule.places[spread.inputs[0]] == Host()
    assert schedule.places[spread] == ViewOf(spread.inputs[0])
    assert schedule.places[half.inputs[1]] == Literal()


def test_numbers_become_arrays_where_arrays_are_needed() -> None:
    m = maker()
    x = m.leaf((3,), Kind.SAMPLE)
    two = ops.splat(x, 2.0)
    schedule = plan_nodes([ops.concatenate(x, two, axis=0)])
    assert schedule.places[two] == Given()
    rate = ops.field.make(m.builder, TensorType(DType.FLOAT, (), Kind.STEP), name="rate")
    number = ops.from_step(rate)
    schedule = plan_nodes([ops.concatenate(x, sample(number, (3,)), axis=0)])
    assert isinstance(schedule.places[number], InBuffer)


def test_a_view_is_copied_where_an_op_needs_it_in_one_block() -> None:
    m = maker()
    x = m.leaf((2, 3), Kind.SAMPLE)
    turned = ops.transpose(x, permutation=(1, 0))
    schedule = plan_nodes([ops.exp(turned)])
    assert schedule.places[turned] == ViewOf(x)
    schedule = plan_nodes([ops.sum(turned, axes=(1,))])
    assert isinstance(schedule.places[turned], InBuffer)


def test_gradients_of_one_weight_in_two_minimizes_share_the_flat_vector() -> None:
    m = maker()
    x = m.leaf((3,), Kind.SAMPLE)
    first = minimize(m, total(ops.exp(ops.multiply(x, sample(m.weight("vector"), (3,))))), "vector")
    second = minimize(m, total(ops.exp(ops.multiply(x, sample(m.weight("vector"), (3,))))), "vector")
    graph = StepGraph((), (), (), (), (first, second))
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    at, (one, _) = order(schedule), updates(schedule)
    (_, early), (_, late) = (*first.gradients, *second.gradients)
    assert schedule.places[early] == schedule.places[late] == GradientOf("vector")
    assert at[early] < one < at[late]
