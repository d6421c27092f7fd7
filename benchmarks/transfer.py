"""What a trained network is worth to another task: `examples/transfer.nn` or `features.nn`, over several seeds.

    python -m benchmarks.transfer [transfer.nn | features.nn] [--seeds 10]

Trains `examples/lenet.nn`, then each train block of the example beside it. The accuracy is over those digits of the
example's test part that neither it nor LeNet has learnt from. `±` is what a 95% confidence interval of the mean reaches
to each side (Student's t).
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nndsl.runtime.model import Model

FOLDER = Path(__file__).parents[1] / "examples"
BODY = "lenet.nn"
STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""The 97.5% quantile of Student's distribution for the mean of so many values."""


def accuracies(example: str, seed: int) -> dict[str, float]:
    """The accuracy of each train block of the example on digits that no training had."""
    import nndsl
    from nndsl.cli.trained import write_start
    from nndsl.data.builtin import BuiltinTable
    from nndsl.runs.trainer import run

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        body = nndsl.load(FOLDER / BODY, seed=seed)
        (outcome,) = run(body, out=folder / "runs" / "LeNet")
        write_start(outcome.folder, FOLDER / BODY, outcome.train, {}, "float32", body.checked)
        program = folder / example
        program.write_text((FOLDER / example).read_text(encoding="utf-8"), encoding="utf-8")
        model = nndsl.load(program, seed=seed)
        model.fit()
    blocks = [block.name for block in model.checked.trains]
    asked = _images(model, blocks[0], "test") - _images(body, outcome.train, "train")
    digits = BuiltinTable("digits", None, None).read_columns(("image", "label"))
    unseen = [row for row, image in enumerate(digits["image"]) if _key(image / 16) in asked]
    rows = {column: values[unseen] for column, values in digits.items()}
    return {block: model.evaluate(rows, train=block)["accuracy"] for block in blocks}


def _images(model: Model, block: str, part: str) -> set[bytes]:
    """The images of a part of the data that a train block has."""
    return {_key(image) for image in model.parts(model.train_named(block))[part]["image"]}


def _key(image: NDArray[Any]) -> bytes:
    return image.astype(np.float32).tobytes()


def main() -> None:
    """Train everything with each seed and print the mean accuracies."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("example", nargs="?", default="transfer.nn", choices=["transfer.nn", "features.nn"])
    parser.add_argument("--seeds", type=int, default=10, choices=STUDENT, help="how many, from 0 on; 10 if not given")
    given = parser.parse_args()
    found = [accuracies(given.example, seed) for seed in range(given.seeds)]
    print(f"{given.example}, {given.seeds} seeds: accuracy on digits that no training had")
    for block in found[0]:
        values = [each[block] for each in found]
        reach = STUDENT[len(values)] * statistics.stdev(values) / sqrt(len(values))
        print(
            f"{block:10} mean {statistics.mean(values):.3f} ± {reach:.3f}"
            f"  least {min(values):.3f}  greatest {max(values):.3f}"
        )


if __name__ == "__main__":
    main()
