"""Every example is checked, trains, meets what it expects of itself, and its generated gradients are right."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.nn"))
NAMED_FILES = {"mnist_cnn.nn": ("images", "labels")}
"""Examples whose data files are named with `--set`, and by which names."""


def ran(*arguments, folder, python=sys.executable):
    """A command of Python, run in `folder`; its output."""
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    command = [python, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def idx(array):
    """An array of bytes in the format of MNIST's files, gzipped."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return gzip.compress(header + array.astype(np.uint8).tobytes(), 1)


@pytest.fixture(scope="module")
def enlarged_digits(tmp_path_factory):
    """The digits that come with nndsl as files like MNIST's, each pixel three times as large in 28 by 28.

    Each is there twice, so that most of the test part has been seen: this is about the files, not about learning.
    """
    from nndsl.data.builtin import BuiltinTable

    columns = BuiltinTable("digits", None, None).read_columns(("image", "label"))
    folder = tmp_path_factory.mktemp("digits")
    images = columns["image"].repeat(3, 1).repeat(3, 2) * 15
    (folder / "images").write_bytes(idx(np.pad(images, ((0, 0), (2, 2), (2, 2))).repeat(2, 0)))
    (folder / "labels").write_bytes(idx(columns["label"].repeat(2)))
    return folder


@pytest.fixture
def sets(name, enlarged_digits):
    """What `--set` has to say for an example."""
    return {each: str(enlarged_digits / each) for each in NAMED_FILES.get(name, ())} | SMALLER.get(name, {})


def as_options(sets):
    return [word for each, value in sets.items() for word in ("--set", f"{each}={value}")]


SMALLER = {
    "long_memory.nn": {"length": "12", "cell": "LSTM(8)", "updates": "100"},
    "shakespeare_gpt.nn": {"length": "16", "width": "8", "heads": "2", "blocks": "1"},
    "shakespeare_lstm.nn": {"length": "20", "units": "8"},
}
"""Examples that take minutes, as smaller networks; other tests beside this one have what they learn."""

SHORTER = {
    "gan.nn": ["--epochs", "3"],
    "mnist_cnn.nn": ["--epochs", "5"],
    "shakespeare_gpt.nn": ["--epochs", "1"],
    "shakespeare_lstm.nn": ["--epochs", "1"],
    "wgan_gp.nn": ["--epochs", "3"],
}
"""Examples that expect nothing, or meet their expectations sooner on the data that they get here."""

BEGIN_WITH_LENET = {"features.nn", "transfer.nn"}
"""Examples that begin with what `lenet.nn` has learnt."""


@pytest.fixture
def place(name, request, tmp_path):
    """An empty folder, or one with the run that an example begins with."""
    if name in BEGIN_WITH_LENET:
        (tmp_path / "runs").symlink_to(request.getfixturevalue("lenet_folder") / "runs")
    return tmp_path


def test_the_examples_are_all_there():
    assert set(EXAMPLES) == {
        "attention_sort.nn",
        "autoencoder.nn",
        "custom_layer.nn",
        "diabetes.nn",
        "digits.nn",
        "exploding.nn",
        "features.nn",
        "gan.nn",
        "iris.nn",
        "landscape.nn",
        "lenet.nn",
        "long_memory.nn",
        "mnist_cnn.nn",
        "optimizers.nn",
        "residual.nn",
        "shakespeare_gpt.nn",
        "shakespeare_lstm.nn",
        "sunspots_rnn.nn",
        "transfer.nn",
        "vae.nn",
        "wgan_gp.nn",
        "xor.nn",
    }


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_has_no_mistakes_and_no_warnings(name, sets):
    from nndsl.check import check
    from nndsl.source import SourceFile

    path = FOLDER / name
    program = check(SourceFile(name, path.read_text(encoding="utf-8"), path), sets=sets)
    assert program.warnings == ()
    assert program.trains


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_opens_with_what_one_learns_from_it(name):
    first, *others = (FOLDER / name).read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    assert first.startswith("# ")
    assert first.endswith(".")
    assert any("learns from it" in line for line in others)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_trains_and_meets_its_expectations(name, sets, place):
    options = [*as_options(sets), *SHORTER.get(name, ())]
    ran("-m", "nndsl", "run", FOLDER / name, "--out", place / "run", *options, folder=place)
    summaries = sorted((place / "run").rglob("summary.json"))
    assert summaries
    for summary in summaries:
        assert json.loads(summary.read_text(encoding="utf-8"))["epochs"] > 0
        assert summary.with_name("history.csv").stat().st_size > 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_of_the_built_example_agree_with_finite_differences_where_only_numpy_is(
    name, sets, place, only_numpy
):
    reads = " from " in (FOLDER / name).read_text(encoding="utf-8").partition("\ndata ")[2].partition("{")[0]
    columns = ["--data", "columns.npz"] if reads else []
    ran("-m", "nndsl", "build", FOLDER / name, "-o", "built.py", *columns, *as_options(sets), folder=place)
    said = ran("-I", "built.py", "check-gradients", *columns[1:], folder=place, python=only_numpy)
    assert "central differences" in said


def test_readme_shows_every_example_and_nothing_else():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in EXAMPLES:
        assert f"]({name})" in text, name
    shown = set(re.findall(r"\]\((pictures/[^)]+)\)", text))
    assert shown == {f"pictures/{path.name}" for path in (FOLDER / "pictures").iterdir()}


def test_pictures_are_small():
    for path in (FOLDER / "pictures").iterdir():
        assert path.stat().st_size < 60_000, path.name
