"""Training that was given so much memory and no more: values are computed again instead of kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.diagnostics import UserError, error
from nndsl.diagnostics.amounts import in_bytes
from nndsl.ir import Kind, Node, reachable
from nndsl.ir.program import Recomputing
from nndsl.runtime.footprint import batch_size, planned_footprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nndsl.ir.program import Program, StepGraph, TrainProgram
    from nndsl.plan import Tiling
    from nndsl.runtime.footprint import Footprint

_NAMES = 3


def within(
    program: Program,
    limit: int,
    float_bytes: int,
    tiling: Callable[[str], Tiling | None] = lambda name: None,
    rows: Mapping[str, int] | None = None,
) -> Program:
    """An optimised program whose training takes `limit` bytes at most, the data apart.

    That is: weights, gradients, what the optimizer remembers, the values of a batch, in training or in evaluation (not
    both at once: see `Train.one_workspace`), and what is computed once for all rows. The numbers that it computes are
    the same to the last bit. tiling: how the batches of a train block are divided, by its name. rows: of how many rows
    a block keeps what is computed once, by its name. Raises UserError NN641 where that can't be done.
    """
    trains = (
        _within(program, train, limit, float_bytes, tiling(train.name), (rows or {}).get(train.name, 0))
        for train in program.trains
    )
    return replace(program, trains=tuple(trains))


def _within(
    program: Program, train: TrainProgram, limit: int, float_bytes: int, tiling: Tiling | None, rows: int
) -> TrainProgram:
    from nndsl.plan import plan_step, report, step_bytes
    from nndsl.plan.budget import fitted

    if any(minimize.solver is not None for minimize in train.training.minimizes):
        message = f"what {train.name} takes can't be limited: its solver works on all samples at once, however many"
        raise UserError(error("NN641", message, train.span, help="leave `--memory` out"))
    samples = batch_size(train)
    needed = planned_footprint(program, train, float_bytes, samples, tiling=tiling, rows=rows)
    evaluating = step_bytes(replace(train.evaluation, predictions=()), samples, float_bytes, tiling, 0)

    def measure(graph: StepGraph) -> int:
        return max(evaluating, step_bytes(graph, samples, float_bytes, tiling, needed.gradients))

    beside = needed.network - needed.activations
    fit = fitted(train.training, limit - beside, samples, float_bytes, measure)
    told = Recomputing(limit, needed.network, beside + fit.bytes)
    made = replace(train, training=fit.graph, recomputing=told)
    if not fit.fits:
        raise _too_little(limit, planned_footprint(program, made, float_bytes, samples, tiling=tiling, rows=rows), made)
    if fit.graph is train.training:
        return made
    flops = [report(program, each, plan_step(each.training), samples).flops for each in (train, made)]
    saved = _saved(fit.graph, samples, float_bytes)
    values = sum(node.turn > 0 for node in reachable(fit.graph.roots()))
    more = flops[1] / flops[0] - 1
    return replace(made, recomputing=replace(told, more=more, values=values, saved=tuple(saved.items())))


def _saved(graph: StepGraph, samples: int, float_bytes: int) -> dict[str, int]:
    """By the path of a step of a model the bytes of its values that the way back reads from a second computation."""
    found: dict[Node, int] = {}
    for node in reachable(graph.roots()):
        for operand in () if node.turn or node.op.numpy.view else node.inputs:
            while not operand.turn and operand.op.numpy.view:
                operand = operand.inputs[0]
            if operand.turn:
                times = samples if operand.type.kind is Kind.SAMPLE else 1
                found[operand] = operand.type.size * operand.type.dtype.bytes(float_bytes) * times
    saved: dict[str, int] = {}
    for node, size in found.items():
        scope = node.origins[0].scope if node.origins else ""
        saved[scope] = saved.get(scope, 0) + size
    return saved


def told(recomputing: Recomputing) -> str:
    """What it came to, in words."""
    takes = f"takes {in_bytes(recomputing.bytes)}"
    if recomputing.bytes < recomputing.before:
        takes += f" instead of {in_bytes(recomputing.before)}"
    if not recomputing.values:
        return f"{takes}: nothing has to be computed again"
    values = "a value is" if recomputing.values == 1 else f"{recomputing.values} values are"
    more = f"{recomputing.more:.1%}" if recomputing.more >= 0.0005 else "hardly any"
    return f"{takes}: {values} computed again on the way back, {more} more arithmetic"


def _rounded_up(count: int) -> str:
    """So many bytes, as `--memory` takes them, in three digits."""
    unit = max(1, 10 ** (len(str(count)) - 3))
    count = -(-count // unit) * unit
    scale, prefix = next((s, p) for s, p in ((10**9, "G"), (10**6, "M"), (1000, "k"), (1, "")) if count >= s)
    return f"{count / scale:g}{prefix}B"


def _too_little(limit: int, least: Footprint, train: TrainProgram) -> UserError:
    """NN641, with what takes the rest and what would help."""
    message = f"training {train.name} can't be done in {in_bytes(limit)}: it takes {in_bytes(least.network)} at least"
    notes = [f"even if all that can be is computed again instead of kept, this is what takes it:{least.table()}"]
    if any(node.op is ops.scan for node in reachable(train.training.roots())):
        notes.append("what a loop over time keeps for its way back is kept, or computed again, as a whole")
    fixed = least.network - least.activations - least.batch
    each = (least.activations + least.batch) / max(1, least.batch_size)
    fitting = int((limit - fixed) / each) if each else 0
    helps = [f"`--memory {_rounded_up(least.network)}`"]
    if 0 < fitting < least.batch_size:
        helps.append(f"`batch_size = {1 << (fitting.bit_length() - 1)}`")
    else:
        helps.append("a smaller network")
    return UserError(error("NN641", message, train.span, notes=notes, help=" or ".join(helps)))
