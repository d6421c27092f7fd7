"""From graphs to schedules: what is computed in which order, and where every value lives."""

from nndsl.plan.loops import LoopOutputs, loops_of
from nndsl.plan.once import bytes_of_row, with_once
from nndsl.plan.options import Machine, PlanOptions
from nndsl.plan.programs import verify_plans
from nndsl.plan.report import LayerCost, MemoryReport, report, step_bytes
from nndsl.plan.schedule import (
    Action,
    AddTotal,
    ApplyUpdate,
    Buffer,
    Compute,
    Given,
    GradientOf,
    Host,
    InBuffer,
    InPlace,
    Literal,
    Loop,
    Meet,
    Place,
    Schedule,
    SetFlat,
    SetGradient,
    SetState,
    ViewOf,
)
from nndsl.plan.sharing import Sharing, sharing_of, sharings_of
from nndsl.plan.step import plan_nodes, plan_prediction, plan_share, plan_step
from nndsl.plan.tiles import Tiled, Tiling, divided, meeting, obstacle, refusal, tiled
from nndsl.plan.update import is_elementwise, plan_update
from nndsl.plan.verify import verify_schedule, verify_update
from nndsl.plan.work import flops_of, traffic_of

__all__ = [
    "Action",
    "AddTotal",
    "ApplyUpdate",
    "Buffer",
    "Compute",
    "Given",
    "GradientOf",
    "Host",
    "InBuffer",
    "InPlace",
    "LayerCost",
    "Literal",
    "Loop",
    "LoopOutputs",
    "Machine",
    "Meet",
    "MemoryReport",
    "Place",
    "PlanOptions",
    "Schedule",
    "SetFlat",
    "SetGradient",
    "SetState",
    "Sharing",
    "Tiled",
    "Tiling",
    "ViewOf",
    "bytes_of_row",
    "divided",
    "flops_of",
    "is_elementwise",
    "loops_of",
    "meeting",
    "obstacle",
    "plan_nodes",
    "plan_prediction",
    "plan_share",
    "plan_step",
    "plan_update",
    "refusal",
    "report",
    "sharing_of",
    "sharings_of",
    "step_bytes",
    "tiled",
    "traffic_of",
    "verify_plans",
    "verify_schedule",
    "verify_update",
    "with_once",
]
