"""Whole cold processes, in turn: `python -m benchmarks startup`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from benchmarks.options import Options
from benchmarks.page import markdown
from benchmarks.timing import ratio

HERE = Path(__file__).parent
DIGITS = HERE.parent / "examples" / "digits.nn"
MOST_ROUNDS = 9
FIRST, RUN = "python -c 'import numpy'", "nndsl run digits.nn --epochs 1"
HEADER = ["process", "seconds", "peak MiB", f"times `{FIRST}`", f"times `{RUN}`"]


@dataclass(frozen=True, slots=True)
class Process:
    """A command and how a table calls it."""

    name: str
    command: list[str]


def processes(folder: Path) -> list[Process]:
    """What is started. The data that the peers read is put into `folder`."""
    nndsl = [sys.executable, "-m", "nndsl"]
    program = folder / "digits.nn"  # what the example expects of 60 epochs does not hold after one
    lines = DIGITS.read_text(encoding="utf-8").splitlines(keepends=True)
    program.write_text("".join(line for line in lines if not line.lstrip().startswith("expect")), encoding="utf-8")
    data = _data(folder)
    found = [
        Process(FIRST, [sys.executable, "-c", "import numpy"]),
        Process("nndsl --version", [*nndsl, "--version"]),
        Process("nndsl check digits.nn", [*nndsl, "check", str(DIGITS)]),
        Process(RUN, [*nndsl, "run", str(program), "--epochs", "1", "--out", str(folder / "run")]),
    ]
    if find_spec("torch"):
        script = [sys.executable, str(HERE / "cold" / "digits_pytorch.py"), str(data), str(folder / "weights")]
        found += [
            Process("python -c 'import torch'", [sys.executable, "-c", "import torch"]),
            Process("the same run in PyTorch", script),
        ]
    if find_spec("keras") and find_spec("jax"):
        script = [sys.executable, str(HERE / "cold" / "digits_keras.py"), str(data), str(folder / "weights")]
        found.append(Process("the same run in Keras on JAX", script))
    return found


def _data(folder: Path) -> Path:
    """The digits that come with nndsl, as a file."""
    import numpy as np

    from nndsl.data.builtin import BuiltinTable

    path = folder / "digits.npz"
    np.savez(path, **BuiltinTable("digits", None, None).read_columns(("image", "label")))
    return path


def section(options: Options) -> str:
    """The table: each process timed in turn with the first, and with `nndsl run`."""
    with TemporaryDirectory() as folder:
        what = processes(Path(folder))
        environment = _with_bytecode(Path(folder) / "bytecode")
        for process in what:
            _run(process, environment)
        runs = [[_run(process, environment) for process in what] for _ in range(min(options.pairs, MOST_ROUNDS))]
    seconds = {process.name: [row[place][0] for row in runs] for place, process in enumerate(what)}
    table = [
        [
            process.name,
            f"{median(seconds[process.name]):.3f}",
            f"{median(row[place][1] for row in runs):.0f}",
            str(ratio(seconds[FIRST], seconds[process.name])),
            str(ratio(seconds[RUN], seconds[process.name])),
        ]
        for place, process in enumerate(what)
    ]
    return markdown(HEADER, table)


def _with_bytecode(folder: Path) -> dict[str, str]:
    """An environment where Python keeps what it compiles in a folder of our own, as it does of installed packages."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder)}


def _run(process: Process, environment: Mapping[str, str]) -> tuple[float, float]:
    """(seconds, peak memory in MiB) of one process."""
    start = perf_counter()
    child = subprocess.Popen(process.command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    _, status, usage = os.wait4(child.pid, 0)
    spent = perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        message = child.stderr.read().decode(errors="replace") if child.stderr is not None else ""
        raise SystemExit(f"{process.name} failed:\n{message}")
    return spent, usage.ru_maxrss / 1024
