"""docs/training.md: its programs train, and what it shows of runs is what they show."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import nndsl
from nndsl.check import check
from nndsl.check.blocks.settings import CALLBACKS
from nndsl.check.hints import for_callback
from nndsl.cli.application import application
from nndsl.cli.topics import topics
from nndsl.source import SourceFile
from tests.docs.page import Block, Page, whole

PAGE = Page.of("training.md")
FRAMES = PAGE.frames()
EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = [block for block in PAGE.blocks("nn") if not block.option("frame") and "diverging" not in block.words]


def one(*words: str) -> str:
    """The text of the only block of these words."""
    (block,) = [block for block in PAGE.blocks() if block.words == words]
    return block.text


@pytest.mark.parametrize("block", PROGRAMS, ids=[block.id for block in PROGRAMS])
def test_a_program_of_the_page_trains(block: Block, tmp_path: Path) -> None:
    text = whole(block, FRAMES)
    path = tmp_path / "example.nn"
    path.write_text(text, encoding="utf-8")
    assert not check(SourceFile("example.nn", text, path)).warnings
    first, *_, last = [row["train.loss"] for row in nndsl.load(path).fit(epochs=3)]
    assert np.isfinite(last)
    assert last < first


def test_the_history_has_the_columns_that_the_page_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (block,) = [block for block in PROGRAMS if "ReduceLROnPlateau" in block.text]
    (tmp_path / "digits.nn").write_text(whole(block, FRAMES), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(application, ["run", "digits.nn", "--epochs", "1"]).exit_code == 0
    written = (tmp_path / "runs" / "Digits" / "history.csv").read_text(encoding="utf-8")
    assert written.splitlines()[0] == one("text", "history").strip()


def test_lost_numbers_are_told_of_as_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rates.nn").write_text(one("nn", "diverging"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(application, ["run", "rates.nn"])
    assert result.exit_code == 1
    assert result.stderr.startswith(one("text", "diverged"))


def test_every_schedule_and_callback_is_on_the_page() -> None:
    schedules = {topic.name for topic in topics() if topic.family == "schedules"}
    assert {re.match(r"`(\w+)", row[0])[1] for row in PAGE.rows("The learning rate")} == schedules  # type: ignore[index]
    assert all(f"`{name}" in PAGE.text for name in CALLBACKS)


def test_what_is_always_there_gets_a_hint_under_its_name_in_keras() -> None:
    for name in ("TerminateOnNaN", "CSVLogger", "ProgbarLogger", "BackupAndRestore", "TensorBoard", "SwapEMAWeights"):
        assert f"`{name}`" in PAGE.section("From Keras")
        assert for_callback(name)


def test_links_lead_to_pages_that_are_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", PAGE.text):
        assert (PAGE.path.parent / target.partition("#")[0]).exists(), target


def test_a_run_says_what_it_computes_once_as_the_page_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, options in (("lenet.nn", []), ("transfer.nn", ["--train", "Frozen"])):
        (tmp_path / name).write_text((EXAMPLES / name).read_text(encoding="utf-8"), encoding="utf-8")
        result = CliRunner().invoke(application, ["run", name, "--epochs", "1", *options])
    assert one("text", "once") in result.output
