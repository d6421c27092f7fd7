"""What every picture needs: an empty figure, a file to write it to, colours that stay apart in print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from pathlib import Path

KINDS = (".png", ".svg", ".pdf")
DOTS_PER_INCH = 150
BLUE = "#1f5f8b"
ORANGE = "#d1701b"


def has_matplotlib() -> bool:
    """Whether pictures can be drawn."""
    from importlib.util import find_spec

    return find_spec("matplotlib") is not None


def new_figure(width: float, height: float) -> Any:
    """An empty picture of a size in inches. Raises UserError NN612 without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        hint = "pip install 'nndsl[plot]'"
        raise UserError(error("NN612", "drawing needs matplotlib, which is not installed", help=hint)) from None
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> None:
    """Writes the picture, in the format that the name says. Raises UserError NN608."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():  # it is replaced, not written through
            path.unlink()
        figure.savefig(path, dpi=DOTS_PER_INCH)
    except OSError as failure:
        raise UserError(error("NN608", f"can't write {path}: {failure.strerror or failure}")) from None


def checked_picture(picture: Path) -> Path:
    """The path of a picture to write. Raises UserError NN609 for a kind that can't be drawn."""
    if picture.suffix.lower() not in KINDS:
        message = f"can't write a picture to {picture}: its name should end in {', '.join(KINDS[:-1])} or {KINDS[-1]}"
        raise UserError(error("NN609", message))
    return picture
