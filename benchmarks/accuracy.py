"""How well an example's network does, with nndsl and with PyTorch: mean test accuracy over ten seeds.

    python -m benchmarks.accuracy [digits] [lenet] [--seeds 10]

Both train the network of the example on the same rows (the split that nndsl makes for each seed), with the same
distributions of initial weights, the same batch size, epochs and optimizer. Exits with 1 where nndsl's mean is below
what the example promises, or more than 0.7 points below PyTorch's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

FOLDER = Path(__file__).parents[1] / "examples"
LARGEST_GAP = 0.007


@dataclass(frozen=True)
class Example:
    """An example and its network in PyTorch, over images [8, 8]. least: the mean accuracy that is promised."""

    name: str
    least: float
    learning_rate: float
    network: Callable[[], torch.nn.Module]

    @property
    def path(self) -> Path:
        """Where the example lies."""
        return FOLDER / f"{self.name}.nn"


def digits() -> torch.nn.Module:
    """The network of digits.nn."""
    from torch import nn

    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))


def lenet() -> torch.nn.Module:
    """The network of lenet.nn."""
    from torch import nn

    return nn.Sequential(
        nn.Unflatten(1, (1, 8)),
        nn.Conv2d(1, 16, 3, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(128, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


EXAMPLES = {
    example.name: example for example in (Example("digits", 0.96, 1e-3, digits), Example("lenet", 0.97, 2e-3, lenet))
}


def trained_by_nndsl(example: Example, seed: int) -> tuple[float, Mapping[str, Any], Mapping[str, Any]]:
    """Test accuracy after training, the parts of the data as they were split, and the train block's settings."""
    import nndsl

    model = nndsl.load(example.path, seed=seed)
    model.fit()
    (train,) = model.checked.trains
    return model.evaluate(part="test")["accuracy"], model.parts(train), dict(train.settings)


def trained_by_torch(example: Example, seed: int, parts: Mapping[str, Any], train: Mapping[str, Any]) -> float:
    """Test accuracy of the same network in PyTorch, with the settings of the train block."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    image, label = (torch.tensor(parts["train"][name]) for name in ("image", "label"))
    label = label.long()
    network = example.network()
    for layer in network.children():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
    optimizer = torch.optim.Adam(network.parameters(), lr=example.learning_rate, eps=1e-7)
    for _ in range(int(train["epochs"])):
        network.train()
        for rows in torch.randperm(len(image)).split(int(train["batch_size"])):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(image[rows]), label[rows]).backward()
            optimizer.step()
    network.eval()
    with torch.no_grad():
        scores = network(torch.tensor(parts["test"]["image"]))
    return float((scores.argmax(1) == torch.tensor(parts["test"]["label"])).double().mean())


def compared(example: Example, seeds: int) -> list[str]:
    """Train both with each seed and print each accuracy, then the means; what is not as promised."""
    ours: list[float] = []
    theirs: list[float] = []
    seconds = [0.0, 0.0]
    print(f"test accuracy of {example.path.name}\nseed    nndsl  PyTorch")
    for seed in range(seeds):
        began = time.perf_counter()
        accuracy, parts, train = trained_by_nndsl(example, seed)
        ours.append(accuracy)
        between = time.perf_counter()
        theirs.append(trained_by_torch(example, seed, parts, train))
        seconds = [seconds[0] + between - began, seconds[1] + time.perf_counter() - between]
        print(f"{seed:4d}   {ours[-1]:.4f}   {theirs[-1]:.4f}", flush=True)
    mean, wanted = statistics.mean(ours), statistics.mean(theirs)
    print(f"mean   {mean:.4f}   {wanted:.4f}   difference {100 * (mean - wanted):+.2f} points")
    if seeds > 1:
        print(f"sd     {statistics.stdev(ours):.4f}   {statistics.stdev(theirs):.4f}")
    print(f"training, evaluating and compiling took {seconds[0]:.1f} s with nndsl, {seconds[1]:.1f} s with PyTorch")
    failures: list[str] = []
    if mean < example.least:
        failures.append(f"{example.name}: the mean of nndsl is {mean:.4f}, below {example.least}")
    if mean < wanted - LARGEST_GAP:
        gap = 100 * (wanted - mean)
        failures.append(f"{example.name}: nndsl is {gap:.2f} points below PyTorch, more than {100 * LARGEST_GAP:.1f}")
    return failures


def main() -> int:
    """Compare the examples asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("examples", nargs="*", help=f"some of {', '.join(EXAMPLES)}; all by default")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, from 0 on; 10 if not given")
    given = parser.parse_args()
    unknown = [name for name in given.examples if name not in EXAMPLES]
    if unknown:
        parser.error(f"there is no comparison for {unknown[0]}: they are {', '.join(EXAMPLES)}")

    import torch

    torch.set_num_threads(1)
    failures = [failure for name in given.examples or EXAMPLES for failure in compared(EXAMPLES[name], given.seeds)]
    for failure in failures:
        print(f"error: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
