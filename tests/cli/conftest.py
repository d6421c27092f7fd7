"""How the tests of the command line run it: in this process (fast), or as a process of its own (real)."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

Run = Callable[..., Result]
Process = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def nndsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `nndsl ARGUMENTS` in an empty folder, in this process; stdout and stderr are kept apart."""
    from nndsl.cli.application import application

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(application, [str(argument) for argument in arguments], prog_name="nndsl")

    return run


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Runs `python -m nndsl ARGUMENTS` in an empty folder, as a process."""
    root = Path(__file__).resolve().parents[2]

    def run(*arguments: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nndsl", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1", **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )

    return run
