"""Keras 3: axes lie as ours do; names are those of `weight.path`, and GRU's two biases are the rows of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nndsl.runtime.exchange.layers import Codec, LayerWeights, as_they_are

if TYPE_CHECKING:
    from nndsl.runtime.exchange.layers import Arrays, Shapes
    from nndsl.runtime.standalone.program import Array

SEPARATOR = "/"

RECURRENT = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "simple_rnn"}
"""What Keras calls a layer, and with `_cell` its cell, that was given no name."""

_CELL = re.compile(r"/[^/]+_cell(?:_\d+)?/")
_DIRECTION = re.compile(r"/(forward|backward)_[^/]+/(?=[^/]+$)")


def _gru_given(ours: Arrays) -> dict[str, Array]:
    import numpy as np

    given = {name: ours[name] for name in ("kernel", "recurrent_kernel")}
    return {**given, "bias": np.stack([ours["bias"], ours["recurrent_bias"]])} if "bias" in ours else given


def _gru_taken(theirs: Arrays, shapes: Shapes) -> dict[str, Array]:
    del shapes
    taken = {name: theirs[name] for name in ("kernel", "recurrent_kernel")}
    return {**taken, "bias": theirs["bias"][0], "recurrent_bias": theirs["bias"][1]} if "bias" in theirs else taken


_ATTENTION = as_they_are(
    {
        f"{part}_{name}": f"{place}/{name}"
        for part, place in (("query", "query"), ("key", "key"), ("value", "value"), ("output", "attention_output"))
        for name in ("kernel", "bias")
    }
)

CODECS = {"GRU": Codec(_gru_given, _gru_taken), "MultiHeadAttention": _ATTENTION}
"""Layers whose weights are not called, or do not lie, as ours."""


def codec(layer: LayerWeights) -> Codec:
    """How Keras has the weights of a layer."""
    return CODECS.get(layer.kind, as_they_are())


def name(module: str, layer: LayerWeights, own: str) -> str:
    """The whole name of a weight: its layer's, its cell's in a recurrent one, its own."""
    cell = RECURRENT.get(layer.kind)
    parts = [module] if module else []
    if layer.direction:
        parts.append(f"{layer.direction}_{cell or 'layer'}")
    if cell is not None:
        parts.append(f"{cell}_cell")
    return "/".join([*parts, own])


def module(path: str) -> str:
    """A layer's path as Keras has it."""
    return path


def ordinary(name: str) -> str:
    """A weight's name without what Keras counts up: all forward layers are called alike, and cells not at all."""
    return _DIRECTION.sub(r"/\1_layer/", _CELL.sub("/", f"/{name}")).removeprefix("/")


def ignored(name: str) -> bool:
    """Whether a name is none of the network's."""
    return name.rpartition("/")[2] == "seed_generator_state"
