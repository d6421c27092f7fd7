"""The room of pictures: whatever draws is in it."""

from __future__ import annotations

import re
from pathlib import Path

ROOMS = Path(__file__).resolve().parents[2] / "nndsl"


def test_nothing_else_imports_matplotlib():
    imports = re.compile(r"^\s*(import|from) matplotlib", re.MULTILINE)
    found = {path.parent.name for path in ROOMS.rglob("*.py") if imports.search(path.read_text(encoding="utf-8"))}
    assert found == {"pictures"}
