"""How a train block's steps share out over the machine: whole batches with BLAS's threads, or samples over our own.

The times are estimates for choosing by, from what a graph asks of a processor: right to a third or so, on the machines
that they were fitted on. They need not be better: where two ways are close, it matters little which is taken.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nndsl.plan.options import PlanOptions
from nndsl.plan.schedule import Action, Meet
from nndsl.plan.step import plan_share, plan_step
from nndsl.plan.tiles import Tiling, meeting, obstacle, refusal, tiled
from nndsl.plan.work import Work, work_of

if TYPE_CHECKING:
    from nndsl.ir.program import Program, StepGraph, TrainProgram
    from nndsl.plan.options import Machine

_PRODUCTS = 90e9
"""Multiply-adds a second of one core, in float32; half as many in float64."""

_STREAMED = 80e9
"""Bytes a second of functions that go through their arrays in order."""

_MOVED = 5e9
"""Bytes a second of windows, sums and copies between orders."""

_CALL = 0.8e-6
"""Seconds that calling a NumPy function takes, besides what it does."""

_GATHERING = 2e-6
"""Seconds that a further field takes in every step, however few bytes it has: a line of the loop that gathers rows."""

_WAITING = 2e-6
"""Seconds that a call takes longer for each thread that Python runs: only one of them at a time is in Python itself.
Processes have a Python each."""

_MESSAGE = 15e-6
"""Seconds that a step loses by telling processes that wait with their cores busy what to do, and waiting for them."""

_HAND_OVER = 35e-6
"""Seconds that a step loses by waking threads up (25 microseconds each time, on a Zen 5) and waiting for them."""

_MEETING = 40e-6
"""Seconds that a step loses where its threads wait for each other to add something up: half to the waking, half
because one is always later."""

_WORTH_A_THREAD = 600e-6
"""Seconds of work, forward and backward, from which a thread of its own is worth waking up."""

_IN_CACHE = 0.25
"""The part of the time of what is no product that is saved where values stay in the cache."""

_CLEARLY = 0.88
"""What divides batches must take less than this part of what whole ones take."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """How the steps of a train block use the processor.

    tiling: how batches are divided; None: they go through whole. blas_threads: the threads that a matrix product may
    use; 0 leaves that to the BLAS library. reason: why, as a sentence. blocks: whether products may go through in
    blocks, where BLAS is faster so.
    """

    tiling: Tiling | None
    blas_threads: int
    reason: str
    blocks: bool = True


def sharing_of(train: TrainProgram, options: PlanOptions | None = None, *, float_bytes: int = 4) -> Sharing:
    """The way that a block's steps take: as the user said, else the one that is estimated to be fastest."""
    options = options or PlanOptions()
    found = _sharing_of(train, options, float_bytes)
    return replace(found, blocks=False) if "blocks" in options.without else found


def _sharing_of(train: TrainProgram, options: PlanOptions, float_bytes: int) -> Sharing:
    samples = _batch_size(train)
    work = work_of(train.training.roots(), samples, float_bytes)
    whole = _whole(work)
    if options.divides:
        why = refusal(train.training, tile=options.tile is not None)
        if why is not None:
            return Sharing(None, whole.blas_threads, f"Whole batches: {why}.")
        threads = options.threads or 1
        processes = _in_processes(train, options, work, threads, float_bytes)
        tiling = Tiling(options.tile, threads, processes=processes)
        return Sharing(tiling, 1 if threads > 1 else whole.blas_threads, f"As it was asked for{_in_what(tiling)}.")
    if options.machine is None:
        return whole
    return _chosen(train, options, work, samples, float_bytes)


def sharings_of(program: Program, options: PlanOptions, *, float_bytes: int = 4) -> dict[str, Sharing]:
    """The ways of all train blocks, by name."""
    return {train.name: sharing_of(train, options, float_bytes=float_bytes) for train in program.trains}


def _whole(work: Work) -> Sharing:
    if 2 * work.large > work.products:
        return Sharing(None, 0, "Whole batches, with BLAS's own threads: most of the arithmetic is in large products.")
    return Sharing(None, 1, "Whole batches on one thread: the products are too small to be worth more.")


