"""A transformer that reads characters and at each place tells the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.networks import in_jax, in_keras, in_pytorch
from benchmarks.networks.network import Columns, Network, Weights, numbered, program

if TYPE_CHECKING:
    import torch

CHARACTERS = 65
BLOCK = """
layer Block(heads: int) {
  input x: [time, d]
  x = x + (x -> LayerNormalization -> MultiHeadAttention(heads, d // heads, causal=true))
  output x + (x -> LayerNormalization -> Dense(4 * d, activation=gelu) -> Dense(d))
}
"""
SMOOTH = 1e-3
"""Layer normalisation's epsilon, as nndsl and Keras have it."""


def transformer(batch: int, *, blocks: int = 4, heads: int = 4, width: int = 128, length: int = 64) -> Network:
    """The network over `length` characters."""

    def columns(rows: int) -> Columns:
        text = np.random.default_rng(0).integers(0, CHARACTERS, (rows, length + 1))
        return {"x": text[:, :-1], "target": text[:, 1:]}

    model = (
        f"Embedding({CHARACTERS}, {width}) -> PositionEmbedding",
        f"repeat {blocks} {{ Block({heads}) }}",
        "LayerNormalization",
        f"Dense({CHARACTERS})",
    )
    return Network(
        "transformer",
        f"{blocks} blocks, {heads} heads, {width} wide, {length} characters",
        batch,
        program(model, ('int(column("x"))', 'int(column("target"))'), "cross_entropy(y, target)", batch, layers=BLOCK),
        columns,
        "x",
        lambda weights: _pytorch(weights, blocks, heads),
        lambda weights: _jax(weights, blocks),
        lambda weights: _keras(weights, blocks, heads, width, length),
    )


# ------------------------------------------------------------------------------------------------ in PyTorch


def _pytorch(weights: Weights, blocks: int, heads: int) -> in_pytorch.InPytorch:
    import torch

    class Writer(torch.nn.Module):
        """The whole network."""

        def __init__(self) -> None:
            super().__init__()
            self.characters = torch.nn.Parameter(torch.from_numpy(weights["Net/embedding/embeddings"].copy()))
            self.places = torch.nn.Parameter(torch.from_numpy(weights["Net/position_embedding/embeddings"].copy()))
            made = (_pytorch_block(weights, numbered("Net/block", number), heads) for number in range(blocks))
            self.blocks = torch.nn.Sequential(*made)
            self.normalization = _normalization(weights, "Net/layer_normalization")
            self.scores = in_pytorch.linear(weights, "Net/dense")

        def forward(self, text: torch.Tensor) -> torch.Tensor:
            x = torch.nn.functional.embedding(text, self.characters) + self.places
            return self.scores(self.normalization(self.blocks(x)))

    def criterion(scores: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten())

    return in_pytorch.supervised(Writer(), criterion)


def _pytorch_block(weights: Weights, place: str, heads: int) -> torch.nn.Module:
    import torch

    attention = f"{place}/multi_head_attention"
    width = len(weights[f"{attention}/output_bias"])
    parts = ("query", "key", "value")
    flat = {
        "in/kernel": np.concatenate([weights[f"{attention}/{part}_kernel"].reshape(width, -1) for part in parts], 1),
        "in/bias": np.concatenate([weights[f"{attention}/{part}_bias"].reshape(-1) for part in parts]),
        "out/kernel": weights[f"{attention}/output_kernel"].reshape(-1, width),
        "out/bias": weights[f"{attention}/output_bias"],
    }

    class Block(torch.nn.Module):
        """Attention, then two dense layers, both beside what they read."""

        def __init__(self) -> None:
            super().__init__()
            self.before_attention = _normalization(weights, f"{place}/layer_normalization")
            self.projected = in_pytorch.linear(flat, "in")
            self.output = in_pytorch.linear(flat, "out")
            self.dense = torch.nn.Sequential(
                _normalization(weights, f"{place}/layer_normalization_1"),
                in_pytorch.linear(weights, f"{place}/dense"),
                torch.nn.GELU(),
                in_pytorch.linear(weights, f"{place}/dense_1"),
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            n, time, d = x.shape
            each = self.projected(self.before_attention(x)).split(d, dim=2)
            query, key, value = (part.view(n, time, heads, d // heads).transpose(1, 2) for part in each)
            seen = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
            x = x + self.output(seen.transpose(1, 2).reshape(n, time, d))
            return x + self.dense(x)

    return Block()


def _normalization(weights: Weights, place: str) -> torch.nn.LayerNorm:
    import torch

    layer = torch.nn.LayerNorm(len(weights[f"{place}/gamma"]), eps=SMOOTH)
    in_pytorch.put(layer.weight, weights[f"{place}/gamma"])
    in_pytorch.put(layer.bias, weights[f"{place}/beta"])
    return layer


# ------------------------------------------------------------------------------------------------ in JAX


def _jax(weights: Weights, blocks: int) -> in_jax.InJax:
    def scores(values: in_jax.Arrays, text: Any) -> Any:
        x = values["Net/embedding/embeddings"][text] + values["Net/position_embedding/embeddings"]
        for number in range(blocks):
            x = _jax_block(values, numbered("Net/block", number), x)
        return in_jax.dense(values, "Net/dense", _normalized(values, "Net/layer_normalization", x))

    return in_jax.supervised(weights, scores, in_jax.cross_entropy)


def _jax_block(values: in_jax.Arrays, place: str, x: Any) -> Any:
    import jax
    import jax.numpy as jnp

    attention = f"{place}/multi_head_attention"
    read = _normalized(values, f"{place}/layer_normalization", x)
    query, key, value = (
        jnp.einsum("ntd,dhk->nthk", read, values[f"{attention}/{part}_kernel"]) + values[f"{attention}/{part}_bias"]
        for part in ("query", "key", "value")
    )
    seen = jax.nn.dot_product_attention(query, key, value, is_causal=True)
    written = jnp.einsum("nthk,hkd->ntd", seen, values[f"{attention}/output_kernel"])
    x = x + written + values[f"{attention}/output_bias"]
    read = _normalized(values, f"{place}/layer_normalization_1", x)
    hidden = jax.nn.gelu(in_jax.dense(values, f"{place}/dense", read), approximate=False)
    return x + in_jax.dense(values, f"{place}/dense_1", hidden)


def _normalized(values: in_jax.Arrays, place: str, x: Any) -> Any:
    from jax.numpy import sqrt

    centered = x - x.mean(-1, keepdims=True)
    variance = (centered * centered).mean(-1, keepdims=True)
    return centered / sqrt(variance + SMOOTH) * values[f"{place}/gamma"] + values[f"{place}/beta"]


# ------------------------------------------------------------------------------------------------ in Keras


def _keras(weights: Weights, blocks: int, heads: int, width: int, length: int) -> in_keras.InKeras:
    import keras

    layers = keras.layers

    class Places(layers.Layer):
        """Adds to each place a learnt vector of its own."""

        def build(self, input_shape: Any) -> None:
            self.embeddings = self.add_weight(shape=input_shape[1:], name="embeddings")

        def call(self, x: Any) -> Any:
            return x + self.embeddings

    text = keras.Input((length,), dtype="int32")
    x = Places()(layers.Embedding(CHARACTERS, width)(text))
    for _ in range(blocks):
        read = layers.LayerNormalization(epsilon=SMOOTH)(x)
        x = x + layers.MultiHeadAttention(heads, width // heads)(read, read, use_causal_mask=True)
        read = layers.LayerNormalization(epsilon=SMOOTH)(x)
        x = x + layers.Dense(width)(layers.Dense(4 * width, activation="gelu")(read))
    model = keras.Model(text, layers.Dense(CHARACTERS)(layers.LayerNormalization(epsilon=SMOOTH)(x)))
    criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return in_keras.supervised(in_keras.start(model, _in_order_of_keras(weights)), criterion)


def _in_order_of_keras(weights: Weights) -> list[Any]:
    """Keras has each projection's kernel and bias together, where nndsl has all kernels first."""
    ordered: dict[str, Any] = {}
    for path, value in weights.items():
        if path.endswith("_kernel"):
            ordered[path] = value
            ordered[path.removesuffix("kernel") + "bias"] = weights[path.removesuffix("kernel") + "bias"]
        else:
            ordered.setdefault(path, value)
    return list(ordered.values())


TRANSFORMER = transformer(32)
