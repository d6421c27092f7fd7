"""A file much larger than memory, once through: `python -m benchmarks.large_data [--gigabytes 20] [--limit 1024]`.

Writes a `.npy` file of real numbers, trains one epoch on it in a process that may have so many MiB of addresses, and
removes the file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

WIDTH = 784
BLOCK = 20_000

PROGRAM = """\
data large from npy("x.npy", labels="y.npy") {
  x = standardize(column("value"))
  label = class(column("label"))
  split train 90%, validation 5%, test 5%
}

model Network {
  input x
  Dense(64, activation=relu)
  Dense(10)
}

train Network on large {
  epochs = 1
  batch_size = 512
  scores = Network(x)
  minimize cross_entropy(scores, label) using Adam(1e-3)
  metric accuracy(scores, label)
}
"""

LIMITED = """\
import atexit, resource, sys
from pathlib import Path
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
atexit.register(lambda: Path("status").write_text(Path("/proc/self/status").read_text()))
sys.argv = ["nndsl", *sys.argv[2:]]
from nndsl.cli import main
main()
"""


def main() -> None:
    """Write the file, train, print what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large_data", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20, help="size of the file")
    parser.add_argument("--limit", type=int, default=1024, help="MiB of addresses that the process may have")
    parser.add_argument("--folder", type=Path, help="where the file is written; a temporary folder by default")
    given = parser.parse_args()
    with TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < 1.2e9 * given.gigabytes:
            raise SystemExit(f"the disk of {folder} has too little room")
        start = perf_counter()
        rows = write(folder, round(given.gigabytes * 1e9 / WIDTH / 4))
        size = (folder / "x.npy").stat().st_size
        print(f"{rows:,} rows, {size / 1e9:.1f} GB, written in {perf_counter() - start:.0f} s", flush=True)
        train(folder, given.limit)


def write(folder: Path, rows: int) -> int:
    """Writes values and labels; how many rows."""
    labels: list[np.ndarray] = []
    with (folder / "x.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, WIDTH)}
        np.lib.format.write_array_header_1_0(file, header)
        for values, label in blocks(rows):
            values.tofile(file)
            labels.append(label)
    np.save(folder / "y.npy", np.concatenate(labels))
    return rows


def blocks(rows: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(values, labels): real numbers, other ones in each block."""
    drawn = np.random.default_rng(0).normal(0, 1, (BLOCK, WIDTH)).astype(np.float32)
    for start in range(0, rows, BLOCK):
        values = drawn[: min(BLOCK, rows - start)] + np.float32(start // BLOCK % 97 / 16)
        yield values, values[:, :10].argmax(axis=1).astype(np.uint8)


def train(folder: Path, limit: int) -> None:
    """One epoch in a process of its own; prints what it says, how long it took and what memory it had at most."""
    (folder / "large.nn").write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-c", LIMITED, str(limit << 20), "run", "large.nn"]
    home = str(Path(__file__).parents[1])
    start = perf_counter()
    done = subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": home}, check=False)
    seconds = perf_counter() - start
    if done.returncode:
        raise SystemExit(f"nndsl run failed with {done.returncode}")
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    peak = {name: int(status[name].removesuffix("kB")) / 1024 for name in ("VmPeak", "VmHWM")}
    print(f"{seconds:.0f} s in all, within a limit of {limit:,} MiB of addresses")
    print(f"at most {peak['VmPeak']:.0f} MiB of addresses, {peak['VmHWM']:.0f} MiB resident")


if __name__ == "__main__":
    main()
