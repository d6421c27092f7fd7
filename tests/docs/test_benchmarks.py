"""README quotes what the benchmarks printed, word for word."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_readme_quotes_the_benchmarks_as_they_were_printed() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    printed = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8").splitlines()
    quoted = re.search(r"```text benchmarks\n(.*?)```", readme, re.DOTALL)
    assert quoted is not None
    lines = quoted[1].splitlines()
    assert lines
    assert [line for line in lines if line not in printed] == []
