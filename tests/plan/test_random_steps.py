from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import given, settings

from nndsl.passes.pipeline import fold, share, simplify
from nndsl.plan import plan_nodes, plan_prediction, plan_step, verify_schedule
from tests.executor import Machine, Memory
from tests.random_graphs import Maker, graphs
from tests.random_steps import SAMPLES, Outcome, expected, first_memory, leaf_values, steps

if TYPE_CHECKING:
    from nndsl.ir.program import StepGraph

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
