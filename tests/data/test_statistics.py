"""Statistics of training rows that come in blocks: the same as of all rows at once, without holding them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nndsl.runtime.standalone import statistics
from nndsl.runtime.standalone.statistics import statistic_of

COLUMNS = hnp.arrays(np.float64, st.tuples(st.integers(1, 12), st.integers(1, 3)), elements=st.integers(-9, 9))


def learnt(kind: str, values: np.ndarray, block: int = 1 << 16) -> np.ndarray:
    statistic = statistic_of(kind)
    while True:
        for start in range(0, len(values), block):
            statistic.add(values[start : start + block])
        if not statistic.again():
            return statistic.value()


@settings(deadline=None)
@given(COLUMNS, st.integers(0, 2**12), st.integers(1, 12))
def test_statistics_ignore_what_is_missing(values, holes, block):
    values = values.copy()
    for position in range(values.size):
        if holes >> position % 12 & 1 and position >= values.shape[1]:
            values.flat[position] = np.nan
    assert np.allclose(learnt("mean", values, block), np.nanmean(values, axis=0))
    assert np.array_equal(learnt("minimum", values, block), np.nanmin(values, axis=0))
    assert np.array_equal(learnt("maximum", values, block), np.nanmax(values, axis=0))
    assert np.array_equal(learnt("median", values, block), np.nanmedian(values, axis=0))
    constant = np.nanmin(values, axis=0) == np.nanmax(values, axis=0)
    spread = np.where(constant, 1, np.nanstd(values, axis=0))
    assert np.allclose(learnt("standard_deviation", values, block), spread)


@pytest.mark.parametrize("block", [1, 3, 7])
def test_a_constant_column_has_standard_deviation_one_in_spite_of_rounding(block):
    assert learnt("standard_deviation", np.full(7, 0.1), block) == 1.0


@pytest.mark.parametrize("kind", ["mean", "median", "minimum", "maximum", "standard_deviation"])
def test_without_a_value_nothing_is_learnt(kind):
    assert np.isnan(learnt(kind, np.array([np.nan, np.nan]), 1))


def test_the_spread_of_large_numbers_keeps_its_digits_over_many_blocks():
    values = 1e9 + np.random.default_rng(0).normal(0, 1e-3, 100_000)
    rest = values - 1e9
    assert np.isclose(learnt("standard_deviation", values, 64), rest.std(), rtol=1e-12, atol=0)
    assert np.isclose(learnt("mean", values, 64), 1e9 + rest.mean(), rtol=1e-15, atol=0)


def hard_columns(rows: int) -> np.ndarray:
    generator = np.random.default_rng(5)
    values = np.stack(
        [
            generator.normal(0, 1, rows),
            generator.normal(0, 1, rows).astype(np.float32),
            generator.integers(-2, 3, rows),
            np.exp(generator.normal(0, 200, rows)),
            -np.exp(generator.normal(0, 200, rows)),
            np.zeros(rows),
            np.where(generator.random(rows) < 0.5, -0.0, 5e-324),
            np.where(np.arange(rows) == 3, 1.5, np.nan),
        ],
        axis=1,
    )
    values[::5, :4] = np.nan
    return values


@pytest.mark.parametrize("rows", [1000, 1001, 1002, 1003])
def test_a_median_of_more_than_is_kept_is_exact(rows, monkeypatch):
    values = hard_columns(rows)
    kept = learnt("median", values, 100)
    assert np.array_equal(kept, np.nanmedian(values, axis=0))
    monkeypatch.setattr(statistics, "KEPT_VALUES", 500)
    monkeypatch.setattr(statistics, "COUNTERS", 1 << 8)
    assert np.array_equal(learnt("median", values, 100), kept)
    assert np.array_equal(learnt("median", values.reshape(rows, 2, 4), 100), kept.reshape(2, 4))
