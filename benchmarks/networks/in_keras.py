"""Networks in Keras 3 on JAX: models that start from given weights, and how one is trained.

They are trained in the fastest way that Keras documents ("Writing a training loop from scratch in JAX"): the whole step
as one pure function of `stateless_call` and `stateless_apply`, compiled with `jax.jit`. `fit` and `train_on_batch` do
the same and more in Python around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from benchmarks.networks.network import EPSILON, LEARNING_RATE, Array, Weights

State = Any
"""Lists of the values of variables."""


@dataclass(frozen=True, slots=True)
class InKeras:
    """A network in Keras; `start` and `step` are as in JAX. weights: those of a state that `model` has.

    infer: (weights, samples) -> their answers.
    """

    start: State
    step: Callable[[State, dict[str, Any]], tuple[State, tuple[Any, ...]]]
    weights: Callable[[State], Any]
    infer: Callable[[Any, Any], Any]


def supervised(model: Any, criterion: Any, target: str = "target") -> InKeras:
    """A network whose scores for `x` are compared by a loss of Keras with the column `target`."""
    import jax

    optimizer = adam(model)
    forward = called(model, training=True)

    def loss(trained: Any, x: Any, answers: Any) -> Any:
        return criterion(answers, forward(trained, x))

    def step(state: State, batch: dict[str, Any]) -> tuple[State, tuple[Any, ...]]:
        trained, slots = state
        value, gradients = jax.value_and_grad(loss)(trained, batch["x"], batch[target])
        return optimizer.stateless_apply(slots, gradients, trained), (value,)

    return InKeras(values_of(model, optimizer), step, lambda state: state[0], called(model, training=False))


def called(model: Any, *, training: bool) -> Callable[[Any, Any], Any]:
    """A model as a pure function of its trained weights and the samples.

    What else it holds, the states of its random generators, is never used: nothing here is random.
    """
    others = [each.value for each in model.non_trainable_variables]

    def answers(trained: Any, x: Any) -> Any:
        return model.stateless_call(trained, others, x, training=training)[0]

    return answers


def adam(model: Any) -> Any:
    """The optimizer of a model, with its slots."""
    import keras

    optimizer = keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON)
    optimizer.build(model.trainable_variables)
    return optimizer


def values_of(model: Any, optimizer: Any) -> tuple[list[Any], list[Any]]:
    """The values that a first step begins with."""
    return [each.value for each in model.trainable_variables], [each.value for each in optimizer.variables]


def start(model: Any, values: Iterable[Array]) -> Any:
    """Give a model its weights, in the order in which Keras has them; the model."""
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)
    return model


def as_ours(model: Any, weights: Weights) -> Any:
    """Give a model its weights, where Keras has them in the order and the shapes of nndsl."""
    return start(model, weights.values())
