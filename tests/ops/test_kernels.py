"""Functions that NumPy lacks, against Python's own and against slow ways that are plainly right."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nndsl.runtime.standalone import kernels


def erf_of(x: np.ndarray) -> np.ndarray:
    return np.array([math.erf(float(value)) for value in x])


def test_erf_is_exact_to_the_last_digits() -> None:
    x = np.concatenate([np.linspace(-7, 7, 20001), np.logspace(-300, 1, 5000), [0.46875, 4.0, 5.95, 1e300, np.inf]])
    np.testing.assert_allclose(kernels.erf(x), erf_of(x), rtol=2e-15, atol=0)
    x32 = x[(np.abs(x) > 1e-30) & (np.abs(x) < 1e30)].astype(np.float32)
    np.testing.assert_allclose(kernels.erf(x32), erf_of(x32), rtol=1e-6)
    assert kernels.erf(x32).dtype == np.float32
    assert np.isnan(kernels.erf(np.array([np.nan, 1.0]))[0])


def test_erf_fills_any_array_its_argument_included() -> None:
    x = np.random.default_rng(0).standard_normal((300, 200))
    expected = kernels.erf(x)
    out = np.empty((200, 300)).T
    assert kernels.erf(x, out=out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(kernels.erf(x[:, ::2]), expected[:, ::2])
    np.testing.assert_array_equal(kernels.erf(x, out=x), expected)
    assert kernels.erf(np.array(0.5)).shape == ()
    assert kernels.erf(np.empty((0, 3))).shape == (0, 3)


def test_normal_quantile_agrees_with_the_standard_library() -> None:
    p = np.concatenate([np.linspace(1e-6, 1 - 1e-6, 20001), 10.0 ** np.linspace(-300, -1, 500)])
    expected = [NormalDist().inv_cdf(float(value)) for value in p]
    np.testing.assert_allclose(kernels.normal_quantile(p), expected, rtol=1e-14, atol=1e-15)
    np.testing.assert_array_equal(kernels.normal_quantile(np.array([0.0, 0.5, 1.0])), [-np.inf, 0, np.inf])
    assert np.isnan(kernels.normal_quantile(np.array([-0.1, 1.1]))).all()


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 6),
    arrays.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=5),
    arrays.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=3),
    st.randoms(use_true_random=False),
)
def test_scatter_add_adds_every_row_once(rows: int, shape: tuple[int, ...], rest: tuple[int, ...], random) -> None:
    rng = np.random.default_rng(random.randrange(1 << 30))
    ids = rng.integers(0, rows, shape).astype(np.int32)
    values = rng.integers(-9, 9, (*shape, *rest)).astype(np.float64)
    expected = np.zeros((rows, *rest))
    np.add.at(expected, ids, values)
    np.testing.assert_array_equal(kernels.scatter_add(values, ids, rows), expected)
    out = np.full((rows, *rest), np.nan)
    assert kernels.scatter_add(values, ids, rows, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_scatter_add_each_keeps_samples_apart() -> None:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 4, (5, 6)).astype(np.int32)
    values = rng.standard_normal((5, 6, 2))
    each = np.stack([kernels.scatter_add(values[i], ids[i], 4) for i in range(5)])
    np.testing.assert_allclose(kernels.scatter_add_each(values, ids, 4), each)
    same = np.stack([kernels.scatter_add(values[i], ids[0], 4) for i in range(5)])
    np.testing.assert_allclose(kernels.scatter_add_each(values, ids[:1], 4), same)


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (1, 4)])
def test_orthogonal_matrices_are_orthogonal_and_unique(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(0).standard_normal(shape)
    q = kernels.orthogonalize(matrix)
    assert q.shape == shape
    smaller = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(smaller, np.eye(min(shape)), atol=1e-14)
    # A positive diagonal of R makes Q unique: scaling the columns (rows, of a wide matrix) changes nothing.
    np.testing.assert_allclose(kernels.orthogonalize(matrix * 3.0), q, atol=1e-14)
    r = q.T @ matrix if shape[0] >= shape[1] else (matrix @ q.T).T
    assert (np.diagonal(r) > 0).all()


def test_clipping_by_norm_shortens_only_long_parts() -> None:
    flat = np.array([3.0, 4.0, 0.3, 0.4, 0.0, 0.0])
    expected = [0.6, 0.8, 0.3, 0.4, 0.0, 0.0]
    np.testing.assert_allclose(kernels.clip_by_norm(flat, (2, 2, 2), 1.0), expected)
    assert kernels.clip_by_norm(flat, (2, 2, 2), 1.0, out=flat) is flat
    np.testing.assert_allclose(flat, expected)


def test_bits_are_the_same_memory() -> None:
    for array in (np.zeros((2, 3), np.float32), np.zeros(3), np.array(True), np.zeros((4, 2), np.float32).T):
        seen = kernels.bits(array)
        assert seen.itemsize == array.itemsize
        assert seen.dtype.kind == "i"
        assert np.shares_memory(seen, array)
