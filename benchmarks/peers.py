"""The others: the same network, weights, batch and optimizer. A peer that is not installed is left out."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from benchmarks.networks import Network
from benchmarks.ours import Array, Side


def pytorch(network: Network, folder: Path, weights: dict[str, Array], *, compiled: bool = False) -> Side:
    """PyTorch on the CPU with its own number of threads, eager or through `torch.compile`."""
    import torch

    model = network.pytorch({path.removeprefix("Net/"): value for path, value in weights.items()})
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-12)
    with np.load(folder / "batch.npz") as batch:
        x = torch.from_numpy(batch["x"])
        target = x if network.classes is None else torch.from_numpy(batch["target"]).long()
    criterion = torch.nn.functional.mse_loss if network.classes is None else torch.nn.functional.cross_entropy

    def forward() -> torch.Tensor:
        return criterion(model(x), target)

    run = torch.compile(forward) if compiled else forward

    def step() -> torch.Tensor:
        optimizer.zero_grad(set_to_none=True)
        loss = run()
        loss.backward()
        optimizer.step()
        return loss

    @torch.no_grad()
    def infer() -> torch.Tensor:
        return model(x)

    one = x[:1]

    @torch.no_grad()
    def infer_one() -> torch.Tensor:
        return model(one)

    name = "PyTorch, compiled" if compiled else "PyTorch"
    return Side(name, step, lambda: float(step().item()), infer, infer_one)


def available() -> dict[str, Callable[[Network, Path, dict[str, Array]], Side]]:
    """The peers that are installed, by name."""
    if find_spec("torch") is None:
        return {}
    return {"PyTorch": pytorch}
