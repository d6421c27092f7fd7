"""Keras 3 on JAX, compiled as in its guide to training loops of one's own."""

from __future__ import annotations

import os

from benchmarks.networks.network import Columns, Network, Weights
from benchmarks.sides.jax import side_of
from benchmarks.sides.side import Side

os.environ["KERAS_BACKEND"] = "jax"  # is read when Keras is first imported


def on_jax(network: Network, weights: Weights, columns: Columns) -> Side:
    """Keras with JAX beneath."""
    assert network.keras is not None
    return side_of("Keras on JAX", network.keras(weights), network, columns)
