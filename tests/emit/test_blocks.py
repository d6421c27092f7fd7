"""Large updates go through the flat vectors block by block, and change every weight as they would at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nndsl.check import check
from nndsl.emit import emit
from nndsl.passes import optimise
from nndsl.plan import update
from nndsl.source import SourceFile
from tests.emit.loading import load

N = 6
OPTIMIZERS = (
    "SGD(learning_rate=0.1)",
    "SGD(learning_rate=0.1, momentum=0.9, nesterov=true)",
    "Adam(learning_rate=0.01)",
    "AdamW(learning_rate=0.01)",
    "Nadam(learning_rate=0.01)",
    "RMSprop(learning_rate=0.01)",
    "Adagrad(learning_rate=0.1)",
)


def source(optimizer: str) -> str:
    """A program of 37 weights."""
    text = f"""data points {{
  x = [[0.0, 0.5, 1.0], [1.0, 0.5, 0.0]]
  y = [[0.1], [0.9]]
}}
model Net {{
  input x
  Dense(6, activation=tanh)
  Dense(1)
  Dense(3)
}}
train Net on points {{
  minimize mse(sum(Net(x), axis=-1, keepdims=true), y) using {optimizer}
}}
"""
    return emit(optimise(check(SourceFile("net.nn", text))))


def weights_after_steps(text: str) -> NDArray[Any]:
    """All weights after three steps in float32."""
    program = load(text).PROGRAM
    (train,) = program.trains.values()
    memory = program.memory(0)
    memory.begin(train)
    step = train.training(N, memory, 0)
    for buffer in step.inputs.values():
        buffer[...] = np.random.default_rng(0).normal(size=buffer.shape)
    for number in range(1, 4):
        step.run(number, 1, 0)
    return memory.weights.copy()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_blocks_change_the_weights_bit_for_bit_as_whole_vectors_do(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = source(optimizer)
    monkeypatch.setattr(update, "BLOCK", 8)
    monkeypatch.setattr(update, "_MOST_AT_ONCE", 8)
    blocks = source(optimizer)
    assert "in blocks:" in blocks
    assert "in blocks:" not in whole
    np.testing.assert_array_equal(weights_after_steps(blocks), weights_after_steps(whole))


def test_clipped_gradients_come_before_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = source("Adam(learning_rate=0.01) clip_global_norm=0.1")
    monkeypatch.setattr(update, "BLOCK", 8)
    monkeypatch.setattr(update, "_MOST_AT_ONCE", 8)
    blocks = source("Adam(learning_rate=0.01) clip_global_norm=0.1")
    np.testing.assert_array_equal(weights_after_steps(blocks), weights_after_steps(whole))
