"""What a process holds at most while it trains the CNN at batch 512: `python -m benchmarks memory`.

Each side has fresh processes of its own. What a process holds before it builds the network, its interpreter and its
libraries, is told apart from what building and training adds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.networks.cnn import cnn
from benchmarks.options import Options
from benchmarks.page import markdown
from benchmarks.resident import peak, resident, restart_peak
from benchmarks.sides import PEERS, ours
from benchmarks.sides.ours import NAME

BATCH = 512
STEPS = 3
"""The first of them makes the optimizer's slots, which the second then holds from its beginning."""
MOST_PROCESSES = 3
WEIGHTS = "weights.npz"
HEADER = ["side", "before building MiB", "peak MiB", "added MiB", "times nndsl's peak", "times what nndsl adds"]


def section(options: Options) -> str:
    """The table: a row for each side, medians over some processes."""
    names = [NAME, *(f"{NAME} {way}" for way in options.ours), *options.peers]
    rounds = range(min(options.pairs, MOST_PROCESSES))
    with TemporaryDirectory() as name:
        folder = Path(name)
        _, weights, _ = ours(cnn(BATCH), folder)
        np.savez(folder / WEIGHTS, **weights)  # pyright: ignore[reportArgumentType]
        found = {name: [_in_own_process(name, folder) for _ in rounds] for name in names}
    before = {name: median(each[0] for each in found[name]) for name in names}
    most = {name: median(each[1] for each in found[name]) for name in names}
    added = {name: median(each[1] - each[0] for each in found[name]) for name in names}
    table = [
        [
            name,
            *(f"{numbers[name] / 2**20:.0f}" for numbers in (before, most, added)),
            f"{most[name] / most[NAME]:.2f}",
            f"{added[name] / added[NAME]:.2f}",
        ]
        for name in names
    ]
    return f"The CNN at batch {BATCH}, {STEPS} training steps.\n\n{markdown(HEADER, table)}"


def _in_own_process(name: str, folder: Path) -> tuple[int, int]:
    """(bytes held before building, bytes held at most)."""
    command = [sys.executable, "-m", "benchmarks.memory", name, str(folder)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        raise SystemExit(f"{name} failed:\n{child.stderr}")
    before, most = json.loads(child.stdout.splitlines()[-1])
    return before, most


def main() -> None:
    """Train as the side given in the command line, with what is in the folder given, and print both numbers."""
    name, folder = sys.argv[1], Path(sys.argv[2])
    network = cnn(BATCH)
    packages = PEERS[name][1] if name in PEERS else ("nndsl",)
    for package in packages:
        import_module(package)
    restart_peak()
    before = resident()
    if name in PEERS:
        with np.load(folder / WEIGHTS) as weights:
            side = PEERS[name][0](network, dict(weights), network.columns(BATCH))
    else:
        side, _, _ = ours(network, folder, name.removeprefix(NAME))
    with side.held():
        for _ in range(STEPS):
            side.losses()
    print(json.dumps([before, peak()]))


if __name__ == "__main__":
    main()
