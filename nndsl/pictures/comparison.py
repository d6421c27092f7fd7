"""A picture of several runs: each reported number, epoch by epoch, a line for each run."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error
from nndsl.pictures.figure import new_figure, save_figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nndsl.runs.comparison import RunFacts

MOST_LINES = 20
"""Runs that can be told apart by their colours."""


def draw_runs(runs: Sequence[RunFacts], picture: Path) -> None:
    """Writes a picture with a panel for each reported number: validation drawn through, training dashed.

    Raises UserError NN608, NN612 without matplotlib, NN613 where no run has a history, NN616 for too many runs.
    """
    names = list(dict.fromkeys(name for run in runs for name in run.curves))
    if not names:
        raise UserError(error("NN613", "none of these runs has a history to draw"))
    if len(runs) > MOST_LINES:
        help = f"compare at most {MOST_LINES}, or leave `--picture` out"
        raise UserError(error("NN616", f"{len(runs)} lines in one picture can't be told apart", help=help))
    columns = min(len(names), 3)
    rows = -(-len(names) // columns)
    figure = new_figure(4.6 * columns, 3.4 * rows + 0.2 * len(runs) + 0.6)
    lines: list[Any] = []
    for position, name in enumerate(names, start=1):
        lines = _panel(figure.add_subplot(rows, columns, position), runs, name)
    parts = " (validation drawn through, training dashed)" if any(run.watched == "validation" for run in runs) else ""
    figure.legend(
        handles=lines, loc="outside lower center", ncols=min(len(runs), 2 * columns), frameon=False, fontsize=9
    )
    figure.suptitle(f"{len(runs)} runs{parts}", fontsize=11)
    save_figure(figure, picture)


def _panel(axes: Any, runs: Sequence[RunFacts], name: str) -> list[Any]:
    """One reported number of every run; a line of each run, for the legend."""
    from matplotlib import colormaps
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    colours = colormaps["tab10" if len(runs) <= 10 else "tab20"]
    seen: list[float] = []
    for position, run in enumerate(runs):
        for part, values in run.curves.get(name, {}).items():
            through = part == run.watched
            style: dict[str, Any] = (
                {"linewidth": 1.8} if through else {"linewidth": 1.0, "linestyle": "--", "alpha": 0.7}
            )
            marker = "o" if through and len(values) < 16 else None
            axes.plot(run.epochs[: len(values)], values, color=colours(position), marker=marker, markersize=4, **style)
            seen += [value for value in values if isfinite(value)]
    if name.startswith("loss") and seen and min(seen) > 0 and max(seen) > 50 * min(seen):
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel(name)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return [Line2D([], [], color=colours(position), linewidth=1.8, label=run.name) for position, run in enumerate(runs)]
