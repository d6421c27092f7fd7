"""docs/resuming.md: what it shows of runs is what they say."""

from __future__ import annotations

import errno
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from nndsl.check import check
from nndsl.cli.application import application
from nndsl.runs.locks import locked
from nndsl.runtime.checkpoints import PREVIOUS, UNFINISHED, CheckpointFiles
from nndsl.source import SourceFile
from tests.docs.page import Page

PAGE = Page.of("resuming.md")
(PROGRAM,) = PAGE.blocks("nn")[:1]
RUN = Path("runs", "Digits")


def shown(name: str) -> re.Pattern[str]:
    """The block of that name, as a pattern: other numbers and moments are as good."""
    (block,) = [block for block in PAGE.blocks("text") if block.words == ("text", name)]
    pattern = re.sub(r"\d+", r"\\d+", re.escape(block.text.strip()))
    return re.compile(pattern.replace(r"epoch\ ", r"(after\ )?epoch\ ").replace(r"\+\d+:", r"[+-]\d+:"))


@pytest.fixture
def nndsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    Path("digits.nn").write_text(PROGRAM.text, encoding="utf-8")

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(application, ["run", "digits.nn", *arguments], prog_name="nndsl")

    return run


@pytest.fixture
def left(nndsl: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> Result:
    """A run of which two checkpoints are there, and then comes a SIGTERM."""
    original = CheckpointFiles.write
    count = [0]

    def write(files: Any, *arguments: Any) -> Path:
        count[0] += 1
        if count[0] == 3:
            signal.raise_signal(signal.SIGTERM)
        return original(files, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr("nndsl.runtime.checkpoints.CheckpointFiles.write", write)
        return nndsl("--checkpoint-every", "0")


def test_the_setting_of_the_page_is_one(tmp_path: Path) -> None:
    setting = PAGE.blocks("nn")[1].text
    text = PROGRAM.text.replace("  epochs = 60\n", f"  epochs = 60\n  {setting}")
    program = check(SourceFile("digits.nn", text, tmp_path / "digits.nn"))
    assert dict(program.trains[0].settings)["checkpoint_every"] == 600


def test_a_run_that_is_stopped_says_how_to_go_on_and_does(left: Result, nndsl: Callable[..., Result]) -> None:
    assert left.exit_code == 130
    assert shown("interrupted").search(left.stdout)
    going_on = nndsl("--resume", "--epochs", "2")
    assert shown("going-on").search(going_on.stdout)
    assert going_on.exit_code == 0


def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(left: Result, nndsl: Callable[..., Result]) -> None:
    content = bytearray((RUN / UNFINISHED).read_bytes())
    content[-9] ^= 8
    (RUN / UNFINISHED).write_bytes(content)
    assert shown("damaged").search(nndsl("--resume", "--epochs", "2").stdout)


def test_what_has_changed_is_shown(left: Result, nndsl: Callable[..., Result]) -> None:
    Path("digits.nn").write_text(PROGRAM.text.replace("1e-3", "1e-4"))
    assert shown("changed").search(nndsl("--resume", "--epochs", "2").stdout)


def test_what_does_not_fit_is_refused(left: Result, nndsl: Callable[..., Result]) -> None:
    Path("digits.nn").write_text(PROGRAM.text.replace("Dense(64", "Dense(32"))
    assert shown("refused").search(nndsl("--resume").stderr)


def test_an_unfinished_run_is_in_the_way(
    left: Result, nndsl: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nndsl.runs.sessions.WORTH_KEEPING", 0.0)
    assert shown("in-the-way").search(nndsl().stderr)


def test_a_second_run_is_refused(nndsl: Callable[..., Result]) -> None:
    RUN.mkdir(parents=True)
    with locked(RUN, {}):
        assert shown("locked").search(nndsl().stderr)


def test_a_full_disk_is_told_of(left: Result, nndsl: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        result = nndsl("--resume", "--epochs", "1")
    assert result.exit_code == 1
    assert "no space left on device; training goes on, and tries again later" in result.stdout
    pattern = shown("full").pattern.replace(re.escape("write runs/Digits/resume.safetensors"), r"write \S+", 1)
    assert re.search(pattern, result.stderr)
    assert (RUN / PREVIOUS).exists()
    assert nndsl("--resume", "--epochs", "2").exit_code == 0
