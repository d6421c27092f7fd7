"""Networks in PyTorch: layers that start from given weights, and how one is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.networks.network import EPSILON, LEARNING_RATE, Array, Weights

if TYPE_CHECKING:
    import torch

    Tensors = dict[str, torch.Tensor]
    Losses = tuple[torch.Tensor, ...]

Compile = Callable[[Callable[..., Any]], Callable[..., Any]]
"""`torch.compile`, or what leaves a function as it is."""


@dataclass(frozen=True, slots=True)
class InPytorch:
    """A network in PyTorch.

    model: what inference asks. step: makes the training step over a batch, of functions that are compiled in the way
    given; it gives the losses.
    """

    model: torch.nn.Module
    step: Callable[[Tensors, Compile], Callable[[], Losses]]


def supervised(
    model: torch.nn.Module, criterion: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], target: str = "target"
) -> InPytorch:
    """A network whose scores for `x` are compared with the column `target`."""

    def step_over(batch: Tensors, compiled: Compile) -> Callable[[], Losses]:
        x, answers = batch["x"], batch[target]
        optimizer = adam(model)

        @compiled
        def forward() -> torch.Tensor:
            return criterion(model(x), answers)

        def step() -> Losses:
            optimizer.zero_grad(set_to_none=True)
            loss = forward()
            loss.backward()
            optimizer.step()
            return (loss,)

        return step

    return InPytorch(model, step_over)


def adam(model: torch.nn.Module) -> torch.optim.Optimizer:
    """The optimizer, in the form that is fastest on a CPU: one call for all weights."""
    import torch

    trained = [each for each in model.parameters() if each.requires_grad]
    return torch.optim.Adam(trained, lr=LEARNING_RATE, eps=EPSILON, fused=True)


def put(parameter: torch.Tensor, value: Array) -> None:
    """Give a parameter its start."""
    import torch

    with torch.no_grad():
        parameter.copy_(torch.from_numpy(np.ascontiguousarray(value)))


def linear(weights: Weights, name: str) -> torch.nn.Linear:
    """A dense layer with the weights called `name`/kernel and `name`/bias."""
    import torch

    kernel = weights[f"{name}/kernel"]
    layer = torch.nn.Linear(*kernel.shape)
    put(layer.weight, kernel.T)
    put(layer.bias, weights[f"{name}/bias"])
    return layer


def convolution(weights: Weights, name: str) -> torch.nn.Conv2d:
    """A convolution over channels-first images."""
    import torch

    kernel = weights[f"{name}/kernel"]
    layer = torch.nn.Conv2d(kernel.shape[2], kernel.shape[3], kernel.shape[:2])
    put(layer.weight, kernel.transpose(3, 2, 0, 1))
    put(layer.bias, weights[f"{name}/bias"])
    return layer
