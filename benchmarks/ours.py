"""nndsl's side: the generated module's own step function, as `nndsl run` calls it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.networks import Network

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a training step, one that tells its loss, inference on the batch and on one sample."""

    name: str
    step: Callable[[], object]
    loss: Callable[[], float]
    infer: Callable[[], object]
    infer_one: Callable[[], object]


def ours(network: Network, folder: Path) -> tuple[Side, dict[str, Array]]:
    """Nndsl on a network; also the initial weights, for the others to start from."""
    import nndsl

    model = nndsl.load(network.write(folder))
    module = model.generated
    program = module.program
    train = program.trains["Net"]
    memory = module.memory(seed=0)
    memory.begin(train)
    ExitStack().enter_context(module.names["blas_threads"](train.blas_threads))  # as `nndsl run`; for good
    weights = {path: memory.weight(path).copy() for path, _ in program.weights}
    with np.load(folder / "batch.npz") as batch:
        fields = {"x": batch["x"], "target": batch["target"] if network.classes is not None else None}
    step = train.training(network.batch, memory, 0)
    count = 0

    def fill(inputs: dict[str, Array], rows: int) -> None:
        for name, buffer in inputs.items():
            buffer[...] = fields[name][:rows]

    fill(dict(step.inputs), network.batch)
    run = step.run

    def one_step() -> None:
        nonlocal count
        count += 1
        run(count, 1, 0)

    def loss() -> float:
        step.totals[:] = 0
        one_step()
        return train.report(step.totals, network.batch, count, 1)["loss"]

    assert train.prediction is not None
    batch_prediction = train.prediction(network.batch, memory, 0)
    one_prediction = train.prediction(1, memory, 0)
    fill(dict(batch_prediction.inputs), network.batch)
    fill(dict(one_prediction.inputs), 1)
    return (
        Side(
            "nndsl",
            one_step,
            loss,
            lambda: batch_prediction.run(0, 0, 0),
            lambda: one_prediction.run(0, 0, 0),
        ),
        weights,
    )
