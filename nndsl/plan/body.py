"""Schedules of the bodies of loops: one step, computed over the carries of before it where that is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.graph import reachable
from nndsl.plan.loops import asked_contiguous, strided
from nndsl.plan.update import plan_vectors

if TYPE_CHECKING:
    from nndsl.plan.loops import LoopOutputs
    from nndsl.plan.schedule import Schedule


def plan_body(outputs: LoopOutputs) -> Schedule:
    """One step of a loop: `outputs.new_values` into the vectors of their names.

    What lies apart in memory is copied for ops that want it in one block, and only elementwise ops compute into it.
    """
    new, old = outputs.new_values, outputs.old_values
    asked = asked_contiguous(reachable(new.values()))
    elements, vectors = strided(outputs)
    apart = {name for name in vectors if not new[name].op.elementwise or new[name] in asked}
    return plan_vectors(new, old, saved=elements & asked, kept_out=apart, unlent=vectors)
