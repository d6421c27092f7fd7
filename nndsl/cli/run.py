"""`nndsl run FILE.nn`: train, evaluate, fill a run folder."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nndsl.cli.compiling import modelled
from nndsl.cli.failures import INTERRUPTED, MISTAKE
from nndsl.cli.files import open_program
from nndsl.cli.options import (
    any_precision_option,
    device_option,
    file_argument,
    json_option,
    level_option,
    plan_options,
    seed_option,
    set_option,
    train_option,
    verify_option,
    weights_to_start_from,
)
from nndsl.cli.output import diagnostics_data, print_diagnostics, print_json
from nndsl.cli.sweep import is_sweep, sweep
from nndsl.cli.trained import start_from, write_starts
from nndsl.diagnostics import UserError, error
from nndsl.runs.resuming import Started
from nndsl.runtime.devices import choose

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from nndsl.diagnostics import Diagnostic
    from nndsl.plan import PlanOptions
    from nndsl.runs.outcomes import Outcome
    from nndsl.runs.progress import Progress
    from nndsl.source import SourceFile

_OPTIONS: dict[str, Callable[[Started], object]] = {
    "seed": lambda started: started.seed,
    "precision": lambda started: started.precision,
    "level": lambda started: started.level,
    "tile": lambda started: started.plan.tile,
    "threads": lambda started: started.plan.threads,
    "without": lambda started: " ".join(f"no-{name}" for name in started.plan.without) or None,
}
"""Parameters that a run goes on with as it was started with them."""


@click.command(short_help="Train, evaluate on the test data, save.")
@file_argument
@set_option
@train_option
@seed_option
@click.option("--epochs", type=int, metavar="N", help="Instead of the file's `epochs`.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="The run folder.  [default: runs/<train name>]"
)
@click.option("--resume", is_flag=True, help="Go on with the run that was left in the run folder.")
@click.option("--restart", is_flag=True, help="Begin anew, even if the run in the folder is not finished.")
@click.option(
    "--checkpoint-every",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Instead of the file's `checkpoint_every`.  [default: 60]",
)
@click.option("--tensorboard", is_flag=True, help="Also write what is reported for TensorBoard, into the run folder.")
@weights_to_start_from
@device_option
@any_precision_option
@level_option
@plan_options
@verify_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    sets: dict[str, str],
    train: str | None,
    seed: int,
    epochs: int | None,
    out: Path | None,
    resume: bool,
    restart: bool,
    checkpoint_every: float | None,
    tensorboard: bool,
    weights: Path | None,
    device: str,
    precision: str,
    level: int,
    plan: PlanOptions,
    verify: bool,
    as_json: bool,
) -> None:
    """Train every train block of FILE.nn, in its order, and evaluate it on the test data.

    Fills the run folder with the weights (weights.safetensors), the history (history.csv), the results
    (summary.json), the program and the NumPy source that ran. Ends with 1 where something that the file expects
    does not hold. Ctrl-C lets the step end, saves, and ends with 130.

    Every now and then all that training goes on from is saved, so that `--resume` goes on with a run that was
    interrupted or killed; with the seed and the `--set`s that it was started with.

    `--set hidden=16,64,256` runs once for each value (of several such options for each combination), each into a
    folder of its own, and compares them. A list in brackets is one value.
    """
    if is_sweep(sets):
        sweep(ctx, command)
    if epochs is not None and epochs < 1:
        raise UserError(error("NN616", f"--epochs is a whole number of at least 1, not {epochs}"))
    if resume and restart:
        raise click.UsageError("give --resume or --restart, not both")
    if resume and weights is not None:
        raise click.UsageError("--resume goes on from the run's own weights: leave --weights out")
    program = open_program(file)
    choice = choose(device, precision)
    if choice.told is not None and not as_json:
        click.echo(choice.told)
    started = Started(seed, sets, precision, level, epochs, weights and str(weights.resolve()), plan)
    if resume:
        given = {name for name in _OPTIONS if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
        started = _as_before(started, program, train, out, given)
    model = modelled(
        program,
        started.sets,
        train=train,
        seed=started.seed,
        precision=started.precision,
        level=started.level,
        verify=verify,
        plan=started.plan,
        device=choice.device,
    )
    if started.weights is not None:
        start_from(model, Path(started.weights))

    from nndsl.pictures.figure import has_matplotlib
    from nndsl.pictures.values import draw_values
    from nndsl.runs.trainer import run
    from nndsl.runtime.budget import told
    from nndsl.runtime.generation import look_ahead

    blocks = [block for block in model.checked.trains if train in (None, block.name)]
    ahead = look_ahead(model, blocks)
    print_diagnostics(() if as_json else ahead)
    progress = _progress([block.name for block in blocks], out, tensorboard=tensorboard, as_json=as_json)
    draw = draw_values if has_matplotlib() else None
    for block in () if model.planned is None or as_json else model.planned.trains:
        if block.recomputing is not None:
            click.echo(f"{block.name} {told(block.recomputing)}")
    outcomes = run(
        model,
        train=train,
        out=out,
        epochs=started.epochs,
        progress=progress,
        draw=draw,
        resume=resume,
        restart=restart,
        checkpoint_every=checkpoint_every,
        started=started,
        warn=(lambda _: None) if as_json else print_diagnostics,
    )
    trained_now = {outcome.train: outcome.folder for outcome in outcomes if outcome.before is None}
    write_starts(trained_now, file, started.sets, started.precision, model)
    ctx.exit(_told(outcomes, (*model.checked.warnings, *ahead), as_json=as_json))


def _progress(names: Sequence[str], out: Path | None, *, tensorboard: bool, as_json: bool) -> Progress:
    """What shows how the train blocks called `names` go. Raises UserError where TensorBoard's writer is missing."""
    from nndsl.runs.progress import Silence, progress_for
    from nndsl.runs.run_folder import folder_for

    shown = Silence() if as_json else progress_for(sys.stdout)
    if not tensorboard:
        return shown
    from nndsl.runs.tensorboard import TensorboardProgress, require_writer

    require_writer()
    return TensorboardProgress(shown, {name: folder_for(name, out, len(names)) for name in names})


