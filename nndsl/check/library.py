"""The standard library, by name: definitions are found by a search and parsed one at a time, when used."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from nndsl.records import record
from nndsl.source import SourceFile
from nndsl.syntax import parse_part, tree

ROOT = Path(__file__).parent.parent / "std"
_DEFINITION = re.compile(r"^(layer|function|metric|model|optimizer) ([^\W\d]\w*)", re.MULTILINE)


@record
class Entry:
    """Where a library item stands: the text from its documentation comment to the next item's."""

    kind: str
    name: str
    file: SourceFile
    start: int
    end: int


@cache
def index() -> dict[str, Entry]:
    """Every library item by name. A metric with the name of a function is listed as `metric NAME`."""
    entries: dict[str, Entry] = {}
    for path in sorted(ROOT.rglob("*.nn")):
        file = SourceFile(
            f"std/{path.relative_to(ROOT).as_posix()}", path.read_text(encoding="utf-8"), path, library=True
        )
        found = list(_DEFINITION.finditer(file.text))
        starts = [_with_comment(file.text, match.start()) for match in found]
        for position, match in enumerate(found):
            end = starts[position + 1] if position + 1 < len(starts) else len(file.text)
            entry = Entry(match[1], match[2], file, starts[position], end)
            if entry.name in entries and entry.kind == "metric":
                entries[f"metric {entry.name}"] = entry
            else:
                entries[entry.name] = entry
    return entries


def _with_comment(text: str, start: int) -> int:
    """Start of the `#` lines right above a definition, or of the definition itself."""
    while start > 0:
        line_start = text.rfind("\n", 0, start - 1) + 1
        if not text.startswith("#", line_start):
            break
        start = line_start
    return start


@cache
def definition(name: str) -> tree.Definition | None:
    """The library's definition of `name` (parsed once), or None."""
    entry = index().get(name)
    if entry is None:
        return None
    program = parse_part(entry.file, entry.start, entry.end)
    for item in program.items:
        if isinstance(item, tree.Definition):
            return item
    return None
