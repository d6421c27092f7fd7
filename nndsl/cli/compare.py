"""`nndsl compare RUN RUN ...`: runs side by side, as a table and as a picture."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.options import json_option
from nndsl.cli.output import print_json
from nndsl.diagnostics.visible import visible
from nndsl.pictures.figure import checked_picture

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.table import Table

    from nndsl.runs.comparison import RunFacts

MOST_COLUMNS = 4
"""So many runs stand side by side; more of them below each other, with less of each."""

WIDTH = 200

WIDEST_CELL = 32
"""Where runs stand below each other, longer texts, as of a callback, take several lines."""


@click.command(short_help="Show runs side by side: what differs, and what came out.")
@click.argument("runs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="RUN...")
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Draw the runs' histories, too (.png, .svg or .pdf).",
)
@json_option
def command(runs: tuple[Path, ...], picture: Path | None, as_json: bool) -> None:
    """Show which settings of the runs differ, how long they took, and the numbers that came out.

    RUN is a folder that `nndsl run` filled, or a folder of such folders. What is best of the runs is marked with `*`.
    """
    from nndsl.runs.comparison import read_runs

    if picture is not None:
        checked_picture(picture)
    found = read_runs(runs)
    if picture is not None:
        from nndsl.pictures.comparison import draw_runs

        draw_runs(found, picture)
    if as_json:
        print_json({"ok": True, "diagnostics": [], **comparison_data(found)})
        return
    print_comparison(found)
    if picture is not None:
        click.echo(f"wrote {picture}")


# ------------------------------------------------------------------------------------------------ for programs


def comparison_data(runs: Sequence[RunFacts]) -> dict[str, Any]:
    """The comparison as JSON has it."""
    from nndsl.runs.comparison import differing

    return {"differing": differing(runs), "runs": [_run_data(run) for run in runs]}


def _run_data(run: RunFacts) -> dict[str, Any]:
    bests = {name: run.best(name) for name in run.curves}
    return {
        "folder": str(run.folder),
        "name": run.name,
        "train": run.train,
        "settings": run.settings,
        "parameters": run.parameters,
        "epochs": len(run.epochs),
        "steps": run.steps,
        "seconds": run.seconds,
        "results": run.results,
        "watched": run.watched,
        "last": {name: run.last(name) for name in run.curves},
        "best": {name: {"value": b.value, "epoch": b.epoch} for name, b in bests.items() if b is not None},
        "epoch": run.epochs,
        "curves": run.curves,
    }


# ------------------------------------------------------------------------------------------------ for people


@dataclass(slots=True)
class _Row:
    """One thing about every run. main: it is shown where there is little place, too. best: whose value is best."""

    name: str
    cells: list[str]
    main: bool = True
    best: list[int] = field(default_factory=list[int])


def print_comparison(runs: Sequence[RunFacts]) -> None:
    """Print the table of the runs."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    sections = [rows for rows in (_settings(runs), _costs(runs), _curves(runs), _results(runs)) if rows]
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    tables = [Table(box=box.SIMPLE_HEAD)]
    if len(runs) <= MOST_COLUMNS:
        tables[0].add_column("")
        for run in runs:
            tables[0].add_column(_plain(run.name), justify="right", overflow="fold")
        for rows in sections:
            for row in rows:
                tables[0].add_row(_plain(row.name), *(_marked(row, position) for position in range(len(runs))))
            tables[0].add_section()
    else:
        kept = [row for rows in sections for row in rows if row.main and len(set(row.cells)) > 1]
        bands = _bands(kept, [run.name for run in runs], console.width)
        tables = [_below_each_other(band, runs) for band in bands]
    with console.capture() as printed:
        for table in tables:
            console.print(table)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()).rstrip("\n"))
    if len(runs) > 1 and not _settings(runs):
        click.echo("their programs and settings are the same")


def _bands(rows: Sequence[_Row], names: Sequence[str], width: int) -> list[list[_Row]]:
    """The rows, in their order, by the tables that they become columns of: as many in each as a line has room for."""
    first = _column_width(names)
    bands: list[list[_Row]] = [[]]
    left = width - first
    for row in rows:
        needed = _column_width([row.name, *(f"{cell.partition(' (epoch')[0]} *" for cell in row.cells)])
        if needed > left and bands[-1]:
            bands.append([])
            left = width - first
        bands[-1].append(row)
        left -= needed
    return bands


