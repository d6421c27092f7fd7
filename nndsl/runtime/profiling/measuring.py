"""A profile of a train block: what each line of the `.nn` file takes of a training step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, lcm
from statistics import median
from typing import TYPE_CHECKING

from nndsl.emit import Sites
from nndsl.runtime.load import generate, model_of
from nndsl.runtime.profiling.clock import Clocks, Watch
from nndsl.runtime.profiling.lines import Line, lines_of
from nndsl.runtime.profiling.peaks import Peaks, measured_peaks
from nndsl.runtime.profiling.stretches import Stretches, mean_seconds

if TYPE_CHECKING:
    from nndsl.ir.program import Program, TrainProgram
    from nndsl.plan import PlanOptions
    from nndsl.runtime.model import Model
    from nndsl.runtime.profiling.stretches import Stepped
    from nndsl.runtime.standalone.loop import Event, Fitting

SECONDS = 1.5
"""How long steps are measured where their number is not given."""

_FEWEST, _MOST = 10, 2000
_WARM_UP = 3
_STRETCH_SECONDS, _LONGEST_STRETCH = 0.05, 64


@dataclass(frozen=True, slots=True)
class Profile:
    """What a step of a train block takes, in seconds.

    samples: of a step. steps: how many were measured; the numbers are means over the quicker half of them. threads:
    that share out the samples; their times are added up, in the lines as in `whole`. step: how long one takes, from end
    to end; plain: without the clock in it. overhead: how much longer steps take with it, as a part: the median over
    pairs of stretches one after another, below 0 where the machine's noise is larger. lines: of the file. solver:
    whether one changes the weights, whose own time is in the next two. gathering: the batch and its order. trainer: the
    training loop besides. waiting: of threads for each other, sums over threads.
    rest: of the step's function, not told apart. epoch_end: validation, callbacks, and whatever else ends an epoch;
    None where none ended. epoch_steps: of an epoch, where it has data.
    """

    train: str
    samples: int
    steps: int
    threads: int
    step: float
    plain: float
    overhead: float
    lines: Sequence[Line]
    solver: bool
    gathering: float
    trainer: float
    waiting: float
    rest: float
    epoch_end: float | None
    epoch_steps: int | None
    peaks: Peaks

    @property
    def whole(self) -> float:
        """Everything that the rows add up to: a step, as often as there are threads."""
        return self.step * self.threads


def profile(
    checked: Program,
    train: str | None = None,
    *,
    sets: Mapping[str, str] | None = None,
    seed: int = 0,
    precision: str = "float32",
    level: int = 1,
    plan: PlanOptions | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    library: bool = False,
) -> Profile:
    """Train a block for some steps (the first, unless `train` says which) and tell where their time went.

    steps: how many are measured, by default as many as 1.5 seconds hold. batch_size: instead of the block's own.
    library: tells lines of the library apart. The weights are forgotten. Raises UserError.

    Where steps are worked on by processes, threads take their places: other processes' clocks can't be read.
    """
    import numpy as np

    from nndsl.plan import PlanOptions
    from nndsl.runtime.machine import this_machine
    from nndsl.runtime.standalone.threads import blas_threads

    plan = plan or PlanOptions(this_machine())
    plan = replace(plan, without=(*plan.without, "processes"))
    if batch_size is not None:
        checked = _with_batch_size(checked, batch_size)
    model = model_of(checked, sets=sets, seed=seed, precision=precision, level=level, plan=plan)
    block = model.train_named(train)
    sites = Sites(block.name, library)
    source = generate(checked, precision=precision, level=level, plan=plan, sites=sites)
    made = model.fitting(block)
    with np.errstate(all="ignore"), blas_threads(made.train.blas_threads):
        plain = _training(model, block, made)
        clocked = _training(model, block, made, source=source, count=len(sites.work))
        before = measured_peaks(precision, made.train.blas_threads)
        round = lcm(*(minimize.every for minimize in block.training.minimizes))
        measured = _measured(plain, clocked, steps, _samples(made), round)
        peaks = before.better(measured_peaks(precision, made.train.blas_threads))
    tiling = model.sharings[block.name].tiling
    threads = 1 if tiling is None else tiling.divided(made.batch_size)[1]
    lines = lines_of(measured.clocked, sites, peaks, made.memory.dtype.itemsize)
    ends = sorted(plain.ends + clocked.ends)
    return _put_together(made, measured, lines, ends[: ceil(len(ends) / 2)], threads, peaks)


def _put_together(
    made: Fitting, measured: _Measured, lines: Sequence[Line], ends: Sequence[int], threads: int, peaks: Peaks
) -> Profile:
    """The profile. ends: nanoseconds of the ends of epochs that count."""
    steps = measured.clocked
    step, inside, gathering, trainer = (
        mean_seconds([getattr(each, name) for each in steps]) for name in ("all", "inside", "before", "behind")
    )
    told = sum(line.seconds for line in lines)
    epoch_steps = _epoch_steps(made)
    return Profile(
        train=made.train.name,
        samples=round(sum(each.samples for each in steps) / len(steps)),
        steps=measured.steps,
        threads=threads,
        step=step,
        plain=mean_seconds([each.all for each in measured.plain]),
        overhead=measured.overhead,
        lines=lines,
        solver=made.train.solver is not None,
        gathering=gathering,
        trainer=trainer,
        # Of several threads only one gathers and updates: what is left is waiting, for the most part.
        waiting=threads * step - told - gathering - trainer if threads > 1 else 0.0,
        rest=inside - told if threads == 1 else 0.0,
        epoch_end=mean_seconds(ends) if ends and epoch_steps is not None else None,
        epoch_steps=epoch_steps,
        peaks=peaks,
    )


def _with_batch_size(checked: Program, size: int) -> Program:
    """The program with batches of another size in all blocks."""
    trains = tuple(
        replace(
            train, settings=tuple((name, size if name == "batch_size" else value) for name, value in train.settings)
        )
        for train in checked.trains
    )
    return replace(checked, trains=trains)


def _training(
    model: Model, block: TrainProgram, made: Fitting, *, source: str | None = None, count: int = 0
) -> Stretches:
    """Training like that of `made`, whose steps are watched.

    source: with this module's training step, which reads the clock at `count` sites.
    """
    from nndsl.runtime.modules import Generated, run_folders

    watch, clocks = Watch(), None
    workspace = made.train.training
    if source is not None:
        clocks = Clocks(count)
        given = {"clock": clocks.clock}
        filename = f"<profiled {model.checked.file.name}>"
        timed = Generated(source, filename, run_folders(model.checked), given)
        clocked = timed.program.trains[block.name]
        workspace = (timed.of_rows(clocked) if made.train.once is None else clocked).training
    train = replace(made.train, training=watch.over(workspace))
    fitting = model.generated.fitting
    weights, states = made.memory.weights.copy(), made.memory.states.copy()

    def begin() -> Iterator[Event]:
        made.memory.weights[...], made.memory.states[...] = weights, states
        return model.events(block, fitting(train, made.memory, made.parts, made.seed))

    return Stretches(begin, watch, clocks)


@dataclass(frozen=True, slots=True)
class _Measured:
    """The steps that count, without the clock in them and with it. steps: how many were measured."""

    plain: Sequence[Stepped]
    clocked: Sequence[Stepped]
    steps: int
    overhead: float


def _measured(plain: Stretches, clocked: Stretches, wanted: int | None, samples: int, round: int) -> _Measured:
    """Measure both kinds of steps in turns, over `samples` samples each.

    Steps come in rounds of so many, after which everything that acts on each `every`th step has acted.
    """
    warm = [step for stretches in (plain, clocked) for step in stretches.steps(_WARM_UP * round, samples)]
    seconds = min(step.all for step in warm) / 1e9
    rounds = ceil((wanted or min(_MOST, max(_FEWEST, int(SECONDS / seconds)))) / round)
    stretch = min(rounds, _LONGEST_STRETCH, max(4, int(_STRETCH_SECONDS / seconds / round)))
    found: tuple[list[list[Stepped]], list[list[Stepped]]] = ([], [])
    ratios: list[float] = []
    while len(found[1]) < rounds:
        took: list[float] = []
        count = min(stretch, rounds - len(found[1]))
        for kept, stretches in zip(found, (plain, clocked), strict=True):
            stretches.steps(round, samples)  # the other's buffers are in the cache: this brings in the own ones
            made = [stretches.steps(round, samples) for _ in range(count)]
            took.append(mean_seconds([step.all for step in _quicker_half(made)]))
            kept.extend(made)
        ratios.append(took[1] / took[0])
    return _Measured(_quicker_half(found[0]), _quicker_half(found[1]), len(found[1]) * round, median(ratios) - 1)


def _quicker_half(rounds: Sequence[list[Stepped]]) -> list[Stepped]:
    """The steps of the quicker half of the rounds: something else ran on the machine meanwhile in the others."""
    ordered = sorted(rounds, key=lambda steps: sum(step.all for step in steps))
    return [step for steps in ordered[: ceil(len(ordered) / 2)] for step in steps]


def _samples(made: Fitting) -> int:
    """The samples of a step that is not cut short by the end of an epoch."""
    from nndsl.runtime.standalone.batches import len_of
    from nndsl.runtime.standalone.steps import batches_of_step

    if made.train.solver is not None:
        return 1
    size = made.batch_size * batches_of_step(made.train)
    return size if made.train.data is None else min(size, len_of(made.parts.get("train")))


def _epoch_steps(made: Fitting) -> int | None:
    """The steps of an epoch, where its end is something to speak of."""
    from nndsl.runtime.standalone.batches import len_of

    if made.train.data is None or made.train.solver is not None:
        return None
    return ceil(len_of(made.parts.get("train")) / _samples(made))
