"""`nndsl run FILE.nn`: train, evaluate, fill a run folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.compiling import modelled
from nndsl.cli.failures import INTERRUPTED, MISTAKE
from nndsl.cli.files import open_program
from nndsl.cli.options import (
    file_argument,
    json_option,
    level_option,
    precision_option,
    seed_option,
    set_option,
    train_option,
    verify_option,
    weights_to_start_from,
)
from nndsl.cli.output import diagnostics_data, print_diagnostics, print_json
from nndsl.cli.trained import start_from, write_start
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.runtime.trainer import Outcome


@click.command(short_help="Train, evaluate on the test data, save.")
@file_argument
@set_option
@train_option
@seed_option
@click.option("--epochs", type=int, metavar="N", help="Instead of the file's `epochs`.")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="The run folder.  [default: runs/<train name>]"
)
@weights_to_start_from
@click.option("--device", type=click.Choice(["cpu", "gpu"]), default="cpu", show_default=True, help="Where to compute.")
@precision_option
@level_option
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
    weights: Path | None,
    device: str,
    precision: str,
    level: int,
    verify: bool,
    as_json: bool,
) -> None:
    """Train every train block of FILE.nn, in its order, and evaluate it on the test data.

    Fills the run folder with the weights (weights.safetensors), the history (history.csv), the results
    (summary.json), the program and the NumPy source that ran. Ends with 1 where something that the file expects
    does not hold. Ctrl-C lets the step end, saves, and ends with 130.
    """
    if epochs is not None and epochs < 1:
        raise UserError(error("NN616", f"--epochs is a whole number of at least 1, not {epochs}"))
    model = modelled(
        open_program(file),
        sets,
        train=train,
        seed=seed,
        precision=precision,
        level=level,
        verify=verify,
        device=device,
    )
    if weights is not None:
        start_from(model, weights)

    from nndsl.pictures.figure import has_matplotlib
    from nndsl.pictures.values import draw_values
    from nndsl.runtime.generation import look_ahead
    from nndsl.runtime.progress import Silence, progress_for
    from nndsl.runtime.trainer import run

    ahead = look_ahead(model, [block for block in model.checked.trains if train in (None, block.name)])
    print_diagnostics(() if as_json else ahead)
    progress = Silence() if as_json else progress_for(sys.stdout)
    draw = draw_values if has_matplotlib() else None
    outcomes = run(model, train=train, out=out, epochs=epochs, progress=progress, draw=draw)
    for outcome in outcomes:
        write_start(outcome.folder, file, outcome.train, sets, precision, model.checked)
    failed = [diagnostic for outcome in outcomes for diagnostic in outcome.failed]
    interrupted = any(outcome.interrupted for outcome in outcomes)
    if as_json:
        warnings = (*model.checked.warnings, *ahead)
        runs = [_data(outcome) for outcome in outcomes]
        ok = not failed and not interrupted
        print_json({"ok": ok, "diagnostics": diagnostics_data([*failed, *warnings]), "runs": runs})
    else:
        _print_outcomes(outcomes)
        print_diagnostics(failed)
    ctx.exit(INTERRUPTED if interrupted else MISTAKE if failed else 0)


def _print_outcomes(outcomes: Sequence[Outcome]) -> None:
    from nndsl.runtime.standalone.main import numbers_line

    for outcome in outcomes:
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
        "stopped": outcome.stopped,
        "summary": outcome.summary(),
        "evaluated": outcome.part_numbers,
    }
