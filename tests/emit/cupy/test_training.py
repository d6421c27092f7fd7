"""Whole trainings with CuPy modules: what they report is what training with NumPy reports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.runtime.load import compiled, read_program
from nndsl.runtime.model import Model

FOLDER = Path(__file__).parents[3] / "examples"


def history(name: str, device: str, epochs: int, sets: dict[str, str]) -> tuple[Model, list[dict[str, float]]]:
    model = compiled(read_program(FOLDER / name), sets=sets, device=device)
    return model, model.fit(epochs=epochs)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("name", ["digits.nn", "diabetes.nn"])
def test_training_on_a_device_reports_what_training_with_numpy_reports(name: str) -> None:
    (host, expected), (there, found) = (history(name, device, 3, {}) for device in ("cpu", "gpu"))
    assert [row.keys() for row in found] == [row.keys() for row in expected]
    for row, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose([*row.values()], [*wanted.values()], rtol=2e-3)
    numbers, wanted = there.evaluate(), host.evaluate()
    assert numbers == pytest.approx(wanted, rel=5e-3)


@pytest.mark.usefixtures("device")
def test_a_small_convolutional_network_trains_on_a_device_as_with_numpy() -> None:
    (host, expected), (there, found) = (history("lenet.nn", device, 1, {}) for device in ("cpu", "gpu"))
    assert [*found[0].values()] == pytest.approx([*expected[0].values()], rel=2e-3)
    assert there.evaluate() == pytest.approx(host.evaluate(), rel=2e-2)
