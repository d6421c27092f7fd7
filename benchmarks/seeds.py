"""What each example reaches over several seeds: mean, least and greatest of every number on its last part.

    python -m benchmarks.seeds [--seeds 10]

Each seed splits the data, draws the initial weights and shuffles anew.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "examples"
LEFT_OUT = {"mnist_cnn.nn", "transfer.nn", "long_memory.nn", "shakespeare_lstm.nn", "attention_sort.nn"}
"""Examples whose data must be named with `--set`, that begin with another run, have no test part or take minutes."""


def reached(path: Path, seeds: int) -> dict[str, list[float]]:
    """For each reported number its values, one a seed."""
    import nndsl

    found: dict[str, list[float]] = {}
    for seed in range(seeds):
        model = nndsl.load(path, seed=seed)
        model.fit()
        for name, value in model.evaluate().items():
            found.setdefault(name, []).append(value)
    return found


def main() -> None:
    """Trains every example with every seed and prints a line for each number."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, from 0 on; 10 if not given")
    seeds = parser.parse_args().seeds
    print(f"{'example':18} {'number':14} {'mean':>10} {'least':>10} {'greatest':>10}")
    for path in sorted(path for path in FOLDER.glob("*.nn") if path.name not in LEFT_OUT):
        for name, values in reached(path, seeds).items():
            numbers = (statistics.mean(values), min(values), max(values))
            print(f"{path.name:18} {name:14} {' '.join(f'{number:10.4g}' for number in numbers)}", flush=True)


if __name__ == "__main__":
    main()
