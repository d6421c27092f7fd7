"""PyTorch on the CPU with its own number of threads, eager or through `torch.compile`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from benchmarks.networks.network import Columns, Network, Weights
from benchmarks.sides.side import Side

os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # no compiling processes that stay, idle, beside what is timed


def eager(network: Network, weights: Weights, columns: Columns) -> Side:
    """As it is written."""
    return _side("PyTorch", network, weights, columns, lambda function: function)


def compiled(network: Network, weights: Weights, columns: Columns) -> Side:
    """The network and its loss compiled for these shapes; the optimizer is one call in any case.

    What was compiled for other networks is forgotten: all wrapped methods count as one function there, and after eight
    of them it would not compile any more.
    """
    import torch

    torch.compiler.reset()
    return _side("torch.compile", network, weights, columns, lambda f: torch.compile(f, dynamic=False))


def _side(
    name: str, network: Network, weights: Weights, columns: Columns, compile: Callable[[Any], Callable[..., Any]]
) -> Side:
    import torch

    made = network.pytorch(weights)
    batch = {key: torch.from_numpy(values) for key, values in columns.items()}
    samples = batch[network.asked]
    one = samples[:1].clone()
    step = made.step(batch, compile)
    many, single = compile(made.model.forward), compile(made.model.forward)

    @torch.inference_mode()
    def infer() -> torch.Tensor:
        return many(samples)

    @torch.inference_mode()
    def infer_one() -> torch.Tensor:
        return single(one)

    return Side(name, step, lambda: tuple(float(each.item()) for each in step()), infer, infer_one)
