"""What the library offers computes in CuPy modules what it computes in NumPy modules."""

from __future__ import annotations

import pytest

from tests.emit.cupy.comparing import assert_alike, fields_of
from tests.emit.cupy.library import FURTHER, NAMES, family_of, program_of


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("precision", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", [*NAMES, *FURTHER])
def test_the_library_trains_on_a_device_as_on_the_host(name: str, precision: str) -> None:
    program = program_of(name)
    layer = name not in NAMES or family_of(name).startswith("layers/")
    parts = ("training", "evaluation") if layer else ("training",)  # layers may do something else when they train
    assert_alike(program, fields_of(program, 3), precision=precision, parts=parts)
