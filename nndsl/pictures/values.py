"""Pictures of values, by matplotlib: grids of images, bars of vectors, tables of numbers."""

from __future__ import annotations

from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

from nndsl.pictures.figure import BLUE, new_figure, save_figure

if TYPE_CHECKING:
    from pathlib import Path

    from nndsl.runtime.standalone.program import Array


def draw_values(values: Array, path: Path, title: str) -> None:
    """Draws values of several samples, [samples, ...]: images [h, w] or [h, w, 1 or 3], vectors [n], numbers [].

    Raises UserError NN608 or NN612.
    """
    rank = values.ndim - 1
    if rank == 0:
        figure = _numbers(values)
    elif rank == 1:
        figure = _bars(values)
    else:
        figure = _images(values)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)


def grid_of(count: int) -> tuple[int, int]:
    """Rows and columns of a grid for so many panels, about as wide as high."""
    columns = max(1, ceil(sqrt(count)))
    return ceil(count / columns), columns


def grey_range(values: Array) -> tuple[float, float]:
    """What is drawn black and white: 0 and 1, or -1 and 1, where all values lie between; else the extremes."""
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return (-1.0, 1.0) if low >= -1 and high <= 1 else (low, high)


def draw_image(axes: Any, image: Array, low: float, high: float) -> None:
    """Draws [h, w] in grey or [h, w, 3] in colour, without axes: each dot is a number."""
    if image.ndim == 3:
        image = image[..., 0] if image.shape[-1] == 1 else ((image - low) / ((high - low) or 1.0)).clip(0.0, 1.0)
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_axis_off()


def _images(values: Array) -> Any:
    import numpy as np

    finite = np.nan_to_num(values.astype(float), posinf=0.0, neginf=0.0)
    rows, columns = grid_of(len(finite))
    aspect = finite.shape[1] / finite.shape[2]
    panel = min(0.75, 9.0 / columns) if len(finite) > 1 else 3.0
    figure = new_figure(max(2.4, panel * columns), max(1.6, panel * rows * min(4.0, max(0.25, aspect))) + 0.4)
    low, high = grey_range(finite)
    for position, image in enumerate(finite, start=1):
        draw_image(figure.add_subplot(rows, columns, position), image, low, high)
    return figure


def _bars(values: Array) -> Any:
    import numpy as np
    from matplotlib.ticker import MaxNLocator

    finite = np.nan_to_num(values.astype(float), posinf=0.0, neginf=0.0)
    rows, columns = grid_of(len(finite))
    figure = new_figure(max(3.2, 2.0 * columns), max(2.6, 1.5 * rows) + 0.5)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for axes in panels.flat[len(finite) :]:
        axes.set_visible(False)
    for axes, vector in zip(panels.flat, finite, strict=False):
        axes.bar(np.arange(len(vector)), vector, color=BLUE, width=0.9)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    figure.supxlabel("component", fontsize=9)
    figure.supylabel("value", fontsize=9)
    return figure


def _numbers(values: Array) -> Any:
    rows, columns = grid_of(len(values))
    figure = new_figure(max(2.4, 0.8 * columns), 0.32 * rows + 0.6)
    axes = figure.add_subplot()
    axes.set_axis_off()
    texts = [f"{value:.4g}" if values.dtype.kind == "f" else str(value) for value in values.tolist()]
    texts += [""] * (rows * columns - len(texts))
    cells = [texts[row * columns : (row + 1) * columns] for row in range(rows)]
    table = axes.table(cells, loc="center", cellLoc="center")
    table.auto_set_font_size(value=False)
    table.set_fontsize(8)
    return figure
