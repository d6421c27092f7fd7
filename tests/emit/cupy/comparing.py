"""One program as a NumPy module and as a CuPy module, trained side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nndsl.emit import emit
from nndsl.emit.cupy import emit_cupy
from nndsl.plan import PlanOptions
from nndsl.runtime.planning import planned_of
from tests.emit.loading import PARTS, trained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.ir import TensorType
    from nndsl.ir.program import Program

Values = dict[str, Any]

TOLERANCE = {"float64": 1e-9, "float32": 1e-3}
"""In float64 of the largest element: sums are taken in another order. In float32 of the norm, after three steps: where
a gradient is as good as 0, Adam's updates are as large as anywhere, and their signs are those of rounding errors."""

_STEPS = {"float64": 10, "float32": 3}


def fields_of(program: Program, n: int, seed: int = 0) -> Values:
    """Random rows of the fields that the train blocks' data have."""
    random = np.random.default_rng(seed)
    used = {train.data for train in program.trains}
    data = [each for each in program.data if each.name in used]
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


def assert_alike(program: Program, fields: Values, *, precision: str = "float64", parts: Sequence[str] = PARTS) -> None:
    """The CuPy module does what the NumPy module does: gradients, updates, totals, predictions."""
    steps = _STEPS[precision]
    plan = PlanOptions(without=("once",))
    host, there = (
        planned_of(program, precision=precision, plan=plan, device=device).program for device in ("cpu", "gpu")
    )
    expected = trained(emit(host, precision=precision), fields, steps=steps, dtype=precision, parts=parts)
    found = trained(emit_cupy(there, precision=precision), fields, steps=steps, dtype=precision, parts=parts)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        _assert_close(name, np.asarray(found[name], np.float64), np.asarray(array, np.float64), precision)


def _assert_close(name: str, found: Any, wanted: Any, precision: str) -> None:
    assert wanted.shape == found.shape, name
    if precision == "float64":
        scale = np.abs(wanted).max(initial=0.0) + 1e-300
        np.testing.assert_allclose(found / scale, wanted / scale, rtol=0, atol=TOLERANCE[precision], err_msg=name)
    else:
        np.testing.assert_array_equal(np.isfinite(found), np.isfinite(wanted), err_msg=name)
        finite = np.isfinite(wanted)
        off = float(np.linalg.norm(found[finite] - wanted[finite]))
        assert off <= TOLERANCE[precision] * float(np.linalg.norm(wanted[finite])) + 1e-6, (name, off)
