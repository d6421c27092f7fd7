"""Pictures of the loss over two directions in weight space, with the paths that training took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndsl.pictures.figure import ORANGE, new_figure, save_figure

if TYPE_CHECKING:
    from pathlib import Path

    from nndsl.runtime.landscape import Landscape, Trace
    from nndsl.runtime.standalone.program import Array

LEVELS = 25
COLOURS = (ORANGE, "#b3124d", "#1c7a3e", "#5b2d8e", "#7a5c00", "#333333", "#e05fa8", "#0b8f8f")
"""Of the paths, on the blue and green of the heights."""


def draw_landscape(landscape: Landscape, picture: Path) -> None:
    """Draws the losses as heights, with the paths over them. Raises UserError NN608 or NN612."""
    import numpy as np

    figure = new_figure(7.2, 5.6)
    from matplotlib.colors import BoundaryNorm

    axes = figure.add_subplot()
    losses = np.where(np.isfinite(landscape.losses), landscape.losses, np.nan)
    levels = _levels(losses)
    norm = BoundaryNorm(levels, 256, extend="both")
    filled = axes.contourf(landscape.x, landscape.y, losses, levels=levels, norm=norm, cmap="YlGnBu_r", extend="both")
    axes.contour(landscape.x, landscape.y, losses, levels=levels, colors="#ffffff", linewidths=0.4, alpha=0.6)
    bar = figure.colorbar(filled, ax=axes, format="%.3g", ticks=levels[::3])
    bar.set_label("loss over the training rows")
    for number, trace in enumerate(landscape.traces):
        _draw_path(axes, landscape, trace, COLOURS[number % len(COLOURS)])
    axes.set_xlabel(landscape.plane.names[0])
    axes.set_ylabel(landscape.plane.names[1])
    axes.set_title(f"{landscape.title}: the loss, and where training led", fontsize=11)
    figure.legend(loc="outside lower center", ncols=min(3, len(landscape.traces)), fontsize=9, frameon=False)
    save_figure(figure, picture)


def _levels(losses: Array) -> Array:
    """Heights of the lines, half-way between equal steps and equal areas: small hollows show beside deep ones."""
    import numpy as np

    shares = np.linspace(0.0, 0.98, LEVELS)
    low, high = float(np.nanmin(losses)), float(np.nanquantile(losses, shares[-1]))
    if not high > low:
        high = low + max(abs(low), 1.0) * 1e-6
    return 0.5 * np.linspace(low, high, LEVELS) + 0.5 * np.maximum(np.nanquantile(losses, shares), low)


def _draw_path(axes: Any, landscape: Landscape, trace: Trace, colour: str) -> None:
    from matplotlib import patheffects

    place = landscape.plane.places(trace.weights)
    light = [patheffects.Stroke(linewidth=3.6, foreground="white"), patheffects.Normal()]
    label = f"seed {trace.seed}: loss {trace.loss:.3g}"
    axes.plot(*place.T, color=colour, linewidth=1.8, path_effects=light, label=label)
    axes.plot(*place[0], marker="o", markersize=7, color="white", markeredgecolor=colour, markeredgewidth=1.8)
    axes.plot(*place[-1], marker="X", markersize=9, color=colour, markeredgecolor="white", markeredgewidth=1.0)
