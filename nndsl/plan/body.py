"""Schedules of the bodies of loops: one step, computed over the carries of before it where that is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.graph import reachable
from nndsl.ops import concatenate
from nndsl.plan.loops import apart, asked_contiguous
from nndsl.plan.update import plan_vectors

if TYPE_CHECKING:
    from collections.abc import Collection

    from nndsl.ir.graph import Node
    from nndsl.plan.loops import LoopOutputs
    from nndsl.plan.schedule import Schedule


def plan_body(outputs: LoopOutputs, by_time: Collection[Node]) -> Schedule:
    """One step of a loop: `outputs.new_values` into the vectors of their names.

    by_time: sequences in which each time is one block. What lies apart in memory is copied for ops that want it in one
    block, and only elementwise ops and joins compute into it.
    """
    new, old = outputs.new_values, outputs.old_values
    asked = asked_contiguous(reachable(new.values()))
    elements, vectors = apart(outputs, by_time)
    kept_out = {name for name in vectors if not _computes_apart(new[name]) or new[name] in asked}
    return plan_vectors(new, old, saved=elements & asked, kept_out=kept_out, unlent=vectors)


def _computes_apart(node: Node) -> bool:
    """Can `node` be computed into memory that others are in between?"""
    return node.op.elementwise or node.op is concatenate
