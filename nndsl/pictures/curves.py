"""Pictures of functions of one number, each with its derivative."""

from __future__ import annotations

from math import isfinite, nan
from typing import TYPE_CHECKING, Any

from nndsl.pictures.figure import BLUE, ORANGE, new_figure, save_figure

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nndsl.runtime.curves import Curve


def draw_curves(curves: Sequence[Curve], picture: Path) -> None:
    """Writes a picture with a panel for each function. Raises UserError NN608 or NN612."""
    columns = 2 if len(curves) == 4 else min(len(curves), 3)
    rows = -(-len(curves) // columns)
    figure = new_figure(3.6 * columns + 0.4, 3.0 * rows + 0.2)
    for position, curve in enumerate(curves, start=1):
        _panel(figure.add_subplot(rows, columns, position), curve)
    save_figure(figure, picture)


def _panel(axes: Any, curve: Curve) -> None:
    axes.axhline(0, color="#bbbbbb", linewidth=0.8)
    axes.axvline(0, color="#bbbbbb", linewidth=0.8)
    axes.plot(curve.x, curve.values, color=BLUE, linewidth=2.0, label="value")
    slopes = [slope if isfinite(value) else nan for value, slope in zip(curve.values, curve.slopes, strict=True)]
    axes.plot(curve.x, slopes, color=ORANGE, linewidth=1.6, linestyle="--", label="derivative")
    axes.set_title(curve.name, fontsize=11)
    axes.set_xlabel("x")
    axes.set_ylabel("value, derivative")
    axes.grid(visible=True, color="#e4e4e4", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
