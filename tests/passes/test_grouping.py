"""Functions of parts of a row, in the steps of loops, done once for all parts."""

from __future__ import annotations

import numpy as np
import pytest

from nndsl import ops
from nndsl.ir import reachable
from nndsl.passes.grouping import grouped
from nndsl.passes.loops import into_bodies
from tests.emit.loops import LoopMaker, fields_of, looped
from tests.emit.test_loops import lstm

N = 5


def sigmoids(roots: tuple[ops.Body, ...]) -> list[int]:
    """How many sigmoids the bodies have, each by its size."""
    return sorted(node.type.size for body in roots for node in reachable(body.roots) if node.op is ops.sigmoid)


@pytest.mark.parametrize("reverse", [False, True])
def test_gates_of_one_function_that_are_no_neighbours_are_computed_together(reverse: bool) -> None:
    results = lstm(LoopMaker(), length=9, reverse=reverse)
    made = dict(zip(results, into_bodies(grouped)(tuple(results.values())), strict=True))
    bodies = tuple(dict.fromkeys(ops.body_of(n) for n in reachable(made.values()) if n.op is ops.scan))
    assert set(sigmoids(bodies)) == {6}  # i, f and o, of two numbers each
    fields = fields_of(results, N)
    before, after = looped(results, fields, N), looped(made, fields, N)
    for name, expected in before.items():
        np.testing.assert_allclose(after[name], expected, rtol=1e-12, err_msg=name)


def test_short_loops_stay_as_they_are() -> None:
    results = tuple(lstm(LoopMaker(), length=4).values())
    bodies = {ops.body_of(n) for n in reachable(grouped(results)) if n.op is ops.scan}
    assert all(size == 2 for size in sigmoids(tuple(bodies)))
