"""What each technique gains: nndsl beside itself without it, in turn: `python -m benchmarks techniques`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.networks import NETWORKS, NORMALIZED, Network
from benchmarks.options import Options
from benchmarks.page import markdown
from benchmarks.sides.ours import model_of, side_of
from benchmarks.sides.side import Side
from benchmarks.steps import LEAST_ROUNDS, LONGEST, WHAT, require_agreement
from benchmarks.timing import Ratio, Timed, in_turn, ratio
from nndsl.passes.pipeline import OPTIONAL
from nndsl.plan.options import CHOICES

AGREE_STEPS = 5
TEXTBOOK = "-O0"
"""Everything at once: whole batches, a new array for each line, no pass over the graph."""

OF_DATA = ("once",)
"""Techniques that do nothing for a step whose rows are all new to it."""


@dataclass(frozen=True, slots=True)
class Gains:
    """How many times as long a network takes without each technique that changes its code, by what is timed."""

    network: str
    of: dict[str, dict[str, Ratio]]


def section(options: Options) -> str:
    """The tables: one for each thing timed, with a row for each technique and a column for each network."""
    measured = [_told(_measured(network, options.pairs)) for network in options.of((*NETWORKS, NORMALIZED))]
    return "\n".join(f"### {what}\n\n{_table(what, measured)}" for what in WHAT)


def ways() -> dict[str, str]:
    """What is left out, and the options of `nndsl run` that do it."""
    left_out = {f"no-{name}": f"--plan no-{name}" for name in (*OPTIONAL, *CHOICES) if name not in OF_DATA}
    return {TEXTBOOK: TEXTBOOK, **left_out}


def _measured(network: Network, pairs: int) -> Gains:
    """With every technique, and without each in turn."""
    with TemporaryDirectory() as folder:
        model, columns = model_of(network, Path(folder))
        plain, _ = side_of(model, network, columns, "with all")
        others: list[Side] = []
        for name, way in ways().items():
            other, _ = model_of(network, Path(folder), way)
            if other.generated.source != model.generated.source:
                others.append(side_of(other, network, columns, name)[0])
    sides = [plain, *others]
    require_agreement(network, sides, AGREE_STEPS)
    found: dict[str, dict[str, Ratio]] = {}
    for what, call in WHAT.items():
        timed = [Timed(call(side), side.settled, side.held) for side in sides]
        times = in_turn(timed, rounds=pairs, within=(LONGEST, LEAST_ROUNDS))
        found[what] = {side.name: ratio(times[0], taken) for side, taken in zip(others, times[1:], strict=True)}
    return Gains(network.key, found)


def _told(gains: Gains) -> Gains:
    """The gains of a network, told as soon as they are there."""
    for what, ratios in gains.of.items():
        print(f"{gains.network}: {what}: {', '.join(f'{name} {r}' for name, r in ratios.items())}", file=sys.stderr)
    return gains


def _table(what: str, measured: Sequence[Gains]) -> str:
    rows = [
        [f"`{name}`", *(str(gains.of[what].get(name, "")) for gains in measured)]
        for name in ways()
        if any(name in gains.of[what] for gains in measured)
    ]
    return markdown(["without", *(gains.network for gains in measured)], rows)
