"""Pictures of what goes on in a network: samples in a plane, filters, activation maps."""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error
from nndsl.pictures.figure import new_figure, save_figure
from nndsl.pictures.values import draw_image, draw_values, grey_range, grid_of

if TYPE_CHECKING:
    from pathlib import Path

    from nndsl.runtime.standalone.program import Array

MOST_PANELS = 64
MOST_CLASSES = 20
MARKERS = "os^vDP*X<>"


def principal_plane(values: Array) -> tuple[Array, tuple[float, float]]:
    """[n, ...] -> ([n, 2], shares of the variance): the first two principal components, signs fixed.

    Each component's largest weight is positive, so that the same data always give the same picture.
    """
    import numpy as np

    flat = values.reshape(len(values), -1).astype(np.float64)
    centred = flat - flat.mean(0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    directions = directions[:2]
    directions *= np.sign(directions[np.arange(len(directions)), np.abs(directions).argmax(1)])[:, None]
    plane = np.zeros((len(values), 2))
    plane[:, : len(directions)] = centred @ directions.T
    shares = np.zeros(2)
    variance = lengths**2
    shares[: min(2, len(variance))] = variance[:2] / max(variance.sum(), 1e-300)
    return plane, (float(shares[0]), float(shares[1]))


def draw_plane(values: Array, classes: Array | None, path: Path, title: str, class_title: str) -> None:
    """Draws all samples in the plane of their first two principal components, coloured by class.

    Raises UserError NN608, NN612, or NN616 for fewer than three samples.
    """
    import numpy as np

    if len(values) < 3:
        raise UserError(error("NN616", f"a plane needs at least three samples, and there are {len(values)}"))
    plane, shares = principal_plane(values)
    figure = new_figure(6.4, 4.8)
    axes: Any = figure.add_subplot()
    names = np.unique(classes) if classes is not None else np.array([""])
    if len(names) > MOST_CLASSES:
        names, classes = np.array([""]), None
    colours = _colours(len(names))
    for position, name in enumerate(sorted(names.tolist(), key=_numbers_first)):
        chosen = plane if classes is None else plane[classes == name]
        marker = MARKERS[position % len(MARKERS)]
        axes.scatter(*chosen.T, s=16, color=colours[position], marker=marker, linewidths=0, alpha=0.8, label=name)
    for label, share, place in zip(("first", "second"), shares, (axes.set_xlabel, axes.set_ylabel), strict=True):
        place(f"{label} principal component ({share:.0%} of the variance)")
    axes.set_title(title, fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    if classes is not None:
        axes.legend(title=class_title, frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    save_figure(figure, path)


def _numbers_first(name: str) -> tuple[float, str]:
    try:
        return float(name), name
    except ValueError:
        return float("inf"), name


def _colours(count: int) -> list[Any]:
    from matplotlib import colormaps

    return [colormaps["tab10" if count <= 10 else "tab20"](position) for position in range(count)]


def draw_filters(kernel: Array, path: Path, title: str) -> None:
    """Draws what each unit or filter looks for: [h, w, channels, filters], [width, channels, filters] or [d, units].

    Of several channels (but three, which are colours) their mean is drawn. A dense kernel of a square number of inputs
    is drawn as squares. Grey is 0, white the largest weight, black as far below. Raises UserError NN608, NN612, NN616.
    """
    import numpy as np

    images = _filter_images(np.moveaxis(np.asarray(kernel, np.float64), -1, 0))
    largest = max(float(np.abs(images).max()), 1e-300)
    _draw_panels(images, path, f"{title}: {_counted(len(images), 'filter')}", (-largest, largest))


def _filter_images(filters: Array) -> Array:
    """[filters, ...] -> [filters, h, w] or [filters, h, w, 3]."""
    shape = filters.shape[1:]
    if len(shape) == 1:
        side = isqrt(shape[0])
        return filters.reshape(-1, side, side) if side > 1 and side * side == shape[0] else filters[:, None]
    if len(shape) == 2:
        return filters.swapaxes(1, 2)
    if len(shape) == 3:
        return filters if shape[-1] == 3 else filters.mean(-1)
    raise UserError(error("NN616", f"a kernel with {len(shape) + 1} axes can't be drawn"))


def draw_maps(values: Array, path: Path, title: str) -> None:
    """Draws what a step gives for one sample: each channel of [h, w, channels], [h, w], a sequence, or a vector.

    Raises UserError NN608, NN612 or NN616.
    """
    if values.ndim < 2:
        draw_values(values.reshape(1, -1), path, title)
        return
    if values.ndim > 3:
        raise UserError(error("NN616", f"values with {values.ndim} axes can't be drawn"))
    maps = values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
    _draw_panels(maps, path, f"{title}: {_counted(len(maps), 'map')}", grey_range(maps))


def _counted(count: int, what: str) -> str:
    said = f"{count} {what}{'s' if count != 1 else ''}"
    return said if count <= MOST_PANELS else f"{said}, the first {MOST_PANELS}"


def _draw_panels(images: Array, path: Path, title: str, limits: tuple[float, float]) -> None:
    images = images[:MOST_PANELS]
    rows, columns = grid_of(len(images))
    width = max(3.6, min(9.0, 1.0 * columns))
    figure = new_figure(width, max(1.4, width / columns * rows * min(4.0, images.shape[1] / images.shape[2])) + 0.5)
    for position, image in enumerate(images, start=1):
        axes = figure.add_subplot(rows, columns, position)
        draw_image(axes, image, *limits)
        axes.set_title(str(position - 1), fontsize=6, pad=2)
    figure.suptitle(title, fontsize=11)
    save_figure(figure, path)
