from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import page
from benchmarks.parts import PARTS


def test_what_a_part_prints_replaces_what_stood_between_its_marks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / page.PAGES[1]
    (tmp_path / page.PAGES[0]).write_text("# Another page\n")
    path.write_text(
        "# A\n<!-- begin one: printed by `python -m benchmarks one --write` -->\nold\n<!-- end one -->\n"
        "text\n<!-- begin two: printed by `python -m benchmarks two --write` -->\nkept\n<!-- end two -->\n"
    )
    monkeypatch.setattr(page, "DOCUMENTS", tmp_path)
    assert page.put("one", r"new \1") == path
    assert "old" not in path.read_text() and "new \\1" in path.read_text() and "kept" in path.read_text()
    with pytest.raises(SystemExit, match="no page has a place"):
        page.put("three", "anything")


def test_the_pages_have_a_place_for_every_part() -> None:
    text = "".join((page.DOCUMENTS / name).read_text(encoding="utf-8") for name in page.PAGES)
    for part in PARTS:
        assert text.count(f"<!-- begin {part}: printed by `python -m benchmarks {part} --write` -->") == 1
        assert text.count(f"<!-- end {part} -->") == 1
