"""All plans of a program at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.plan.step import plan_nodes, plan_prediction, plan_share, plan_step
from nndsl.plan.tiles import tiled
from nndsl.plan.verify import verify_schedule

if TYPE_CHECKING:
    from nndsl.ir.program import Program


def verify_plans(program: Program) -> None:
    """Plans every graph of a differentiated program and plays the schedules through (`--verify`, and tests)."""
    verify_schedule(plan_nodes([kept.initial for kept in (*program.weights, *program.states)]))
    for data in program.data:
        verify_schedule(plan_nodes([fit.node for fit in data.fits]))
        verify_schedule(plan_nodes([series.node for series in data.series]))
        verify_schedule(plan_nodes([field.node for field in data.fields]))
    for train in program.trains:
        for graph in (train.training, train.evaluation):
            verify_schedule(plan_step(graph), graph)
            parts = tiled(graph)
            if parts is not None:
                plan_part = plan_share if parts.meets else plan_step
                verify_schedule(plan_part(parts.samples), parts.samples)
                verify_schedule(plan_step(parts.rest), parts.rest)
        verify_schedule(plan_prediction(train.evaluation))
        if train.generation is not None and train.generation.one_time is not None:
            verify_schedule(plan_prediction(train.generation.one_time.first))
            verify_schedule(plan_prediction(train.generation.one_time.step))
        if train.once is not None:
            verify_schedule(plan_prediction(train.once.graph))
        if train.curvature is not None:
            verify_schedule(plan_step(train.curvature), train.curvature)
