"""A run that is killed at random moments, and goes on each time, ends bit for bit like one that never was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.survival.kill import LONGEST, differences, killed_run, pace, prepare, process


@pytest.mark.slow
def test_a_run_that_is_killed_ten_times_ends_like_one_that_never_was(tmp_path: Path) -> None:
    speed = pace(tmp_path / "pace")
    prepare(tmp_path / "whole", speed.epochs)
    prepare(tmp_path / "killed", speed.epochs)
    with process(tmp_path / "whole", "digits.nn") as whole:
        done = killed_run(tmp_path / "killed", speed, seed=1, moments=10)
        said, _ = whole.communicate(timeout=LONGEST)
    assert whole.returncode == 0, said
    assert len(done.moments) == 10
    assert done.writing >= 2  # half-written checkpoints were left behind
    assert differences(tmp_path / "whole" / "runs" / "Digits", tmp_path / "killed" / "runs" / "Digits") == []
