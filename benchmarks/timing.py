"""Timing two things in turn, so that a machine whose speed drifts is fair to both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

import numpy as np


@dataclass(frozen=True, slots=True)
class Paired:
    """Two things timed in turn.

    ours, theirs: median seconds of one call. ratio: theirs / ours, the median of the pairs, with the interval `low`
    to `high` that holds it with 95% (by order statistics).
    """

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float


def calls_in(function: Callable[[], object], seconds: float) -> int:
    """How many calls take about so many seconds."""
    calls = 1
    while True:
        start = perf_counter()
        for _ in range(calls):
            function()
        spent = perf_counter() - start
        if spent > seconds / 4:
            return max(1, round(calls * seconds / spent))
        calls *= 4


def time_of(function: Callable[[], object], calls: int) -> float:
    """Seconds of one call, over `calls` of them."""
    start = perf_counter()
    for _ in range(calls):
        function()
    return (perf_counter() - start) / calls


def paired(
    ours: Callable[[], object], theirs: Callable[[], object], *, pairs: int = 41, seconds: float = 0.03
) -> Paired:
    """Time two functions in turn: ours, theirs, ours, theirs ..., each for `seconds` at a time."""
    our_calls, their_calls = calls_in(ours, seconds), calls_in(theirs, seconds)
    rows = [(time_of(ours, our_calls), time_of(theirs, their_calls)) for _ in range(pairs)]
    ratios = sorted(b / a for a, b in rows)
    reach = round(0.98 * np.sqrt(pairs))
    middle = pairs // 2
    return Paired(
        median(a for a, _ in rows),
        median(b for _, b in rows),
        median(ratios),
        ratios[max(0, middle - reach)],
        ratios[min(pairs - 1, middle + reach)],
    )
