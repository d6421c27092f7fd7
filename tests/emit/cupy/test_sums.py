"""Sums on a device, over whatever axes, are NumPy's: by a thread, a warp, a block or many blocks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nndsl import ops
from nndsl.ir import Node
from tests.emit.cupy.test_loops import predicted
from tests.emit.loops import LoopMaker, fields_of
from tests.programs import sample

SUMS: dict[str, tuple[tuple[int, ...], tuple[int, ...], Callable[[Node], Node]]] = {
    "short rows": ((3, 5), (2,), lambda x: ops.sum(x, axes=(1,))),
    "rows": ((3, 50), (2,), lambda x: ops.sum(x, axes=(1,))),
    "long rows": ((2, 3000), (2,), lambda x: ops.sum(x, axes=(1,))),
    "columns": ((3, 5), (1,), lambda x: ops.sum(x, axes=(0,))),
    "the batch": ((3, 5), (0,), ops.batch_sum),
    "the batch and rows": ((7, 5), (0, 1), lambda x: ops.batch_sum(ops.sum(x, axes=(0,)))),
    "everything": ((7, 5), (0, 1, 2), lambda x: ops.batch_sum(ops.sum(x, axes=(0, 1)))),
    "few numbers apart": ((2, 3, 5), (1, 3), lambda x: ops.sum(x, axes=(0, 2))),
    "many numbers apart": ((9, 3, 5), (1, 3), lambda x: ops.sum(x, axes=(0, 2))),
    "the batch and columns": ((3, 5), (0, 2), lambda x: ops.batch_sum(ops.sum(x, axes=(1,)))),
}
"""Shapes of one sample, the axes of the array that are summed over, and how."""


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("n", [1, 300])
def test_sums_over_any_axes_are_those_of_numpy(n: int) -> None:
    maker = LoopMaker()
    made = {name: make(maker.field(name, sample(*shape))) for name, (shape, _, make) in SUMS.items()}
    fields = fields_of(made, n)
    found = predicted(maker.program(made), fields, n)
    for name, (_, axes, _) in SUMS.items():
        wanted = np.broadcast_to(fields[name].sum(axes), found[name].shape)
        np.testing.assert_allclose(found[name], wanted, rtol=1e-10, atol=1e-10, err_msg=name)
