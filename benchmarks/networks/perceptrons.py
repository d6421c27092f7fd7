"""Dense layers with relu between them: two classifiers and an autoencoder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.networks import in_jax, in_keras, in_pytorch
from benchmarks.networks.network import Network, Weights, classified, numbered, program

if TYPE_CHECKING:
    import torch


def perceptron(key: str, batch: int, sizes: tuple[int, ...], *, classes: int | None) -> Network:
    """A perceptron; `sizes`: of the input, then of each layer. classes: None where it answers with its input."""
    last = len(sizes) - 2
    model = tuple(f"Dense({units}{', activation=relu' if i < last else ''})" for i, units in enumerate(sizes[1:]))
    target = "" if classes is None else 'class(column("target"))'
    loss = "mse(y, x)" if classes is None else "cross_entropy(y, target)"
    compared = "x" if classes is None else "target"

    def pytorch(weights: Weights) -> in_pytorch.InPytorch:
        import torch

        layers: list[torch.nn.Module] = []
        for number in range(last + 1):
            layers.append(in_pytorch.linear(weights, numbered("Net/dense", number)))
            if number < last:
                layers.append(torch.nn.ReLU())
        functions = torch.nn.functional
        criterion = functions.mse_loss if classes is None else functions.cross_entropy
        return in_pytorch.supervised(torch.nn.Sequential(*layers), criterion, compared)

    def jax(weights: Weights) -> in_jax.InJax:
        from jax.nn import relu

        def scores(values: in_jax.Arrays, x: Any) -> Any:
            for number in range(last):
                x = relu(in_jax.dense(values, numbered("Net/dense", number), x))
            return in_jax.dense(values, numbered("Net/dense", last), x)

        criterion = in_jax.mean_squared_error if classes is None else in_jax.cross_entropy
        return in_jax.supervised(weights, scores, criterion, compared)

    def keras(weights: Weights) -> in_keras.InKeras:
        import keras

        layers = [keras.layers.Dense(units, activation="relu") for units in sizes[1:-1]]
        made = keras.Sequential([keras.Input(sizes[:1]), *layers, keras.layers.Dense(sizes[-1])])
        classifying = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        criterion = keras.losses.MeanSquaredError() if classes is None else classifying
        return in_keras.supervised(in_keras.as_ours(made, weights), criterion, compared)

    return Network(
        key,
        "-".join(map(str, sizes)),
        batch,
        program(model, ('column("x")', target), loss, batch),
        classified(sizes[:1], classes or 1),
        "x",
        pytorch,
        jax,
        keras,
    )


SMALL_MLP = perceptron("small MLP", 32, (64, 64, 10), classes=10)
MLP = perceptron("MLP", 128, (784, 512, 256, 10), classes=10)
AUTOENCODER = perceptron("autoencoder", 128, (784, 128, 32, 128, 784), classes=None)
