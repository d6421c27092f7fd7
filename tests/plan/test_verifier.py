from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndsl import ops
from nndsl.diagnostics import InternalError
from nndsl.ir import Builder, DType, Kind, Node, TensorType
from nndsl.ir.program import StepGraph
from nndsl.plan import (
    AddTotal,
    ApplyUpdate,
    Compute,
    InBuffer,
    InPlace,
    Literal,
    Schedule,
    SetState,
    ViewOf,
    plan_nodes,
    plan_step,
    verify_schedule,
    verify_update,
)
from tests.executor import Machine
from tests.plan.test_random_steps import assert_alike
from tests.programs import digits_mlp
from tests.random_steps import SAMPLES, Outcome, expected, first_memory, leaf_values, steps

TRAINING = digits_mlp().trains[0].training
SCHEDULE = plan_step(TRAINING)
UPDATE = next(action for action in SCHEDULE.actions if isinstance(action, ApplyUpdate))

Breaking = Callable[[Schedule], Schedule]


def without(schedule: Schedule, position: int) -> Schedule:
    return replace(schedule, actions=schedule.actions[:position] + schedule.actions[position + 1 :])


def moved(schedule: Schedule, position: int, to: int) -> Schedule:
    actions = list(schedule.actions)
    actions.insert(to, actions.pop(position))
    return replace(schedule, actions=tuple(actions))


def placed(schedule: Schedule, node: Node, place: object) -> Schedule:
    return replace(schedule, places={**schedule.places, node: place})


def position(schedule: Schedule, op: str, nth: int = 0) -> int:
    found = [i for i, a in enumerate(schedule.actions) if isinstance(a, Compute) and a.node.op.name == op]
    return found[nth]


def node(schedule: Schedule, op: str, nth: int = 0) -> Node:
    action = schedule.actions[position(schedule, op, nth)]
    assert isinstance(action, Compute)
    return action.node


def first(schedule: Schedule, kind: type) -> int:
    return next(i for i, action in enumerate(schedule.actions) if isinstance(action, kind))


def with_scratch(schedule: Schedule, scratch: tuple[int, ...]) -> Schedule:
    """Other scratch buffers for everything that has some."""
    actions = (replace(a, scratch=scratch) if isinstance(a, Compute) and a.scratch else a for a in schedule.actions)
    return replace(schedule, actions=tuple(actions))


def test_plans_are_accepted() -> None:
    verify_schedule(SCHEDULE, TRAINING)
    verify_update(UPDATE.schedule, UPDATE.update)


