"""Pictures of a run's history: each reported number, epoch by epoch, on each part of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error
from nndsl.pictures.figure import BLUE, ORANGE, new_figure, save_figure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PARTS = {"train": BLUE, "validation": ORANGE}
"""A colour for each part, told apart in print and by the colour-blind."""

Curves = dict[str, dict[str, list[float]]]
"""Values after each epoch, by reported number and part of the data: curves["loss"]["train"]."""


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


def draw_history(epochs: list[int], curves: Curves, picture: Path, title: str) -> None:
    """Write a picture with a panel for each reported number. Raises UserError NN612 without matplotlib, NN608."""
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
