"""From a checked program to the one of which the source is written, and how its steps use the processor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, error
from nndsl.precision import float_bytes as bytes_of_float
from nndsl.precision import products_of
from nndsl.runtime.footprint import batch_size, planned_footprint
from nndsl.runtime.sources import kept_rows

if TYPE_CHECKING:
    from nndsl.ir.program import Program, TrainProgram
    from nndsl.plan import PlanOptions, Sharing, Tiling


NOT_ON_DEVICE = ("attend", "join", "turn")
"""Techniques that a GPU is better off without: its products read matrices sideways as fast, it adds for nothing, and
attention over blocks of queries is written for a cache."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A program as it is going to run. sharings: how the steps of each train block use the processor, by its name."""

    program: Program
    sharings: Mapping[str, Sharing]

    def tiling(self, train: str) -> Tiling | None:
        """How the batches of a train block are divided; None: they go through whole."""
        return self.sharings[train].tiling


def planned_of(
    checked: Program,
    *,
    precision: str = "float32",
    level: int = 1,
    verify: bool = False,
    plan: PlanOptions | None = None,
    device: str = "cpu",
) -> Planned:
    """Differentiate a program, optimise it and choose how it runs.

    level: 0 leaves the formulas as they are written and takes whole batches, 1 optimises. verify: every graph is
    checked after each pass, and every plan. plan: what the plans are to be like; None: as is best on this machine.
    precision: one of PRECISIONS. device: "cpu" or "gpu". Raises UserError NN635 where batches are to be divided and no
    train block's can be, NN641 where training can't be made to fit into the memory that `plan` says, NN653 for what a
    GPU's programs have not, NN654 for a precision that only they have.
    """
    from nndsl.passes.pipeline import differentiated, optimise
    from nndsl.plan import PlanOptions, sharings_of, verify_plans
    from nndsl.runtime.budget import within
    from nndsl.runtime.machine import this_machine

    plan = plan or PlanOptions(this_machine())
    float_bytes = bytes_of_float(precision)
    rows: Mapping[str, int] = {}
    if device != "gpu":
        _refuse_off_device(precision)
    else:
        _refuse_on_device(plan, level)
        plan = PlanOptions(without=(*plan.without, *NOT_ON_DEVICE))
    if level == 0:
        _refuse_textbook(plan)
        program = differentiated(checked, verify=verify)
        planned = Planned(program, sharings_of(program, PlanOptions(), float_bytes=float_bytes))
    else:
        program = optimise(checked, verify=verify, without=plan.without)
        if "once" not in plan.without:
            program, rows = _with_once(program, plan, float_bytes)
        if plan.divides:
            _refuse_undivided(program, plan)
        planned = Planned(program, sharings_of(program, plan, float_bytes=float_bytes))
    if plan.memory is not None:
        program = within(program, plan.memory, float_bytes, planned.tiling, rows)
        planned = replace(planned, program=program)
    if verify:
        verify_plans(program)
    return planned


def _with_once(program: Program, plan: PlanOptions, float_bytes: int) -> tuple[Program, dict[str, int]]:
    """An optimised program with what is computed once taken out of its steps.

    Where memory is limited, only where that fits; and of how many rows each block then keeps it.
    """
    from nndsl.plan import sharing_of, with_once

    made = with_once(program, float_bytes)
    if plan.memory is None:
        return made, {}
    rows: dict[str, int] = {}
    trains: list[TrainProgram] = []
    for plain, train in zip(program.trains, made.trains, strict=True):
        if train.once is not None:
            count = kept_rows(made, train)
            tiling = sharing_of(train, plan, float_bytes=float_bytes).tiling
            needed = planned_footprint(made, train, float_bytes, batch_size(train), tiling=tiling, rows=count)
            if needed.network <= plan.memory:
                rows[train.name] = count
        trains.append(train if train.name in rows else plain)
    return replace(made, trains=tuple(trains)), rows


def _refuse_textbook(plan: PlanOptions) -> None:
    """Raises UserError NN635 or NN641 where textbook code is to have what it has not."""
    if plan.divides:
        raise UserError(error("NN635", "textbook code goes through whole batches", help="leave `-O0` out"))
    if plan.memory is not None:
        raise UserError(error("NN641", "textbook code keeps every value that it computes", help="leave `-O0` out"))


def _refuse_off_device(precision: str) -> None:
    """Raises UserError NN654 for a precision that a CPU has not."""
    if products_of(precision) is not None:
        message = f"products of {precision} are a GPU's: a CPU has no arithmetic that would make them quicker"
        help = "`--device gpu`; or leave `--precision` out, and the numbers are those of float32"
        raise UserError(error("NN654", message, help=help))


def _refuse_on_device(plan: PlanOptions, level: int) -> None:
    """Raises UserError NN653 where a program for a GPU is to have what it has not."""
    if level == 0:
        raise UserError(error("NN653", "textbook code is NumPy's: there is none for a GPU", help="leave `-O0` out"))
    if plan.divides:
        message = "a GPU goes through whole batches"
        raise UserError(error("NN653", message, help="leave `--tile` and `--threads` out"))
    if plan.memory is not None:
        message = "on a GPU no values are computed again to save memory"
        raise UserError(error("NN653", message, help="leave `--memory` out; a smaller `batch_size` takes less"))


_UNDIVIDED = "leave `--tile` and `--threads` out"


def _refuse_undivided(program: Program, plan: PlanOptions) -> None:
    """Raises UserError NN635 where no train block's batches can be divided as was asked for."""
    from nndsl.plan import obstacle, refusal

    found = [(train, refusal(train.training, tile=plan.tile is not None)) for train in program.trains]
    if found and all(why is not None for _, why in found):
        train, why = found[0]
        shares = obstacle(train.training) is None
        message = f"the batches of {train.name} can't be divided{' into tiles' if shares else ''}: {why}"
        help = "leave `--tile` out: `--threads` alone gives each thread a share" if shares else _UNDIVIDED
        raise UserError(error("NN635", message, train.span, help=help))
