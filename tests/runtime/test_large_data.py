"""Files several times as large as the memory that the process may have: training goes through them all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux"),
]

MEGABYTE = 1 << 20

PROGRAM = """\
data large from READER {
  x = standardize(column("value"))
  label = class(column("label"))
  split train 90%, validation 5%, test 5%
}

model Network {
  input x
  Dense(16, activation=relu)
  Dense(10)
}

train Network on large {
  epochs = 1
  batch_size = 512
  scores = Network(x)
  minimize cross_entropy(scores, label) using Adam(3e-3)
  metric accuracy(scores, label)
  expect test accuracy >= 0.5
}
"""

LIMITED = """\
import atexit, resource, sys
from pathlib import Path
limit = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
status = lambda: Path("peak").write_text(Path("/proc/self/status").read_text())
atexit.register(status)
sys.argv = ["nndsl", *sys.argv[2:]]
from nndsl.cli import main
main()
"""
"""Runs `nndsl` in a process that can have so many bytes of addresses, and writes down what it had at most."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder whose large files are removed at once, not with those that pytest keeps."""
    if shutil.disk_usage(tmp_path).free < 8 << 30:
        pytest.skip("the disk has too little room")
    yield tmp_path
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.stat().st_size > MEGABYTE:
            path.unlink()


def blocks(rows: int, width: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(rows so far, values, labels): real numbers, other ones in each block."""
    drawn = np.random.default_rng(0).normal(0, 1, (10_000, width)).astype(np.float32)
    for start in range(0, rows, len(drawn)):
        values = drawn + np.float32(start % 7)
        yield start, values, values[:, :10].argmax(axis=1).astype(np.uint8)


def write_npy(folder: Path, rows: int, width: int) -> str:
    labels: list[np.ndarray] = []
    with (folder / "x.npy").open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, width)}
        np.lib.format.write_array_header_1_0(file, header)
        for _, values, label in blocks(rows, width):
            values.tofile(file)
            labels.append(label)
    np.save(folder / "y.npy", np.concatenate(labels))
    return 'npy("x.npy", labels="y.npy")'


def write_parquet(folder: Path, rows: int, width: int) -> str:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    schema = pyarrow.schema([("value", pyarrow.list_(pyarrow.float32(), width)), ("label", pyarrow.uint8())])
    with parquet.ParquetWriter(folder / "d.parquet", schema, compression="none", use_dictionary=False) as writer:
        for _, values, label in blocks(rows, width):
            vectors = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(values.ravel()), width)
            writer.write_table(pyarrow.table({"value": vectors, "label": label}, schema=schema))
    return 'parquet("d.parquet")'


def run_limited(folder: Path, reader: str, limit: int) -> tuple[str, int]:
    """(what the run printed, the most memory that it had resident)."""
    (folder / "large.nn").write_text(PROGRAM.replace("READER", reader), encoding="utf-8")
    command = [sys.executable, "-c", LIMITED, str(limit), "run", "large.nn"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "OPENBLAS_NUM_THREADS": "2",  # each thread of the library has buffers, on machines with many cores too many
    }
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    status = dict(line.split(":", 1) for line in (folder / "peak").read_text().splitlines())
    return done.stdout, int(status["VmHWM"].removesuffix("kB")) * 1024


def test_two_gigabytes_train_within_half_a_gigabyte(folder: Path) -> None:
    reader = write_npy(folder, 640_000, 784)
    assert (folder / "x.npy").stat().st_size > 2_000_000_000
    printed, resident = run_limited(folder, reader, 512 * MEGABYTE)
    assert "streams 2.01 GB from x.npy" in printed
    assert "epoch 1/1" in printed
    assert resident < 256 * MEGABYTE


def test_parquet_of_more_than_the_memory_trains_within_it(folder: Path) -> None:
    reader = write_parquet(folder, 240_000, 784)
    assert (folder / "d.parquet").stat().st_size > 750_000_000
    printed, resident = run_limited(folder, reader, 640 * MEGABYTE)
    assert "streams 753 MB from d.parquet" in printed
    assert resident < 256 * MEGABYTE
