"""The gradients of a training step against central differences, in float64."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.batches import DataPart, len_of, take_rows
from nndsl.runtime.standalone.once import of_rows
from nndsl.runtime.standalone.program import Array, Program, Step, Table, Train
from nndsl.runtime.standalone.random import normal, site_key
from nndsl.runtime.standalone.steps import reported_numbers, whole_setting

CHECKED_SAMPLES = 16
CHECKED_ELEMENTS = 12
"""Of each weight: its largest gradients and about as many others; all of a weight of up to twice as many."""

DIFFERENCES = (1e-5, 1e-6, 1e-4, 1e-7)
"""How far a weight is moved. A kink (of a relu) within one of these may not lie within the next, so the best counts."""

TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class GradientError:
    """How well one weight's gradient agrees: the worst of the `checked` elements, of `size`.

    largest: the largest absolute gradient of the weight. error: the difference over the gradient (or over a thousandth
    of `largest`, where the gradient is smaller).
    """

    path: str
    size: int
    checked: int
    largest: float
    error: float

    @property
    def agrees(self) -> bool:
        """Whether the error is one of rounding."""
        return self.error <= TOLERANCE


def check_gradients(
    program: Program,
    train: Train,
    part: DataPart | None,
    seed: int,
    fitted: Mapping[str, Table] | None = None,
) -> list[GradientError]:
    """Checks the gradient of the loss by every weight that `train` trains, over the first samples of `part`.

    Where several losses are minimized, each weight's is that of the last minimize that updates it, all at the same
    weights.
    part: the training part; without it inputs are drawn. fitted: what was learnt from the data, by data block. All
    random draws are the same in every evaluation.
    """
    memory = program.memory(seed, "float64")
    memory.fitted.update(fitted or {})
    memory.assumed = 1.0 if part is None else None
    noise = np.empty_like(memory.weights)
    normal(noise, seed, site_key("check-gradients/weights"), 0, 0, shared=True)
    # A little off the initial weights: zeros are where kinks are.
    memory.weights += 0.01 * noise
    memory.begin(train)
    memory.updating = False
    train = of_rows(train)
    samples = min(CHECKED_SAMPLES, whole_setting(train, "batch_size"))
    if part is not None:
        samples = min(samples, len_of(part))
    step = train.training(samples, memory, seed)
    if part is not None:
        take_rows(part, slice(0, samples), step.inputs)
    for name, target in step.inputs.items() if part is None else ():
        target[...] = _drawn(program, train, name, target, seed)
    start = (memory.weights.copy(), memory.states.copy())

    def loss(name: str) -> float:
        """The loss of that name at the weights as they are; they are left as they were."""
        weights = memory.weights.copy()
        memory.states[...] = start[1]
        memory.begin(train)
        value = _loss(train, step, samples, name)
        memory.weights[...] = weights
        return value

    names = {"loss", *train.losses.values()}
    resolutions = {name: 1e-4 * abs(loss(name)) for name in sorted(names)}
    gradients = memory.gradients.copy()
    errors: list[GradientError] = []
    for path in trained_weights(program, train):
        memory.gradients[...] = gradients
        weight, gradient = memory.weight(path).reshape(-1), memory.gradient(path).reshape(-1).copy()
        name = train.losses.get(path, "loss")
        errors.append(_checked(path, weight, gradient, resolutions[name], partial(loss, name)))
    return errors


def trained_weights(program: Program, train: Train) -> tuple[str, ...]:
    """Paths of the weights that some minimize of the block updates: all, where the block does not name them."""
    return train.trained or tuple(path for path, _ in program.weights)


def _loss(train: Train, step: Step, samples: int, name: str) -> float:
    step.totals.fill(0.0)
    step.run(1, 1, 0)
    return reported_numbers(train, step.totals, samples, 1, 1)[name]


def _checked(
    path: str, weight: NDArray[np.float64], gradient: NDArray[np.float64], resolution: float, loss: Callable[[], float]
) -> GradientError:
    """Compares some elements of a flat weight, a view that is moved and put back."""
    largest = float(np.abs(gradient).max(initial=0.0))
    by_size = np.argsort(-np.abs(gradient), kind="stable")
    largest_ones, others = by_size[:CHECKED_ELEMENTS], by_size[CHECKED_ELEMENTS:]
    spread = others[np.linspace(0, len(others) - 1, min(CHECKED_ELEMENTS, len(others)), dtype=np.int64)]
    elements = [*largest_ones, *spread]
    worst = 0.0
    for element in elements:
        scale = max(abs(float(gradient[element])), 1e-3 * largest, resolution, 1e-300)
        best = np.inf
        for difference in DIFFERENCES:
            slope = _slope(weight, int(element), difference, loss)
            best = min(best, abs(slope - float(gradient[element])) / scale)
            if best <= TOLERANCE:
                break
        worst = max(worst, best)
    return GradientError(path, len(weight), len(elements), largest, worst)


def _slope(weight: NDArray[np.float64], element: int, difference: float, loss: Callable[[], float]) -> float:
    """The central difference of the loss by one element."""
    value = float(weight[element])
    weight[element] = value + difference
    above = loss()
    weight[element] = value - difference
    below = loss()
    weight[element] = value
    return (above - below) / (2 * difference)


def _drawn(program: Program, train: Train, name: str, like: Array, seed: int) -> Array:
    """Numbers to put into an input without data: normal ones, or ids of its classes."""
    numbers = np.empty(like.shape)
    normal(numbers, seed, site_key(f"check-gradients/{name}"), 0, 0)
    if like.dtype.kind == "f":
        return numbers
    fields = program.data[train.data].fields if train.data is not None else ()
    classes = next((field.classes for field in fields if field.name == name), None)
    return (np.abs(numbers * 1000).astype(np.int64) % len(classes or (0, 1))).astype(like.dtype)


def gradient_table(errors: list[GradientError], others: Sequence[str] = ()) -> str:
    """The errors as a table for people. others: paths of weights that are not trained."""
    width = max(len("weight"), *(len(path) for path in (*(error.path for error in errors), *others)), 0)
    lines = [f"{'weight':{width}}  {'checked':>17}  {'largest gradient':>16}  {'error':>8}"]
    for error in errors:
        checked = f"{error.checked} of {error.size}"
        verdict = "ok" if error.agrees else "WRONG"
        lines.append(f"{error.path:{width}}  {checked:>17}  {error.largest:>16.4e}  {error.error:>8.1e}  {verdict}")
    lines += [f"{path:{width}}  not trained" for path in others]
    return "\n".join(lines)
