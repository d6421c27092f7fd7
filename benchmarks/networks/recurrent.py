"""A recurrent layer over 28 steps of 28 numbers, and a dense layer on its last answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.networks import in_jax, in_keras, in_pytorch
from benchmarks.networks.network import Array, Network, Weights, classified, program

if TYPE_CHECKING:
    import torch


def recurrent(key: str, batch: int, *, steps: int = 28, features: int = 28, units: int = 128) -> Network:
    """The network with a layer of one of the kinds RNN, LSTM and GRU."""
    layer = {"RNN": "SimpleRNN"}.get(key, key)
    place = {"RNN": "Net/simple_rnn"}.get(key, f"Net/{key.lower()}")

    def pytorch(weights: Weights) -> in_pytorch.InPytorch:
        import torch

        made = getattr(torch.nn, key)(features, units, batch_first=True)
        _start(key, made, {name.rpartition("/")[2]: weights[name] for name in weights if name.startswith(place)})
        net = _module(made, in_pytorch.linear(weights, "Net/dense"))
        return in_pytorch.supervised(net, torch.nn.functional.cross_entropy)

    def jax(weights: Weights) -> in_jax.InJax:
        def scores(values: in_jax.Arrays, x: Any) -> Any:
            own = {name.rpartition("/")[2]: values[name] for name in values if name.startswith(place)}
            return in_jax.dense(values, "Net/dense", _last(key, own, x))

        return in_jax.supervised(weights, scores, in_jax.cross_entropy)

    def keras(weights: Weights) -> in_keras.InKeras:
        import keras

        made = getattr(keras.layers, layer)(units)
        net = keras.Sequential([keras.Input((steps, features)), made, keras.layers.Dense(10)])
        values = dict(weights)
        if key == "GRU":  # Keras holds both biases in one array
            values[f"{place}/bias"] = _stacked(values[f"{place}/bias"], values.pop(f"{place}/recurrent_bias"))
        criterion = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return in_keras.supervised(in_keras.as_ours(net, values), criterion)

    return Network(
        key,
        f"{steps} steps of {features}, {units} units",
        batch,
        program(
            (f"{layer}({units})", "Dense(10)"),
            ('column("x")', 'class(column("target"))'),
            "cross_entropy(y, target)",
            batch,
        ),
        classified((steps, features), 10),
        "x",
        pytorch,
        jax,
        keras,
    )


def _stacked(*arrays: Array) -> Array:
    import numpy as np

    return np.stack(arrays)


# ------------------------------------------------------------------------------------------------ in PyTorch


def _module(layer: torch.nn.RNNBase, dense: torch.nn.Linear) -> torch.nn.Module:
    import torch

    class Last(torch.nn.Module):
        """The dense layer on the last of the layer's answers."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = layer
            self.dense = dense

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.dense(self.layer(x)[0][:, -1])

    return Last()


def _start(key: str, layer: torch.nn.RNNBase, own: dict[str, Array]) -> None:
    """Give a layer of PyTorch its weights.

    PyTorch has a second bias, that of the state's product. Where nndsl has it too (GRU) it is learnt; else it stays 0.
    """
    import numpy as np

    if key == "GRU":  # PyTorch: reset, update, new; nndsl and Keras: update, reset, new
        own = {name: _swapped(value) for name, value in own.items()}
    bias = own.get("recurrent_bias")
    in_pytorch.put(layer.weight_ih_l0, own["kernel"].T)
    in_pytorch.put(layer.weight_hh_l0, own["recurrent_kernel"].T)
    in_pytorch.put(layer.bias_ih_l0, own["bias"])
    in_pytorch.put(layer.bias_hh_l0, np.zeros_like(own["bias"]) if bias is None else bias)
    layer.bias_hh_l0.requires_grad_(bias is not None)


def _swapped(value: Array) -> Array:
    import numpy as np

    update, reset, new = np.split(value, 3, axis=-1)
    return np.concatenate((reset, update, new), axis=-1)


# ------------------------------------------------------------------------------------------------ in JAX


def _last(key: str, own: in_jax.Arrays, x: Any) -> Any:
    """The last answer for x: [n, time, d].

    The input's product is in the loop, where XLA on a CPU is faster than with one product for all steps before it, and
    the loop is not unrolled, which is slower, too.
    """
    import jax.numpy as jnp
    from jax.lax import scan

    zeros = jnp.zeros((len(x), own["recurrent_kernel"].shape[0]), x.dtype)
    begin = (zeros, zeros) if key == "LSTM" else (zeros,)
    cell = {"RNN": _rnn, "LSTM": _lstm, "GRU": _gru}[key]

    def step(state: Any, x_t: Any) -> tuple[Any, None]:
        return cell(own, state, x_t @ own["kernel"] + own["bias"]), None

    return scan(step, begin, jnp.swapaxes(x, 0, 1))[0][0]


def _rnn(own: in_jax.Arrays, state: Any, given: Any) -> Any:
    from jax.numpy import tanh

    return (tanh(given + state[0] @ own["recurrent_kernel"]),)


def _lstm(own: in_jax.Arrays, state: Any, given: Any) -> Any:
    from jax.nn import sigmoid
    from jax.numpy import split, tanh

    i, f, g, o = split(given + state[0] @ own["recurrent_kernel"], 4, axis=-1)
    c = sigmoid(f) * state[1] + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def _gru(own: in_jax.Arrays, state: Any, given: Any) -> Any:
    from jax.nn import sigmoid
    from jax.numpy import split, tanh

    x_z, x_r, x_g = split(given, 3, axis=-1)
    h_z, h_r, h_g = split(state[0] @ own["recurrent_kernel"] + own["recurrent_bias"], 3, axis=-1)
    z = sigmoid(x_z + h_z)
    return (z * state[0] + (1 - z) * tanh(x_g + sigmoid(x_r + h_r) * h_g),)


RNN, LSTM, GRU = (recurrent(key, 64) for key in ("RNN", "LSTM", "GRU"))
