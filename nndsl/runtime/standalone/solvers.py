"""Newton, Levenberg and Marquardt, LBFGS: the loss over all samples as one function, made small step by step.

Draws are fixed, and numbers are float64 whatever the weights are: a change of the loss below the rounding of the
weights' type counts as none. Each iteration ends with the loss computed at its weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nndsl.runtime.standalone.batches import DataPart, take_rows
from nndsl.runtime.standalone.program import Array, Memory, Solver, State, Step, Train

Vector = NDArray[np.float64]

CG_TOLERANCE = 1e-12
"""Conjugate gradients end when what is left of the gradient is this small a part of it."""

DECREASE = 1e-4
SLOPE = 0.9
"""The line search's Wolfe conditions: the part of the promised decrease that a step must bring, and the part of the
slope that may be left."""


@dataclass(frozen=True, slots=True)
class Point:
    """Weights, the loss there, and its gradient, in float64."""

    weights: Vector
    value: float
    gradient: Vector

    @property
    def largest(self) -> float:
        """The largest gradient."""
        return float(np.max(np.abs(self.gradient)))


class Problem:
    """The loss of a block over n samples, as a function of the weights that its solver changes."""

    def __init__(self, train: Train, solver: Solver, memory: Memory, step: Step, seed: int, n: int) -> None:
        self._train = train
        self._memory = memory
        self._step = step
        self._n = n
        self._places = memory.positions(solver.weights)
        self._states = memory.states.copy()
        self._curvature = None if solver.curvature is None else solver.curvature(n, memory, seed)
        self._noise = 8 * float(np.finfo(memory.dtype).eps)

    def fill(self, part: DataPart) -> None:
        """Takes the samples' fields."""
        for step in (self._step, self._curvature):
            if step is not None:
                take_rows(part, slice(None), step.inputs)

    def here(self) -> Point:
        """The point where the weights are."""
        weights = self._memory.weights[self._places].astype(np.float64)
        self._memory.states[...] = self._states
        self._step.totals.fill(0.0)
        self._step.run(1, 1, 0)
        with np.errstate(all="ignore"):
            value = float(self._train.report(self._step.totals, self._n, 1, 1)["loss"])
        return Point(weights, value, self._memory.gradients[self._places].astype(np.float64))

    def at(self, weights: Vector) -> Point:
        """The point of these weights, which become the memory's (rounded to their type)."""
        self._memory.weights[self._places] = weights
        return self.here()

    def keep_states(self) -> None:
        """From now on states are what the last evaluation made them: an iteration is over."""
        self._states[...] = self._memory.states

    def kept_states(self) -> Array:
        """The states that every evaluation begins with."""
        return self._states

    def restore_states(self, states: Array) -> None:
        """Every evaluation begins with these from now on."""
        self._states[...] = states

    def curvature(self, direction: Vector) -> Vector:
        """The curvature at the memory's weights times `direction`."""
        assert self._curvature is not None
        # Scaled to length 1, so that float32 neither overflows nor loses it.
        length = float(np.linalg.norm(direction)) or 1.0
        self._memory.directions[self._places] = direction / length
        self._curvature.run(1, 1, 0)
        return self._memory.gradients[self._places].astype(np.float64) * length

    def noise(self, point: Point) -> float:
        """How far the loss may be off by rounding."""
        return self._noise * abs(point.value)


class Method(Protocol):
    """One of the solvers. `iterate` gives the next point, or None where no step makes the loss smaller."""

    def iterate(self, problem: Problem, point: Point) -> Point | None:
        """From `point`, where the memory's weights are, to a better one."""
        ...

    def state(self) -> State:
        """What it remembers from one iteration to the next."""
        ...

    def restore(self, state: State) -> None:
        """Goes on from that."""
        ...


class Solving:
    """A block's solver at work over `samples` samples. finished: why there is nothing more to do, or None."""

    def __init__(self, train: Train, memory: Memory, step: Step, seed: int, n: int) -> None:
        assert train.solver is not None
        self.finished: str | None = None
        self.samples = n
        self.problem = Problem(train, train.solver, memory, step, seed, n)
        self._tolerance = _number(train.solver, "tolerance")
        self._method = METHODS[train.solver.name](train.solver)
        self._point: Point | None = None

    def iterate(self) -> None:
        """One iteration; the memory holds its weights, gradients and states afterwards. Nothing once `finished`."""
        if self.finished is not None:
            return
        problem = self.problem
        point = self._point or problem.here()
        if not self._is_flat(point) and np.isfinite(point.value):
            new = self._method.iterate(problem, point)
            if new is None or not _is_better(new, point, problem):
                self.finished = "no step makes the loss smaller any more"
            better = new is not None and (self.finished is None or new.largest < point.largest)
            point = new if new is not None and better else problem.at(point.weights)
        if self._is_flat(point):
            self.finished = f"solved: no gradient is larger than {point.largest:.1e}"
        problem.keep_states()
        self._point = point

    def state(self) -> State:
        """What the solver goes on from, besides the memory."""
        point = self._point
        here = {} if point is None else {"weights": point.weights, "value": point.value, "gradient": point.gradient}
        method = {f"method/{name}": value for name, value in self._method.state().items()}
        return {"finished": self.finished, "states": self.problem.kept_states(), **here, **method}

    def restore(self, state: State) -> None:
        """Goes on from that."""
        self.finished = state["finished"]
        self.problem.restore_states(state["states"])
        if "value" in state:
            self._point = Point(np.array(state["weights"]), state["value"], np.array(state["gradient"]))
        self._method.restore(
            {name.removeprefix("method/"): value for name, value in state.items() if name.startswith("method/")}
        )

    def _is_flat(self, point: Point) -> bool:
        return point.largest <= self._tolerance * max(1.0, abs(point.value))


