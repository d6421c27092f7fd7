"""Any damage to a checkpoint is found: it is read as it was written, or refused with the reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import nndsl
from nndsl.runs.trainer import run
from nndsl.runtime.checkpoints import (
    FINISHED,
    UNFINISHED,
    CheckpointError,
    read_about,
    read_checkpoint,
)
from tests.security.test_places import MAIN
from tests.security.test_weights_files import FUZZING, damaged


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program and its finished run."""
    folder = tmp_path_factory.mktemp("checkpoints")
    (folder / "main.nn").write_text(MAIN.format(imports="", body="  Dense(1)"), encoding="utf-8")
    run(nndsl.load(folder / "main.nn"), out=folder / "run")
    return folder


def test_any_damage_to_a_checkpoint_is_found(finished: Path, tmp_path: Path) -> None:
    content = (finished / "run" / FINISHED).read_bytes()
    arrays, about = read_checkpoint(finished / "run" / FINISHED)
    path = tmp_path / UNFINISHED

    @FUZZING
    @given(damaged(content))
    def check(changed: bytes) -> None:
        path.write_bytes(changed)
        read_about(tmp_path)
        try:
            found, said = read_checkpoint(path)
        except CheckpointError as failure:
            assert "\n" not in str(failure)
            return
        assert said == about
        assert found.keys() == arrays.keys()
        assert all(np.array_equal(found[name], values, equal_nan=True) for name, values in arrays.items())

    check()