BROKEN: dict[str, tuple[Breaking, str]] = {
    "a value that is never computed": (lambda s: without(s, position(s, "exp")), "before it is computed"),
    "a value computed after its reader": (
        lambda s: moved(s, position(s, "exp"), position(s, "log")),
        "before it is computed",
    ),
    "a value computed twice": (
        lambda s: replace(s, actions=(*s.actions, s.actions[position(s, "log")])),
        "computed twice",
    ),
    "two live values in one buffer": (
        lambda s: placed(s, node(s, "exp"), s.places[node(s, "subtract", 0)]),
        "overwritten",
    ),
    "an update before its gradients": (
        lambda s: moved(s, first(s, ApplyUpdate), position(s, "greater")),
        "gradient of",
    ),
    "a total left out": (lambda s: without(s, first(s, AddTotal)), "total"),
    "a total added twice": (lambda s: replace(s, actions=(*s.actions, s.actions[first(s, AddTotal)])), "total"),
    "an update left out": (lambda s: without(s, first(s, ApplyUpdate)), "updates"),
    "an update twice": (
        lambda s: replace(s, actions=(*s.actions, s.actions[first(s, ApplyUpdate)])),
        "updates .* happen",
    ),
    "a gradient in the wrong place": (
        lambda s: placed(s, node(s, "batch_sum", 0), s.places[node(s, "batch_sum", 1)]),
        "gradient of",
    ),
    "a buffer too small": (
        lambda s: replace(s, buffers=tuple(replace(b, size=max(1, b.size // 2)) for b in s.buffers)),
        "no room",
    ),
    "a buffer of another number type": (
        lambda s: replace(s, buffers=tuple(replace(b, dtype=DType.INT) for b in s.buffers)),
        "no room",
    ),
    "a buffer for one sample only": (
        lambda s: replace(s, buffers=tuple(replace(b, per_sample=False) for b in s.buffers)),
        "no room",
    ),
    "a computed value without memory": (lambda s: placed(s, TRAINING.totals[0].node, Literal()), "no memory"),
    "a view of something else": (
        lambda s: placed(s, node(s, "einsum").inputs[0], ViewOf(node(s, "exp"))),
        "not a view",
    ),
    "a scratch buffer in use": (
        lambda s: with_scratch(s, (s.places[node(s, "greater")].buffer,)),
        "is in use",
    ),
    "a scratch buffer missing": (lambda s: with_scratch(s, ()), "scratch"),
}


@pytest.mark.parametrize(("breaking", "message"), BROKEN.values(), ids=BROKEN)
def test_broken_schedules_are_refused(breaking: Breaking, message: str) -> None:
    with pytest.raises(InternalError, match=message):
        verify_schedule(breaking(SCHEDULE), TRAINING)


def test_an_old_weight_read_after_its_update_is_refused() -> None:
    late = moved(SCHEDULE, first(SCHEDULE, ApplyUpdate), position(SCHEDULE, "einsum", 3))
    with pytest.raises(InternalError, match="version 0 of the weight Digits/dense/kernel is read when it is not there"):
        verify_schedule(late)


def test_a_number_where_an_array_is_needed_is_refused() -> None:
    builder = Builder()
    rate = ops.field.make(builder, TensorType(DType.FLOAT, (), Kind.STEP), name="rate")
    spread = ops.broadcast(ops.from_step(rate), shape=(3,), kind="sample")
    schedule = plan_nodes([ops.exp(spread)])
    verify_schedule(schedule)
    with pytest.raises(InternalError, match="is a number where an array is needed"):
        verify_schedule(replace(schedule, outputs=(spread,)))


def test_an_old_slot_read_after_it_was_overwritten_is_refused() -> None:
    schedule = UPDATE.schedule
    broken = placed(schedule, node(schedule, "square"), InPlace("v"))
    with pytest.raises(InternalError, match="the old v is read after"):
        verify_update(broken, UPDATE.update)


def test_a_new_weight_left_in_a_buffer_is_refused() -> None:
    schedule = replace(UPDATE.schedule, buffers=(*UPDATE.schedule.buffers, UPDATE.schedule.buffers[0]))
    broken = placed(schedule, UPDATE.update.new_weight, InBuffer(len(schedule.buffers) - 1))
    with pytest.raises(InternalError, match="the new weight is not in its vector"):
        verify_update(broken, UPDATE.update)


def test_computing_over_an_operand_that_the_op_still_reads_is_refused() -> None:
    builder = Builder()
    x = ops.field.make(builder, TensorType(DType.FLOAT, (3, 3), Kind.SAMPLE), name="x")
    y = ops.exp(x)
    z = ops.einsum(y, y, equation="ab,bc->ac", kind="sample")
    schedule = plan_nodes([z])
    verify_schedule(schedule)
    with pytest.raises(InternalError, match="computed over its operand"):
        verify_schedule(placed(schedule, z, schedule.places[y]))


def test_a_reshape_of_a_transposed_value_is_no_view() -> None:
    builder = Builder()
    x = ops.field.make(builder, TensorType(DType.FLOAT, (3, 2), Kind.SAMPLE), name="x")
    turned = ops.transpose(ops.exp(x), permutation=(1, 0))
    flat = ops.reshape(turned, shape=(6,))
    result = ops.exp(flat)
    schedule = plan_nodes([result])
    assert isinstance(schedule.places[flat], InBuffer)
    broken = Schedule(
        tuple(action for action in schedule.actions if action.node is not flat),
        {**schedule.places, flat: ViewOf(turned)},
        schedule.buffers,
        schedule.outputs,
    )
    with pytest.raises(InternalError, match="a copy made once, not a view"):
        verify_schedule(broken)


def test_a_state_read_after_it_was_set_is_refused() -> None:
    builder = Builder()
    type = TensorType(DType.FLOAT, (3,), Kind.SHARED)
    mean = ops.state.make(builder, type, path="mean")
    other = ops.state.make(builder, type, path="other")
    graph = StepGraph((), (), (), (("mean", ops.exp(mean)), ("other", ops.add(mean, other))), ())
    schedule = plan_step(graph)
    verify_schedule(schedule, graph)
    setting = first(schedule, SetState)
    with pytest.raises(InternalError, match="the state mean is read after it was set"):
        verify_schedule(moved(schedule, setting, position(schedule, "add")), graph)


# ------------------------------------------------------------------------------------------------ any mutation


def mutated(schedule: Schedule, random: Random) -> Schedule:
    """One thing changed: two actions exchanged, one gone or moved, a value somewhere else."""
    actions = list(schedule.actions)
    at = random.randrange(len(actions))
    match random.randrange(4):
        case 0:
            return moved(schedule, at, random.randrange(len(actions)))
        case 1:
            return without(schedule, at)
        case 2:
            return moved(schedule, at, min(at + 1, len(actions) - 1))
        case _:
            inside = [n for n, place in schedule.places.items() if isinstance(place, InBuffer)]
            if not inside:
                return schedule
            return placed(schedule, random.choice(inside), schedule.places[random.choice(inside)])


@settings(max_examples=300, deadline=None)
@given(steps(statements=2, most=8), st.integers(0, 2**32 - 1))
def test_what_the_verifier_accepts_computes_the_right_thing(graph: StepGraph, seed: int) -> None:
    schedule = mutated(plan_step(graph), Random(seed))
    try:
        verify_schedule(schedule, graph)
    except InternalError:
        return
    memory = first_memory()
    machine = Machine(schedule, memory, leaf_values, SAMPLES)
    with np.errstate(all="ignore"):
        wanted = expected(graph, first_memory())
        machine.run()
    if wanted.tame:
        found = Outcome(memory, [machine.totals[i] for i in range(len(graph.totals))], machine.outputs())
        assert_alike(found, wanted, 1e-9)
