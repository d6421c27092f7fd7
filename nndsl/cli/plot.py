"""`nndsl plot RUN`: a picture of a run's history. `nndsl plot FUNCTION...`: of functions and their derivatives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = (".png", ".svg", ".pdf")
PARTS = {"train": "#1f5f8b", "validation": "#d1701b"}
"""A colour for each part, told apart in print and by the colour-blind."""

Curves = dict[str, dict[str, list[float]]]
"""Values after each epoch, by reported number and part of the data: curves["loss"]["train"]."""


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
    from nndsl.runtime.curves import curves_of, draw_curves

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
    source = run / "history.csv" if run.is_dir() or run.suffix != ".csv" else run
    picture = checked_picture(output or source.with_name("history.png"))
    epochs, curves = read_history(source)
    draw(epochs, curves, picture, title=source.resolve().parent.name)
    click.echo(f"wrote {picture}")


def checked_picture(picture: Path) -> Path:
    """The path of a picture to write. Raises UserError NN609 for a kind that can't be drawn."""
    if picture.suffix.lower() not in KINDS:
        message = f"can't write a picture to {picture}: its name should end in {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        raise UserError(error("NN609", message))
    return picture


def read_history(path: Path) -> tuple[list[int], Curves]:
    """The epochs and curves of a run's `history.csv`. Raises UserError NN603 or NN613."""
    import csv

    if not path.is_file():
        hint = "`nndsl run` fills one"
        raise UserError(error("NN603", f"{path.parent} is not a run folder: there is no {path.name}", help=hint))
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (UnicodeDecodeError, csv.Error):
        raise UserError(error("NN613", f"{path} is not a table in CSV")) from None
    if not rows:
        raise UserError(error("NN613", f"{path} has no rows: no epoch was finished"))
    if "epoch" not in rows[0]:
        raise UserError(error("NN613", f"{path} has no column `epoch`"))
    epochs: list[int] = []
    curves: Curves = {}
    for number, row in enumerate(rows, start=2):
        try:
            epochs.append(int(row["epoch"]))
            for name, text in row.items():
                part, dot, reported = name.partition(".")
                if dot:
                    curves.setdefault(reported, {}).setdefault(part, []).append(float("nan" if text == "" else text))
        except (TypeError, ValueError):
            raise UserError(
                error("NN613", f"{path}: line {number} does not fit the columns of the first line")
            ) from None
    if not curves:
        raise UserError(error("NN613", f"{path} has no columns but `epoch`"))
    return epochs, curves


def draw(epochs: list[int], curves: Curves, picture: Path, title: str) -> None:
    """Write a picture with a panel for each reported number. Raises UserError NN612 without matplotlib, NN608."""
    from nndsl.runtime.pictures import new_figure, save_figure

    columns = min(len(curves), 3)
    rows = -(-len(curves) // columns)
    figure = new_figure(4.6 * columns, 3.4 * rows + 0.3)
    figure.suptitle(title, fontsize=12)
    for position, (name, parts) in enumerate(curves.items(), start=1):
        _panel(figure.add_subplot(rows, columns, position), epochs, name, parts)
    save_figure(figure, picture)


def _panel(axes: Any, epochs: list[int], name: str, parts: Mapping[str, list[float]]) -> None:
    from matplotlib.ticker import MaxNLocator

    for part, values in parts.items():
        axes.plot(
            epochs,
            values,
            label=part,
            color=PARTS.get(part),
            linewidth=1.8,
            marker="o" if len(epochs) < 16 else None,
            markersize=4,
        )
    positive = [value for values in parts.values() for value in values if value > 0]
    if name == "loss" and positive and max(positive) > 50 * min(positive):
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel(name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if len(parts) > 1:
        axes.legend(frameon=False)
