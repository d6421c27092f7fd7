"""The networks of the benchmark, a row each: every file has one in the language and in its peers' own terms."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.networks.cnn import CNN
from benchmarks.networks.gan import GAN
from benchmarks.networks.network import Network
from benchmarks.networks.perceptrons import AUTOENCODER, MLP, SMALL_MLP, perceptron
from benchmarks.networks.recurrent import GRU, LSTM, RNN, recurrent
from benchmarks.networks.resnet import resnet
from benchmarks.networks.transformer import TRANSFORMER, transformer

__all__ = ["GPU_NETWORKS", "NETWORKS", "NORMALIZED", "Network"]

NETWORKS = (SMALL_MLP, MLP, CNN, RNN, LSTM, GRU, AUTOENCODER, GAN, TRANSFORMER)

NORMALIZED = replace(resnet(64, 32, 10, (16, 32)), key="ResNet-10")
"""One with batch normalization, where samples meet on the way: beside itself only."""

GPU_NETWORKS = (
    perceptron("MLP", 1024, (4096, 4096, 4096, 4096, 10), classes=10),
    resnet(64),
    recurrent("LSTM", 64, steps=128, features=512, units=512),
    transformer(64, blocks=6, heads=6, width=384, length=256),
)
"""At sizes that keep a GPU busy."""
