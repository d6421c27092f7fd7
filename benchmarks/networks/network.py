"""What a network of the benchmark is: one program in the language, and the same network in every peer's own terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from benchmarks.networks.in_jax import InJax
    from benchmarks.networks.in_keras import InKeras
    from benchmarks.networks.in_pytorch import InPytorch

Array = NDArray[Any]
Weights = Mapping[str, Array]
Columns = dict[str, Array]

LEARNING_RATE = 1e-3
EPSILON = 1e-12
"""Adam's, so small that it is the same whether it is added before or after the bias is corrected."""
ADAM = f"Adam(learning_rate={LEARNING_RATE}, epsilon={EPSILON})"


@dataclass(frozen=True, slots=True)
class Network:
    """One row.

    key: what the row is chosen by. shape: its sizes, for the table. batch: samples of a step. program: the `.nn` file,
    which reads `batch.npz` in its folder, takes its rows in their order and predicts. columns: the columns of that file
    for so many rows. asked: the column that inference reads.
    pytorch, jax, keras: the same network with these weights, which are called as nndsl calls them ("Net/dense/kernel");
    those that are only timed on a GPU are there in PyTorch only.
    """

    key: str
    shape: str
    batch: int
    program: str
    columns: Callable[[int], Columns]
    asked: str
    pytorch: Callable[[Weights], InPytorch]
    jax: Callable[[Weights], InJax] | None = None
    keras: Callable[[Weights], InKeras] | None = None

    @property
    def name(self) -> str:
        """As the tables call it."""
        return f"{self.key} {self.shape}, batch {self.batch}"


def program(model: tuple[str, ...], fields: tuple[str, str], loss: str, batch: int, *, layers: str = "") -> str:
    """A `.nn` file with one model.

    model: its lines. fields: what `x` and `target` are; "" for no target. layers: definitions before the model.
    """
    read = "\n  ".join(f"{name} = {what}" for name, what in zip(("x", "target"), fields, strict=True) if what)
    lines = "\n  ".join(model)
    return f"""data batch from npz("batch.npz") {{
  {read}
}}
{layers}
model Net {{
  input x
  {lines}
}}

train Net on batch {{
  batch_size = {batch}
  shuffle = false
  y = Net(x)
  minimize {loss} using {ADAM}
  predict y
}}
"""


def classified(shape: tuple[int, ...], classes: int) -> Callable[[int], Columns]:
    """The columns of samples of this shape, each with one of so many classes."""

    def columns(rows: int) -> Columns:
        x = np.random.default_rng(0).standard_normal((rows, *shape)).astype(np.float32)
        return {"x": x, "target": np.arange(rows) % classes}

    return columns


def numbered(name: str, number: int) -> str:
    """What the layer is called that is the `number`th of its name in a model: dense, dense_1, ..."""
    return name if number == 0 else f"{name}_{number}"