def _is_better(new: Point, old: Point, problem: Problem) -> bool:
    """Whether the loss has become smaller by more than rounding, or the gradient clearly."""
    return old.value - new.value > problem.noise(old) or new.largest < 0.5 * old.largest


def _number(solver: Solver, name: str) -> float:
    value = solver.arguments[name]
    assert isinstance(value, int | float)
    return float(value)


# ------------------------------------------------------------------------------------------------ directions


def conjugate_gradients(product: Callable[[Vector], Vector], target: Vector, limit: int) -> Vector:
    """Solves A x = target for the symmetric matrix A whose product is given, with at most `limit` products.

    Where A turns out to bend the wrong way the x so far is the answer, or the target itself: both lead downhill.
    """
    x = np.zeros_like(target)
    rest = target.copy()
    direction = rest.copy()
    size = start = float(rest @ rest)
    for count in range(limit):
        bent = product(direction)
        bend = float(direction @ bent)
        if not bend > 1e-15 * float(np.linalg.norm(direction) * np.linalg.norm(bent)):
            return x if count else target
        length = size / bend
        x += length * direction
        rest -= length * bent
        before, size = size, float(rest @ rest)
        if size <= CG_TOLERANCE**2 * start:
            break
        direction = rest + (size / before) * direction
    return x


# ------------------------------------------------------------------------------------------------ Newton


class Newton:
    """Newton's method: directions by conjugate gradients on products with the Hessian, steps halved until they do."""

    def __init__(self, solver: Solver) -> None:
        self.damping = _number(solver, "damping")
        self.products = int(_number(solver, "cg_iterations"))
        self.limit = int(_number(solver, "line_search"))

    def iterate(self, problem: Problem, point: Point) -> Point | None:
        """The direction, then the longest of its steps 1, 1/2, ... that lowers the loss enough."""
        direction = conjugate_gradients(
            lambda v: problem.curvature(v) + self.damping * v, -point.gradient, self.products
        )
        slope = float(point.gradient @ direction)
        length = 1.0
        for _ in range(self.limit):
            new = problem.at(point.weights + length * direction)
            if new.value <= point.value + DECREASE * length * slope + problem.noise(point):
                return new
            # The minimum of the parabola through both values and the slope, within reason.
            rise = new.value - point.value - length * slope
            best = -slope * length**2 / (2 * rise) if np.isfinite(rise) and rise > 0 else 0.0
            length = min(0.5 * length, max(0.1 * length, best))
        return None

    def state(self) -> State:
        """Nothing: every iteration begins anew."""
        return {}

    def restore(self, state: State) -> None:
        """Nothing."""


# ------------------------------------------------------------------------------------------------ least squares


class LevenbergMarquardt:
    """Least squares: the residual taken as linear, and its quadratic solved; damped where that is too bold."""

    def __init__(self, solver: Solver) -> None:
        self.damping = _number(solver, "damping")
        self.products = int(_number(solver, "cg_iterations"))
        self.limit = int(_number(solver, "trials"))

    def iterate(self, problem: Problem, point: Point) -> Point | None:
        """Tries steps with more and more damping until one lowers the loss."""
        for _ in range(self.limit):
            step = conjugate_gradients(
                lambda v: problem.curvature(v) + self.damping * v, -point.gradient, self.products
            )
            bend = float(step @ problem.curvature(step))
            scale = bend / (float(step @ step) or 1.0)
            promised = -float(point.gradient @ step) - 0.5 * bend
            new = problem.at(point.weights + step)
            if new.value <= point.value + problem.noise(point):
                self._after_success((point.value - new.value) / (promised or 1.0), scale)
                return new
            self.damping = max(4.0 * self.damping, 1e-3 * scale)
            problem.at(point.weights)
        return None

    def state(self) -> State:
        """How strongly steps are damped."""
        return {"damping": self.damping}

    def restore(self, state: State) -> None:
        """Damps as strongly."""
        self.damping = state["damping"]

    def _after_success(self, kept: float, scale: float) -> None:
        """kept: the part of the promised decrease that came. scale: the curvature along the step."""
        if kept > 0.75:
            self.damping = self.damping / 10 if self.damping > 1e-9 * scale else 0.0
        elif kept < 0.25:
            self.damping = max(4.0 * self.damping, 1e-3 * scale)


