"""Weights go to Keras models and come back: names are those of `weight.path`, axes lie alike."""

from __future__ import annotations

import os

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from nndsl.runtime.exchange import export_weights, import_weights
from tests.exchange.nets import Net, drawn

LAYERS = """
input x
stem: Conv2D(6, 3)
DepthwiseConv2D(3)
SeparableConv2D(4, 3)
BatchNormalization
Conv2DTranspose(3, 3)
Reshape([36, 12])
MultiHeadAttention(2, 6)
LayerNormalization
Bidirectional(LSTM(5, return_sequences=true))
GRU(4, return_sequences=true)
SimpleRNN(3)
Dense(2)
"""

PATHS = {
    "stem/kernel": (3, 3, 3, 6),
    "stem/bias": (6,),
    "depthwise_conv2d/kernel": (3, 3, 6, 1),
    "depthwise_conv2d/bias": (6,),
    "separable_conv2d/depthwise_kernel": (3, 3, 6, 1),
    "separable_conv2d/pointwise_kernel": (1, 1, 6, 4),
    "separable_conv2d/bias": (4,),
    "batch_normalization/gamma": (4,),
    "batch_normalization/beta": (4,),
    "batch_normalization/moving_mean": (4,),
    "batch_normalization/moving_variance": (4,),
    "conv2d_transpose/kernel": (3, 3, 3, 4),
    "conv2d_transpose/bias": (3,),
    "multi_head_attention/query/kernel": (12, 2, 6),
    "multi_head_attention/query/bias": (2, 6),
    "multi_head_attention/key/kernel": (12, 2, 6),
    "multi_head_attention/key/bias": (2, 6),
    "multi_head_attention/value/kernel": (12, 2, 6),
    "multi_head_attention/value/bias": (2, 6),
    "multi_head_attention/attention_output/kernel": (2, 6, 12),
    "multi_head_attention/attention_output/bias": (12,),
    "layer_normalization/gamma": (12,),
    "layer_normalization/beta": (12,),
    "bidirectional/forward_lstm/lstm_cell/kernel": (12, 20),
    "bidirectional/forward_lstm/lstm_cell/recurrent_kernel": (5, 20),
    "bidirectional/forward_lstm/lstm_cell/bias": (20,),
    "bidirectional/backward_lstm/lstm_cell/kernel": (12, 20),
    "bidirectional/backward_lstm/lstm_cell/recurrent_kernel": (5, 20),
    "bidirectional/backward_lstm/lstm_cell/bias": (20,),
    "gru/gru_cell/kernel": (10, 12),
    "gru/gru_cell/recurrent_kernel": (4, 12),
    "gru/gru_cell/bias": (2, 12),
    "simple_rnn/simple_rnn_cell/kernel": (4, 3),
    "simple_rnn/simple_rnn_cell/recurrent_kernel": (3, 3),
    "simple_rnn/simple_rnn_cell/bias": (3,),
    "dense/kernel": (3, 2),
    "dense/bias": (2,),
}
"""`{w.path: w.shape for w in model.weights}` of the same model in Keras 3.15, as `keras_model` makes it."""


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return Net(tmp_path_factory.mktemp("keras"), LAYERS, {"x": drawn((4, 16, 16, 3)) / 4})


def test_exported_names_and_shapes_are_keras_own(ours, tmp_path):
    found = export_weights(ours.model, tmp_path / "w.safetensors", "keras")
    assert {name: values.shape for name, values in found.items()} == PATHS


def test_the_two_biases_of_gru_are_the_rows_of_one(ours, tmp_path):
    found = export_weights(ours.model, tmp_path / "w.npz", "keras")
    assert np.array_equal(found["gru/gru_cell/bias"][0], ours.held["Net/gru/bias"])
    assert np.array_equal(found["gru/gru_cell/bias"][1], ours.held["Net/gru/recurrent_bias"])


@pytest.mark.parametrize("around", ["", "digits/"])
def test_weights_of_keras_come_in_whatever_keras_has_counted_up(ours, tmp_path, around):
    before = ours.held
    export_weights(ours.model, tmp_path / "w.safetensors", "keras")
    counted = {
        around + name.replace("forward_lstm", "forward_lstm_3").replace("gru_cell", "gru_cell_1"): values
        for name, values in load_file(tmp_path / "w.safetensors").items()
    }
    save_file({**counted, f"{around}dropout/seed_generator_state": np.zeros(2, np.uint32)}, tmp_path / "w.safetensors")
    ours.forget()
    assert import_weights(ours.model, tmp_path / "w.safetensors", "keras") == []
    for path, values in ours.held.items():
        assert np.array_equal(values, before[path]), path


# ------------------------------------------------------------------------------------------------ Keras itself


def keras_model(keras):
    layers = keras.layers
    x = start = keras.Input((16, 16, 3))
    x = layers.Conv2D(6, 3, name="stem")(x)
    x = layers.DepthwiseConv2D(3, name="depthwise_conv2d")(x)
    x = layers.SeparableConv2D(4, 3, name="separable_conv2d")(x)
    x = layers.BatchNormalization(name="batch_normalization")(x)
    x = layers.Conv2DTranspose(3, 3, name="conv2d_transpose")(x)
    x = layers.Reshape((36, 12))(x)
    x = layers.MultiHeadAttention(2, 6, name="multi_head_attention")(x, x)
    x = layers.LayerNormalization(name="layer_normalization")(x)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True, name="lstm"), name="bidirectional")(x)
    x = layers.GRU(4, return_sequences=True, name="gru")(x)
    x = layers.SimpleRNN(3, name="simple_rnn")(x)
    return keras.Model(start, layers.Dense(2, name="dense")(x))


@pytest.mark.slow
def test_a_keras_model_with_the_same_weights_answers_alike_both_ways(ours, tmp_path):
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    model, rows = keras_model(keras), ours.columns["x"].astype(np.float32)
    export_weights(ours.model, tmp_path / "w.safetensors", "keras")
    weights = load_file(tmp_path / "w.safetensors")
    for weight in model.weights:
        weight.assign(weights[weight.path])
    np.testing.assert_allclose(model.predict(rows, verbose=0), ours.answers(), rtol=1e-3, atol=1e-5)

    for seed, weight in enumerate(model.weights):
        values = drawn(tuple(weight.shape), seed) * 0.5
        weight.assign(np.abs(values) + 0.1 if "variance" in weight.path else values)
    # safetensors writes what is not one block in memory wrongly, and says nothing.
    arrays = {weight.path: np.ascontiguousarray(weight) for weight in model.weights}
    save_file(arrays, tmp_path / "w.safetensors")
    import_weights(ours.model, tmp_path / "w.safetensors", "keras")
    np.testing.assert_allclose(ours.answers(), model.predict(rows, verbose=0), rtol=1e-3, atol=1e-5)
