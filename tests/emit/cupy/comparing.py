"""One program as a NumPy module and as a CuPy module, trained side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nndsl.emit import emit
from nndsl.emit.cupy import emit_cupy
from nndsl.runtime.planning import planned_of
from tests.emit.loading import trained

if TYPE_CHECKING:
    from nndsl.ir import TensorType
    from nndsl.ir.program import Program

Values = dict[str, Any]

TOLERANCE = 1e-9
"""Of the largest element, in float64: sums are taken in another order."""


def fields_of(program: Program, n: int, seed: int = 0) -> Values:
    """Random rows of the fields that the first train block's data has."""
    random = np.random.default_rng(seed)
    data = [each for each in program.data if each.name == program.trains[0].data]
    found = {field.name: _drawn(random, n, field.node.type, field) for each in data for field in each.fields}
    return found or {"none": np.zeros(n)}


def _drawn(random: np.random.Generator, n: int, type: TensorType, field: Any) -> np.ndarray[Any, Any]:
    shape = (n, *type.shape)
    match type.dtype.value:
        case "float":
            return random.normal(size=shape)
        case "int":
            high = len(field.classes or ()) or (int(field.limits.high) + 1 if field.limits else 5)
            return random.integers(0, high, shape)
        case _:
            return random.integers(0, 2, shape).astype(bool)


def assert_alike(program: Program, fields: Values, *, steps: int = 10) -> None:
    """The CuPy module does what the NumPy module does: gradients, updates, totals, predictions; in float64."""
    planned = planned_of(program, precision="float64", device="gpu").program
    host = trained(emit(planned, precision="float64"), fields, steps=steps)
    there = trained(emit_cupy(planned, precision="float64"), fields, steps=steps)
    assert host.keys() == there.keys()
    for name, expected in host.items():
        wanted, found = np.asarray(expected, np.float64), np.asarray(there[name], np.float64)
        assert wanted.shape == found.shape, name
        scale = np.abs(wanted).max(initial=0.0) + 1e-300
        np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=TOLERANCE, err_msg=name)
