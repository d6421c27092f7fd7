"""Training steps and inference, all sides in turn: `python -m benchmarks steps`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isclose
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.networks import NETWORKS, Network
from benchmarks.options import Options
from benchmarks.page import markdown
from benchmarks.sides import PEERS, Side, ours
from benchmarks.timing import Ratio, Timed, geometric_mean, in_turn, milliseconds, ratio

AGREE_STEPS = 20
"""Steps over which the losses must agree before anything is timed."""
LONGEST = 25.0
"""Seconds for one thing of one network, if that leaves it `LEAST_ROUNDS`."""
LEAST_ROUNDS = 7

WHAT: dict[str, Callable[[Side], Callable[[], object]]] = {
    "Training step": lambda side: side.step,
    "Inference, the batch": lambda side: side.infer,
    "Inference, one sample": lambda side: side.infer_one,
}


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one thing of one network.

    ours: median seconds of one call. ways: the same of other ways of our own. peers: the same of each peer. ratios: of
    both, by name, how many times as long as ours they take.
    """

    network: str
    ours: float
    ways: dict[str, float]
    peers: dict[str, float]
    ratios: dict[str, Ratio]

    @property
    def fastest(self) -> str | None:
        """The name of the fastest peer."""
        return min(self.peers, key=lambda name: self.ratios[name].middle, default=None)


def section(options: Options) -> str:
    """The tables: one for each thing timed, with a row for each network and a column for each side."""
    measured = [_told(_measured(network, options)) for network in options.of(NETWORKS)]
    return "\n".join(
        f"### {what}\n\n{_table([rows[what] for rows in measured])}\n{_summary([rows[what] for rows in measured])}"
        for what in WHAT
    )


def _told(rows: dict[str, Row]) -> dict[str, Row]:
    """The rows of a network, told as soon as they are there: all of them together take minutes."""
    for what, row in rows.items():
        times = ", ".join(f"{name} {found.middle:.2f}" for name, found in row.ratios.items())
        print(f"{row.network}: {what}: {milliseconds(row.ours)} ms; times as long: {times}", file=sys.stderr)
    return rows


def _measured(network: Network, options: Options) -> dict[str, Row]:
    """Every side on one network, by what was timed."""
    with TemporaryDirectory() as folder:
        first, weights, columns = ours(network, Path(folder))
        ways = [ours(network, Path(folder), way)[0] for way in options.ours]
        peers = [PEERS[name][0](network, weights, columns) for name in options.peers]
        sides = [first, *ways, *peers]
        require_agreement(network, sides, AGREE_STEPS)
        rows: dict[str, Row] = {}
        for what, call in WHAT.items():
            timed = [Timed(call(side), side.settled, side.held) for side in sides]
            times = in_turn(timed, rounds=options.pairs, within=(LONGEST, LEAST_ROUNDS))
            medians = dict(zip((side.name for side in sides), map(median, times), strict=True))
            rows[what] = Row(
                network.name,
                medians[first.name],
                {side.name: medians[side.name] for side in ways},
                {side.name: medians[side.name] for side in peers},
                {side.name: ratio(times[0], found) for side, found in zip(sides[1:], times[1:], strict=True)},
            )
    return rows


def require_agreement(network: Network, sides: Sequence[Side], steps: int, tolerance: float = 1e-3) -> None:
    """All must learn the same: losses over some steps, from the same weights.

    tolerance: how far from ours they may be, as a part of it.
    """
    for step in range(steps):
        losses: list[tuple[float, ...]] = []
        for side in sides:
            with side.held():
                losses.append(side.losses())
        for side, theirs in zip(sides, losses, strict=True):
            if not all(isclose(a, b, rel_tol=tolerance, abs_tol=1e-6) for a, b in zip(losses[0], theirs, strict=True)):
                told = f"the losses of {sides[0].name} are {losses[0]}, of {side.name} {theirs}"
                raise SystemExit(f"{network.name}: at step {step} {told}")


def _table(rows: Sequence[Row]) -> str:
    sides = [*rows[0].ways, *rows[0].peers]
    header = ["network", "nndsl ms", *(f"{name}: ms, times nndsl" for name in sides)]
    return markdown(
        header,
        [[row.network, milliseconds(row.ours), *(_cell(row, name) for name in sides)] for row in rows],
    )


def _cell(row: Row, name: str) -> str:
    seconds = {**row.ways, **row.peers}[name]
    times = f"{row.ratios[name].middle:.2f}"
    marked = f"**{times}**" if name == row.fastest else times
    return f"{milliseconds(seconds)}, {marked} ({row.ratios[name].low:.2f} to {row.ratios[name].high:.2f})"


def _summary(rows: Sequence[Row]) -> str:
    """The geometric means over the rows."""
    if not rows[0].peers:
        return ""
    against = {"the fastest peer": [row.ratios[row.fastest] for row in rows if row.fastest]}
    against |= {name: [row.ratios[name] for row in rows] for name in rows[0].peers}
    least = min(rows, key=lambda row: row.ratios[row.fastest].middle if row.fastest else 0)
    means = ", ".join(f"{name} {geometric_mean([r.middle for r in found]):.2f}" for name, found in against.items())
    low = least.ratios[least.fastest].middle if least.fastest else 0
    return f"Geometric mean of the times: {means}. The fastest peer's least: {low:.2f} ({least.network}).\n"
