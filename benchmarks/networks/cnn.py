"""Two convolutions with pooling, then two dense layers, over images of one channel."""

from __future__ import annotations

from typing import Any

from benchmarks.networks import in_jax, in_keras, in_pytorch
from benchmarks.networks.network import Network, Weights, classified, program


def cnn(batch: int, size: int = 28) -> Network:
    """The network over images of `size` by `size`."""
    left = ((size - 2) // 2 - 2) // 2  # of each axis, after both convolutions and poolings
    model = (
        f"Reshape([{size}, {size}, 1])",
        "Conv2D(32, 3, activation=relu)",
        "MaxPooling2D(2)",
        "Conv2D(64, 3, activation=relu)",
        "MaxPooling2D(2)",
        "Flatten",
        "Dense(128, activation=relu)",
        "Dense(10)",
    )

    def pytorch(weights: Weights) -> in_pytorch.InPytorch:
        """Channels first, as PyTorch is fastest; the first dense layer's rows are put into that order."""
        import torch

        kernel = weights["Net/dense/kernel"]
        by_channel = kernel.reshape(left, left, 64, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
        net = torch.nn.Sequential(
            torch.nn.Unflatten(1, (1, size)),
            in_pytorch.convolution(weights, "Net/conv2d"),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            in_pytorch.convolution(weights, "Net/conv2d_1"),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2),
            torch.nn.Flatten(),
            in_pytorch.linear({**weights, "Net/dense/kernel": by_channel}, "Net/dense"),
            torch.nn.ReLU(),
            in_pytorch.linear(weights, "Net/dense_1"),
        )
        return in_pytorch.supervised(net, torch.nn.functional.cross_entropy)

    def keras(weights: Weights) -> in_keras.InKeras:
        import keras

        layers = keras.layers
        net = keras.Sequential(
            [
                keras.Input((size, size)),
                layers.Reshape((size, size, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dense(128, activation="relu"),
                layers.Dense(10),
            ]
        )
        criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return in_keras.supervised(in_keras.as_ours(net, weights), criterion)

    return Network(
        "CNN",
        f"{size}x{size}, conv 32, conv 64, dense 128",
        batch,
        program(model, ('column("x")', 'class(column("target"))'), "cross_entropy(y, target)", batch),
        classified((size, size), 10),
        "x",
        pytorch,
        lambda weights: in_jax.supervised(weights, _scores, in_jax.cross_entropy),
        keras,
    )


def _scores(weights: in_jax.Arrays, images: Any) -> Any:
    from jax.nn import relu

    x = images[..., None]
    for name in ("Net/conv2d", "Net/conv2d_1"):
        x = _pooled(relu(_convolved(x, weights[f"{name}/kernel"]) + weights[f"{name}/bias"]))
    x = relu(in_jax.dense(weights, "Net/dense", x.reshape(len(x), -1)))
    return in_jax.dense(weights, "Net/dense_1", x)


def _convolved(x: Any, kernel: Any) -> Any:
    from jax.lax import conv_general_dilated

    return conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _pooled(x: Any) -> Any:
    import jax.numpy as jnp
    from jax.lax import max, reduce_window

    return reduce_window(x, -jnp.inf, max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


CNN = cnn(64)
