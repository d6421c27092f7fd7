"""Epochs over rows that stay in a file, in turn with epochs over rows in memory: `python -m benchmarks reading`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.timing import paired

HEADER = ["network", "memory ms", "read ahead ms", "in turn ms", "ahead of in turn", "95% interval", "behind memory"]

ROWS = 8_000

PROGRAM = """\
data rows from npy("x.npy", labels="y.npy") {
  x = standardize(column("value"))
  label = class(column("label"))
}
model Network {
  input x
LAYERS
  Dense(10)
}
train Network on rows {
  batch_size = 128
  stream = STREAM
  scores = Network(x)
  minimize cross_entropy(scores, label) using Adam(1e-3)
}
"""

NETWORKS = {
    "784-64-10, batch 128": "  Dense(64, activation=relu)",
    "784-256-10, batch 128": "  Dense(256, activation=relu)",
}


@dataclass(frozen=True, slots=True)
class Epoch:
    """A program ready to go through its rows: its generated module, its training part, and the order of the rows."""

    names: dict[str, Any]
    part: Any
    workspaces: Any
    order: np.ndarray

    def ahead(self) -> None:
        """As training does it: a thread reads and prepares the next batches meanwhile."""
        for first, _, step in self.names["filled_batches"](self.part, self.order, 128, self.workspaces.of):
            step.run(1, 1, first)

    def in_turn(self) -> None:
        """Each batch is read and prepared, then computed."""
        for first in range(0, ROWS, 128):
            rows = self.order[first : first + 128]
            step = self.workspaces.of(len(rows))
            self.part.fill(rows, step.inputs)
            step.run(1, 1, first)


def rows(pairs: int) -> list[list[str]]:
    """The table: for each network epochs read ahead, beside epochs read in turn and epochs over rows in memory."""
    table: list[list[str]] = []
    with TemporaryDirectory() as name:
        folder = Path(name)
        values = np.random.default_rng(0).normal(0, 1, (ROWS, 784)).astype(np.float32)
        np.save(folder / "x.npy", values)
        np.save(folder / "y.npy", values[:, :10].argmax(axis=1).astype(np.uint8))
        for title, layers in NETWORKS.items():
            streamed, held = (_epoch(folder, layers, stream) for stream in ("true", "false"))
            turns = min(pairs, 15)
            with streamed.names["blas_threads"](1):  # on two cores the other one is for reading
                turn = paired(streamed.ahead, streamed.in_turn, pairs=turns, seconds=0.01)
                memory = paired(streamed.ahead, held.ahead, pairs=turns, seconds=0.01)
            table.append(
                [
                    title,
                    f"{memory.theirs * 1e3:.0f}",
                    f"{turn.ours * 1e3:.0f}",
                    f"{turn.theirs * 1e3:.0f}",
                    f"{turn.ratio.middle:.2f}",
                    f"{turn.ratio.low:.2f} to {turn.ratio.high:.2f}",
                    f"{1 / memory.ratio.middle:.2f}",
                ]
            )
    return table


def _epoch(folder: Path, layers: str, stream: str) -> Epoch:
    import nndsl
    from nndsl.runtime import sources

    sources.HELD_BYTES = 0  # the labels stay in their file, too
    path = folder / f"{stream}.nn"
    path.write_text(PROGRAM.replace("LAYERS", layers).replace("STREAM", stream), encoding="utf-8")
    model = nndsl.load(path)
    train = model.checked.trains[0]
    names: Any = model.generated.names
    block = model.generated.program.trains[train.name]
    part = model.parts(train, learning=True)["train"]
    model.memory.begin(block)
    workspaces = names["Workspaces"](block.training, model.memory, 0)
    return Epoch(names, part, workspaces, np.random.default_rng(1).permutation(ROWS))
