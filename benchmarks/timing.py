"""Timing things in turn, so that a machine whose speed drifts is fair to all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from math import exp, floor, log, log10
from statistics import fmean, median
from time import perf_counter, sleep

REST = 0.12
"""Seconds between turns. Threads of OpenMP (PyTorch) and of OpenBLAS (NumPy) wait for more work with their core busy,
OpenBLAS's for a tenth of a second, and would take it from whose turn is next."""

WARM = 0.1
"""Seconds of calls before those that are timed. They bring what a side works on back into the caches, and its threads
apart: Linux was seen to leave threads that had slept on one core for 50 to 80 milliseconds, while the other idled."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What is timed: a call, what its turn waits for at its end, and what its turn runs within."""

    call: Callable[[], object]
    settled: Callable[[], object] = lambda: None
    held: Callable[[], AbstractContextManager[object]] = nullcontext


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of paired ratios, and the interval that holds it with 95% (by order statistics)."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True, slots=True)
class Paired:
    """Two things timed in turn: median seconds of one call of each, and theirs / ours."""

    ours: float
    theirs: float
    ratio: Ratio


def in_turn(
    things: Sequence[Timed],
    *,
    rounds: int,
    seconds: float = 0.03,
    warm: float = WARM,
    within: tuple[float, int] | None = None,
) -> list[list[float]]:
    """Time each in turn, round after round; the seconds of one call of each, a list a thing.

    A turn takes about `seconds`, and at least one call; before it `warm` seconds go into calls that are not timed.
    within: (seconds, least rounds): after so many seconds no more than those rounds.
    """
    begin = perf_counter()
    calls = [_calls_in(thing, seconds, warm) for thing in things]
    times: list[list[float]] = [[] for _ in things]
    for done in range(rounds):
        if within is not None and done >= within[1] and perf_counter() - begin > within[0]:
            break
        for thing, count, found in zip(things, calls, times, strict=True):
            found.append(_turn(thing, count, warm))
    return times


def _turn(thing: Timed, calls: int, warm: float) -> float:
    """Seconds of one call, over `calls` of them."""
    sleep(REST)
    call = thing.call
    with thing.held():
        begin = perf_counter()
        while True:
            call()
            thing.settled()
            if perf_counter() - begin >= warm:
                break
        start = perf_counter()
        for _ in range(calls):
            call()
        thing.settled()
        return (perf_counter() - start) / calls


def _calls_in(thing: Timed, seconds: float, warm: float) -> int:
    """How many calls take about so many seconds."""
    calls = 1
    while True:
        spent = _turn(thing, calls, warm) * calls
        if spent > seconds / 4:
            return max(1, round(calls * seconds / spent))
        calls *= 4


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """How many times as long theirs take, of times that were taken in turn."""
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    reach = max(1, round(0.98 * len(ratios) ** 0.5))
    middle = len(ratios) // 2
    return Ratio(median(ratios), ratios[max(0, middle - reach)], ratios[min(len(ratios) - 1, middle + reach)])


def paired(
    ours: Callable[[], object], theirs: Callable[[], object], *, pairs: int = 41, seconds: float = 0.03
) -> Paired:
    """Time two functions in turn: ours, theirs, ours, theirs ..."""
    first, second = in_turn([Timed(ours), Timed(theirs)], rounds=pairs, seconds=seconds)
    return Paired(median(first), median(second), ratio(first, second))


def milliseconds(seconds: float) -> str:
    """With three digits that count."""
    return f"{1e3 * seconds:.{max(0, 2 - floor(log10(1e3 * seconds)))}f}"


def geometric_mean(ratios: Sequence[float]) -> float:
    """The mean by which ratios are added up."""
    return exp(fmean(map(log, ratios)))
