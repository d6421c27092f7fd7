"""`nndsl run` says what is wrong, or probably not meant, before the first step: cases/NAME.nn and, beside it, NAME.txt.

`pytest tests/before_running --update-snapshots` rewrites the expected texts.
"""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CASES = Path(__file__).parent / "cases"
ROOT = Path(__file__).parents[2]
WARNED = {"columns_that_never_change", "last_batch_of_one", "fewer_rows_than_a_batch"}
LIMITED = {"activations_that_do_not_fit", "weights_that_do_not_fit"}
LIMIT = 1536 << 20


def run(case: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """`nndsl run` as a process in an empty folder; where memory is the matter, with 1.5 GB of it."""

    def limit() -> None:
        if case.stem in LIMITED:
            resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT))

    return subprocess.run(
        [sys.executable, "-m", "nndsl", "run", str(case)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=limit,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("case", sorted(CASES.glob("*.nn")), ids=lambda case: case.stem)
def test_what_is_wrong_is_said_before_the_first_step(
    case: Path, tmp_path: Path, compare_with_snapshot: Callable[[Path, str], None]
) -> None:
    done = run(case, tmp_path)
    text = done.stderr.replace(str(CASES), "FOLDER")
    # How much is left depends on the machine.
    text = re.sub(r"(?<=leaves )[\d.]+ [MG]B", "SOME GB", text)
    compare_with_snapshot(case.with_suffix(".txt"), text)
    assert done.returncode == (0 if case.stem in WARNED else 1)
    if case.stem not in WARNED:
        assert "epoch" not in done.stdout
        assert not list(tmp_path.rglob("weights.safetensors"))


@pytest.mark.slow
def test_the_batch_size_that_is_advised_fits(tmp_path: Path) -> None:
    program = (CASES / "activations_that_do_not_fit.nn").read_text()
    advised = re.search(r"`batch_size = (\d+)` would fit", (CASES / "activations_that_do_not_fit.txt").read_text())
    assert advised is not None
    (tmp_path / "activations_that_do_not_fit.nn").write_text(program.replace("= 1024", f"= {advised[1]}"))
    assert run(tmp_path / "activations_that_do_not_fit.nn", tmp_path).returncode == 0