def _told(outcomes: Sequence[Outcome], warnings: Sequence[Diagnostic], *, as_json: bool) -> int:
    """Says what came out; the exit code."""
    failed = [diagnostic for outcome in outcomes for diagnostic in outcome.failed]
    interrupted = any(outcome.interrupted for outcome in outcomes)
    if as_json:
        cautions = (each for outcome in outcomes for each in outcome.cautions)
        runs = [_data(outcome) for outcome in outcomes]
        ok = not failed and not interrupted
        print_json({"ok": ok, "diagnostics": diagnostics_data([*failed, *warnings, *cautions]), "runs": runs})
    else:
        _print_outcomes(outcomes)
        print_diagnostics(failed)
    return INTERRUPTED if interrupted else MISTAKE if failed else 0


def _as_before(
    started: Started, program: SourceFile, train: str | None, out: Path | None, given: Collection[str]
) -> Started:
    """How the run that goes on was started, with the options that are given now. Raises UserError NN633."""
    from nndsl.runs.run_folder import folder_for
    from nndsl.runs.sessions import started_before
    from nndsl.syntax import parse
    from nndsl.syntax.tree import Train

    names = [each.name.name for each in parse(program).items if isinstance(each, Train)]
    chosen = [name for name in names if train in (None, name)]
    before = started_before({name: folder_for(name, out, len(chosen)) for name in chosen})
    if before is None:
        return started
    for name, said in _OPTIONS.items():
        was, now = said(before), said(started)
        if name in given and was != now:
            option = {"level": "-O", "without": "--plan "}.get(name, f"--{name} ")
            begun = "without it" if was is None else f"with {option}{was}"
            message = f"the run was started {begun}, and can't go on with {option}{now}"
            raise UserError(error("NN633", message, help="leave the option out; `--restart` begins anew"))
    epochs = started.epochs if started.epochs is not None else before.epochs
    plan = before.plan
    if started.plan.memory is not None:
        plan = replace(plan, memory=started.plan.memory)  # the numbers are the same with any memory
    return replace(before, sets={**before.sets, **started.sets}, epochs=epochs, plan=plan)


def _print_outcomes(outcomes: Sequence[Outcome]) -> None:
    from nndsl.runtime.standalone.lines import numbers_line

    for outcome in outcomes:
        if outcome.before is not None:
            continue
        name = f"{outcome.train} " if len(outcomes) > 1 else ""
        for part, numbers in outcome.part_numbers.items():
            click.echo(f"{name}{part}  {numbers_line(numbers)}")
        steps = f"{outcome.steps:,} steps in {outcome.seconds:.1f} s"
        click.echo(f"{name}{steps}; the run is in {outcome.folder}")


def _data(outcome: Outcome) -> dict[str, Any]:
    return {
        "train": outcome.train,
        "folder": str(outcome.folder),
        "interrupted": outcome.interrupted,
        "finished_before": outcome.before is not None,
        "stopped": outcome.stopped,
        "summary": outcome.summary(),
        "evaluated": outcome.part_numbers,
    }
