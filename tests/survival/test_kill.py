"""A run that is killed at random moments, and goes on each time, ends bit for bit like one that never was."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.survival.kill import LONGEST, differences, killed_runs, pace, prepare, process


@pytest.mark.slow
def test_runs_that_are_killed_ten_times_end_like_one_that_never_was(tmp_path: Path) -> None:
    speed = pace(tmp_path / "pace")
    whole = tmp_path / "whole"
    prepare(whole, speed.epochs)
    with process(whole, "digits.nn") as running:
        runs = list(killed_runs(tmp_path, speed, seed=1, moments=10))
        said, _ = running.communicate(timeout=LONGEST)
    assert running.returncode == 0, said
    for _, run in runs:
        assert differences(whole / "runs" / "Digits", run) == []
    assert sum(len(done.moments) for done, _ in runs) == 10
    assert sum(done.writing for done, _ in runs) >= 2  # half-written checkpoints were left behind
