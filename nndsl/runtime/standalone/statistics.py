"""What data teach: statistics of the training rows, computed block after block in bounded memory.

Values are float64 [n, ...] blocks, nan where missing; a statistic is of each column [...] on its own. Whether the
rows lie in memory or in a file, the blocks are the same, and so is every bit of the result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

KEPT_VALUES = 1 << 22
"""A median keeps up to this many numbers (32 MB) and sorts them; of more it finds the middle ones by counting."""

COUNTERS = 1 << 20
"""How many counters a median that counts has for all columns together."""


class Statistic(Protocol):
    """One statistic on its way. All blocks are added, then `again` is asked; while it says so, all are added again."""

    def add(self, values: Values) -> None:
        """Takes a block [n, ...]."""
        ...

    def again(self) -> bool:
        """A pass over all blocks is done: whether another one is needed."""
        ...

    def value(self) -> Values:
        """[...]: the result; nan where all values are missing."""
        ...


class Moments:
    """Count, mean and sum of squared deviations; blocks are joined as in Chan, Golub and LeVeque 1983.

    All are of what is left when the mean of the first block is taken away, so that large numbers which differ little
    keep their digits.
    """

    def __init__(self) -> None:
        self.count: Values = np.zeros(())
        self.mean: Values = np.zeros(())
        self.squares: Values = np.zeros(())
        self.shift: Values | None = None

    def add(self, values: Values) -> None:
        """Takes a block [n, ...]."""
        missing = np.isnan(values)
        some = bool(missing.any())
        count = (len(values) - missing.sum(axis=0)).astype(np.float64) if some else np.float64(len(values))
        known = np.maximum(count, 1.0)
        shift = self.shift
        if shift is None:
            self.shift = shift = (np.where(missing, 0.0, values) if some else values).sum(axis=0) / known
        rest = values - shift
        if some:
            rest[missing] = 0.0
        mean = rest.sum(axis=0) / known
        rest -= mean
        if some:
            rest[missing] = 0.0
        squares = np.square(rest, out=rest).sum(axis=0)
        total = np.maximum(self.count + count, 1.0)
        step = mean - self.mean
        self.squares = self.squares + squares + np.square(step) * self.count * count / total
        self.mean = np.where(self.count > 0, self.mean + step * count / total, mean)
        self.count = self.count + count

    def again(self) -> bool:
        """One pass is enough."""
        return False


class Mean(Moments):
    """The mean of each column's values."""

    def value(self) -> Values:
        """[...]."""
        return np.where(self.count > 0, self.mean + (0.0 if self.shift is None else self.shift), np.nan)


class Extreme:
    """The least or the greatest of each column's values."""

    def __init__(self, greatest: bool) -> None:
        self._better: np.ufunc = np.fmax if greatest else np.fmin
        self._found: Values = np.array(np.nan)

    def add(self, values: Values) -> None:
        """Takes a block [n, ...]."""
        self._found = self._better(self._found, self._better.reduce(values, axis=0))

    def again(self) -> bool:
        """One pass is enough."""
        return False

    def value(self) -> Values:
        """[...]."""
        return np.asarray(self._found)


class StandardDeviation(Moments):
    """The population standard deviation of each column's values, 1 where all are the same."""

    def __init__(self) -> None:
        super().__init__()
        self._least, self._greatest = Extreme(greatest=False), Extreme(greatest=True)

    def add(self, values: Values) -> None:
        """Takes a block [n, ...]."""
        super().add(values)
        self._least.add(values)
        self._greatest.add(values)

    def value(self) -> Values:
        """[...]."""
        spread = np.sqrt(self.squares / np.where(self.count > 0, self.count, np.nan))
        return np.where(self._least.value() == self._greatest.value(), 1.0, spread)


