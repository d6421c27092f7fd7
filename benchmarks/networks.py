"""The networks of the benchmark: each in the language, and the same one in PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Network:
    """One row. model: the lines of the model; loss: of `y` and the field `target`; sizes: of PyTorch's linear layers.

    classes: the target is a class id below this; None: the target is the input itself.
    """

    name: str
    batch: int
    inputs: int
    layers: tuple[int, ...]
    classes: int | None

    @property
    def text(self) -> str:
        """The `.nn` file, over `batch.npz` in its folder."""
        last = len(self.layers) - 1
        lines = [
            f"Dense({units}{', activation=relu' if number < last else ''})" for number, units in enumerate(self.layers)
        ]
        model = "\n  ".join(lines)
        loss = "mse(y, x)" if self.classes is None else "cross_entropy(y, target)"
        target = "" if self.classes is None else 'target = class(column("target"))\n'
        return f"""data batch from npz("batch.npz") {{
  x = column("x")
  {target}}}

model Net {{
  input x
  {model}
}}

train Net on batch {{
  batch_size = {self.batch}
  shuffle = false
  y = Net(x)
  minimize {loss} using Adam(learning_rate=1e-3, epsilon=1e-12)
  predict y
}}
"""

    def write(self, folder: Path) -> Path:
        """Write the program and one batch of data; the path of the program."""
        random = np.random.default_rng(0)
        arrays: dict[str, Any] = {"x": random.standard_normal((self.batch, self.inputs)).astype(np.float32)}
        if self.classes is not None:
            arrays["target"] = np.arange(self.batch) % self.classes
        np.savez(folder / "batch.npz", **arrays)
        path = folder / "net.nn"
        path.write_text(self.text, encoding="utf-8")
        return path


NETWORKS = (
    Network("small MLP 64-64-10", 32, 64, (64, 10), 10),
    Network("MLP 784-512-256-10", 128, 784, (512, 256, 10), 10),
    Network("autoencoder 784-128-32-128-784", 128, 784, (128, 32, 128, 784), None),
)
