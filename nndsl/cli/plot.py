"""`nndsl plot RUN`: a picture of a run's history."""

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


@click.command(short_help="Draw the history of a run.")
@click.argument("run", type=click.Path(path_type=Path), metavar="RUN")
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write the picture (.png, .svg or .pdf).  [default: RUN/history.png]",
)
def command(run: Path, output: Path | None) -> None:
    """Draw the loss and the metrics of a run, epoch by epoch, on training and on validation data.

    RUN is a folder that `nndsl run` filled, as runs/Digits, or its history.csv.
    """
    source = run / "history.csv" if run.is_dir() or run.suffix != ".csv" else run
    picture = output or source.with_name("history.png")
    if picture.suffix.lower() not in KINDS:
        message = f"can't write a picture to {picture}: its name should end in {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        raise UserError(error("NN609", message))
    epochs, curves = read_history(source)
    draw(epochs, curves, picture, title=source.resolve().parent.name)
    click.echo(f"wrote {picture}")


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
    try:
        from matplotlib.figure import Figure
    except ImportError:
        hint = "pip install 'nndsl[plot]'"
        raise UserError(error("NN612", "drawing needs matplotlib, which is not installed", help=hint)) from None
    columns = min(len(curves), 3)
    rows = -(-len(curves) // columns)
    figure: Any = Figure(figsize=(4.6 * columns, 3.4 * rows + 0.3), layout="constrained")
    figure.suptitle(title, fontsize=12)
    for position, (name, parts) in enumerate(curves.items(), start=1):
        _panel(figure.add_subplot(rows, columns, position), epochs, name, parts)
    try:
        figure.savefig(picture, dpi=150)
    except OSError as failure:
        raise UserError(error("NN608", f"can't write {picture}: {failure.strerror or failure}")) from None


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
