"""The examples' CuPy modules compute what their NumPy modules do: under the stand-in, and on a GPU with `-m gpu`."""

from __future__ import annotations

from pathlib import Path

import pytest

from nndsl.check import check
from nndsl.emit.cupy import emit_cupy
from nndsl.runtime.load import read_program
from nndsl.runtime.planning import planned_of
from tests.emit.cupy.comparing import assert_alike, fields_of
from tests.examples.test_examples import NAMED_FILES, SMALLER, idx

FOLDER = Path(__file__).parents[3] / "examples"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.nn"))


@pytest.fixture(scope="module")
def bytes_of_images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files that examples name with `--set`: their headers are read, no more."""
    import numpy as np

    folder = tmp_path_factory.mktemp("files")
    (folder / "images").write_bytes(idx(np.zeros((20, 28, 28))))
    (folder / "labels").write_bytes(idx(np.arange(20) % 10))
    return {name: str(folder / name) for name in ("images", "labels")}


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("precision", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_train_on_a_device_as_on_the_host(name: str, precision: str, bytes_of_images: dict[str, str]) -> None:
    file = f"{name}.nn"
    sets = {each: bytes_of_images[each] for each in NAMED_FILES.get(file, ())} | SMALLER.get(file, {})
    program = check(read_program(FOLDER / file), sets=sets)
    assert_alike(program, fields_of(program, 3), precision=precision)


@pytest.mark.usefixtures("device")
def test_the_same_program_gives_the_same_cupy_text() -> None:
    program = planned_of(check(read_program(FOLDER / "digits.nn")), precision="float32", device="gpu").program
    assert emit_cupy(program) == emit_cupy(program)
