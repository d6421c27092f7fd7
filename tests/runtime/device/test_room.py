"""What training takes of a device's memory is known before, and refused where it does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nndsl.diagnostics import UserError
from nndsl.plan.device.room import room_of_block
from nndsl.precision import products_of
from nndsl.runtime.footprint import on_device
from tests.cupy_standin import standin
from tests.runtime.device.training import events_of, model_of

WORKSPACE = 32 << 20


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_what_is_predicted_is_what_training_takes(precision: str, tmp_path: Path) -> None:
    """But for the data, sums that blocks share, numbers of a step and such."""
    with standin() as machine:
        model = model_of(tmp_path, "gpu", precision=precision, rows=5120, batch=512)
        train = model.train_named(None)
        assert model.planned is not None
        events = events_of(model)
        while type(next(events)).__name__ != "EpochDone":
            pass
        parts: list[Any] = list(model.parts(train).values())
        data = sum(values.nbytes for part in parts for values in part.values())
        rows = 4 * 5120
        found = machine.used - data - rows
        room = model.generated.program.trains["Net"].room
    (planned,) = model.planned.trains
    assert room == room_of_block(planned, products_of(precision), 8 if precision == "float64" else 4)
    needed = on_device(model.planned, train, 512, room, precision)
    assert needed.products >= WORKSPACE
    assert needed.activations > 150_000
    assert abs(found - needed.bytes) < 20_000


def test_training_that_does_not_fit_is_refused_before_anything_is_there(tmp_path: Path) -> None:
    with standin(memory=WORKSPACE + 4000) as machine:
        model = model_of(tmp_path, "gpu")
        with pytest.raises(UserError) as raised:
            model.fit()
        assert machine.used == 0
    (mistake,) = raised.value.diagnostics
    assert mistake.code == "NN640"
    assert mistake.message.startswith("training Net takes 33.6 MB, and the GPU (Stand-in) has left 33.6 MB")
    assert "33.6 MB  matrix products: their workspace, narrow weights" in "\n".join(mistake.notes)


def test_narrow_products_take_less_memory_for_what_only_they_read(tmp_path: Path) -> None:
    with standin():
        exact, narrow = (
            model_of(tmp_path, "gpu", precision=each).generated.program.trains["Net"].room[1]
            for each in ("float32", "bfloat16")
        )
    assert narrow < exact + 7 * 2 * 2  # the inputs are kept in both
