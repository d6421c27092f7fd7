from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import page


def test_what_a_part_prints_replaces_what_stood_between_its_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text(
        "# A\n<!-- begin one: printed by `python -m benchmarks one --write` -->\nold\n<!-- end one -->\n"
        "text\n<!-- begin two: printed by `python -m benchmarks two --write` -->\nkept\n<!-- end two -->\n"
    )
    monkeypatch.setattr(page, "PAGE", path)
    page.put("one", r"new \1")
    assert "old" not in path.read_text() and "new \\1" in path.read_text() and "kept" in path.read_text()
    with pytest.raises(SystemExit, match="no place"):
        page.put("three", "anything")


def test_the_page_has_a_place_for_every_part() -> None:
    text = page.PAGE.read_text(encoding="utf-8")
    for part in ("steps", "memory", "growth", "startup", "reading", "compiling", "gpu"):
        assert f"<!-- begin {part}: printed by `python -m benchmarks {part} --write` -->" in text
        assert f"<!-- end {part} -->" in text
