"""What loops over time go through: numbers that kernels take, and buffers that change places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle
from typing import Any

import numpy as np


def times(length: int, *, reverse: bool = False) -> list[Any]:
    """The numbers of the times, in the order of the loop, as kernels take them."""
    numbers = [np.int32(time) for time in range(length)]
    return numbers[::-1] if reverse else numbers


def in_turn(first: Any, second: Any) -> Iterator[Any]:
    """One after the other, without end."""
    return cycle((first, second))
