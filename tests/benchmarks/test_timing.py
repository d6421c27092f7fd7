from __future__ import annotations

from contextlib import contextmanager

import pytest

from benchmarks.growth import exponent
from benchmarks.timing import Timed, geometric_mean, in_turn, ratio


def test_things_are_timed_in_turn_within_what_they_are_held_by() -> None:
    seen: list[str] = []

    def thing(name: str) -> Timed:
        @contextmanager
        def held():
            seen.append(f"({name}")
            yield
            seen.append(f"{name})")

        return Timed(lambda: seen.append(name), lambda: seen.append(f"{name} settled"), held)

    times = in_turn([thing("a"), thing("b")], rounds=2, seconds=0, warm=0)
    one_turn = [name for name in seen if name.startswith("(") or name.endswith(")")][-8:]
    assert one_turn == ["(a", "a)", "(b", "b)", "(a", "a)", "(b", "b)"]
    assert seen[-6:] == ["(b", "b", "b settled", "b", "b settled", "b)"]
    assert [len(each) for each in times] == [2, 2]


def test_a_ratio_is_of_pairs_and_says_where_it_may_lie() -> None:
    ours = [1.0, 2.0, 4.0, 8.0, 16.0]  # the machine slows down; theirs takes 3 times as long throughout
    found = ratio(ours, [3 * each for each in ours])
    assert (found.middle, found.low, found.high) == (3.0, 3.0, 3.0)
    spread = ratio([1.0] * 9, [float(each) for each in range(1, 10)])
    assert (spread.middle, spread.low, spread.high) == (5.0, 2.0, 8.0)
    assert str(spread) == "5.00 (2.00 to 8.00)"


def test_ratios_are_added_up_by_their_product() -> None:
    assert geometric_mean([0.5, 2.0, 1.0]) == pytest.approx(1.0)


def test_an_exponent_is_that_of_the_growth() -> None:
    assert exponent([1, 2, 4, 8], [3.0, 12.0, 48.0, 192.0]) == pytest.approx(2.0)
