"""Copies of windows, in the fewest and longest runs, against one element at a time."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndsl.runtime.standalone.windows import (
    gather_parts,
    mark_first_maxima,
    mark_parts,
    pool_parts,
    window_blocks,
    window_edges,
    windows,
)

AXIS = st.tuples(
    st.integers(1, 7), st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3), st.integers(0, 4)
)
"""Length, count, size, stride, dilation, before: windows may reach outside at either end, or lie there altogether."""


def element_by_element(x, sizes, counts, strides, dilations, before):
    axes = len(sizes)
    out = np.zeros((len(x), *counts, *sizes, *x.shape[1 + axes :]))
    for window, place in product(np.ndindex(*counts), np.ndindex(*sizes)):
        at = tuple(w * s + p * d - b for w, s, p, d, b in zip(window, strides, place, dilations, before, strict=True))
        if all(0 <= a < length for a, length in zip(at, x.shape[1:], strict=False)):
            out[(slice(None), *window, *place)] = x[(slice(None), *at)]
    return out


@settings(max_examples=150, deadline=None)
@given(st.lists(AXIS, min_size=1, max_size=2), st.sampled_from([(), (1,), (3,), (2, 2)]))
def test_windows_hold_what_stands_at_each_of_their_places(axes, rest) -> None:
    lengths, counts, sizes, strides, dilations, before = zip(*axes, strict=True)
    x = np.random.default_rng(0).standard_normal((2, *lengths, *rest))
    found = windows(x, sizes, counts, strides=strides, dilations=dilations, before=before)
    np.testing.assert_array_equal(found, element_by_element(x, sizes, counts, strides, dilations, before))


@settings(max_examples=150, deadline=None)
@given(st.lists(AXIS, min_size=1, max_size=2), st.sampled_from([(), (1,), (3,)]))
def test_blocks_and_edges_are_all_of_the_windows_and_each_element_once(axes, rest) -> None:
    lengths, counts, sizes, strides, dilations, before = zip(*axes, strict=True)
    x, out = np.ones((1, *lengths, *rest)), np.zeros((1, *counts, *sizes, *rest))
    pitch = {"strides": strides, "dilations": dilations, "before": before}
    for part, _ in window_blocks(out, x, **pitch):
        part += 1
    assert out.max() <= 1
    edges = window_edges(out, x, **pitch)
    assert not any(edge.any() for edge in edges)
    for edge in edges:
        edge.fill(1)
    assert out.min() == 1


@pytest.mark.parametrize(("channels", "before", "copies"), [(8, 0, 1), (8, 1, 9), (1, 0, 9)])
def test_windows_that_see_the_same_places_are_one_copy_where_a_row_of_them_is_longer(channels, before, copies) -> None:
    x = np.arange(2 * 6 * 6 * channels, dtype=np.float32).reshape(2, 6, 6, channels)
    count = 4 + 2 * before
    out = np.zeros((2, count, count, 3, 3, channels), np.float32)
    blocks = window_blocks(out, x, before=(before, before))
    assert len(blocks) == copies
    assert all(np.may_share_memory(small, out) and np.may_share_memory(large, x) for small, large in blocks)
    gather_parts(blocks)
    np.testing.assert_array_equal(out, windows(x, (3, 3), (count, count), before=(before, before)))


def test_the_maximum_of_a_window_of_one_is_its_element_whatever_the_memory_held() -> None:
    x, largest, taken = np.arange(6.0).reshape(2, 3), np.empty((2, 3)), np.empty((2, 3), np.bool_)
    marks = np.zeros((2, 1, 3), np.bool_)
    for _ in range(2):
        mark_first_maxima(pool_parts(largest, x, (1,)), mark_parts(marks, x, (1,)), marks, largest, taken)
        assert marks.all()
