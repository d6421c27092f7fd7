"""How well the digits network does, with nndsl and with PyTorch: mean test accuracy over ten seeds.

    python -m benchmarks.accuracy [--seeds 10]

Both train the network of examples/digits.nn on the same rows (the split that nndsl makes for each seed), with the same
distributions of initial weights, the same batch size, epochs and optimizer. Exits with 1 where nndsl's mean is below
0.96, or more than 0.7 points below PyTorch's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[1] / "examples" / "digits.nn"
LEAST = 0.96
LARGEST_GAP = 0.007


@dataclass(frozen=True)
class Settings:
    """What both sides are trained with, as the example says it."""

    hidden: int
    dropout: float
    learning_rate: float
    epochs: int
    batch_size: int


def trained_by_nndsl(seed: int) -> tuple[float, Mapping[str, Any], Mapping[str, Any]]:
    """Test accuracy after training, the parts of the data as they were split, and the train block's settings."""
    import nndsl

    model = nndsl.load(EXAMPLE, seed=seed)
    model.fit()
    (train,) = model.checked.trains
    return model.evaluate(part="test")["accuracy"], model.parts(train), dict(train.settings)


def trained_by_torch(seed: int, parts: Mapping[str, Any], settings: Settings) -> float:
    """Test accuracy of the same network in PyTorch."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    image, label = (torch.tensor(parts["train"][name]) for name in ("image", "label"))
    label = label.long()
    network = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, settings.hidden),
        nn.ReLU(),
        nn.Dropout(settings.dropout),
        nn.Linear(settings.hidden, 10),
    )
    for layer in network:
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate, eps=1e-7)
    for _ in range(settings.epochs):
        network.train()
        for rows in torch.randperm(len(image)).split(settings.batch_size):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(image[rows]), label[rows]).backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        scores = network(torch.tensor(parts["test"]["image"]))
    return float((scores.argmax(1) == torch.tensor(parts["test"]["label"])).double().mean())


def main() -> int:
    """Trains both for each seed and prints each accuracy, then the means."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, from 0 on; 10 if not given")
    count = parser.parse_args().seeds

    import torch

    torch.set_num_threads(1)
    ours: list[float] = []
    theirs: list[float] = []
    seconds = [0.0, 0.0]
    print(f"test accuracy of {EXAMPLE.name}\nseed    nndsl  PyTorch")
    for seed in range(count):
        began = time.perf_counter()
        accuracy, parts, train = trained_by_nndsl(seed)
        ours.append(accuracy)
        between = time.perf_counter()
        settings = Settings(64, 0.2, 1e-3, int(train["epochs"]), int(train["batch_size"]))
        theirs.append(trained_by_torch(seed, parts, settings))
        seconds = [seconds[0] + between - began, seconds[1] + time.perf_counter() - between]
        print(f"{seed:4d}   {ours[-1]:.4f}   {theirs[-1]:.4f}", flush=True)
    mean, wanted = statistics.mean(ours), statistics.mean(theirs)
    print(f"mean   {mean:.4f}   {wanted:.4f}   difference {100 * (mean - wanted):+.2f} points")
    if count > 1:
        print(f"sd     {statistics.stdev(ours):.4f}   {statistics.stdev(theirs):.4f}")
    print(f"training, evaluating and compiling took {seconds[0]:.1f} s with nndsl, {seconds[1]:.1f} s with PyTorch")
    failures = []
    if mean < LEAST:
        failures.append(f"the mean of nndsl is {mean:.4f}, below {LEAST}")
    if mean < wanted - LARGEST_GAP:
        failures.append(f"nndsl is {100 * (wanted - mean):.2f} points below PyTorch, more than {100 * LARGEST_GAP:.1f}")
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
