"""From graphs to schedules for a device: which values share a kernel, and where every array lives."""

from nndsl.plan.device.pulling import Index, Pulling, Split, array_dims, count_text, extent
from nndsl.plan.device.reducing import Reducing, reducing
from nndsl.plan.device.regions import row_split
from nndsl.plan.device.schedule import (
    Call,
    ClearGradient,
    DeviceAction,
    DeviceLoop,
    DeviceSchedule,
    Extent,
    Fused,
    Multiply,
    StateOf,
    Store,
    Target,
    TotalOf,
)
from nndsl.plan.device.step import device_body, device_nodes, device_step, device_update
from nndsl.plan.device.values import source_of

__all__ = [
    "Call",
    "ClearGradient",
    "DeviceAction",
    "DeviceLoop",
    "DeviceSchedule",
    "Extent",
    "Fused",
    "Index",
    "Multiply",
    "Pulling",
    "Reducing",
    "Split",
    "StateOf",
    "Store",
    "Target",
    "TotalOf",
    "array_dims",
    "count_text",
    "device_body",
    "device_nodes",
    "device_step",
    "device_update",
    "extent",
    "reducing",
    "row_split",
    "source_of",
]
