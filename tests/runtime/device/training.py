"""A small network that trains on a device, for tests of how it is run there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nndsl.runtime.load import compiled
from nndsl.runtime.model import Model
from nndsl.source import SourceFile

NETWORK = """
data rows from npz("rows.npz") {{
  x = column("x")
  label = class(column("label"))
  split train 80%, validation 20%
}}
model Net {{
  input x
  Dense(12, activation=tanh)
  Dropout(0.2)
  Dense(rows.label.classes)
}}
train Net on rows {{
  epochs = 4
  batch_size = {batch}
{settings}
  scores = Net(x)
  minimize cross_entropy(scores, label) using {optimizer}
  metric accuracy(scores, label)
  predict label = argmax(scores), score = max(scores)
}}
"""


def model_of(
    folder: Path,
    device: str,
    *,
    rows: int = 150,
    batch: int = 16,
    precision: str = "float32",
    settings: str = "",
    optimizer: str = "Adam(learning_rate=1e-2)",
) -> Model:
    """The network, compiled for "cpu" or "gpu", over `rows` rows of drawn data."""
    random = np.random.default_rng(3)
    x = random.normal(size=(rows, 7)).astype(np.float32)
    np.savez(folder / "rows.npz", x=x, label=x[:, :3].argmax(1))
    text = NETWORK.format(batch=batch, settings=settings, optimizer=optimizer)
    path = folder / "net.nn"
    path.write_text(text)
    return compiled(SourceFile(str(path), text, path), sets={}, device=device, precision=precision)


def events_of(model: Model) -> Any:
    """The events of training it."""
    return model.training(model.train_named(None))
