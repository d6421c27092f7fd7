"""Wrong `.nn` files and what nndsl says about each: cases/FAMILY/NAME.nn and, beside it, NAME.txt.

`pytest tests/diagnostics --update-snapshots` rewrites the expected texts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nndsl.check import check
from nndsl.diagnostics import Diagnostic, UserError
from nndsl.diagnostics.render import render_all
from nndsl.source import SourceFile
from nndsl.syntax import parse

CASES = Path(__file__).parent / "cases"


def diagnostics_of(path: Path) -> tuple[Diagnostic, ...]:
    """What nndsl says about a file: mistakes, or else warnings. Files of the family `syntax` are only parsed."""
    file = SourceFile(path.name, path.read_bytes().decode("utf-8"), path)
    try:
        if path.parent.name != "syntax":
            return tuple(check(file).warnings)
        parse(file)
    except UserError as mistake:
        return mistake.diagnostics
    return ()


@pytest.mark.parametrize("path", sorted(CASES.rglob("*.nn")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_wrong_file_gets_its_diagnostics(path: Path, compare_with_snapshot: Callable[[Path, str], None]) -> None:
    diagnostics = diagnostics_of(path)
    assert diagnostics, f"nndsl has nothing to say about {path.name}"
    text = render_all(diagnostics).replace(str(path.parent), "FOLDER")
    compare_with_snapshot(path.with_suffix(".txt"), text + "\n")


def test_no_expected_text_without_its_file() -> None:
    assert [text.name for text in CASES.rglob("*.txt") if not text.with_suffix(".nn").exists()] == []


def test_there_are_many_wrong_files() -> None:
    families = [path.parent.name for path in CASES.rglob("*.nn")]
    assert len(families) - families.count("syntax") >= 60
