from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nndsl.ir.types import Kind
from nndsl.passes.pipeline import fold, share, simplify
from nndsl.plan import ApplyUpdate, Meet, plan_nodes, plan_prediction, plan_share, plan_step, tiled, verify_schedule
from tests.executor import Machine, Memory
from tests.random_graphs import Maker, graphs
from tests.random_steps import SAMPLES, Outcome, expected, first_memory, leaf_values, steps

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import StepGraph
    from nndsl.plan import Tiled

SETTINGS = settings(max_examples=150, deadline=None)


def played(graph: StepGraph) -> Outcome:
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    memory = first_memory()
    machine = Machine(schedule, memory, leaf_values, SAMPLES)
    with np.errstate(all="ignore"):
        machine.run()
    return Outcome(memory, [machine.totals[i] for i in range(len(graph.totals))], machine.outputs())


def assert_alike(found: Outcome, wanted: Outcome, tolerance: float) -> None:
    def close(a: Any, b: Any, what: str) -> None:
        assert np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True), (what, a, b)

    for part in ("weights", "states", "slots"):
        a, b = getattr(found.memory, part), getattr(wanted.memory, part)
        assert a.keys() == b.keys()
        for key in a:
            close(a[key], b[key], f"{part} {key}")
    close(found.totals, wanted.totals, "totals")
    for i, (a, b) in enumerate(zip(found.outputs, wanted.outputs, strict=True)):
        close(a, b, f"output {i}")


@SETTINGS
@given(steps())
def test_planned_steps_do_what_their_statements_say(graph: StepGraph) -> None:
    with np.errstate(all="ignore"):
        wanted = expected(graph, first_memory())
    if wanted.tame:
        assert_alike(played(graph), wanted, 1e-9)


@SETTINGS
@given(steps())
def test_optimised_and_planned_steps_do_what_their_statements_say(graph: StepGraph) -> None:
    with np.errstate(all="ignore"):
        wanted = expected(graph, first_memory())
    if wanted.tame:
        optimised = graph.with_roots(share(simplify(fold(graph.roots()))))
        assert_alike(played(optimised), wanted, 1e-6)


def in_shares(graph: StepGraph, parts: Tiled, sizes: tuple[int, ...]) -> Outcome:
    """The step, its samples in shares of these sizes that go through it in turn, a stage at a time."""
    of_samples, of_rest = plan_share(parts.samples), plan_step(parts.rest)
    verify_schedule(of_samples, parts.samples)
    verify_schedule(of_rest, parts.rest)
    memory = first_memory()
    shares: list[Machine] = []
    for number, size in enumerate(sizes):
        first = sum(sizes[:number])

        def leaves(node: Node, own: slice = slice(first, first + size)) -> Any:
            value = leaf_values(node)
            return value[own] if node.type.kind is Kind.SAMPLE else value

        states = {path: value.copy() for path, value in memory.states.items()}
        own = Memory(memory.weights, memory.states if number == 0 else states)
        shares.append(Machine(of_samples, own, leaves, size))
    running = [share.stops(share=True) for share in shares]
    whole = Machine(of_rest, memory, leaf_values, SAMPLES)

    def go_on(minimize: int) -> None:
        while True:
            stops = [next(share, None) for share in running]
            assert all(stop == stops[0] for stop in stops)
            if isinstance(stops[0], Meet):
                for node in stops[0].nodes:
                    total = sum(share.value(node).copy() for share in shares)
                    for share in shares:
                        share.value(node)[...] = total
            elif stops[0] is None or stops[0].minimize == minimize:
                break
        for path in memory.gradients:
            memory.gradients[path][...] = sum(share.memory.gradients[path] for share in shares)

    go_on(0)
    for update in whole.stops():
        assert isinstance(update, ApplyUpdate)
        if update.number == len(graph.minimizes[update.minimize].updates) - 1:
            go_on(update.minimize + 1)
    totals = [sum(share.totals[i] for share in shares) for i in range(len(graph.totals))]
    outputs = [np.concatenate(parts) for parts in zip(*(share.outputs() for share in shares), strict=True)]
    return Outcome(memory, totals, outputs)


@SETTINGS
@given(steps(), st.sampled_from([(2, 2), (3, 1), (1, 2, 1), (4,)]))
def test_shares_of_a_batch_do_what_the_whole_batch_does(graph: StepGraph, sizes: tuple[int, ...]) -> None:
    with np.errstate(all="ignore"):
        wanted, parts = expected(graph, first_memory()), tiled(graph)
        if wanted.tame and parts is not None and parts.meets:
            assert_alike(in_shares(graph, parts, sizes), wanted, 1e-8)


@SETTINGS
@given(graphs())
def test_planned_values_are_those_of_the_graph(maker: Maker) -> None:
    from tests.executor import evaluate

    roots = maker.floats[-4:]
    schedule = plan_nodes(roots)
    verify_schedule(schedule)
    with np.errstate(all="ignore"):
        machine = Machine(schedule, Memory({}), leaf_values, SAMPLES)
        machine.run()
        wanted = evaluate(roots, leaf_values, SAMPLES)
    for found, value in zip(machine.outputs(), wanted, strict=True):
        finite = np.abs(value) < 1e4
        assert np.allclose(found[finite], value[finite], rtol=1e-9, atol=1e-9)


@SETTINGS
@given(steps(statements=0))
def test_predictions_alone_are_those_of_the_whole_step(graph: StepGraph) -> None:
    whole, alone = plan_step(graph), plan_prediction(graph)
    verify_schedule(alone)
    found: list[list[Any]] = []
    for schedule in (whole, alone):
        machine = Machine(schedule, first_memory(), leaf_values, SAMPLES)
        with np.errstate(all="ignore"):
            machine.run()
        found.append(machine.outputs())
    for a, b in zip(*found, strict=True):
        assert np.array_equal(a, b, equal_nan=True)


@SETTINGS
@given(steps())
def test_plans_are_the_same_every_time(graph: StepGraph) -> None:
    assert plan_step(graph) == plan_step(graph)
