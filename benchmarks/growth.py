"""How a step's time and memory grow with what makes it larger, beside its FLOPs: `python -m benchmarks growth`.

Each size is doubled several times and has fresh processes of its own. An exponent is the slope of a line through the
logarithms: 1 is twice as much for twice the size, 2 four times as much. That of the last doubling alone stands in
brackets.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log2
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.networks.cnn import cnn
from benchmarks.networks.network import Network
from benchmarks.networks.perceptrons import perceptron
from benchmarks.networks.recurrent import recurrent
from benchmarks.networks.transformer import transformer
from benchmarks.options import Options
from benchmarks.page import DOCUMENTS, markdown
from benchmarks.sides.ours import NAME, model_of, side_of
from benchmarks.timing import Timed, in_turn

if TYPE_CHECKING:
    from nndsl.runtime.model import Model

PICTURE = "growth.svg"
PASSES = 2
"""Every size is measured so often, at different times; the least time counts."""
ROUNDS = 9
WITHIN = (1.5, 3)
"""After so many seconds, no more than so many rounds."""


@dataclass(frozen=True, slots=True)
class Axis:
    """What grows, through which sizes, in which network."""

    name: str
    network: str
    sizes: tuple[int, ...]
    of_size: Callable[[int], Network]


AXES = (
    Axis(
        "batch",
        "MLP 784-512-256-10",
        (64, 128, 256, 512, 1024),
        lambda n: perceptron("MLP", n, (784, 512, 256, 10), classes=10),
    ),
    Axis(
        "width",
        "3 dense layers, batch 128",
        (128, 256, 512, 1024, 2048),
        lambda n: perceptron("MLP", 128, (n, n, n, 10), classes=10),
    ),
    Axis(
        "depth",
        "dense layers of 256, batch 128",
        (2, 4, 8, 16, 32),
        lambda n: perceptron("MLP", 128, (*(256,) * (n + 1), 10), classes=10),
    ),
    Axis(
        "time steps",
        "LSTM of 128 units, batch 64",
        (16, 32, 64, 128, 256),
        lambda n: recurrent("LSTM", 64, steps=n),
    ),
    Axis("image size", "CNN, batch 16", (14, 28, 56, 112), lambda n: cnn(16, n)),
    Axis(
        "context",
        "transformer of 2 blocks, 128 wide, batch 4",
        (32, 64, 128, 256, 512),
        lambda n: transformer(4, blocks=2, length=n),
    ),
)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one step: seconds, bytes of the arrays that it needs, floating-point operations."""

    seconds: float
    bytes: int
    flops: int


def section(options: Options) -> str:
    """The table: a row for each thing that grows; draws the picture of docs/ where matplotlib is installed."""
    del options
    found = [_costs(axis) for axis in AXES]
    _draw(found)
    header = ["what grows", "in", "step ms", "MiB", "FLOPs' exponent", "time's exponent", "memory's exponent"]
    table = [_row(axis, costs) for axis, costs in zip(AXES, found, strict=True)]
    return f"{markdown(header, table)}\n![Time, memory and FLOPs against each size, relative to the first]({PICTURE})\n"


def _costs(axis: Axis) -> list[Cost]:
    passes = [[_in_own_process(axis, size) for size in axis.sizes] for _ in range(PASSES)]
    return [
        Cost(min(each.seconds for each in found), min(each.bytes for each in found), found[0].flops)
        for found in zip(*passes, strict=True)
    ]


def _row(axis: Axis, costs: Sequence[Cost]) -> list[str]:
    seconds = [each.seconds for each in costs]
    sizes, flops = [float(each.bytes) for each in costs], [float(each.flops) for each in costs]
    return [
        f"{axis.name} {axis.sizes[0]} to {axis.sizes[-1]}",
        axis.network,
        f"{1e3 * seconds[0]:.2f} to {1e3 * seconds[-1]:.1f}",
        f"{sizes[0] / 2**20:.1f} to {sizes[-1] / 2**20:.0f}",
        *(f"{exponent(axis.sizes, each):.2f} ({log2(each[-1] / each[-2]):.2f})" for each in (flops, seconds, sizes)),
    ]


def exponent(sizes: Sequence[int], costs: Sequence[float]) -> float:
    """The e of costs = c * sizes^e that fits best, by least squares over the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(costs), 1)[0])


def _in_own_process(axis: Axis, size: int) -> Cost:
    command = [sys.executable, "-m", "benchmarks.growth", axis.name, str(size)]
    child = subprocess.run(command, capture_output=True, text=True, check=False)
    if child.returncode != 0:
        raise SystemExit(f"{axis.name} {size} failed:\n{child.stderr}")
    return Cost(*json.loads(child.stdout.splitlines()[-1]))


# ------------------------------------------------------------------------------------------------ one size


def main() -> None:
    """Measure the axis and the size given in the command line and print the cost."""
    (axis,) = (axis for axis in AXES if axis.name == sys.argv[1])
    network = axis.of_size(int(sys.argv[2]))
    with TemporaryDirectory() as folder:
        model, columns = model_of(network, Path(folder))
        flops = _flops(model, network.batch)
        tracemalloc.start()
        side, _ = side_of(model, network, columns, NAME)
        side.step()
        held = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        (times,) = in_turn([Timed(side.step, held=side.held)], rounds=ROUNDS, within=WITHIN)
    print(json.dumps([min(times), held, flops]))


def _flops(model: Model, batch: int) -> int:
    from nndsl.passes import optimise
    from nndsl.plan import plan_step, report

    program = optimise(model.checked)
    train = program.trains[0]
    return report(program, train, plan_step(train.training), batch).flops


# ------------------------------------------------------------------------------------------------ the picture


def _draw(found: Sequence[Sequence[Cost]]) -> None:
    """Each cost relative to that of the first size, a panel for each thing that grows."""
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        print("without matplotlib the picture stays as it is", file=sys.stderr)
        return
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none"})
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(2, 3, figsize=(10.5, 6.2), layout="constrained")
    for panel, axis, costs in zip(panels.flat, AXES, found, strict=True):
        lines = (
            ("FLOPs", [each.flops for each in costs], {"color": "0.6", "linestyle": "--"}),
            ("time", [each.seconds for each in costs], {"color": "C0", "marker": "o"}),
            ("memory", [each.bytes for each in costs], {"color": "C1", "marker": "s"}),
        )
        for name, values, style in lines:
            panel.plot(axis.sizes, [value / values[0] for value in values], label=name, **style)
        panel.set_xscale("log", base=2)
        panel.set_yscale("log", base=2)
        panel.set_xticks(axis.sizes, [str(size) for size in axis.sizes])
        panel.set_title(axis.name)
        panel.set_xlabel(axis.network, fontsize=9)
        panel.grid(visible=True, alpha=0.3)
    panels[0, 0].set_ylabel("times the first size's")
    panels[1, 0].set_ylabel("times the first size's")
    panels[0, 0].legend()
    figure.savefig(DOCUMENTS / PICTURE, metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    main()
