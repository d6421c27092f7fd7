"""The loss over two directions in weight space, with the paths that training took through it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.batches import DataPart
    from nndsl.runtime.standalone.program import Memory

    Floats = NDArray[np.float64]

LONGEST_PATH = 400
"""Points of a path that are kept; of longer ones every second, fourth, ... step."""

_BATCH = 128


@dataclass(frozen=True, slots=True)
class Trace:
    """Where training led from one start: (points, weights), and the loss over all training rows at its end."""

    seed: int
    weights: Floats
    loss: float


@dataclass(frozen=True, slots=True)
class Plane:
    """Two directions, (2, weights), from an origin. names: of the axes."""

    origin: Floats
    directions: Floats
    names: tuple[str, str]

    def places(self, weights: Floats) -> Floats:
        """Where in the plane weights lie, or the points of it that are nearest to them: (points, 2)."""
        return (weights - self.origin) @ self.directions.T


@dataclass(frozen=True, slots=True)
class Landscape:
    """Losses over a grid of a plane: losses[row, column] at y[row], x[column]; traces: paths to draw over them."""

    title: str
    plane: Plane
    x: Floats
    y: Floats
    losses: Floats
    traces: tuple[Trace, ...]


class Terrain:
    """The loss of a train block as a function of the weights that its first `minimize` changes.

    It is the loss in evaluation form over all training rows; without data, over the draws of one batch.
    """

    def __init__(self, model: Model, train: TrainProgram) -> None:
        import numpy as np

        self.model = model
        self.train = train
        self.block = model.generated.of_rows(model.generated.program.trains[train.name])
        self.paths = train.training.minimizes[0].weights
        memory = model.generated.memory(model.seed)
        self.places = memory.positions(self.paths)
        if self.places.size < 2:
            message = f"{train.name} trains one number only, and a landscape has two directions"
            raise UserError(error("NN616", message, train.span))
        self.names = tuple(
            path if size == 1 else f"{path}[{index}]"
            for path in self.paths
            for size in (int(np.size(memory.weight(path))),)
            for index in range(size if self.places.size == 2 else 0)
        )

    def trace(self, seed: int, epochs: int | None, start: Memory | None = None) -> tuple[Trace, Memory]:
        """Trains from the weights that `seed` draws, or from those of `start`.

        The data are split and shuffled by the model's own seed.
        """
        import numpy as np

        points: list[Floats] = []
        every = 1
        memory = self.model.generated.memory(seed)
        memory.fitted = self.model.memory.fitted
        if start is not None:
            memory.weights[...] = start.weights
            memory.states[...] = start.states
        points.append(self._weights(memory))
        for count, event in enumerate(self.model.training_of(self.train, memory, epochs=epochs), start=1):
            if type(event).__name__ == "StepDone" and count % every == 0:
                points.append(self._weights(memory))
                if len(points) > LONGEST_PATH:
                    points, every = points[::2], 2 * every
        points.append(self._weights(memory))
        return Trace(seed, np.stack(points), self.loss_at(memory)()), memory

    def _weights(self, memory: Memory) -> Floats:
        import numpy as np

        return memory.weights[self.places].astype(np.float64)

    def loss_at(self, memory: Memory) -> Callable[[], float]:
        """A function that gives the loss at the weights that `memory` has when it is called."""
        import numpy as np

        seed = self.model.seed
        part = self.model.parts(self.train).get("train") or {}
        length: Callable[[DataPart], int] = self.model.generated.names["len_of"]
        samples = length(part) if part else int(self.block.settings["batch_size"] or 1)
        sizes = {min(_BATCH, samples - first) for first in range(0, samples, _BATCH)} if part else {samples}
        steps = {n: self.block.evaluation(n, memory, seed) for n in sizes}

        def loss() -> float:
            for step in steps.values():
                step.totals.fill(0.0)
            for first in range(0, samples, max(sizes)):
                step = steps[min(max(sizes), samples - first)]
                self.model.generated.take_rows(part, slice(first, first + max(sizes)), step.inputs)
                step.run(0, 0, first)
            totals = np.stack([step.totals for step in steps.values()]).sum(0)
            return float(self.block.report(totals, samples, 0, 0)["loss"])

        return loss

    def losses(self, memory: Memory, plane: Plane, x: Floats, y: Floats) -> Floats:
        """The loss at each point of a grid; the memory's weights are left as they were."""
        import numpy as np

        kept = memory.weights.copy()
        found = np.empty((len(y), len(x)))
        loss = self.loss_at(memory)
        with self.model.generated.names["blas_threads"](self.block.blas_threads):
            for row, column in np.ndindex(*found.shape):
                memory.weights[self.places] = plane.origin + np.array([x[column], y[row]]) @ plane.directions
                found[row, column] = loss()
        memory.weights[...] = kept
        return found


def survey(
    model: Model,
    train: TrainProgram,
    *,
    paths: int = 1,
    points: int = 51,
    margin: float = 0.4,
    epochs: int | None = None,
    trained: bool = False,
) -> Landscape:
    """Trains from `paths` starts, and measures the loss on a grid of `points` by `points` around where that led.

    margin: how far the grid reaches beyond the paths, as a part of their extent. With two weights the directions are
    the weights themselves, with more those along which the paths lead furthest. trained: the path starts from the
    model's own weights, not from new ones. Raises UserError.
    """
    import numpy as np

    with np.errstate(all="ignore"):
        terrain = Terrain(model, train)
        start = model.memory if trained else None
        traced = [terrain.trace(model.seed + number, epochs, start) for number in range(paths)]
        traces, memory = tuple(trace for trace, _ in traced), traced[0][1]
        plane = _plane(traces, terrain.names)
        inside = np.concatenate([plane.places(trace.weights) for trace in traces])
        extent = np.maximum(np.ptp(inside, axis=0), 0.1 * max(float(np.ptp(inside, axis=0).max()), 1e-3))
        middle = (inside.max(0) + inside.min(0)) / 2
        reach = (0.5 + margin) * extent
        steps = np.linspace(-1.0, 1.0, points)
        x, y = middle[0] + reach[0] * steps, middle[1] + reach[1] * steps
        return Landscape(train.name, plane, x, y, terrain.losses(memory, plane, x, y), traces)


def _plane(traces: Sequence[Trace], names: tuple[str, ...]) -> Plane:
    """The two weights there are, or the two directions in which all points together spread most."""
    import numpy as np

    points = np.concatenate([trace.weights for trace in traces])
    if points.shape[1] == 2:
        return Plane(np.zeros(2), np.eye(2), (names[0], names[1]))
    origin = points.mean(0)
    centred = points - origin
    # Of a matrix with few rows: its product with itself is small however many weights there are.
    values, vectors = np.linalg.eigh(centred @ centred.T)
    lengths = np.sqrt(np.maximum(values[::-1][:2], 0.0))
    if not lengths[1] > 1e-9 * lengths[0]:
        first = centred.T @ vectors[:, -1] / (lengths[0] or 1.0)
        random = np.cos(np.square(np.arange(points.shape[1], dtype=np.float64)))
        across = random - float(random @ first) * first
        return Plane(origin, np.stack([first, across / np.linalg.norm(across)]), ("along the path", "across it"))
    directions = (centred.T @ vectors[:, ::-1][:, :2] / lengths).T
    shares = lengths**2 / float((centred**2).sum())
    labels = [
        f"{which} direction ({share:.0%} of the path's spread)"
        for which, share in zip(("first", "second"), shares, strict=True)
    ]
    return Plane(origin, directions, (labels[0], labels[1]))
