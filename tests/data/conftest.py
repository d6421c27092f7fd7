"""Opening readers, and what they say when they can't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nndsl.data import Table, open_reader
from nndsl.diagnostics import Diagnostic, UserError


@pytest.fixture(autouse=True)
def cache_of_its_own(tmp_path_factory, monkeypatch):
    """No test reads or writes the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def opened(tmp_path: Path) -> Callable[..., Table]:
    """`opened("csv", "t.csv", content, **arguments)`: the table of a file written for it."""

    def open_content(reader: str, name: str, content: str | bytes, **arguments: object) -> Table:
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        path = {"idx": "images"}.get(reader, "path")
        return open_reader(reader, {path: name, **arguments}, tmp_path)

    return open_content


@pytest.fixture
def said() -> Callable[[Callable[[], object]], Diagnostic]:
    """`said(action)`: the one diagnostic that `action` raises."""

    def diagnostic_of(action: Callable[[], object]) -> Diagnostic:
        with pytest.raises(UserError) as caught:
            action()
        (diagnostic,) = caught.value.diagnostics
        return diagnostic

    return diagnostic_of
