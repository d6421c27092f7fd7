"""Recurrent layers of the library: both forms of their modules train alike."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.autodiff import differentiate
from nndsl.check import check
from nndsl.emit import emit
from nndsl.ir.program import Program
from nndsl.passes import optimise
from nndsl.source import SourceFile
from tests.emit.loading import trained

N = 4
STEPS = {
    "simple": "SimpleRNN(3)",
    "lstm": "LSTM(3)",
    "gru": "GRU(3)",
    "stacked": "LSTM(3, return_sequences=true)\n  GRU(2, return_sequences=true)\n  SimpleRNN(3)",
    "every time": "LSTM(3, return_sequences=true)\n  Dense(2, activation=tanh)\n  Flatten",
    "both ways": "Bidirectional(GRU(2))",
    "masked": "LSTM(3, mask=x[..., 0] > 0)",
}


def checked(steps: str, times: int) -> Program:
    rows = np.random.default_rng(1).normal(size=(N, times, 2)).round(2).tolist()
    text = f"""data rows {{
  x = {rows}
  y = [0, 1, 1, 0]
}}

model Net {{
  input x: [{times}, 2]
  {steps if "mask" not in steps else steps.replace("LSTM", "x -> LSTM")}
  Dense(1)
}}

train Net on rows {{
  steps = 3
  batch_size = {N}
  score = Net(x)
  minimize binary_cross_entropy(score, y) using Adam(0.01) clip_norm=1.0
  metric total = mean(score)
}}
"""
    return check(SourceFile("net.nn", text.replace("  steps = 3\n", ""), Path("net.nn")))


@pytest.mark.parametrize("times", [1, 5])
@pytest.mark.parametrize("name", STEPS)
def test_both_forms_train_recurrent_layers_alike(name: str, times: int) -> None:
    program = checked(STEPS[name], times)
    random = np.random.default_rng(0)
    fields = {"x": random.normal(size=(N, times, 2)), "y": np.array([0, 1, 1, 0])}
    textbook = trained(emit(differentiate(program), level=0), fields, steps=3)
    assert all(np.isfinite(array).all() for array in textbook.values())
    assert not np.allclose(textbook["weights"], textbook["initial"])
    for text in (emit(optimise(program), level=0), emit(differentiate(program)), emit(optimise(program))):
        for key, found in trained(text, fields, steps=3).items():
            np.testing.assert_allclose(found, textbook[key], rtol=1e-8, atol=1e-10, err_msg=key)
