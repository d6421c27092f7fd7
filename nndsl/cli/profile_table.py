"""The table that `nndsl profile` prints."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from nndsl.diagnostics.amounts import scaled

if TYPE_CHECKING:
    from nndsl.emit import Place
    from nndsl.runtime.profiling import Line, Profile, Spent

_WIDTH = 120
"""Of what is not printed on a terminal."""

_SHORTEST, _LONGEST = 14, 72
"""Of a line's text."""

_LARGE = 0.2
"""Of a step: rows that take as much are in bold."""

_HEADINGS = ("line", "", "", "", "of step", "FLOP", "bytes", "GFLOP/s", "GB/s", "of peak", "bound by")
_TEXT, _TIME, _LEFT = 1, 3, (1, 2)
_MISSED_LEAST = (5, 6)


@dataclass(slots=True)
class _Rows:
    """The cells of the table, in sections. factor: from seconds to the unit that times are in."""

    whole: float
    factor: float
    sections: list[list[tuple[list[str], bool]]] = field(default_factory=lambda: [[]])

    def add(self, names: tuple[str, str, str], seconds: float | None, more: list[str] | None = None) -> None:
        """A row: line, text, phase; its time, if it has one; what comes behind."""
        share = 0.0 if seconds is None else seconds / self.whole
        times = ["", ""] if seconds is None else [number(seconds * self.factor), f"{share:.1%}"]
        cells = [*names, *times, *(more or [])]
        self.sections[-1].append((cells + [""] * (len(_HEADINGS) - len(cells)), share >= _LARGE))


def print_table(profile: Profile) -> None:
    """Print a row for each line and phase, what else a step takes, and the step."""
    unit, factor = ("ms", 1e3) if profile.step >= 1e-2 else ("µs", 1e6)
    rows = _Rows(profile.whole, factor)
    _add_lines(rows, profile)
    rows.sections.append([])
    _add_sums(rows, profile)
    for text, seconds in _around(profile):
        rows.add(("", text, ""), seconds)
    rows.sections.append([])
    each = f"a step, {profile.threads} threads for {number(profile.step * factor)} {unit}"
    rows.add(("", "a step" if profile.threads == 1 else each, ""), profile.whole)
    _print(rows, unit)


def _add_lines(rows: _Rows, profile: Profile) -> None:
    """A row for each line and phase; of lines of the library under a row of the line that they are for."""
    opened = {line.place for line in profile.lines if line.library is not None}
    before = None
    for line in profile.lines:
        name, text = _named(line.place, profile)
        if line.place in opened:
            if line.place != before:
                rows.add((name, text, ""), None)
            name, text = "", f"  {_named_in_library(line)}"
        before = line.place
        for phase, spent in line.phases.items():
            rows.add((name, text, phase), spent.seconds, _work(spent))
            name, text = "", ""


def _add_sums(rows: _Rows, profile: Profile) -> None:
    sums: dict[str, list[Spent]] = {}
    for line in profile.lines:
        for phase, spent in line.phases.items():
            sums.setdefault(phase, []).append(spent)
    text = "all lines"
    for phase, parts in sums.items():
        seconds = sum(spent.seconds for spent in parts)
        flops, moved = (scaled(round(sum(getattr(spent, name) for spent in parts)), "") for name in ("flops", "bytes"))
        rows.add(("", text, phase), seconds, [flops, moved, "", "", _share(sum(part.best for part in parts), seconds)])
        text = ""


def _print(rows: _Rows, unit: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    headings = [unit if number == _TIME else heading for number, heading in enumerate(_HEADINGS)]
    cells = [headings, *(cells for section in rows.sections for cells, _ in section)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _WIDTH, highlight=False)
    shown = list(range(len(_HEADINGS)))
    room = _room(console.width, widths, shown)
    if room < min(_SHORTEST, widths[_TEXT]):
        shown = [number for number in shown if number not in _MISSED_LEAST]
        room = _room(console.width, widths, shown)
    widths[_TEXT] = min(widths[_TEXT], _LONGEST, max(room, _SHORTEST))
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for number in shown:
        table.add_column(headings[number], justify="left" if number in _LEFT else "right", no_wrap=True)
    for section in rows.sections:
        for cells_of_row, large in section:
            kept = [_shortened(cell, widths[_TEXT]) if at == _TEXT else cell for at, cell in enumerate(cells_of_row)]
            table.add_row(*(Text(kept[number]) for number in shown), style="bold" if large else "")
        table.add_section()
    console.width = max(console.width, sum(widths[number] + 2 for number in shown) + 2)
    with console.capture() as printed:
        console.print(table)
    click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()))


def _room(width: int, widths: list[int], shown: list[int]) -> int:
    """What the other columns leave for the text."""
    return width - 4 - sum(widths[number] + 2 for number in shown if number != _TEXT)


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def _work(spent: Spent) -> list[str]:
    """What a row computes and moves, how quickly, and what would hold it at the machine's best."""
    seconds, known = spent.seconds, spent.best > 0
    return [
        scaled(round(spent.flops), "").strip() if spent.flops else "",
        scaled(round(spent.bytes), "").strip() if spent.bytes else "",
        number(spent.flops / seconds / 1e9) if spent.flops and seconds else "",
        number(spent.bytes / seconds / 1e9) if spent.bytes and seconds else "",
        _share(spent.best, seconds) if known else "",
        spent.bound if known else "",
    ]


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _named(place: Place | None, profile: Profile) -> tuple[str, str]:
    """The number and the text of a user's line; with the file's name where it isn't the program's own."""
    if place is None:
        return "", "of no line"
    first = next(line.place.file for line in profile.lines if line.place is not None)
    return str(place.line), place.text if place.file == first else f"{place.text} ({place.file})"


def _named_in_library(line: Line) -> str:
    if line.library is None:
        return "itself"
    return f"{line.library.file.rpartition('/')[2]}:{line.library.line}  {line.library.text}"


def _around(profile: Profile) -> list[tuple[str, float]]:
    """What a step takes besides its lines."""
    rows = [("gathering the batch", profile.gathering), ("the training loop", profile.trainer)]
    if profile.solver:
        rows = [("the solver", profile.gathering + profile.trainer)]
    if profile.threads > 1:
        return [*rows, ("threads: waiting, adding up", profile.waiting)]
    return [*rows, ("not told apart", profile.rest)]


def number(value: float) -> str:
    """About three digits."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
