"""The networks of the benchmark, a row each: every file has one in the language and in its peers' own terms."""

from __future__ import annotations

from benchmarks.networks.cnn import CNN
from benchmarks.networks.gan import GAN
from benchmarks.networks.network import Network
from benchmarks.networks.perceptrons import AUTOENCODER, MLP, SMALL_MLP
from benchmarks.networks.recurrent import GRU, LSTM, RNN
from benchmarks.networks.transformer import TRANSFORMER

__all__ = ["NETWORKS", "Network"]

NETWORKS = (SMALL_MLP, MLP, CNN, RNN, LSTM, GRU, AUTOENCODER, GAN, TRANSFORMER)
