"""Two networks against each other; a step updates the discriminator, then the generator against the new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.networks import in_jax, in_keras, in_pytorch
from benchmarks.networks.network import ADAM, Columns, Network, Weights

if TYPE_CHECKING:
    import torch

NOISE, HIDDEN, PIXELS, BATCH = 64, 256, 784, 64

PROGRAM = f"""data batch from npz("batch.npz") {{
  noise = column("noise")
  image = column("image")
}}

model Generator {{
  input noise: [{NOISE}]
  Dense({HIDDEN}, activation=relu)
  Dense({PIXELS}, activation=sigmoid)
}}

model Discriminator {{
  input image: [{PIXELS}]
  Dense({HIDDEN}, activation=leaky_relu)
  Dense(1)
}}

train Net on batch {{
  batch_size = {BATCH}
  shuffle = false
  fake = Generator(noise)
  minimize binary_cross_entropy(Discriminator(image), 1) + binary_cross_entropy(Discriminator(fake), 0)
    over Discriminator using {ADAM}
  minimize binary_cross_entropy(Discriminator(fake), 1)
    over Generator using {ADAM}
  predict fake
}}
"""


def _columns(rows: int) -> Columns:
    """The noise is data here, so that all sides have the same."""
    random = np.random.default_rng(0)
    return {
        "noise": random.standard_normal((rows, NOISE)).astype(np.float32),
        "image": random.random((rows, PIXELS), dtype=np.float32),
    }


# ------------------------------------------------------------------------------------------------ in PyTorch


def _pytorch(weights: Weights) -> in_pytorch.InPytorch:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

    linear = in_pytorch.linear
    first, second = linear(weights, "Generator/dense"), linear(weights, "Generator/dense_1")
    generator = torch.nn.Sequential(first, torch.nn.ReLU(), second, torch.nn.Sigmoid())
    first, second = linear(weights, "Discriminator/dense"), linear(weights, "Discriminator/dense_1")
    discriminator = torch.nn.Sequential(first, torch.nn.LeakyReLU(0.2), second)

    def step_over(batch: in_pytorch.Tensors, compiled: in_pytorch.Compile) -> Callable[[], in_pytorch.Losses]:
        noise, image = batch["noise"], batch["image"]
        ones = torch.ones(len(noise), 1)
        zeros = torch.zeros(len(noise), 1)
        learnt = list(discriminator.parameters()), list(generator.parameters())
        optimizers = in_pytorch.adam(discriminator), in_pytorch.adam(generator)
        draw = compiled(generator)

        @compiled
        def telling(fake: torch.Tensor) -> torch.Tensor:
            return cross_entropy(discriminator(image), ones) + cross_entropy(discriminator(fake), zeros)

        @compiled
        def deceiving(fake: torch.Tensor) -> torch.Tensor:
            return cross_entropy(discriminator(fake), ones)

        def step() -> in_pytorch.Losses:
            fake = draw(noise)
            optimizers[0].zero_grad(set_to_none=True)
            told = telling(fake.detach())
            told.backward(inputs=learnt[0])
            optimizers[0].step()
            optimizers[1].zero_grad(set_to_none=True)
            deceived = deceiving(fake)
            deceived.backward(inputs=learnt[1])
            optimizers[1].step()
            return told, deceived

        return step

    return in_pytorch.InPytorch(generator, step_over)


# ------------------------------------------------------------------------------------------------ in JAX and Keras


def _jax(weights: Weights) -> in_jax.InJax:
    import jax
    import jax.numpy as jnp

    def draw(values: in_jax.Arrays, noise: Any) -> Any:
        hidden = jax.nn.relu(in_jax.dense(values, "Generator/dense", noise))
        return jax.nn.sigmoid(in_jax.dense(values, "Generator/dense_1", hidden))

    def judge(values: in_jax.Arrays, images: Any) -> Any:
        hidden = jax.nn.leaky_relu(in_jax.dense(values, "Discriminator/dense", images), 0.2)
        return in_jax.dense(values, "Discriminator/dense_1", hidden)

    def step(state: in_jax.State, batch: in_jax.Arrays) -> tuple[in_jax.State, tuple[Any, ...]]:
        drawing, judging = state
        fake, drawn = jax.vjp(lambda values: draw(values, batch["noise"]), drawing[0])

        def telling(values: in_jax.Arrays) -> Any:
            real, false = judge(values, batch["image"]), judge(values, fake)
            return jax.nn.softplus(-real).mean() + jax.nn.softplus(false).mean()

        told, gradients = jax.value_and_grad(telling)(judging[0])
        judging = in_jax.adam(judging, gradients)
        deceived, towards = jax.value_and_grad(lambda fake: jax.nn.softplus(-judge(judging[0], fake)).mean())(fake)
        return (in_jax.adam(drawing, drawn(towards)[0]), judging), (told, deceived)

    def of(model: str) -> in_jax.State:
        return in_jax.begun({name: jnp.asarray(value) for name, value in weights.items() if name.startswith(model)})

    return in_jax.InJax((of("Generator"), of("Discriminator")), step, lambda state: state[0][0], draw)


def _keras(weights: Weights) -> in_keras.InKeras:
    import jax
    import keras

    def sequence(name: str, *layers: Any) -> Any:
        return in_keras.start(
            keras.Sequential(list(layers)), (value for path, value in weights.items() if path.startswith(name))
        )

    dense = keras.layers.Dense
    generator = sequence(
        "Generator", keras.Input((NOISE,)), dense(HIDDEN, activation="relu"), dense(PIXELS, activation="sigmoid")
    )
    discriminator = sequence(
        "Discriminator", keras.Input((PIXELS,)), dense(HIDDEN), keras.layers.LeakyReLU(0.2), dense(1)
    )
    optimizers = in_keras.adam(generator), in_keras.adam(discriminator)
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)

    draw, judge = (in_keras.called(model, training=True) for model in (generator, discriminator))

    def step(state: in_keras.State, batch: dict[str, Any]) -> tuple[in_keras.State, tuple[Any, ...]]:
        (drawing, drawing_slots), (judging, judging_slots) = state
        ones = keras.ops.ones((len(batch["noise"]), 1))
        fake, drawn = jax.vjp(lambda values: draw(values, batch["noise"]), drawing)

        def telling(values: Any) -> Any:
            return entropy(ones, judge(values, batch["image"])) + entropy(0 * ones, judge(values, fake))

        told, gradients = jax.value_and_grad(telling)(judging)
        judging, judging_slots = optimizers[1].stateless_apply(judging_slots, gradients, judging)
        deceived, towards = jax.value_and_grad(lambda fake: entropy(ones, judge(judging, fake)))(fake)
        drawing, drawing_slots = optimizers[0].stateless_apply(drawing_slots, drawn(towards)[0], drawing)
        return ((drawing, drawing_slots), (judging, judging_slots)), (told, deceived)

    start = tuple(
        in_keras.values_of(model, optimizer)
        for model, optimizer in zip((generator, discriminator), optimizers, strict=True)
    )
    return in_keras.InKeras(start, step, lambda state: state[0][0], in_keras.called(generator, training=False))


GAN = Network(
    "GAN",
    f"{NOISE}-{HIDDEN}-{PIXELS} and {PIXELS}-{HIDDEN}-1",
    BATCH,
    PROGRAM,
    _columns,
    "noise",
    _pytorch,
    _jax,
    _keras,
)
