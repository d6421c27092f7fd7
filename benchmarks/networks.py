"""The networks of the benchmark: each in the language, and the same one in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Array = NDArray[np.float32]
Weights = dict[str, Array]


@dataclass(frozen=True, slots=True)
class Network:
    """One row.

    shape: of one sample. model: the lines of the model, from `x`. classes: the target is a class id below this; None:
    the target is the input itself. pytorch: the same network over samples of `shape`, with weights called as nndsl
    calls them ("dense_1/kernel").
    """

    name: str
    batch: int
    shape: tuple[int, ...]
    model: tuple[str, ...]
    classes: int | None
    pytorch: Callable[[Weights], torch.nn.Module]

    @property
    def text(self) -> str:
        """The `.nn` file, over `batch.npz` in its folder."""
        model = "\n  ".join(self.model)
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
        arrays: dict[str, Any] = {"x": random.standard_normal((self.batch, *self.shape)).astype(np.float32)}
        if self.classes is not None:
            arrays["target"] = np.arange(self.batch) % self.classes
        np.savez(folder / "batch.npz", **arrays)
        path = folder / "net.nn"
        path.write_text(self.text, encoding="utf-8")
        return path


# ------------------------------------------------------------------------------------------------ in PyTorch


def _set(parameter: torch.Tensor, value: Array) -> None:
    import torch

    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def _linear(weights: Weights, name: str) -> torch.nn.Module:
    import torch

    kernel = weights[f"{name}/kernel"]
    layer = torch.nn.Linear(*kernel.shape)
    _set(layer.weight, kernel.T)
    _set(layer.bias, weights[f"{name}/bias"])
    return layer


def _convolution(weights: Weights, name: str) -> torch.nn.Module:
    import torch

    kernel = weights[f"{name}/kernel"]
    layer = torch.nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[:2])
    _set(layer.weight, kernel.transpose(3, 2, 0, 1))
    _set(layer.bias, weights[f"{name}/bias"])
    return layer


def _numbered(name: str, number: int) -> str:
    return name if number == 0 else f"{name}_{number}"


def _cnn(weights: Weights) -> torch.nn.Module:
    """Channels first, as PyTorch is fastest; the first dense layer's rows are put into that order."""
    import torch

    kernel = weights["dense/kernel"]
    by_channel = kernel.reshape(5, 5, 64, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
    return torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 28)),
        _convolution(weights, "conv2d"),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        _convolution(weights, "conv2d_1"),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Flatten(),
        _linear({**weights, "dense/kernel": by_channel}, "dense"),
        torch.nn.ReLU(),
        _linear(weights, "dense_1"),
    )


# ------------------------------------------------------------------------------------------------ the rows


def perceptron(name: str, batch: int, sizes: tuple[int, ...], classes: int | None) -> Network:
    """Dense layers with relu between them; `sizes`: of the input, then of each layer."""
    last = len(sizes) - 2
    lines = tuple(f"Dense({units}{', activation=relu' if i < last else ''})" for i, units in enumerate(sizes[1:]))

    def pytorch(weights: Weights) -> torch.nn.Module:
        import torch

        layers: list[torch.nn.Module] = []
        for number, _ in enumerate(pairwise(sizes)):
            layers.append(_linear(weights, _numbered("dense", number)))
            if number < last:
                layers.append(torch.nn.ReLU())
        return torch.nn.Sequential(*layers)

    return Network(name, batch, sizes[:1], lines, classes, pytorch)


NETWORKS = (
    perceptron("small MLP 64-64-10", 32, (64, 64, 10), 10),
    perceptron("MLP 784-512-256-10", 128, (784, 512, 256, 10), 10),
    Network(
        "CNN 28x28, conv 32, conv 64, dense 128",
        64,
        (28, 28),
        (
            "Reshape([28, 28, 1])",
            "Conv2D(32, 3, activation=relu)",
            "MaxPooling2D(2)",
            "Conv2D(64, 3, activation=relu)",
            "MaxPooling2D(2)",
            "Flatten",
            "Dense(128, activation=relu)",
            "Dense(10)",
        ),
        10,
        _cnn,
    ),
    perceptron("autoencoder 784-128-32-128-784", 128, (784, 128, 32, 128, 784), None),
)
