"""What a trained network is worth to another task: `examples/transfer.nn` or `features.nn`, over several seeds.

    python -m benchmarks.transfer [transfer.nn | features.nn] [--seeds 10 | --time]

Trains `examples/lenet.nn`, then each train block of the example beside it. The accuracy is over those digits of the
example's test part that neither it nor LeNet has learnt from. `±` is what a 95% confidence interval of the mean reaches
to each side (Student's t).

`--time` times training instead: an epoch of each block whose steps leave something out because it is the same for a
row in every epoch (what a frozen network gives), beside the same with `--plan no-once`, in turn. "once" is what
computing it beforehand takes.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from math import sqrt
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.timing import paired
from nndsl.runtime.standalone.batches import len_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nndsl.runtime.model import Model

FOLDER = Path(__file__).parents[1] / "examples"
BODY = "lenet.nn"
PAIRS = 41
"""Epochs that are timed with, and as many without."""

STUDENT = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571, 7: 2.447, 8: 2.365, 9: 2.306, 10: 2.262}
"""The 97.5% quantile of Student's distribution for the mean of so many values."""


def accuracies(example: str, seed: int) -> dict[str, float]:
    """The accuracy of each train block of the example on digits that no training had."""
    import nndsl
    from nndsl.data.builtin import BuiltinTable

    with tempfile.TemporaryDirectory() as name:
        program, body = with_body(example, Path(name), seed)
        model = nndsl.load(program, seed=seed)
        model.fit()
    blocks = [block.name for block in model.checked.trains]
    asked = _images(model, blocks[0], "test") - _images(body, body.checked.trains[0].name, "train")
    digits = BuiltinTable("digits", None, None).read_columns(("image", "label"))
    unseen = [row for row, image in enumerate(digits["image"]) if _key(image / 16) in asked]
    rows = {column: values[unseen] for column, values in digits.items()}
    return {block: model.evaluate(rows, train=block)["accuracy"] for block in blocks}


def with_body(example: str, folder: Path, seed: int) -> tuple[Path, Model]:
    """The example in a folder where the run is that it takes a body from, and the body."""
    import nndsl
    from nndsl.cli.trained import write_starts
    from nndsl.runs.trainer import run

    body = nndsl.load(FOLDER / BODY, seed=seed)
    (outcome,) = run(body, out=folder / "runs" / "LeNet")
    write_starts({outcome.train: outcome.folder}, FOLDER / BODY, {}, "float32", body)
    program = folder / example
    program.write_text((FOLDER / example).read_text(encoding="utf-8"), encoding="utf-8")
    return program, body


def print_times(example: str) -> None:
    """Times an epoch of each block with what is computed once, and without."""
    from nndsl.plan import Machine, PlanOptions
    from nndsl.runtime.load import compiled, read_program

    machine = Machine(cores=1, cache=1 << 20)
    print(f"{example}, microseconds of a step on one core: with values computed once, and computed in every step")
    with tempfile.TemporaryDirectory() as name:
        program, _ = with_body(example, Path(name), 0)
        plans = (PlanOptions(machine), PlanOptions(machine, without=("once",)))
        models = [compiled(read_program(program), sets={}, plan=plan) for plan in plans]
        for block in models[0].checked.trains:
            made = models[0].generated.program.trains[block.name]
            if made.once is None:
                continue
            ours, theirs = (Epochs(model, block.name) for model in models)
            found = paired(ours.next, theirs.next, pairs=PAIRS)
            first, second = (1e6 * seconds / ours.steps for seconds in (found.ours, found.theirs))
            print(
                f"{block.name:10} {first:7.1f} {second:7.1f}  ratio {found.ratio}"
                f"  once {1e3 * ours.beforehand():.2f} ms for {ours.samples} rows"
            )


class Epochs:
    """Training of a block that never ends, epoch by epoch. steps, samples: of one."""

    def __init__(self, model: Model, train: str) -> None:
        block = model.train_named(train)
        self.model = model
        self.fitting = model.fitting(block, epochs=1 << 30)
        self.samples = len_of(self.fitting.parts["train"])
        self.steps = -(-self.samples // self.fitting.batch_size)
        self._events = self.fitting.events()

    def next(self) -> None:
        """One epoch."""
        for event in self._events:
            if type(event).__name__ == "EpochDone":
                return

    def beforehand(self) -> float:
        """Seconds that computing what is the same in every epoch takes, for the training rows."""
        fitting = self.fitting
        parts = {"train": fitting.parts["train"]}
        start = perf_counter()
        self.model.generated.names["with_kept"](fitting.train, fitting.memory, parts, fitting.seed, fitting.batch_size)
        return perf_counter() - start


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
    parser.add_argument("--time", action="store_true", help="time training steps instead")
    given = parser.parse_args()
    if given.time:
        print_times(given.example)
        return
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
