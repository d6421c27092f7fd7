"""Every example is checked, trains, meets what it expects of itself, and its generated gradients are right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
EXAMPLES = sorted(path.name for path in FOLDER.glob("*.nn"))


def ran(*arguments, folder):
    """A command of Python, run in `folder`; its output."""
    environment = {**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def test_the_examples_are_all_there():
    assert set(EXAMPLES) == {"custom_layer.nn", "diabetes.nn", "digits.nn", "iris.nn", "xor.nn"}


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_has_no_mistakes_and_no_warnings(name):
    from nndsl.check import check
    from nndsl.source import SourceFile

    path = FOLDER / name
    program = check(SourceFile(name, path.read_text(encoding="utf-8"), path))
    assert program.warnings == ()
    assert program.trains


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_opens_with_what_one_learns_from_it(name):
    first, *others = (FOLDER / name).read_text(encoding="utf-8").split("\n\n")[0].splitlines()
    assert first.startswith("# ")
    assert first.endswith(".")
    assert any("learns from it" in line for line in others)


@pytest.mark.parametrize("name", EXAMPLES)
def test_example_trains_and_meets_its_expectations(name, tmp_path):
    ran("-m", "nndsl", "run", FOLDER / name, "--out", tmp_path / "run", folder=tmp_path)
    summary = json.loads((tmp_path / "run" / "summary.json").read_text(encoding="utf-8"))
    assert summary["epochs"] > 0
    assert (tmp_path / "run" / "history.csv").stat().st_size > 0


@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_of_the_built_example_agree_with_finite_differences(name, tmp_path):
    reads = " from " in (FOLDER / name).read_text(encoding="utf-8").partition("\ndata ")[2].partition("{")[0]
    columns = ["--data", "columns.npz"] if reads else []
    ran("-m", "nndsl", "build", FOLDER / name, "-o", "built.py", *columns, folder=tmp_path)
    said = ran("built.py", "check-gradients", *columns[1:], folder=tmp_path)
    assert "central differences" in said


def test_readme_shows_every_example_and_nothing_else():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in EXAMPLES:
        assert f"]({name})" in text, name
