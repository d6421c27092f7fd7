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


@pytest.fixture(scope="session")
def folder_with_digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run of `examples/digits.nn` that `examples/transfer.nn` begins with, of one epoch."""
    from click.testing import CliRunner

    from nndsl.cli.application import application

    folder = tmp_path_factory.mktemp("digits")
    example = Path(__file__).parents[1] / "examples" / "digits.nn"
    CliRunner().invoke(application, ["run", str(example), "--epochs", "1", "--out", str(folder / "runs" / "Digits")])
    return folder


@pytest.fixture(autouse=True)
def beside_digits(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of `examples/transfer.nn` run where the run that it needs is found."""
    given = request.node.callspec.params.values() if hasattr(request.node, "callspec") else ()
    if any(isinstance(each, str | Path) and Path(str(each)[:200]).stem == "transfer" for each in given):
        monkeypatch.chdir(request.getfixturevalue("folder_with_digits"))


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
