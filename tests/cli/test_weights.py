"""`nndsl export` and `import`, and `--weights` wherever a network is used: a run folder or a weights file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

PROGRAM = """
data points {
  x = [[0, 1], [1, 0], [1, 1], [0, 0], [2, 1], [1, 2]]
  label = [1, 1, 0, 0, 1, 1]
}

model Net {
  input x
  body: Dense(4, activation=tanh)
  Dense(1)
}

train Net on points {
  epochs = 60
  batch_size = 2
  score = Net(x)
  minimize binary_cross_entropy(score, label) using SGD(0.1)
  predict score = score
}
"""


@pytest.fixture
def trained(nndsl):
    """A run of the program in the current folder, and the same weights as files."""
    Path("net.nn").write_text(PROGRAM, encoding="utf-8")
    assert nndsl("run", "net.nn").exit_code == 0
    for ending in ("safetensors", "npz"):
        assert nndsl("export", "runs/Net", "-o", f"w.{ending}").exit_code == 0
    return nndsl


KINDS = ["runs/Net", "runs/Net/weights.safetensors", "w.safetensors", "w.npz"]


@pytest.mark.parametrize("weights", KINDS)
def test_every_command_takes_a_run_folder_or_a_file(trained, weights):
    def said(*arguments: str) -> str:
        result = trained(*arguments, "--weights", weights)
        assert result.exit_code == 0, result.output
        return result.output

    assert said("evaluate", "net.nn") == trained("evaluate", "runs/Net").output
    np.savez("rows.npz", x=np.array([[1, 2], [0, 0]]))
    assert said("predict", "net.nn", "rows.npz") == trained("predict", "runs/Net", "rows.npz").output
    assert said("features", "net.nn", "--layer", "body") == trained("features", "runs/Net", "--layer", "body").output
    assert said("gradients", "net.nn") == trained("gradients", "runs/Net").output
    assert "6 arrays" not in said("export", "net.nn", "-o", "again.safetensors")
    assert Path("again.safetensors").read_bytes()[:8]
    assert "net.weights.npz" in said("build", "net.nn")
    with np.load("net.weights.npz", allow_pickle=False) as written:
        assert np.array_equal(written["Net/body/kernel"], load_file("runs/Net/weights.safetensors")["Net/body/kernel"])


@pytest.mark.parametrize("weights", ["runs/Net", "w.npz"])
def test_run_starts_from_weights_with_its_own_seed(trained, weights):
    before = json.loads(trained("evaluate", "runs/Net", "--json").stdout)["numbers"]["loss"]
    result = trained("run", "net.nn", "--weights", weights, "--epochs", "1", "--seed", "7", "--out", "runs/on")
    assert result.exit_code == 0, result.output
    fresh = trained("run", "net.nn", "--epochs", "1", "--seed", "7", "--out", "runs/fresh")
    assert fresh.exit_code == 0
    after = [
        json.loads(trained("evaluate", f"runs/{name}", "--json").stdout)["numbers"]["loss"] for name in ("on", "fresh")
    ]
    assert after[0] < before < after[1]


def test_landscape_starts_from_weights(trained):
    result = trained("landscape", "net.nn", "--weights", "w.npz", "--epochs", "1", "--points", "3", "-o", "l.png")
    assert result.exit_code == 0, result.output
    assert result.output != trained("landscape", "net.nn", "--epochs", "1", "--points", "3", "-o", "m.png").output
    assert trained("landscape", "net.nn", "--weights", "w.npz", "--paths", "2", "-o", "l.png").exit_code == 2


def test_weights_and_resume_are_not_both(trained):
    result = trained("run", "net.nn", "--weights", "w.npz", "--resume")
    assert result.exit_code == 2
    assert "leave --weights out" in result.output


def test_an_ending_that_nobody_reads_is_refused_before_anything_is_done(nndsl):
    result = nndsl("export", "nowhere", "--format", "pytorch", "-o", "w.pt")
    assert result.exit_code == 1
    assert "NN609" in result.output


def test_import_makes_a_run_and_replaces_none_unasked(trained):
    assert trained("export", "runs/Net", "--format", "keras", "-o", "k.npz").exit_code == 0
    refused = trained("import", "net.nn", "k.npz", "--format", "keras")
    assert refused.exit_code == 1
    assert "NN608" in refused.output
    made = trained("import", "net.nn", "k.npz", "--format", "keras", "-o", "runs/keras", "--precision", "float64")
    assert made.exit_code == 0, made.output
    assert trained("evaluate", "runs/keras").exit_code == 0
    assert json.loads(Path("runs/keras/run.json").read_text(encoding="utf-8"))["precision"] == "float64"
    assert json.loads(Path("runs/keras/summary.json").read_text(encoding="utf-8")) == {"imported": "keras"}


def test_import_says_what_does_not_fit(trained):
    assert trained("export", "runs/Net", "--format", "keras", "-o", "k.npz").exit_code == 0
    wrong = trained("import", "net.nn", "k.npz", "--format", "pytorch", "-o", "runs/keras")
    assert wrong.exit_code == 1
    assert "NN604" in wrong.output
    assert "body.weight [4, 2] is missing there" in wrong.output
    unknown = trained("import", "net.nn", "k.npz", "--format", "keras", "-o", "runs/k", "--rename", "boddy=body")
    assert "did you mean body?" in unknown.output
    assert not Path("runs/keras").exists()


@pytest.mark.parametrize("command", ["evaluate", "run", "import"])
def test_files_of_other_kinds_are_refused_everywhere(nndsl, command):
    Path("net.nn").write_text(PROGRAM, encoding="utf-8")
    extra = ["--weights", "model.bin"] if command != "import" else ["model.bin", "--format", "pytorch", "-o", "runs/x"]
    for content in (b"", b"\x80\x02pickle", b"\x89HDF\r\n\x1a\n" + bytes(20), b"PK\x03\x04"):
        Path("model.bin").write_bytes(content)
        result = nndsl(command, "net.nn", *extra)
        assert result.exit_code == 1, result.output
        assert "NN605" in result.output
