"""docs/large-data.md: its files are made, its program streams, and what it shows is what is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from nndsl.cli.application import application
from tests.docs.page import Page

PAGE = Page.of("large-data.md")


def shown(name: str) -> str:
    (block,) = [block for block in PAGE.blocks("text") if block.words == ("text", name)]
    return block.text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    PAGE.write_files(tmp_path)
    for block in PAGE.blocks("python"):
        exec(compile(block.text, block.id, "exec"), {})
    return tmp_path


@pytest.mark.parametrize("command", ["run", "summary"])
def test_the_program_says_what_the_page_shows(folder: Path, command: str) -> None:
    done = CliRunner().invoke(application, [command, "photographs.nn"], prog_name="nndsl")
    assert done.exit_code == 0, done.output
    assert shown(command) in done.stdout


def test_the_commands_of_the_page_work(folder: Path) -> None:
    for arguments in (["run", "photographs.nn"], ["predict", "runs/Kind", "features.npy", "-o", "kinds.csv"]):
        done = CliRunner().invoke(application, arguments, prog_name="nndsl")
        assert done.exit_code == 0, done.output
    assert len(Path("kinds.csv").read_text().splitlines()) == 601
