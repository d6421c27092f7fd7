"""What small examples reach over several seeds: mean, least and greatest of every number on its last part.

    python -m benchmarks.seeds [--seeds 10]

Each seed splits the data, draws the initial weights and shuffles anew.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "examples"
EXAMPLES = ("custom_layer.nn", "diabetes.nn", "digits.nn", "iris.nn", "sunspots_rnn.nn", "xor.nn")
"""Those that take seconds. `benchmarks.accuracy`, `benchmarks.gan` and `benchmarks.transfer` have others."""


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
    """Trains each example with every seed and prints a line for each number."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, from 0 on; 10 if not given")
    seeds = parser.parse_args().seeds
    print(f"{'example':18} {'number':14} {'mean':>10} {'least':>10} {'greatest':>10}")
    for example in EXAMPLES:
        for name, values in reached(FOLDER / example, seeds).items():
            numbers = (statistics.mean(values), min(values), max(values))
            print(f"{example:18} {name:14} {' '.join(f'{number:10.4g}' for number in numbers)}", flush=True)


if __name__ == "__main__":
    main()
