"""Pictures of a run's history: each reported number, epoch by epoch, on each part of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndsl.pictures.figure import BLUE, ORANGE, new_figure, save_figure

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nndsl.runs.history import Curves

PARTS = {"train": BLUE, "validation": ORANGE}
"""A colour for each part, told apart in print and by the colour-blind."""


def draw_history(epochs: list[int], curves: Curves, picture: Path, title: str) -> None:
    """Write a picture with a panel for each reported number. Raises UserError NN612 without matplotlib, NN608."""
    columns = 2 if len(curves) == 4 else min(len(curves), 3)
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
