"""docs/how-it-works.md shows what the compiler really does to its example."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nndsl.check import check
from nndsl.ir.printer import program_text
from nndsl.ir.program import Program
from nndsl.passes import run_until
from nndsl.runtime.load import generate
from nndsl.source import SourceFile
from tests.docs.page import Block, Page

PAGE = Page.of("how-it-works.md")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("how")
    PAGE.write_files(folder)
    path = folder / "net.nn"
    return check(SourceFile("net.nn", path.read_text(encoding="utf-8"), path))


def training(program: Program, stage: str) -> list[str]:
    """What `nndsl dump` prints of the training graph."""
    text = program_text(run_until(program, stage))
    return text.split("# Net, training\n")[1].split("\n\n")[0].splitlines()


def said(block: Block, program: Program) -> str:
    """What a block must hold."""
    stage = block.option("after")
    if stage == "differentiate":
        before = {line.partition("  #")[0] for line in training(program, "check")}
        return "".join(f"{line}\n" for line in training(program, stage) if line.partition("  #")[0] not in before)
    if stage is not None:
        return "".join(f"{line}\n" for line in training(program, stage))
    run = re.search(
        r"^def net_training.*?^    def run\(.*?(?=^    return )", generate(program), re.MULTILINE | re.DOTALL
    )
    assert run
    lines = run[0][run[0].index("    def run(") :].rstrip().splitlines()
    return "".join(f"{line.removeprefix('    ')}\n" for line in lines)


def test_the_page_shows_what_the_compiler_does(
    program: Program, compare_with_snapshot: Callable[[Path, str], None]
) -> None:
    text = PAGE.text
    shown = [block for block in PAGE.blocks() if block.option("after") or block.words == ("python", "source")]
    assert len(shown) == 4
    for block in shown:
        fence = f"```{' '.join(block.words)}\n"
        assert text.count(fence) == 1
        text = text.replace(f"{fence}{block.text}```", f"{fence}{said(block, program)}```")
    compare_with_snapshot(PAGE.path, text)


def test_the_rooms_of_the_page_are_there() -> None:
    rooms = PAGE.path.parents[1] / "nndsl"
    named = set(re.findall(r"`([a-z]+/(?:[a-z]+/)?)`", PAGE.text)) - {"nndsl/"}
    assert {"syntax/", "check/", "passes/", "plan/", "emit/", "runtime/"} <= named
    assert [name for name in named if not (rooms / name).is_dir()] == []
    assert (rooms / "autodiff").is_dir() or (rooms / "autodiff.py").is_file()