# ------------------------------------------------------------------------------------------------ LBFGS


class LBFGS:
    """The limited-memory quasi-Newton method: curvature from the changes of the last iterations."""

    def __init__(self, solver: Solver) -> None:
        self.history = int(_number(solver, "history"))
        self.limit = int(_number(solver, "line_search"))
        self.changes: list[tuple[Vector, Vector]] = []

    def iterate(self, problem: Problem, point: Point) -> Point | None:
        """A step along the quasi-Newton direction; downhill where that finds nothing better."""
        first = 1.0 if self.changes else min(1.0, 1.0 / float(np.abs(point.gradient).sum()))
        new = wolfe_step(problem, point, self._direction(point.gradient), first, self.limit)
        if new is None and self.changes:
            self.changes.clear()
            problem.at(point.weights)
            return self.iterate(problem, point)
        if new is not None:
            moved, turned = new.weights - point.weights, new.gradient - point.gradient
            if float(moved @ turned) > 1e-12 * float(np.linalg.norm(moved) * np.linalg.norm(turned)):
                self.changes = [*self.changes, (moved, turned)][-self.history :]
        return new

    def state(self) -> State:
        """The last changes of the weights and of the gradient, [changes, weights] each."""
        if not self.changes:
            return {}
        return {
            "moved": np.stack([moved for moved, _ in self.changes]),
            "turned": np.stack([turned for _, turned in self.changes]),
        }

    def restore(self, state: State) -> None:
        """Goes on from those changes."""
        moved: list[Vector] = [*state["moved"]] if state else []
        turned: list[Vector] = [*state["turned"]] if state else []
        self.changes = list(zip(moved, turned, strict=True))

    def _direction(self, gradient: Vector) -> Vector:
        """Minus the inverse curvature times the gradient, by the recursion over both loops."""
        direction = -gradient
        parts: list[float] = []
        for moved, turned in reversed(self.changes):
            part = float(moved @ direction) / float(moved @ turned)
            direction = direction - part * turned
            parts.append(part)
        if self.changes:
            moved, turned = self.changes[-1]
            direction = direction * (float(moved @ turned) / float(turned @ turned))
        for (moved, turned), part in zip(self.changes, reversed(parts), strict=True):
            direction = direction + (part - float(turned @ direction) / float(moved @ turned)) * moved
        return direction


def wolfe_step(problem: Problem, start: Point, direction: Vector, first: float, limit: int) -> Point | None:
    """A point along `direction` that fulfils the strong Wolfe conditions, within `limit` evaluations.

    first: the length to try first. Where the limit is reached: the lowest point seen, if it is lower than `start`.
    """
    slope = float(start.gradient @ direction)
    if not slope < 0:
        return None
    low, high = (0.0, start.value, slope), None
    best: Point | None = None
    length = first
    for _ in range(limit):
        new = problem.at(start.weights + length * direction)
        new_slope = float(new.gradient @ direction)
        lower = new.value <= start.value + DECREASE * length * slope
        level = new.value <= start.value + problem.noise(start) and new_slope <= (2 * DECREASE - 1) * slope
        if (lower or level) and abs(new_slope) <= -SLOPE * slope:
            return new
        if lower and (best is None or new.value < best.value):
            best = new
        if (lower or level) and new_slope < 0:
            low = (length, new.value, new_slope)
        else:
            high = (length, new.value, new_slope)
        length = 4.0 * low[0] if high is None else _between(low, high)
    return None if best is None else problem.at(best.weights)


def _between(low: tuple[float, float, float], high: tuple[float, float, float]) -> float:
    """The minimum of the cubic through two lengths' losses and slopes, not near the ends.

    low, high: length, loss, slope.
    """
    (start, start_value, start_slope), (end, end_value, end_slope) = low, high
    width = end - start
    if not np.isfinite(end_value + end_slope):
        return start + 0.1 * width
    bend = start_slope + end_slope - 3 * (end_value - start_value) / width
    inner = bend**2 - start_slope * end_slope
    root = float(np.sqrt(max(inner, 0.0)))
    divisor = end_slope - start_slope + 2 * root
    if inner < 0 or divisor == 0:
        return start + 0.5 * width
    found = end - width * (end_slope + root - bend) / divisor
    return min(end - 0.1 * width, max(start + 0.1 * width, found))


METHODS: dict[str, Callable[[Solver], Method]] = {
    "LBFGS": LBFGS,
    "LevenbergMarquardt": LevenbergMarquardt,
    "Newton": Newton,
}
