"""Which rows are for training, which for validation and test."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.columns import DataError
from nndsl.runtime.standalone.program import Array, Split


def split_rows(
    split: Split | None, rows: int, seed: int, strata: Array | None = None, groups: Array | None = None
) -> dict[str, NDArray[np.int64]]:
    """For each part, in the order written, the positions of its rows, ascending. Parts never share a row.

    Sizes are the shares' by largest remainder. strata [rows]: every value has in each part its share of rows, rounded
    up or down.
    groups [rows]: rows of one value stay together; then sizes are as near as whole groups allow.
    The draw depends on `seed` and the shares alone, not on the order in which the parts are written.
    """
    if rows == 0:
        raise DataError("rows", "there are no rows")
    if split is None:
        return {"train": np.arange(rows)}
    shares = [share for _, share in split.parts]
    if min(shares) <= 0 or sum(shares) > 1 + 1e-9:
        raise DataError("split", "the shares of a split are positive and sum to 100% at most")
    if groups is not None and strata is not None:
        raise DataError("split", "a split keeps groups together or has classes in equal shares, not both")
    if split.in_order:
        ends = np.cumsum(_largest_remainder(shares, rows))[: len(shares)]
        chosen = np.split(np.arange(rows), ends)[: len(shares)]
        found = {name: part for (name, _), part in zip(split.parts, chosen, strict=True)}
    else:
        ordered = sorted(split.parts, key=lambda part: (-part[1], part[0]))
        weights = [share for _, share in ordered]
        order = _shuffled(rows, seed)
        if groups is not None:
            places = _grouped_parts(weights, groups, order)
        else:
            places = _stratified_parts(weights, strata, order)
        numbers = {name: number for number, (name, _) in enumerate(ordered)}
        found = {name: np.flatnonzero(places == numbers[name]) for name, _ in split.parts}
    for name, part in found.items():
        if not len(part):
            raise DataError("split", f"the split leaves no row for {name}: there are {rows} rows in all")
    return found


def _shuffled(rows: int, seed: int) -> NDArray[np.int64]:
    """Positions in an order drawn by `seed`: sorted by the raw words of Philox, which are the same in every NumPy."""
    key = int.from_bytes(hashlib.blake2b(b"split", digest_size=8).digest(), "little")
    words = np.random.Philox(key=np.array([seed % 2**64, key], np.uint64)).random_raw(rows)
    return np.argsort(words, kind="stable")


def _largest_remainder(shares: Sequence[float], rows: int) -> list[int]:
    """How many of `rows` each share gets, and last how many none gets. Rounding favours the largest fractions."""
    shares = [*shares, max(0.0, 1 - sum(shares))]
    quotas = [share * rows for share in shares]
    counts = [int(quota + 1e-9) for quota in quotas]
    fractions = [quota - count for quota, count in zip(quotas, counts, strict=True)]
    for position in sorted(range(len(shares)), key=lambda p: -fractions[p])[: rows - sum(counts)]:
        counts[position] += 1
    return counts


def _stratified_parts(shares: Sequence[float], strata: Array | None, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row the number of its part. Within each stratum (all rows are one without) quotas are rounded.

    Which of the two follows from what the strata before it left open, so that the whole stays near its shares too.
    """
    quota_of = np.array([*shares, max(0.0, 1 - sum(shares))])
    sizes = np.array([len(order)])
    if strata is not None:
        _, numbers = np.unique(strata, return_inverse=True)
        numbers = numbers.reshape(-1)
        order = order[np.argsort(numbers[order], kind="stable")]
        sizes = np.bincount(numbers)
    places = np.empty(len(order), np.int64)
    owed = np.zeros(len(quota_of))
    start = 0
    for size in sizes:
        quotas = quota_of * size
        counts = np.floor(quotas + 1e-9).astype(np.int64)
        owed += quotas - counts
        open_to = np.flatnonzero(quotas - counts > 1e-9)
        extra = open_to[np.argsort(-owed[open_to].round(9), kind="stable")][: size - counts.sum()]
        counts[extra] += 1
        owed[extra] -= 1
        places[order[start : start + size]] = np.repeat(np.arange(len(quota_of)), counts)
        start += size
    return places


def _grouped_parts(shares: Sequence[float], groups: Array, order: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each row the number of its part: group after group, in a drawn order, goes where most rows are wanted.

    The last groups go to parts that have none.
    """
    _, first, numbers = np.unique(groups[order], return_index=True, return_inverse=True)
    numbers = numbers.reshape(-1)
    sizes = np.bincount(numbers)
    rest = 1 - sum(shares)
    wanted = np.array([*shares, rest] if rest > 1e-9 else shares) * len(order)
    empty = set(range(len(shares)))
    part_of = np.empty(len(sizes), np.int64)
    drawn = np.argsort(first, kind="stable")
    for turn, group in enumerate(drawn):
        candidates = sorted(empty) if len(drawn) - turn <= len(empty) else range(len(wanted))
        part = max(candidates, key=lambda p: (round(wanted[p], 6), -p))
        part_of[group] = part
        wanted[part] -= sizes[group]
        empty.discard(part)
    places = np.empty(len(order), np.int64)
    places[order] = part_of[numbers]
    return places
