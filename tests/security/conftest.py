"""`nndsl` as a process in a folder of its own, with bounds on time and memory that an honest program never meets."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MEMORY = 4 << 30
"""Bytes of address space. NumPy alone maps a good part of one."""

Process = Callable[..., "subprocess.CompletedProcess[str]"]


def _bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """Runs `python -m nndsl ARGUMENTS` in an empty folder, within `MEMORY`."""
    root = Path(__file__).resolve().parents[2]

    def run(*arguments: str | Path, program: tuple[str, ...] = ("-m", "nndsl")) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root), "NO_COLOR": "1", "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=120,
            check=False,
            preexec_fn=_bounded,
        )

    return run
