"""What training adds to its steps, epoch by epoch in turn with the steps alone: `python -m benchmarks trainer`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.networks import NETWORKS, Network
from benchmarks.options import Options
from benchmarks.page import markdown
from benchmarks.timing import Ratio, milliseconds, ratio

if TYPE_CHECKING:
    from nndsl.runtime.model import Model

BATCHES = {"small MLP": 200, "CNN": 20, "MLP": 40, "LSTM": 20}
"""Networks that are looked at, and the batches of an epoch of each."""

HEADER = ["network", "a step ms", "`fit` adds", "`nndsl run` adds", "with a bar"]


class _Terminal(StringIO):
    """A terminal that nobody looks at."""

    def isatty(self) -> bool:
        return True


@dataclass(slots=True)
class _Epochs:
    """The seconds of epochs of training, and those of the same number of steps, each done after an epoch."""

    steps: Callable[[], None]
    trained: list[float] = field(default_factory=list[float])
    alone: list[float] = field(default_factory=list[float])
    _begun: float = 0.0

    def done(self) -> None:
        """An epoch is over."""
        now = perf_counter()
        if self._begun:
            self.trained.append(now - self._begun)
            self.steps()
            self.alone.append(perf_counter() - now)
        self._begun = perf_counter()

    def added(self) -> Ratio:
        """The part of a step's time that training adds to it."""
        times = ratio(self.alone[1:], self.trained[1:])
        return Ratio(times.middle - 1, times.low - 1, times.high - 1)


def section(options: Options) -> str:
    """The table: a row for each network."""
    networks = options.of([network for network in NETWORKS if network.key in BATCHES])
    return markdown(HEADER, [_row(network, options.pairs) for network in networks])


def _row(network: Network, epochs: int) -> list[str]:
    with TemporaryDirectory() as folder:
        measured = [measure(network, Path(folder), epochs) for measure in (_fitted, _run_with_lines, _run_with_bar)]
    batches = BATCHES[network.key]
    alone = median(seconds for each in measured for seconds in each.alone) / batches
    return [f"{network.name}, {batches} batches", milliseconds(alone), *(_percent(each.added()) for each in measured)]


def _percent(added: Ratio) -> str:
    return f"{100 * added.middle:.1f}% ({100 * added.low:.1f} to {100 * added.high:.1f})"


def _fitted(network: Network, folder: Path, epochs: int) -> _Epochs:
    """Epochs of `Model.fit`."""
    model = _model(network, folder)
    with _alone(model, network) as found, np.errstate(all="ignore"):
        for event in model.training(model.checked.trains[0], epochs=epochs + 2):
            if type(event).__name__ == "EpochDone":
                found.done()
    return found


def _run_with_lines(network: Network, folder: Path, epochs: int) -> _Epochs:
    """Epochs of `nndsl run`, whose output goes to a file."""
    from nndsl.runs.progress import Lines

    return _run(network, folder, epochs, Lines(StringIO()))


def _run_with_bar(network: Network, folder: Path, epochs: int) -> _Epochs:
    """Epochs of `nndsl run` in a terminal."""
    from nndsl.runs.progress import Bar

    return _run(network, folder, epochs, Bar(_Terminal()))


def _run(network: Network, folder: Path, epochs: int, progress: Any) -> _Epochs:
    from nndsl.runs.trainer import run

    model = _model(network, folder)
    with _alone(model, network) as found:
        told = progress.epoch

        def epoch(done: Any) -> None:
            told(done)
            found.done()

        progress.epoch = epoch
        run(model, out=folder / "run", epochs=epochs + 2, progress=progress, restart=True)
    return found


def _model(network: Network, folder: Path) -> Model:
    """The network over the rows of an epoch, which are shuffled."""
    import nndsl

    columns = network.columns(network.batch * BATCHES[network.key])
    np.savez(folder / "batch.npz", **columns)  # pyright: ignore[reportArgumentType]
    path = folder / "net.nn"
    path.write_text(network.program.replace("  shuffle = false\n", ""), encoding="utf-8")
    return nndsl.load(path)


@contextmanager
def _alone(model: Model, network: Network) -> Iterator[_Epochs]:
    """The steps of an epoch without training around them, in a memory of their own, on one batch."""
    train = model.generated.program.trains["Net"]
    memory = model.generated.memory(seed=0)
    memory.begin(train)
    step = train.training(network.batch, memory, 0)
    columns = network.columns(network.batch)
    for name, buffer in step.inputs.items():
        buffer[...] = columns[name]
    batches = BATCHES[network.key]
    count = 0

    def steps() -> None:
        nonlocal count
        run = step.run
        for _ in range(batches):
            count += 1
            run(count, 1, 0)

    yield _Epochs(steps)
