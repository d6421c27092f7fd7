"""Accumulated gradients, averaged weights and reduced learning rates in runs of the real command."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

PROGRAM = """
data digits from builtin("digits") {
  image = column("image") / 16
  label = class(column("label"))
  split train 40%, validation 10%, test 10%, stratify=label
}
model Digits {
  input image
  Flatten
  Dense(16, activation=relu)
  Dropout(0.2)
  BatchNormalization
  Dense(digits.label.classes)
}
train Digits on digits {
  epochs = 6
  batch_size = 16
  gradient_accumulation_steps = 3
  use_ema = true
  ema_momentum = 0.9
  scores = Digits(image)
  minimize cross_entropy(scores, label) using Adam(learning_rate=0.01)
  ReduceLROnPlateau(monitor=loss, patience=0, factor=0.5, min_delta=0.3)
}
"""


def outcome(folder: Path) -> tuple[list[list[str]], dict[str, np.ndarray]]:
    with (folder / "history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file)), load_file(folder / "weights.safetensors")


@pytest.mark.slow
def test_a_run_with_all_of_them_goes_on_as_if_it_had_not_been_left(process, tmp_path: Path) -> None:
    (tmp_path / "digits.nn").write_text(PROGRAM, encoding="utf-8")
    assert process("run", "digits.nn", "--out", "straight").returncode == 0
    assert process("run", "digits.nn", "--out", "left", "--epochs", "3").returncode == 0
    resumed = process("run", "digits.nn", "--out", "left", "--resume", "--epochs", "6")
    assert resumed.returncode == 0, resumed.stderr
    (rows, weights), (left_rows, left_weights) = outcome(tmp_path / "straight"), outcome(tmp_path / "left")
    assert left_rows == rows
    assert list(left_weights) == list(weights)
    assert all(np.array_equal(left_weights[name], weights[name]) for name in weights)
    assert rows[0][-1] == "learning_rate"
    assert len({row[-1] for row in rows[1:]}) > 1


@pytest.mark.slow
def test_a_standalone_file_trains_alike_with_all_of_them(process, tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "digits.nn").write_text(PROGRAM, encoding="utf-8")
    assert process("run", "digits.nn", "--out", "run").returncode == 0
    assert process("build", "digits.nn", "--data", "columns.npz").returncode == 0
    command = [sys.executable, "digits.py", "train", "columns.npz", "--weights", "w.npz", "--history", "h.csv"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    assert (tmp_path / "h.csv").read_bytes() == (tmp_path / "run" / "history.csv").read_bytes()
    weights = outcome(tmp_path / "run")[1]
    with np.load(tmp_path / "w.npz", allow_pickle=False) as written:
        assert all(np.array_equal(written[name], weights[name]) for name in weights if name in written.files)
        assert set(weights) & set(written.files)
