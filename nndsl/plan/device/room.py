"""What steps take of a device's memory, known before they are made there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import field
from nndsl.plan.device.lowering import lowered
from nndsl.plan.device.narrowing import narrowed
from nndsl.plan.device.step import device_step

if TYPE_CHECKING:
    from nndsl.ir.program import StepGraph, TrainProgram
    from nndsl.plan.device.schedule import DeviceSchedule

Room = tuple[int, int]
"""Bytes: those that a step always takes, and those for each sample of a batch."""


def on_device(graph: StepGraph, products: str | None) -> StepGraph:
    """A step as a device computes it; products: what they are narrowed to, as `products_of` has it."""
    made = lowered(graph)
    return narrowed(made) if products == "bfloat16" else made


def room_of(graph: StepGraph, schedule: DeviceSchedule, float_bytes: int) -> Room:
    """Of a step's buffers and its inputs. graph: the step as the device computes it."""
    fields = [node.type for node in reachable(graph.roots()) if node.op is field]
    inputs = sum(type.size * type.dtype.bytes(float_bytes) for type in fields if type.kind is Kind.SAMPLE)
    always = schedule.bytes(0, float_bytes)
    return always, schedule.bytes(1, float_bytes) - always + inputs


def room_of_block(train: TrainProgram, products: str | None, float_bytes: int) -> Room:
    """Of a block's steps, of training and of evaluation: both are there while it is trained."""
    rooms: list[Room] = []
    for graph in (train.training, replace(train.evaluation, predictions=())):
        made = on_device(graph, products)
        rooms.append(room_of(made, device_step(made), float_bytes))
    return sum(always for always, _ in rooms), sum(each for _, each in rooms)
