"""Programs with weights that are as odd as those of trained networks, and what they answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import nndsl

PROGRAM = """
data rows from npz("rows.npz") {{
  {fields}
}}

model Net {{
{body}
}}

train Net on rows {{
  epochs = 1
  y = Net({inputs})
  minimize mean(y^2) using SGD()
  predict y = y
}}
"""


def drawn(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


class Net:
    """A model of the body of a `.nn` model, over arrays; weights and moving statistics are drawn."""

    def __init__(self, folder: Path, body: str, columns: dict[str, np.ndarray]) -> None:
        np.savez(folder / "rows.npz", **columns)
        self.path = folder / "net.nn"
        fields = "\n  ".join(f'{name} = column("{name}")' for name in columns)
        lines = "\n".join(f"  {line.strip()}" for line in body.strip().splitlines())
        self.path.write_text(PROGRAM.format(fields=fields, body=lines, inputs=", ".join(columns)), encoding="utf-8")
        self.columns = columns
        self.model = nndsl.load(self.path, precision="float64")
        held = {**self.model.weights, **self.model.states}
        self.model.set_weights(
            {
                # Variances are positive; all the rest may be anything, biases and scales too.
                path: np.abs(drawn(values.shape, seed)) + 0.1 if "variance" in path else drawn(values.shape, seed) * 0.5
                for seed, (path, values) in enumerate(held.items(), start=1)
            }
        )

    @property
    def held(self) -> dict[str, np.ndarray]:
        return {path: np.array(values) for path, values in {**self.model.weights, **self.model.states}.items()}

    def forget(self) -> None:
        """Other weights, so that nothing of before can be taken for what was imported."""
        self.model.set_weights({path: np.full(values.shape, 0.125) for path, values in self.held.items()})

    def answers(self) -> np.ndarray:
        return self.model.predict(self.columns)["y"]