def _column_width(texts: Sequence[str]) -> int:
    """The width that a column of these texts takes, with what stands between it and the next."""
    return min(WIDEST_CELL, max(map(len, texts))) + 3


def _below_each_other(rows: Sequence[_Row], runs: Sequence[RunFacts]) -> Table:
    """A table with a line for each run, and a column for each row of the other form."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("run", overflow="fold", max_width=WIDEST_CELL)
    for row in rows:
        table.add_column(_plain(row.name), justify="right", overflow="fold", max_width=WIDEST_CELL)
    for position, run in enumerate(runs):
        table.add_row(_plain(run.name), *(_marked(row, position, brief=True) for row in rows))
    return table


def _marked(row: _Row, position: int, *, brief: bool = False) -> str:
    """A cell with its mark. brief: without what stands in parentheses behind a number."""
    text = row.cells[position]
    text = _plain(text.partition(" (epoch")[0] if brief else text)
    return f"[bold]{text} *[/bold]" if position in row.best else text


def _plain(text: str) -> str:
    """What a run says of itself, with nothing in it that acts on a table or a terminal: it may be anybody's."""
    from rich.markup import escape

    return escape(visible(text))


def _settings(runs: Sequence[RunFacts]) -> list[_Row]:
    """What is not the same for all; of long texts, as of a model, only that they differ."""
    from nndsl.runs.comparison import differing

    return [_Row(name, cells) for name, cells in differing(runs).items()]


def _costs(runs: Sequence[RunFacts]) -> list[_Row]:
    rows = [
        _Row("weights", [f"{run.parameters:,}" if run.parameters is not None else "" for run in runs]),
        _Row("epochs run", [f"{len(run.epochs):,}" for run in runs]),
        _Row("steps", [f"{run.steps:,}" if run.steps is not None else "" for run in runs], main=False),
        _Row("seconds", [f"{run.seconds:.1f}" if run.seconds is not None else "" for run in runs]),
    ]
    return [row for row in rows if any(row.cells)]


def _curves(runs: Sequence[RunFacts]) -> list[_Row]:
    """The best and the last of each reported number, on the validation rows (of training where there are none)."""
    rows: list[_Row] = []
    for name in dict.fromkeys(name for run in runs for name in run.curves):
        bests = [run.best(name) for run in runs]
        parts = {run.watched for run in runs if name in run.curves}
        title = f"{' or '.join(sorted(parts))} {name}"
        if any(bests):
            cells = [f"{_number(best.value)} (epoch {best.epoch})" if best is not None else "" for best in bests]
            values = [None if best is None else best.value for best in bests]
            rows.append(_Row(f"{title}, best", cells, best=_best(name, values)))
        lasts = [_number(run.last(name)) if name in run.curves else "" for run in runs]
        rows.append(_Row(f"{title}, last", lasts, main=not any(bests)))
    return rows


def _results(runs: Sequence[RunFacts]) -> list[_Row]:
    """What was evaluated on the test rows when training had ended."""
    rows: list[_Row] = []
    for name in dict.fromkeys(name for run in runs for name in run.results.get("test", ())):
        values = [run.results.get("test", {}).get(name) for run in runs]
        cells = ["" if value is None else _number(value) for value in values]
        rows.append(_Row(f"test {name}", cells, best=_best(name, values)))
    return rows


def _best(name: str, values: Sequence[float | None]) -> list[int]:
    """Whose value is best, where several have one and they differ."""
    from nndsl.runs.comparison import more_is_better

    more = more_is_better(name)
    known = [value for value in values if value is not None and isfinite(value)]
    if more is None or len(known) < 2 or len(set(known)) == 1:
        return []
    choose: Callable[[list[float]], float] = max if more else min
    return [position for position, value in enumerate(values) if value == choose(known)]


def _number(value: float) -> str:
    return f"{value:.4g}"
