"""Networks in JAX: pure functions of their weights, and how one is trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from benchmarks.networks.network import EPSILON, LEARNING_RATE, Weights

Arrays = dict[str, Any]
State = Any
"""Weights, Adam's moments and the number of steps, as a tree of arrays."""


@dataclass(frozen=True, slots=True)
class InJax:
    """A network in JAX.

    start: what the first step begins with. step: (state, batch) -> (state, losses). weights: those of a state that
    inference needs. infer: (weights, samples) -> their answers. All are pure, and are compiled by who calls them.
    """

    start: State
    step: Callable[[State, Arrays], tuple[State, tuple[Any, ...]]]
    weights: Callable[[State], Arrays]
    infer: Callable[[Arrays, Any], Any]


def supervised(
    weights: Weights,
    model: Callable[[Arrays, Any], Any],
    criterion: Callable[[Any, Any], Any],
    target: str = "target",
) -> InJax:
    """A network whose scores for `x` are compared with the column `target`."""
    import jax
    import jax.numpy as jnp

    def step(state: State, batch: Arrays) -> tuple[State, tuple[Any, ...]]:
        def loss(values: Arrays) -> Any:
            return criterion(model(values, batch["x"]), batch[target])

        value, gradients = jax.value_and_grad(loss)(state[0])
        return adam(state, gradients), (value,)

    return InJax(begun({name: jnp.asarray(value) for name, value in weights.items()}), step, lambda s: s[0], model)


def begun(weights: Arrays) -> State:
    """The state before the first step."""
    import jax
    import jax.numpy as jnp

    return weights, jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights), jnp.zeros((), "int32")


def adam(state: State, gradients: Arrays) -> State:
    """Kingma & Ba 2015, algorithm 1, as Optax has it."""
    import jax
    import jax.numpy as jnp

    weights, first, second, count = state
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradients)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradients)
    by, size = 1 - 0.9 ** count.astype("float32"), 1 - 0.999 ** count.astype("float32")
    weights = jax.tree.map(
        lambda w, m, v: w - LEARNING_RATE * (m / by) / (jnp.sqrt(v / size) + EPSILON), weights, first, second
    )
    return weights, first, second, count


def cross_entropy(scores: Any, target: Any) -> Any:
    """The mean over samples (and places) of -log softmax at the right class."""
    import jax
    import jax.numpy as jnp

    return -jnp.take_along_axis(jax.nn.log_softmax(scores), target[..., None], axis=-1).mean()


def mean_squared_error(scores: Any, target: Any) -> Any:
    """The mean over all numbers."""
    return ((scores - target) ** 2).mean()


def dense(weights: Arrays, name: str, x: Any) -> Any:
    """A dense layer with the weights called `name`/kernel and `name`/bias."""
    return x @ weights[f"{name}/kernel"] + weights[f"{name}/bias"]