class Quantiles:
    """The borders of `ranges` ranges with equally many of each column's values: [ranges - 1, ...].

    A border lies on a straight line between the two values around it. Few values are kept and sorted. Of many, each
    pass counts how many lie in each of many equal ranges between two bounds for each of these values, which so come
    nearer, until each bound is one number. Numbers are told apart by their bits, read as whole numbers in the same
    order, so the result is exact.
    """

    def __init__(self, ranges: int) -> None:
        self._ranges = ranges
        self._kept: list[Values] | None = []
        self._shape: tuple[int, ...] = ()
        self._size = 0
        self._count = np.zeros(0, np.int64)
        self._searches: list[tuple[_Search, _Search]] = []

    def add(self, values: Values) -> None:
        """Takes a block [n, ...]."""
        if self._searches:
            keys = _keys(values)
            for pair in self._searches:
                for search in pair:
                    search.add(keys)
            return
        self._shape = values.shape[1:]
        self._count = self._count + present_count(values) if self._count.size else present_count(values)
        self._size += values.size
        if self._kept is not None and self._size <= KEPT_VALUES:
            self._kept.append(values.copy())
        else:
            self._kept = None

    def again(self) -> bool:
        """Whether the values around some border are not found yet."""
        if self._kept is not None:
            return False
        if not self._searches:
            self._searches = [(_Search(lower), _Search(upper)) for lower, upper, _ in self._ranks()]
            return True
        left = [search.narrow() for pair in self._searches for search in pair]
        return any(left)

    def value(self) -> Values:
        """[ranges - 1, ...]."""
        if self._kept is None:
            around = [(lower.found(), upper.found()) for lower, upper in self._searches]
        else:
            ordered = np.sort(np.concatenate(self._kept).reshape(-1, len(self._count)), axis=0)  # nan comes last
            around = [
                (
                    np.take_along_axis(ordered, lower[np.newaxis], axis=0)[0],
                    np.take_along_axis(ordered, upper[np.newaxis], axis=0)[0],
                )
                for lower, upper, _ in self._ranks()
            ]
        borders = [
            np.where(self._count > 0, lower * (1 - share) + upper * share, np.nan)
            for (lower, upper), (_, _, share) in zip(around, self._ranks(), strict=True)
        ]
        return np.stack(borders).reshape(-1, *self._shape)

    def _ranks(self) -> list[tuple[NDArray[np.int64], NDArray[np.int64], Values]]:
        """For each border: ranks of the values around it, and how far from the first to the second it lies."""
        last = np.maximum(self._count - 1, 0)
        found: list[tuple[NDArray[np.int64], NDArray[np.int64], Values]] = []
        for number in range(1, self._ranges):
            lower, rest = np.divmod(last * number, self._ranges)
            found.append((lower, np.minimum(lower + (rest > 0), last), rest / self._ranges))
        return found


class Median(Quantiles):
    """The median of each column's values; between the middle two where their number is even."""

    def __init__(self) -> None:
        super().__init__(2)

    def value(self) -> Values:
        """[...]."""
        return super().value()[0]


class _Search:
    """The value of rank `rank` (from 0) of each column, between two bounds that come nearer with every pass."""

    def __init__(self, rank: NDArray[np.int64]) -> None:
        self._rank = rank.copy()
        self._low = np.zeros(len(rank), np.uint64)
        self._bits = np.full(len(rank), 64, np.uint64)
        """How many of the last bits of the key are not known yet: it lies in [low, low + 2^bits)."""
        self._step = np.uint64(max(1, min(16, int(np.log2(COUNTERS // max(1, len(rank)) or 2)))))
        self._counts = np.zeros((len(rank), 1 << int(self._step)), np.int64)

    def add(self, keys: NDArray[np.uint64]) -> None:
        """Counts a block [n, columns]."""
        shift = self._bits - np.minimum(self._step, self._bits)
        ranges = (keys - self._low) >> shift  # what lies below `low` wraps around, and is beyond the last range
        inside = (ranges < self._counts.shape[1]) & (keys >= self._low) & (self._bits > 0)
        column = np.broadcast_to(np.arange(len(self._low)), keys.shape)[inside]
        place = column * self._counts.shape[1] + ranges[inside].astype(np.int64)
        np.add.at(self._counts.reshape(-1), place, 1)

    def narrow(self) -> bool:
        """Takes the range that the rank falls into; whether any column has further bits to find."""
        shift = self._bits - np.minimum(self._step, self._bits)
        before = np.cumsum(self._counts, axis=1)
        chosen = np.minimum((before <= self._rank[:, np.newaxis]).sum(axis=1), self._counts.shape[1] - 1)
        here = np.take_along_axis(before - self._counts, chosen[:, np.newaxis], axis=1)[:, 0]
        active = self._bits > 0
        self._rank = np.where(active, self._rank - here, self._rank)
        self._low = np.where(active, self._low + (chosen.astype(np.uint64) << shift), self._low)
        self._bits = shift
        self._counts[...] = 0
        return bool(self._bits.any())

    def found(self) -> Values:
        """[columns]: the values."""
        return _numbers(self._low)


_SIGN = np.uint64(1 << 63)


def _keys(values: Values) -> NDArray[np.uint64]:
    """[n, columns]: whole numbers in the same order as the values; nan is the greatest."""
    bits = np.where(np.isnan(values), np.nan, values + 0.0).reshape(len(values), -1).view(np.uint64)  # -0.0 is 0
    return np.where(bits & _SIGN, ~bits, bits | _SIGN)


def _numbers(keys: NDArray[np.uint64]) -> Values:
    """The values of keys."""
    return np.where(keys & _SIGN, keys & ~_SIGN, ~keys).view(np.float64)


def present_count(values: Values) -> NDArray[np.int64]:
    """[columns]: how many values are not missing."""
    return (~np.isnan(values.reshape(len(values), -1))).sum(axis=0)


_STATISTICS: dict[str, Callable[[], Statistic]] = {
    "mean": Mean,
    "standard_deviation": StandardDeviation,
    "minimum": lambda: Extreme(greatest=False),
    "maximum": lambda: Extreme(greatest=True),
    "median": Median,
}


def statistic_of(kind: str) -> Statistic:
    """The statistic that the generated module calls so: "mean", or "quantiles 10" with its number of ranges."""
    name, _, number = kind.partition(" ")
    return Quantiles(int(number)) if name == "quantiles" else _STATISTICS[name]()
