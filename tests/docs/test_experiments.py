"""docs/experiments.md: what it shows of commands is what they print."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nndsl.cli.application import application
from nndsl.diagnostics.codes import CODES
from tests.docs.page import Page

PAGE = Page.of("experiments.md")


def shown(name: str) -> list[str]:
    return [block.text for block in PAGE.blocks("text") if block.words == ("text", name)]


def words(line: str) -> list[str]:
    """A line's words; other machines round otherwise, and are not as fast."""
    return [re.sub(r"\d[\d.,]*", "N", word) for word in line.replace("*", " ").split()]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Result]:
    """Runs a command of the page in a folder with its program."""
    monkeypatch.chdir(tmp_path)
    PAGE.write_files(tmp_path)

    def run(line: str) -> Result:
        assert f"\n{line}\n" in PAGE.text or f"`{line}`" in PAGE.text, line
        return CliRunner().invoke(application, line.split()[1:])

    return run


def test_the_explanation_is_as_shown(invoke):
    result = invoke("nndsl explain digits.nn --set hidden=16")
    assert result.exit_code == 0, result.stderr
    assert len(shown("explained")) == 2
    for text in shown("explained"):
        assert text in result.stdout


def test_sweeps_and_comparisons_are_as_shown(invoke):
    swept = invoke("nndsl run digits.nn --set hidden=16,64")
    assert swept.exit_code == 0, swept.stderr
    (text,) = shown("compared")
    printed = [words(line) for line in swept.stdout.splitlines()]
    for line in text.splitlines():
        assert words(line) in printed, line
    compared = invoke("nndsl compare runs/digits-hidden=16 runs/digits-hidden=64 --picture both.png")
    assert compared.exit_code == 0, compared.stderr
    assert Path("both.png").exists()
    assert text.splitlines()[2] in compared.stdout
    assert text.splitlines()[2] in invoke("nndsl compare runs").stdout


def test_the_codes_of_the_table_are_there():
    codes = re.findall(r"NN\d\d\d", "".join(cell for row in PAGE.rows("Before the first step") for cell in row))
    assert len(codes) >= 8
    assert all(code in CODES for code in codes)
