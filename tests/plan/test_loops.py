"""Schedules of loops: played in memory full of garbage they compute what a plain loop does; broken ones are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nndsl.diagnostics import InternalError
from nndsl.ir import Node
from nndsl.plan import InBuffer, Loop, Schedule, plan_nodes, verify_schedule
from tests.emit.loops import LoopMaker, fields_of, looped
from tests.emit.test_loops import MAKERS, Made, chained, lstm, swapped, two_loops
from tests.executor import Machine, Memory

N = 5


def planned(results: Made) -> Schedule:
    return plan_nodes(results.values())


def only_loop(schedule: Schedule) -> Loop:
    (loop,) = (action for action in schedule.actions if isinstance(action, Loop))
    return loop


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("make", MAKERS)
def test_a_loop_in_its_buffers_computes_what_a_plain_loop_does(make: Callable[..., Made], reverse: bool) -> None:
    results = make(LoopMaker(), reverse=reverse)
    schedule = planned(results)
    verify_schedule(schedule)
    fields = fields_of(results, N)

    def leaf(node: Node) -> Any:
        return fields[str(node["name"])]

    machine = Machine(schedule, Memory({}), leaf, N)
    machine.run()
    for (name, expected), found in zip(looped(results, fields, N).items(), machine.outputs(), strict=True):
        np.testing.assert_allclose(np.broadcast_to(found, expected.shape), expected, rtol=1e-12, err_msg=name)


def test_all_outputs_of_a_loop_are_computed_by_one_action() -> None:
    results = lstm(LoopMaker())
    assert set(only_loop(planned(results)).outputs.nodes) == set(results.values())


def test_what_nobody_needs_is_not_computed() -> None:
    results = swapped(LoopMaker())
    loop = only_loop(planned({"c": results["last:2"]}))
    assert loop.outputs.carries == (2,)
    assert loop.outputs.stacks == ()
    loop = only_loop(planned({"a": results["last:0"]}))
    assert loop.outputs.carries == (0, 1)


def test_sequences_that_only_loops_read_lie_time_by_time() -> None:
    for make, expected in ((chained, 4), (two_loops, 0)):
        places = planned(make(LoopMaker())).places.values()
        assert sum(isinstance(place, InBuffer) and place.by_time for place in places) == expected


def broken(whole: Schedule, message: str, **changes: Any) -> None:
    loop = only_loop(whole)
    actions = tuple(replace(loop, **changes) if action is loop else action for action in whole.actions)
    with pytest.raises(InternalError, match=message):
        verify_schedule(replace(whole, actions=actions))


def test_a_carry_that_is_not_updated_is_found() -> None:
    schedule = planned(lstm(LoopMaker()))
    loop = only_loop(schedule)
    for position, _ in enumerate(loop.schedule.actions):
        actions = (*loop.schedule.actions[:position], *loop.schedule.actions[position + 1 :])
        broken(schedule, "plan: ", schedule=replace(loop.schedule, actions=actions))


def test_carries_in_one_buffer_are_found() -> None:
    schedule = planned(swapped(LoopMaker()))
    loop = only_loop(schedule)
    (first, number), *others = loop.carries
    carries = ((first, number), *((k, number) for k, _ in others))
    broken(schedule, "not where its carry is", carries=carries)
    broken(schedule, "is not where|need buffers", carries=loop.carries[1:])


def test_an_output_in_an_inputs_buffer_is_found() -> None:
    results = swapped(LoopMaker())
    maker = LoopMaker()
    results = two_loops(maker)
    schedule = planned({"again": results["again"], "all again": results["all again"]})
    _, second = (action for action in schedule.actions if isinstance(action, Loop))
    sequence = second.outputs.nodes[0].inputs[1]
    kept = results["all again"]
    places = {**schedule.places, kept: schedule.places[sequence]}
    with pytest.raises(InternalError, match=r"no buffer of its own|overwritten"):
        verify_schedule(replace(schedule, places=places))
