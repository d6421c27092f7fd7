"""The sides of a comparison: nndsl, and those of its peers that are installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

from benchmarks.networks.network import Columns, Network, Weights
from benchmarks.sides import jax, keras, pytorch
from benchmarks.sides.ours import ours
from benchmarks.sides.side import Side

__all__ = ["PEERS", "Side", "available", "ours"]

PEERS: dict[str, tuple[Callable[[Network, Weights, Columns], Side], tuple[str, ...]]] = {
    "PyTorch": (pytorch.eager, ("torch",)),
    "torch.compile": (pytorch.compiled, ("torch",)),
    "JAX": (jax.jitted, ("jax",)),
    "Keras on JAX": (keras.on_jax, ("jax", "keras")),
}
"""How each peer is made, and the packages that it needs."""


def available() -> list[str]:
    """The peers that are installed."""
    return [name for name, (_, packages) in PEERS.items() if all(find_spec(each) for each in packages)]
