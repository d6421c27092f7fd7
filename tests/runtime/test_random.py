"""Random draws: addressed by seed, site, step and position, whatever the batch they are drawn in."""

import hashlib
import threading
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nndsl.runtime.standalone import random as draws

SITE = draws.site_key("Digits/dropout")


def draw(kind, shape, dtype, seed=3, site=SITE, step=5, first=0, shared=False, probability=0.3):
    if kind == "bernoulli":
        out = np.zeros(shape, bool)
        draws.bernoulli(out, seed, site, step, first, probability, shared=shared)
        return out
    out = np.full(shape, np.nan, dtype)
    getattr(draws, kind)(out, seed, site, step, first, shared=shared)
    return out


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["uniform", "normal", "bernoulli"]),
    dtype=st.sampled_from(["float32", "float64"]),
    sample=st.sampled_from([(), (1,), (3,), (16,), (17, 2), (128,)]),
    cuts=st.lists(st.integers(0, 20), max_size=4),
    first=st.integers(0, 1000),
)
def test_any_split_of_a_batch_draws_the_same_numbers(kind, dtype, sample, cuts, first):
    whole = draw(kind, (20, *sample), dtype, first=first)
    ends = sorted({0, 20, *cuts})
    parts = [draw(kind, (stop - start, *sample), dtype, first=first + start) for start, stop in pairwise(ends)]
    assert np.array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("kind", ["uniform", "normal", "bernoulli"])
@pytest.mark.parametrize("change", [{"seed": 4}, {"site": SITE + 1}, {"step": 6}, {"first": 64}])
def test_each_part_of_the_address_changes_the_numbers(kind, change):
    assert not np.array_equal(draw(kind, (8, 40), "float32"), draw(kind, (8, 40), "float32", **change))


@pytest.mark.parametrize("kind", ["uniform", "normal", "bernoulli"])
def test_samples_do_not_share_their_numbers(kind):
    rows = draw(kind, (50, 40), "float32")
    assert len({row.tobytes() for row in rows}) == 50


@pytest.mark.parametrize("kind", ["uniform", "normal", "bernoulli"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_same_address_gives_same_numbers_after_other_draws(kind, dtype):
    before = draw(kind, (4, 5), dtype)
    draw("normal", (7, 3), "float32", seed=2**64 - 1, site=2**64 - 1, step=2**40, first=2**40)
    assert np.array_equal(draw(kind, (4, 5), dtype), before)


def test_a_shared_draw_is_one_sample_of_all_elements():
    shared = draw("normal", (6, 4), "float32", shared=True)
    assert np.array_equal(shared.reshape(1, 24), draw("normal", (1, 24), "float32"))


def test_a_strided_target_is_filled_like_a_contiguous_one():
    wide = np.zeros((4, 10), np.float32)
    draws.normal(wide[:, ::2], 3, SITE, 5, 0)
    assert np.array_equal(wide[:, ::2], draw("normal", (4, 5), "float32"))
    assert not wide[:, 1::2].any()


def test_philox_is_numpys_with_the_documented_key_and_counter():
    sample = 24  # 24 * 32 bits are three blocks
    out = draw("uniform", (2, sample), "float32", seed=9, step=11, first=7)
    for row, position in enumerate([7, 8]):
        counter = np.array([position * 3, 0, 11, 0], np.uint64)
        philox = np.random.Philox(key=np.array([9, SITE], np.uint64), counter=counter)
        expected = (philox.random_raw(12).view(np.uint32) >> 8).astype(np.float64) * 2.0**-24
        assert np.array_equal(out[row], expected.astype(np.float32))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_is_uniform_on_0_to_1(dtype):
    numbers = draw("uniform", (1000, 200), dtype).ravel()
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts, _ = np.histogram(numbers, 100, (0, 1))
    chi_square = ((counts - 2000) ** 2 / 2000).sum()
    assert chi_square < 150  # 99 degrees of freedom: p = 0.0007


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [200, 201])
def test_normal_has_the_moments_of_a_standard_normal(dtype, size):
    numbers = draw("normal", (1000, size), dtype).astype(np.float64)
    assert np.isfinite(numbers).all()
    assert abs(numbers.mean()) < 0.01
    assert abs(numbers.std() - 1) < 0.01
    assert abs((numbers**3).mean()) < 0.03
    assert abs((numbers**4).mean() - 3) < 0.08
    neighbours = (numbers[:, :100] * numbers[:, 100:200]).mean()
    assert abs(neighbours) < 0.015


@pytest.mark.parametrize("probability", [0.1, 0.25, 0.5, 0.9])
def test_bernoulli_has_its_probability(probability):
    hits = draw("bernoulli", (1000, 256), "float32", probability=probability)
    deviation = (probability * (1 - probability) / hits.size) ** 0.5
    assert abs(hits.mean() - probability) < 4 * deviation


@pytest.mark.parametrize(("probability", "always"), [(0.0, False), (1.0, True)])
def test_bernoulli_at_the_ends_is_certain(probability, always):
    assert (draw("bernoulli", (10, 10), "float32", probability=probability) == always).all()


def test_threads_do_not_disturb_one_another():
    expected = [draw("normal", (64, 33), "float32", step=step) for step in range(4)]
    equal = []

    def check(step):
        equal.extend(np.array_equal(draw("normal", (64, 33), "float32", step=step), expected[step]) for _ in range(200))

    threads = [threading.Thread(target=check, args=(step,)) for step in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(equal) == 800
    assert all(equal)


def test_site_keys_are_64_bit_numbers_that_do_not_change():
    assert draws.site_key("shuffle") == int.from_bytes(hashlib.blake2b(b"shuffle", digest_size=8).digest(), "little")
    assert draws.site_key("a") != draws.site_key("b")


def test_every_epoch_has_its_own_order_of_all_samples():
    first, second = draws.shuffled(100, 0, 1), draws.shuffled(100, 0, 2)
    assert sorted(first) == sorted(second) == list(range(100))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, draws.shuffled(100, 0, 1))
    assert not np.array_equal(first, draws.shuffled(100, 1, 1))
