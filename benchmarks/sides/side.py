"""What all sides of a comparison have in common."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison, ready to be timed.

    step: a training step. losses: one that also tells its losses. infer, infer_one: answers for the batch and for one
    sample. settled: waits until all that was asked for is computed, where calls return before. held: what the side is
    run within, as a whole run of it would be.
    """

    name: str
    step: Callable[[], object]
    losses: Callable[[], tuple[float, ...]]
    infer: Callable[[], object]
    infer_one: Callable[[], object]
    settled: Callable[[], object] = lambda: None
    held: Callable[[], AbstractContextManager[object]] = nullcontext
