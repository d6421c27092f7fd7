"""docs/gpu.md: what it prints is what is printed, its tolerances are those that tests hold, its extras are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from nndsl.cli.application import application
from nndsl.diagnostics.codes import CODES
from nndsl.precision import PRECISIONS
from nndsl.runtime import devices
from nndsl.runtime.devices import Found
from tests.cupy_standin import standin
from tests.docs.page import Page
from tests.emit.cupy.test_precision import TOLERANCES

TOP = Path(__file__).parents[2]
PAGE = Page.of("gpu.md")
BLOCKS = dict(re.findall(r"^```text ([\w-]+)\n(.*?)^```$", PAGE.text, re.MULTILINE | re.DOTALL))
FOUND = Found(("cupy-cuda13x",), True, 13020, ("Stand-in",), None, 13, True, 150_000_000_000)


def test_without_a_gpu_it_is_said_as_on_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "look", Found)
    found = CliRunner().invoke(application, ["run", str(TOP / "examples" / "digits.nn"), "--device", "gpu"])
    assert found.exit_code == 1
    assert BLOCKS["no-gpu"] in found.output


def test_the_summary_is_that_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "look", lambda: FOUND)
    with standin():
        line = ["summary", str(TOP / "examples" / "digits.nn"), "--device", "gpu"]
        found = CliRunner().invoke(application, line)
    assert BLOCKS["summary"] in found.output


def test_every_precision_is_in_the_table_with_the_tolerance_that_is_tested() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| *([^|]*?) *\|$", PAGE.text, re.MULTILINE))
    assert tuple(sorted(rows)) == tuple(sorted(PRECISIONS))
    assert {name: text for name, text in rows.items() if text} == {
        name: f"within {100 * tolerance:g}%" for name, tolerance in TOLERANCES.items()
    }


def test_its_extras_and_codes_are_there() -> None:
    extras = tomllib.loads((TOP / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"nndsl\[(\w+)\]", PAGE.text)) == {"cuda12", "cuda13"} <= set(extras)
    assert set(re.findall(r"NN\d{3}", PAGE.text)) <= set(CODES)


def test_the_readme_lists_it() -> None:
    assert "(docs/gpu.md)" in (TOP / "README.md").read_text()
