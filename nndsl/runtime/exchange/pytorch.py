"""PyTorch: state dictionaries of `torch.nn`, outputs first, channels before places, gates in an order of their own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nndsl.runtime.exchange.layers import Codec, LayerWeights, as_they_are

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.runtime.exchange.layers import Arrays, Shapes
    from nndsl.runtime.standalone.program import Array

SEPARATOR = "."

_TURN = re.compile(r"\[(\d+)\]")
_DEEPER = re.compile(r"(?:(.*)\.)?(weight|bias)_(ih|hh)_l([1-9]\d*)(_reverse)?")


def _with_bias(given: dict[str, Array], source: Arrays) -> dict[str, Array]:
    return {**given, "bias": source["bias"]} if "bias" in source else given


# ------------------------------------------------------------------------------------------------ dense, convolutions


def _dense_given(ours: Arrays) -> dict[str, Array]:
    return _with_bias({"weight": ours["kernel"].T}, ours)


def _dense_taken(theirs: Arrays, shapes: Shapes) -> dict[str, Array]:
    del shapes
    return _with_bias({"kernel": theirs["weight"].T}, theirs)


def _channels_first(kernel: Array) -> Array:
    """[places, inputs, outputs] -> [outputs, inputs, places]; of a transposed one both first two change roles alike."""
    return kernel.transpose(kernel.ndim - 1, kernel.ndim - 2, *range(kernel.ndim - 2))


def _channels_last(weight: Array) -> Array:
    """The way back."""
    return weight.transpose(*range(2, weight.ndim), 1, 0)


def _convolution_given(ours: Arrays) -> dict[str, Array]:
    return _with_bias({"weight": _channels_first(ours["kernel"])}, ours)


def _convolution_taken(theirs: Arrays, shapes: Shapes) -> dict[str, Array]:
    del shapes
    return _with_bias({"kernel": _channels_last(theirs["weight"])}, theirs)


def _grouped(kernel: Array) -> Array:
    """[places, channels, multiplier] -> [channels * multiplier, 1, places]: as many groups as channels."""
    *places, channels, multiplier = kernel.shape
    return _channels_first(kernel.reshape(*places, 1, channels * multiplier))


def _depthwise_given(ours: Arrays) -> dict[str, Array]:
    return _with_bias({"weight": _grouped(ours["kernel"])}, ours)


def _depthwise_taken(theirs: Arrays, shapes: Shapes) -> dict[str, Array]:
    return _with_bias({"kernel": _channels_last(theirs["weight"]).reshape(shapes["kernel"])}, theirs)


def _separable_given(ours: Arrays) -> dict[str, Array]:
    given = {
        "depthwise.weight": _grouped(ours["depthwise_kernel"]),
        "pointwise.weight": _channels_first(ours["pointwise_kernel"]),
    }
    return {**given, "pointwise.bias": ours["bias"]} if "bias" in ours else given


def _separable_taken(theirs: Arrays, shapes: Shapes) -> dict[str, Array]:
    taken = {
        "depthwise_kernel": _channels_last(theirs["depthwise.weight"]).reshape(shapes["depthwise_kernel"]),
        "pointwise_kernel": _channels_last(theirs["pointwise.weight"]),
    }
    return {**taken, "bias": theirs["pointwise.bias"]} if "pointwise.bias" in theirs else taken


# ------------------------------------------------------------------------------------------------ normalization

_NORM = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}


def _norm_given(ours: Arrays) -> dict[str, Array]:
    """PyTorch has both of `weight` and `bias` or none: of one alone the other does nothing."""
    import numpy as np

    given = {_NORM[name]: values for name, values in ours.items()}
    if "beta" in ours and "gamma" not in ours:
        given["weight"] = np.ones_like(ours["beta"])
    if "gamma" in ours and "beta" not in ours:
        given["bias"] = np.zeros_like(ours["gamma"])
    return given


def _norm_taken(theirs: Arrays, shapes: Shapes) -> dict[str, Array]:
    for name, neutral in (("gamma", 1), ("beta", 0)):
        if name not in shapes and _NORM[name] in theirs and (theirs[_NORM[name]] != neutral).any():
            option = "scale" if name == "gamma" else "center"
            raise ValueError(f"its {_NORM[name]} is not {neutral} everywhere, and the layer here says {option}=false")
    return {name: theirs[_NORM[name]] for name in shapes}


# ------------------------------------------------------------------------------------------------ recurrent layers


def _gates(values: Array, order: Sequence[int]) -> Array:
    """Blocks of the last axis, one a gate, in another order."""
    import numpy as np

    parts = np.split(values, len(order), axis=-1)
    return np.concatenate([parts[place] for place in order], axis=-1)


def _recurrent(order: Sequence[int]) -> Codec:
    """LSTM and SimpleRNN: PyTorch has two biases where one would do; ours is their sum."""
    back = [order.index(place) for place in range(len(order))]

    def give(ours: Arrays) -> dict[str, Array]:
        import numpy as np

        given = {
            "weight_ih": _gates(ours["kernel"], order).T,
            "weight_hh": _gates(ours["recurrent_kernel"], order).T,
        }
        if "bias" in ours:
            given |= {"bias_ih": _gates(ours["bias"], order), "bias_hh": np.zeros_like(ours["bias"])}
        if "recurrent_bias" in ours:
            given["bias_hh"] = _gates(ours["recurrent_bias"], order)
        return given

    def take(theirs: Arrays, shapes: Shapes) -> dict[str, Array]:
        taken = {
            "kernel": _gates(theirs["weight_ih"].T, back),
            "recurrent_kernel": _gates(theirs["weight_hh"].T, back),
        }
        if "recurrent_bias" in shapes:
            taken |= {"bias": _gates(theirs["bias_ih"], back), "recurrent_bias": _gates(theirs["bias_hh"], back)}
        elif "bias" in shapes:
            taken["bias"] = _gates(theirs["bias_ih"] + theirs["bias_hh"], back)
        return taken

    return Codec(give, take)


# ------------------------------------------------------------------------------------------------ attention


def _attention_names(shapes: Shapes) -> tuple[str, ...]:
    """What the projections are called: PyTorch joins them where query, key and value are as long as each other.

    Heads that are not together as long as a query are no `torch.nn.MultiheadAttention`: four linear layers then.
    """
    length, heads, size = shapes["query_kernel"]
    if heads * size != length or shapes["value_kernel"][1:] != (heads, size):
        return ()
    return (
        ("in_proj_weight",)
        if shapes["key_kernel"][0] == length
        else ("q_proj_weight", "k_proj_weight", "v_proj_weight")
    )


_PARTS = ("query", "key", "value")


def _attention_given(ours: Arrays) -> dict[str, Array]:
    import numpy as np

    names = _attention_names({name: values.shape for name, values in ours.items()})
    kernels = [ours[f"{part}_kernel"] for part in _PARTS]
    weights = [kernel.reshape(len(kernel), -1).T for kernel in kernels]
    output = ours["output_kernel"].reshape(-1, ours["output_kernel"].shape[-1]).T
    biases = [ours[f"{part}_bias"].reshape(-1) for part in _PARTS] if "query_bias" in ours else []
    if not names:
        given = {f"{part}.weight": weight for part, weight in zip(_PARTS, weights, strict=True)}
        given |= {f"{part}.bias": bias for part, bias in zip(_PARTS, biases, strict=bool(biases))}
        given["output.weight"] = output
        return {**given, "output.bias": ours["output_bias"]} if biases else given
    given = {names[0]: np.concatenate(weights)} if len(names) == 1 else dict(zip(names, weights, strict=True))
    given["out_proj.weight"] = output
    if biases:
        given |= {"in_proj_bias": np.concatenate(biases), "out_proj.bias": ours["output_bias"]}
    return given


def _attention_taken(theirs: Arrays, shapes: Shapes) -> dict[str, Array]:
    import numpy as np

    names = _attention_names(shapes)
    biased = "query_bias" in shapes
    biases: list[Array] = []
    if not names:
        weights = [theirs[f"{part}.weight"] for part in _PARTS]
        output, output_bias = theirs["output.weight"], theirs.get("output.bias")
        biases = [theirs[f"{part}.bias"] for part in _PARTS] if biased else []
    else:
        weights = np.split(theirs[names[0]], 3) if len(names) == 1 else [theirs[name] for name in names]
        output, output_bias = theirs["out_proj.weight"], theirs.get("out_proj.bias")
        biases = np.split(theirs["in_proj_bias"], 3) if biased else []
    taken = {
        f"{part}_kernel": weight.T.reshape(shapes[f"{part}_kernel"])
        for part, weight in zip(_PARTS, weights, strict=True)
    }
    taken["output_kernel"] = output.T.reshape(shapes["output_kernel"])
    for part, bias in zip(_PARTS, biases, strict=bool(biases)):
        taken[f"{part}_bias"] = bias.reshape(shapes[f"{part}_bias"])
    return {**taken, "output_bias": output_bias} if output_bias is not None else taken


# ------------------------------------------------------------------------------------------------ the table

_CONVOLUTION = Codec(_convolution_given, _convolution_taken)
_DEPTHWISE = Codec(_depthwise_given, _depthwise_taken)
_SEPARABLE = Codec(_separable_given, _separable_taken)
_VECTORS = as_they_are({"embeddings": "weight"})

CODECS = {
    "Dense": Codec(_dense_given, _dense_taken),
    "Conv1D": _CONVOLUTION,
    "Conv2D": _CONVOLUTION,
    "Conv1DTranspose": _CONVOLUTION,
    "Conv2DTranspose": _CONVOLUTION,
    "DepthwiseConv1D": _DEPTHWISE,
    "DepthwiseConv2D": _DEPTHWISE,
    "SeparableConv1D": _SEPARABLE,
    "SeparableConv2D": _SEPARABLE,
    "BatchNormalization": Codec(_norm_given, _norm_taken),
    "LayerNormalization": Codec(_norm_given, _norm_taken),
    "Embedding": _VECTORS,
    "PositionEmbedding": _VECTORS,
    "SimpleRNN": _recurrent((0,)),
    "LSTM": _recurrent((0, 1, 2, 3)),
    "GRU": _recurrent((1, 0, 2)),
    "MultiHeadAttention": Codec(_attention_given, _attention_taken),
}
"""How `torch.nn` has the weights of each layer of the library that has any. Gates: ours are i, f, g, o and z, r, g."""


def codec(layer: LayerWeights) -> Codec:
    """How PyTorch has the weights of a layer; those of a user's own lie as they are."""
    return CODECS.get(layer.kind, as_they_are())


def name(module: str, layer: LayerWeights, own: str) -> str:
    """The whole name of a weight. Recurrent ones say their level and direction behind their own name."""
    if layer.kind in ("LSTM", "GRU", "SimpleRNN"):
        own = f"{own}_l0{'_reverse' if layer.direction == 'backward' else ''}"
    elif layer.direction:
        own = f"{layer.direction}_layer.{own}"
    return f"{module}.{own}" if module else own


def module(path: str) -> str:
    """A layer's path as PyTorch has it: `Net/block[0]/dense` -> `Net.block.0.dense`."""
    return _TURN.sub(r".\1", path).replace("/", ".")


def ordinary(name: str) -> str:
    """A weight's name; a level of a stacked recurrent module is a module of its own: `rnn.l1`, as if it stood alone."""
    found = _DEEPER.fullmatch(name)
    if found is None:
        return name
    before, what, which, level, reverse = found.groups()
    return f"{before + '.' if before else ''}l{level}.{what}_{which}_l0{reverse or ''}"


def ignored(name: str) -> bool:
    """Whether a name is none of the network's: BatchNorm counts its batches, which nothing here reads."""
    return name.rpartition(".")[2] == "num_batches_tracked"
