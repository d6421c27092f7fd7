"""What all tests share: snapshots, texts kept beside the tests and compared as they are."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from pathlib import Path

import pytest

Compare = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-snapshots",
        action="store_true",
        help="rewrite the expected texts beside the tests; look at the difference before committing it",
    )


@pytest.fixture
def compare_with_snapshot(request: pytest.FixtureRequest) -> Compare:
    """Compares a text with the one kept in a file, or rewrites the file under `--update-snapshots`."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-snapshots"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            return
        expected = path.read_text(encoding="utf-8") if path.exists() else ""
        if text != expected:
            difference = difflib.unified_diff(
                expected.splitlines(), text.splitlines(), str(path), "what came out", lineterm=""
            )
            pytest.fail("\n".join([*difference, "", "if this is right: pytest --update-snapshots"]), pytrace=False)

    return compare
