"""The history that a run has written: each reported number, epoch by epoch, on each part of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from pathlib import Path

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
