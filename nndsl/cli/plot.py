"""`nndsl plot RUN`: a picture of a run's history. `nndsl plot FUNCTION...`: of functions and their derivatives."""

from __future__ import annotations

from pathlib import Path

import click

from nndsl.diagnostics import UserError, error
from nndsl.pictures.figure import checked_picture


@click.command(short_help="Draw the history of a run, or functions.")
@click.argument("what", nargs=-1, required=True, metavar="RUN|FUNCTION...")
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write the picture (.png, .svg or .pdf).  [default: RUN/history.png, or functions.png]",
)
@click.option(
    "--range",
    "bounds",
    type=float,
    nargs=2,
    default=(-4.0, 4.0),
    show_default=True,
    metavar="LOW HIGH",
    help="From where to where functions are drawn.",
)
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE.nn",
    help="Where functions that the library does not have are defined.",
)
def command(what: tuple[str, ...], output: Path | None, bounds: tuple[float, float], source: Path | None) -> None:
    """Draw the loss and the metrics of a run, epoch by epoch, on training and on validation data.

    RUN is a folder that `nndsl run` filled, as runs/Digits, or its history.csv.

    Or draw functions of one number and their derivatives, from their own definitions in the library:
    `nndsl plot relu tanh "leaky_relu(negative_slope=0.1)"`.
    """
    if len(what) == 1 and _is_run(what[0]):
        _plot_run(Path(what[0]), output)
        return
    from nndsl.pictures.curves import draw_curves
    from nndsl.runtime.curves import curves_of

    low, high = bounds
    if not low < high:
        raise UserError(error("NN616", f"--range goes from a lower to a higher number, not from {low:g} to {high:g}"))
    picture = checked_picture(output or Path("functions.png"))
    draw_curves(curves_of(what, low, high, source), picture)
    click.echo(f"wrote {picture}")


def _is_run(what: str) -> bool:
    """Whether an argument names a run rather than a function."""
    return "/" in what or "\\" in what or what.endswith(".csv") or Path(what).exists()


def _plot_run(run: Path, output: Path | None) -> None:
    from nndsl.pictures.history import draw_history
    from nndsl.runs.history import read_history

    source = run / "history.csv" if run.is_dir() or run.suffix != ".csv" else run
    picture = checked_picture(output or source.with_name("history.png"))
    epochs, curves = read_history(source)
    draw_history(epochs, curves, picture, title=source.resolve().parent.name)
    click.echo(f"wrote {picture}")
