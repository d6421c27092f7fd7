"""Whole cold processes, in turn: `python -m benchmarks startup`."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

DIGITS = Path(__file__).parent.parent / "examples" / "digits.nn"
HEADER = ["process", "seconds", "peak MiB", "times `import numpy`", "95% interval"]


@dataclass(frozen=True, slots=True)
class Process:
    """A command and how a table calls it."""

    name: str
    command: list[str]


def processes(folder: Path) -> list[Process]:
    """What is started; the first is what the others are compared with."""
    nndsl = [sys.executable, "-m", "nndsl"]
    program = folder / "digits.nn"  # what the example expects of 60 epochs does not hold after one
    lines = DIGITS.read_text(encoding="utf-8").splitlines(keepends=True)
    program.write_text("".join(line for line in lines if not line.lstrip().startswith("expect")), encoding="utf-8")
    found = [
        Process("python -c 'import numpy'", [sys.executable, "-c", "import numpy"]),
        Process("nndsl --version", [*nndsl, "--version"]),
        Process("nndsl check digits.nn", [*nndsl, "check", str(DIGITS)]),
        Process(
            "nndsl run digits.nn --epochs 1",
            [*nndsl, "run", str(program), "--epochs", "1", "--out", str(folder / "run")],
        ),
    ]
    if find_spec("torch") is not None:
        found.append(Process("python -c 'import torch'", [sys.executable, "-c", "import torch"]))
    return found


def rows(pairs: int) -> list[list[str]]:
    """The table: each process timed in turn with the first."""
    with TemporaryDirectory() as folder:
        what = processes(Path(folder))
        for process in what:
            _run(process)
        times = [[_run(process) for process in what] for _ in range(pairs)]
    table: list[list[str]] = []
    for position, process in enumerate(what):
        ratios = sorted(row[position][0] / row[0][0] for row in times)
        reach = max(1, round(0.98 * len(ratios) ** 0.5))
        middle = len(ratios) // 2
        low, high = ratios[max(0, middle - reach)], ratios[min(len(ratios) - 1, middle + reach)]
        seconds = median(row[position][0] for row in times)
        peak = median(row[position][1] for row in times)
        table.append(
            [process.name, f"{seconds:.3f}", f"{peak:.0f}", f"{median(ratios):.2f}", f"{low:.2f} to {high:.2f}"]
        )
    return table


def _run(process: Process) -> tuple[float, float]:
    """(seconds, peak memory in MiB) of one process."""
    start = perf_counter()
    child = subprocess.Popen(process.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=os.environ)
    _, status, usage = os.wait4(child.pid, 0)
    spent = perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        message = child.stderr.read().decode(errors="replace") if child.stderr is not None else ""
        raise SystemExit(f"{process.name} failed:\n{message}")
    return spent, usage.ru_maxrss / 1024
