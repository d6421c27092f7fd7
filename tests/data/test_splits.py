"""Splits: disjoint, complete, of the shares asked for, drawn by the seed alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndsl.runtime.standalone.columns import DataError
from nndsl.runtime.standalone.program import Split
from nndsl.runtime.standalone.splits import split_rows

SHARES = st.sampled_from(
    [
        (("train", 0.8), ("validation", 0.1), ("test", 0.1)),
        (("train", 0.7), ("validation", 0.15), ("test", 0.15)),
        (("test", 0.2), ("train", 0.8)),
        (("train", 1 / 3), ("validation", 1 / 3), ("test", 1 / 3)),
        (("train", 1.0),),
    ]
)
SEEDS = st.integers(0, 2**63)


def quota_error(part: np.ndarray, share: float, rows: int) -> float:
    return abs(len(part) - share * rows)


@settings(deadline=None)
@given(SHARES, st.integers(20, 300), SEEDS)
def test_parts_are_disjoint_complete_and_of_the_shares_asked_for(parts, rows, seed):
    found = split_rows(Split(parts), rows, seed)
    assert list(found) == [name for name, _ in parts]
    assert sorted(np.concatenate(list(found.values()))) == list(range(rows))
    for name, share in parts:
        assert quota_error(found[name], share, rows) < 1
        assert (np.diff(found[name]) > 0).all()


@settings(deadline=None)
@given(SHARES, st.integers(20, 200), SEEDS, st.permutations(range(3)))
def test_order_in_which_parts_are_written_changes_no_part(parts, rows, seed, order):
    other = tuple(parts[position] for position in order if position < len(parts))
    strata = np.arange(rows) % 3
    for given_strata in (None, strata):
        first = split_rows(Split(parts), rows, seed, given_strata)
        second = split_rows(Split(other), rows, seed, given_strata)
        assert all(np.array_equal(first[name], second[name]) for name in first)


@settings(deadline=None)
@given(SHARES, SEEDS, st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_every_class_has_its_share_in_every_part(parts, seed, sizes):
    sizes = [size + 20 for size in sizes]
    strata = np.repeat([f"class {number}" for number in range(len(sizes))], sizes)
    strata = np.random.default_rng(0).permutation(strata)
    found = split_rows(Split(parts, stratify="label"), len(strata), seed, strata)
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(strata)))
    for name, share in parts:
        for number, size in enumerate(sizes):
            assert quota_error(found[name][strata[found[name]] == f"class {number}"], share, size) < 1
        assert quota_error(found[name], share, len(strata)) < 2


def test_many_small_classes_still_fill_every_part():
    strata = np.repeat(np.arange(100), 5)
    found = split_rows(Split((("train", 0.8), ("validation", 0.1), ("test", 0.1))), 500, 0, strata)
    assert [len(part) for part in found.values()] == [400, 50, 50]


@settings(deadline=None)
@given(SEEDS, st.lists(st.integers(1, 9), min_size=3, max_size=40))
def test_rows_of_one_group_stay_together(seed, sizes):
    groups = np.repeat(np.arange(len(sizes)), sizes)
    parts = (("train", 0.6), ("validation", 0.2), ("test", 0.2))
    found = split_rows(Split(parts, group="patient"), len(groups), seed, groups=groups)
    assert sorted(np.concatenate(list(found.values()))) == list(range(len(groups)))
    owners = [set(groups[part]) for part in found.values()]
    assert not owners[0] & owners[1] and not owners[0] & owners[2] and not owners[1] & owners[2]
    for name, share in parts:
        assert quota_error(found[name], share, len(groups)) <= 2 * max(sizes) + 1


@settings(deadline=None)
@given(st.integers(10, 200), st.integers(1, 5))
def test_equal_seeds_draw_equal_parts_and_other_seeds_others(rows, seed):
    split = Split((("train", 0.5), ("test", 0.5)))
    first, again, other = (split_rows(split, rows * 4, s)["test"] for s in (seed, seed, seed + 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_split_stays_what_it_was_when_libraries_change():
    found = split_rows(Split((("train", 0.5), ("test", 0.5))), 12, 0)
    assert found["test"].tolist() == [0, 4, 5, 7, 10, 11]


def test_every_row_is_as_likely_to_be_tested():
    split = Split((("train", 0.8), ("test", 0.2)))
    counts = np.zeros(20)
    for seed in range(2000):
        counts[split_rows(split, 20, seed)["test"]] += 1
    assert (abs(counts / 2000 - 0.2) < 0.05).all()


def test_split_in_order_follows_the_file():
    found = split_rows(Split((("train", 0.7), ("validation", 0.2), ("test", 0.1)), in_order=True), 10, 3)
    assert [part.tolist() for part in found.values()] == [list(range(7)), [7, 8], [9]]


def test_shares_below_the_whole_leave_rows_out():
    found = split_rows(Split((("train", 0.5), ("test", 0.25))), 100, 0)
    assert [len(part) for part in found.values()] == [50, 25]
    found = split_rows(Split((("train", 0.5), ("test", 0.25)), in_order=True), 100, 0)
    assert found["test"].tolist() == list(range(50, 75))


def test_without_a_split_all_rows_are_for_training():
    assert split_rows(None, 3, 0)["train"].tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("split", "rows", "said"),
    [
        (Split((("train", 0.99), ("test", 0.01))), 10, "no row for test"),
        (Split((("train", 0.9), ("test", 0.2))), 10, "100%"),
        (Split((("train", 1.0), ("test", 0.0))), 10, "positive"),
        (Split((("train", 1.0),)), 0, "no rows"),
    ],
)
def test_impossible_splits_say_why(split, rows, said):
    with pytest.raises(DataError, match=said):
        split_rows(split, rows, 0)


def test_three_groups_fill_three_parts():
    groups = np.repeat([0, 1, 2], 10)
    for seed in range(20):
        found = split_rows(Split((("train", 0.7), ("validation", 0.15), ("test", 0.15))), 30, seed, groups=groups)
        assert [len(part) for part in found.values()] == [10, 10, 10]
