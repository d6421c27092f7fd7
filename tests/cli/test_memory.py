"""`--memory`: training that fits into so much memory, and gives the same numbers to the last bit."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from nndsl.cli.application import application
from nndsl.diagnostics import UserError
from nndsl.plan import PlanOptions
from nndsl.runtime.load import compiled, read_program
from nndsl.runtime.model import Model

TRAINING = """
train T on rows {
  epochs = 3
  batch_size = 8
  scores = M(x)
  minimize cross_entropy(scores, y) using Adam(0.01)
  metric accuracy(scores, y)
}
"""
DATA = """\
data rows from npz("rows.npz") {
  x = column("x")
  y = class(column("y"))
  split train 70%, validation 30%
}
"""
MODELS = {
    "dense layers": ((6,), "Dense(32, activation=gelu)\n  " * 12 + "Dropout(0.2)\n  Dense(3)"),
    "convolutions": (
        (8, 8, 2),
        "Conv2D(8, 3, activation=relu)\n  MaxPooling2D(2)\n  Conv2D(8, 3, activation=relu)\n  Flatten\n  Dense(3)",
    ),
    "batch normalization": (
        (8, 8, 2),
        "\n  ".join(
            (*("Conv2D(8, 3)", "BatchNormalization", "Activation(relu)") * 2, "GlobalAveragePooling2D", "Dense(3)")
        ),
    ),
    "recurrence": ((10, 4), "LSTM(8, return_sequences=true)\n  LSTM(8, return_sequences=true)\n  GRU(8)\n  Dense(3)"),
    "attention": (
        (10, 8),
        "LayerNormalization\n  MultiHeadAttention(2, 4)\n  Dense(8, activation=gelu)\n  " * 2
        + "Dropout(0.1)\n  GlobalAveragePooling1D\n  Dense(3)",
    ),
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def program(name: str, text: str = TRAINING) -> Path:
    shape, model = MODELS[name]
    random = np.random.default_rng(0)
    np.savez("rows.npz", x=random.standard_normal((61, *shape)).astype(np.float32), y=np.arange(61) % 3)
    path = Path("net.nn")
    path.write_text(f"{DATA}\nmodel M {{\n  input x\n  {model}\n}}\n{text}")
    return path


def made(path: Path, memory: int | None = None) -> Model:
    return compiled(read_program(path), sets={}, plan=PlanOptions(memory=memory), verify=True)


def least(path: Path) -> int:
    """The bytes that the refusal of too little names."""
    with pytest.raises(UserError) as refused:
        made(path, 1)
    (diagnostic,) = refused.value.diagnostics
    assert diagnostic.code == "NN641"
    found = re.search(r"`--memory ([\d.]+)([kMG]?)B`", diagnostic.help or "")
    assert found is not None
    return round(float(found[1]) * 1000 ** " kMG".index(found[2] or " "))


def nndsl(*arguments: object) -> Result:
    return CliRunner().invoke(application, [str(argument) for argument in arguments])


@pytest.mark.parametrize("name", MODELS)
def test_training_in_the_least_memory_gives_the_same_numbers(name: str) -> None:
    path = program(name)
    free, tight = made(path), made(path, least(path))
    assert tight.planned is not None
    recomputing = tight.planned.trains[0].recomputing
    assert recomputing is not None
    assert recomputing.values > 0
    assert recomputing.bytes < recomputing.before
    assert free.fit() == tight.fit()
    assert free.memory.weights.tobytes() == tight.memory.weights.tobytes()
    assert free.memory.states.tobytes() == tight.memory.states.tobytes()


def test_training_takes_no_more_memory_than_it_was_given() -> None:
    path = Path("deep.nn")
    layers = "Dense(64, activation=gelu)\n  " * 40
    training = "train T {\n  steps = 2\n  batch_size = 256\n  minimize mean(M(normal([64])) ^ 2) using SGD\n}\n"
    path.write_text(f"model M {{\n  input x: [64]\n  {layers}Dense(1)\n}}\n{training}")
    peaks: list[int] = []
    for memory in (None, 6_000_000):
        model = made(path, memory)
        tracemalloc.start()
        try:
            model.fit()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[0] > 10_000_000
    assert peaks[1] < 6_000_000


def test_a_run_says_what_the_memory_costs_and_goes_on_with_it() -> None:
    path = program("dense layers")
    memory = least(path)
    assert nndsl("run", path, "--out", "straight").exit_code == 0
    done = nndsl("run", path, "--out", "run", "--epochs", 2, "--memory", f"{memory / 1000}kB")
    assert done.exit_code == 0, done.output
    told = r"T takes [\d.]+ kB instead of [\d.]+ kB: \d+ values are computed again on the way back, [\d.]+% more"
    assert re.search(told, done.output)
    done = nndsl("run", path, "--out", "run", "--resume", "--epochs", 3)
    assert done.exit_code == 0, done.output
    assert re.search(told, done.output)
    assert Path("run/weights.safetensors").read_bytes() == Path("straight/weights.safetensors").read_bytes()
    done = nndsl("run", path, "--out", "run", "--resume", "--epochs", 4, "--memory", "1GB")
    assert "nothing has to be computed again" in done.output


def test_a_standalone_file_says_what_it_computes_again() -> None:
    path = program("convolutions")
    assert nndsl("build", path, "--memory", least(path), "--data", "columns.npz").exit_code == 0
    text = Path("net.py").read_text()
    assert re.search(r"# computed again, to save [\d.]+ kB: conv2d(_1)?: Conv2D\(8, 3, activation=relu\)", text)
    assert re.search(r"conv2d(_1)?_patches_again", text)
    assert "one_workspace=True" in text
    trained = subprocess.run(
        [sys.executable, "net.py", "train", "columns.npz"], capture_output=True, check=False, timeout=60
    )
    assert trained.returncode == 0, trained.stderr


def test_a_summary_tells_both_sizes() -> None:
    path = program("dense layers")
    memory = least(path)
    said = nndsl("summary", path, "--memory", memory)
    assert re.search(r"--memory +training takes [\d.]+ kB instead of", said.output)
    told = json.loads(nndsl("summary", path, "--memory", memory, "--json").output)["trains"]["T"]["recomputing"]
    assert told["bytes"] <= memory < told["before"]
    assert told["more"] > 0


def test_tiles_and_threads_go_with_it() -> None:
    path = program("dense layers")
    tiled = ["--tile", 4, "--threads", 2]
    assert nndsl("run", path, "--out", "tiles", *tiled).exit_code == 0
    refused = nndsl("run", path, "--out", "both", *tiled, "--memory", "1kB")
    found = re.search(r"`--memory (\S+)`", refused.output)
    assert found is not None
    done = nndsl("run", path, "--out", "both", *tiled, "--memory", found[1])
    assert done.exit_code == 0, done.output
    assert "computed again" in done.output
    assert Path("both/weights.safetensors").read_bytes() == Path("tiles/weights.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["-O0", "--memory", "1GB"], "textbook code keeps every value that it computes"),
        (["--memory", "1 kB"], "training T can't be done in 1 kB: it takes"),
    ],
)
def test_what_can_not_be_made_smaller_is_refused(options: list[str], why: str) -> None:
    refused = nndsl("run", program("dense layers"), *options)
    assert refused.exit_code == 1
    assert f"error[NN641]: {why}" in refused.output
    assert not Path("runs").exists()


def test_a_solver_is_refused() -> None:
    path = program("dense layers", TRAINING.replace("Adam(0.01)", "LBFGS").replace("batch_size = 8", ""))
    refused = nndsl("run", path, "--memory", "1GB")
    assert "error[NN641]: what T takes can't be limited: its solver works on all samples at once" in refused.output


@pytest.mark.parametrize("size", ["much", "12iB", "0MB", "-5MB", "5PB"])
def test_what_is_no_amount_is_a_wrong_command_line(size: str) -> None:
    assert nndsl("summary", program("dense layers"), f"--memory={size}").exit_code == 2


@pytest.mark.parametrize(
    ("text", "count"),
    [("512MB", 512_000_000), ("1.5 GiB", 3 << 29), ("64k", 64_000), ("2mib", 2 << 20), ("100", 100), ("7b", 7)],
)
def test_amounts_are_read_with_their_units(text: str, count: int) -> None:
    import click

    from nndsl.cli.options import amount_of_memory

    parameter = click.Option(["--memory"])
    assert amount_of_memory(click.Context(application), parameter, text) == count
