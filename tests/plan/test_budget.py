"""Steps that compute values again instead of keeping them: the same numbers to the last bit, in less memory."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndsl.diagnostics import InternalError
from nndsl.ir import Node, reachable
from nndsl.plan import Schedule, plan_step, verify_schedule
from nndsl.plan.again import Needs, computing_again, ways_back
from nndsl.plan.budget import fitted
from nndsl.plan.order import order_step
from nndsl.plan.schedule import Buffer
from nndsl.plan.step import plan_updates
from nndsl.plan.tenants import Tenants
from tests.executor import Machine
from tests.plan.test_buffers import training
from tests.random_steps import SAMPLES, Outcome, first_memory, leaf_values, steps

if TYPE_CHECKING:
    from nndsl.ir.program import StepGraph

SETTINGS = settings(max_examples=150, deadline=None)


def measure(graph: StepGraph) -> int:
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    return schedule.bytes(64)


def forgetting(graph: StepGraph, random: Random) -> StepGraph:
    """The step that computes again a random choice of what can be."""
    sequence = order_step(graph, plan_updates(graph))
    ways = ways_back(sequence, [node for _, node, _ in graph.predictions])
    again: dict[int, set[Node]] = {}
    for way in ways:
        needs, chosen, forgotten = Needs(way, sequence.values), set[Node](), set[Node]()
        for unit in way.kept:
            missing = needs.missing(unit, chosen, forgotten) if random.random() < 0.6 else None
            if missing is not None:
                chosen |= missing
                forgotten.update(unit)
        again[way.turn] = chosen
    return computing_again(graph, sequence, ways, again)


def played(graph: StepGraph) -> Outcome:
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    memory = first_memory()
    machine = Machine(schedule, memory, leaf_values, SAMPLES)
    with np.errstate(all="ignore"):
        machine.run()
    return Outcome(memory, [machine.totals[i] for i in range(len(graph.totals))], machine.outputs())


def assert_same(found: Outcome, wanted: Outcome) -> None:
    for part in ("weights", "states", "slots"):
        a, b = getattr(found.memory, part), getattr(wanted.memory, part)
        assert a.keys() == b.keys()
        for key in a:
            np.testing.assert_array_equal(a[key], b[key], err_msg=f"{part} {key}")
    np.testing.assert_array_equal(found.totals, wanted.totals)
    for a, b in zip(found.outputs, wanted.outputs, strict=True):
        np.testing.assert_array_equal(a, b)


@SETTINGS
@given(steps(), st.integers(0, 1 << 30))
def test_computing_again_whatever_can_be_changes_no_bit(graph: StepGraph, seed: int) -> None:
    assert_same(played(forgetting(graph, Random(seed))), played(graph))


@SETTINGS
@given(steps(), st.integers(0, 1 << 30))
def test_what_is_computed_again_is_the_same_graph(graph: StepGraph, seed: int) -> None:
    again = forgetting(graph, Random(seed))
    made: dict[Node, Node] = {}
    for node in reachable(again.roots()):
        made[node] = (
            node.builder.node(node.op, tuple(made[i] for i in node.inputs), dict(node.attributes))
            if (node.inputs)
            else node.builder.leaf(node.op, node.type, dict(node.attributes))
        )
    assert tuple(made[root] for root in again.roots()) == graph.roots()


@SETTINGS
@given(steps())
def test_the_smallest_plan_of_random_steps_changes_no_bit(graph: StepGraph) -> None:
    fit = fitted(graph, 0, 64, 4, measure)
    assert fit.fits == (fit.bytes == 0)
    assert fit.bytes == measure(fit.graph) <= fit.before
    assert_same(played(fit.graph), played(graph))


@pytest.mark.parametrize("share", [0.75, 0.5, 0.25])
def test_a_plan_fits_into_the_room_that_it_is_given(share: float) -> None:
    graph = training(80)
    before = measure(graph)
    fit = fitted(graph, int(before * share), 64, 4, measure)
    assert fit.fits
    assert measure(fit.graph) == fit.bytes <= before * share


def test_where_there_is_room_nothing_is_computed_again() -> None:
    graph = training(10)
    fit = fitted(graph, measure(graph), 64, 4, measure)
    assert fit.graph is graph
    assert fit.before == fit.bytes


def test_four_times_the_layers_need_twice_the_memory_at_least() -> None:
    few, many = (fitted(training(layers), 0, 64, 4, measure) for layers in (50, 200))
    kernels = 200 // 50
    assert many.before > 0.9 * kernels * few.before
    assert many.bytes < 2.6 * few.bytes


def test_the_verifier_sees_a_value_that_is_not_computed_again() -> None:
    graph = training(20)
    fit = fitted(graph, measure(graph) // 2, 64, 4, measure)
    schedule = plan_step(fit.graph)
    twin = next(node for action in schedule.actions for node in (getattr(action, "node", None),) if node and node.turn)
    kept = tuple(action for action in schedule.actions if getattr(action, "node", None) is not twin)
    with pytest.raises(InternalError, match="read before it is computed"):
        verify_schedule(Schedule(kept, schedule.places, schedule.buffers, schedule.outputs), fit.graph)


def test_the_verifier_sees_parts_of_a_buffer_that_overlap() -> None:
    graph = training(20)
    schedule = plan_step(graph)
    largest = max(range(len(schedule.buffers)), key=lambda number: schedule.buffers[number].size)
    whole = schedule.buffers[largest]
    squeezed = [
        Buffer(each.dtype, each.size, each.per_sample, part_of=len(schedule.buffers))
        if (each.dtype, each.per_sample) == (whole.dtype, whole.per_sample)
        else each
        for each in schedule.buffers
    ]
    with pytest.raises(InternalError, match=r"overwritten|part of its operand"):
        verify_schedule(Schedule(schedule.actions, schedule.places, (*squeezed, whole), schedule.outputs), graph)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 6)), min_size=1, max_size=40))
def test_tenants_never_share_memory_at_the_same_time(stays: list[tuple[int, int]]) -> None:
    from nndsl.ir import DType

    tenants = Tenants()
    leaving: dict[int, list[int]] = {}
    for now, (size, length) in enumerate(stays):
        leaving.setdefault(now + length, []).append(tenants.take(DType.FLOAT, size, per_sample=True))
        for number in leaving.pop(now, ()):
            tenants.give_back(number)
    for tight in (False, True):
        numbers, buffers = tenants.housed(tight=tight)
        for k, one in enumerate(tenants.all):
            home = buffers[numbers[k]]
            assert home.size >= one.buffer.size
            assert home.part_of is None or home.first + home.size <= buffers[home.part_of].size
            for other_number, other in list(enumerate(tenants.all))[:k]:
                if other.given_back > one.taken and one.given_back > other.taken:
                    assert numbers[k] != numbers[other_number]
                    assert not home.overlaps(buffers[numbers[other_number]])
