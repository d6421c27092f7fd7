"""What the library offers computes in CuPy modules what it computes in NumPy modules."""

from __future__ import annotations

import pytest

from tests.emit.cupy.comparing import assert_alike, fields_of
from tests.emit.cupy.library import FURTHER, NAMES, program_of


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("name", [*NAMES, *FURTHER])
def test_the_library_trains_on_a_device_as_on_the_host(name: str) -> None:
    program = program_of(name)
    assert_alike(program, fields_of(program, 3))


@pytest.mark.slow
@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("name", [*NAMES, *FURTHER])
def test_the_library_trains_on_a_device_as_on_the_host_in_float32(name: str) -> None:
    program = program_of(name)
    assert_alike(program, fields_of(program, 3), precision="float32")