def _chosen(train: TrainProgram, options: PlanOptions, work: Work, samples: int, float_bytes: int) -> Sharing:
    machine = options.machine
    assert machine is not None
    whole = _whole(work)
    rate = _PRODUCTS * 4 / float_bytes
    alone = _alone(work, float_bytes)
    helped = work.large * (1 - 1 / (0.9 * machine.cores)) / rate if whole.blas_threads == 0 and machine.cores > 1 else 0
    at_once = alone - helped + work.calls * _CALL
    threads = 1 if "threads" in options.without else _threads(work, alone, samples, machine)
    divided = _time(work, alone, threads)
    more = 1 if "threads" in options.without else _threads(work, alone, samples, machine, processes=True)
    processes = _in_processes(train, options, work, more, float_bytes, than=divided)
    if processes:
        threads, divided = more, _time(work, alone, more, processes=True)
    if threads > 1 and divided > _CLEARLY * at_once:
        return whole
    why = obstacle(train.training)
    if why is not None:
        return _whole_because(whole, why) if threads > 1 else whole
    meets = meeting(train.training) is not None
    waits = _waits(train.training) if threads > 1 and meets else 0
    meeting_each, handing_over = (_MESSAGE, _MESSAGE) if processes else (_MEETING, _HAND_OVER)
    if waits and divided + waits * meeting_each + len(train.training.minimizes) * handing_over > _CLEARLY * at_once:
        return _whole_because(whole, f"threads would wait for each other {waits} times in a step")
    tile = None
    if "tiles" not in options.without and not meets:
        tile = _tile(train, work, samples, threads, machine, float_bytes)
    if threads == 1 and (tile is None or (whole.blas_threads == 0 and machine.cores > 1)):
        return whole
    least = max(1, round(_WORTH_A_THREAD / (alone / samples)))
    tiling = Tiling(tile, threads, min(least, -(-samples // threads)), processes)
    return Sharing(tiling, 1 if threads > 1 else whole.blas_threads, _why(tiling, work, alone, rate, waits))


def _in_processes(
    train: TrainProgram,
    options: PlanOptions,
    work: Work,
    threads: int,
    float_bytes: int,
    than: float | None = None,
) -> bool:
    """Whether so many processes are clearly faster than threads, which take `than` seconds; None: than as many threads.

    Sums that shares need of each other on the way are arrays that only threads have in common.
    """
    machine = options.machine
    if threads == 1 or machine is None or not machine.copies or "processes" in options.without:
        return False
    alone = _alone(work, float_bytes)
    by_threads = _time(work, alone, threads) if than is None else than
    if _time(work, alone, threads, processes=True) > _CLEARLY * by_threads:
        return False
    return not any(isinstance(action, Meet) for action in _actions_of_shares(train.training))


def _whole_because(whole: Sharing, why: str) -> Sharing:
    return Sharing(None, whole.blas_threads, f"{whole.reason.rstrip('.')}; and {why}.")


def _waits(graph: StepGraph) -> int:
    """How often the threads of a step that goes through in stages wait for each other."""
    return len(graph.minimizes) + sum(isinstance(action, Meet) for action in _actions_of_shares(graph))


def _actions_of_shares(graph: StepGraph) -> tuple[Action, ...]:
    """What each thread does in a step that goes through in stages; nothing where shares never wait for each other."""
    apart = tiled(graph) if meeting(graph) is not None else None
    return () if apart is None else plan_share(apart.samples).actions


def seconds_of(work: Work, float_bytes: int) -> float:
    """About how long work takes on one thread."""
    return _alone(work, float_bytes) + _calling(work, 1)


def gathering(size: int) -> float:
    """About how many seconds it takes to gather a batch's rows of a field, `size` bytes in all."""
    return size / _MOVED + _GATHERING


def _alone(work: Work, float_bytes: int) -> float:
    """Seconds of work on one thread without the calling of functions."""
    return work.products * float_bytes / 4 / _PRODUCTS + work.streamed / _STREAMED + work.moved / _MOVED


def _time(work: Work, alone: float, threads: int, *, processes: bool = False) -> float:
    """Seconds of a step whose samples share out over threads; `alone`: of what is not calling, on one thread."""
    handing_over = 0 if threads == 1 else _MESSAGE if processes else _HAND_OVER
    return alone / threads + _calling(work, 1 if processes else threads) + handing_over


def _calling(work: Work, threads: int) -> float:
    """Seconds that calling all functions of a step takes on each of so many threads."""
    return work.calls * (_CALL + (threads * _WAITING if threads > 1 else 0))


def _threads(work: Work, alone: float, samples: int, machine: Machine, *, processes: bool = False) -> int:
    """How many threads are fastest: one, or a power of two or all cores, each with two samples at least."""
    counts = {1, machine.cores, *(1 << power for power in range(1, machine.cores.bit_length()))}
    possible = [count for count in sorted(counts) if count <= machine.cores and (count == 1 or 2 * count <= samples)]
    return min(possible, key=lambda count: _time(work, alone, count, processes=processes))


def _tile(
    train: TrainProgram, work: Work, samples: int, threads: int, machine: Machine, float_bytes: int
) -> int | None:
    """How many samples of a share should go through at a time; None: all, where tiles would gain nothing."""
    share = -(-samples // threads)
    apart = tiled(train.training)
    if apart is None:
        return None
    plan = plan_step(apart.samples)
    fixed, both = plan.bytes(0, float_bytes), plan.bytes(1, float_bytes)
    each = both - fixed
    weights = sum(node.type.size for minimize in train.training.minimizes for _, node in minimize.gradients)
    room = max(machine.cache // 2, 4 * weights * float_bytes)
    if each * share <= 2 * room:
        return None
    tiles = -(-each * share // room)
    gained = _IN_CACHE * (work.streamed / _STREAMED + work.moved / _MOVED) / threads
    lost = (tiles - 1) * (_calling(work, threads) + 3 * weights * float_bytes / _STREAMED)
    return -(-share // tiles) if gained > lost else None


def _why(tiling: Tiling, work: Work, alone: float, rate: float, waits: int) -> str:
    """What the machine does, and why that is fastest. waits: how often threads wait for each other on the way."""
    part = round(100 * (1 - work.products / rate / alone))
    workers = "processes" if tiling.processes else "threads"
    who = f"{tiling.threads} {workers}, each with a share of the batch" if tiling.threads > 1 else "One thread"
    how = "" if tiling.tile is None else f", {tiling.tile} samples at a time so that their values stay in the cache"
    if waits:
        how = f" (they wait for each other {waits} times in a step)"
    why = f": some {part} % of a step is in work that BLAS does not share out" if tiling.threads > 1 else ""
    return f"{who}{how}{why}{_in_what(tiling)}."


def _in_what(tiling: Tiling) -> str:
    """Why there are processes, as the end of a sentence."""
    return "; processes, as threads would wait for Python at every small call" if tiling.processes else ""


def _batch_size(train: TrainProgram) -> int:
    size = dict(train.settings)["batch_size"]
    return size if isinstance(size, int) else 1
