"""The examples' CuPy modules compute what their NumPy modules do: under the stand-in, and on a GPU with `-m gpu`."""

from __future__ import annotations

from pathlib import Path

import pytest

from nndsl.check import check
from nndsl.emit.cupy import emit_cupy
from nndsl.runtime.load import read_program
from nndsl.runtime.planning import planned_of
from tests.emit.cupy.comparing import assert_alike, fields_of

FOLDER = Path(__file__).parents[3] / "examples"
EXAMPLES = (
    "autoencoder",
    "custom_layer",
    "diabetes",
    "digits",
    "gan",
    "iris",
    "lenet",
    "optimizers",
    "residual",
    "vae",
    "wgan_gp",
    "xor",
)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_train_on_a_device_as_on_the_host(name: str) -> None:
    program = check(read_program(FOLDER / f"{name}.nn"))
    assert_alike(program, fields_of(program, 3), steps=4)


@pytest.mark.usefixtures("device")
def test_the_same_program_gives_the_same_cupy_text() -> None:
    program = planned_of(check(read_program(FOLDER / "digits.nn")), precision="float32", level=1).program
    assert emit_cupy(program) == emit_cupy(program)
