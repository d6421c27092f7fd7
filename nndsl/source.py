"""Source files and places in them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from nndsl.records import record


@dataclass(frozen=True, eq=False)
class SourceFile:
    """One `.nn` text. `name` is how a user would call it; `library` marks nndsl's own files.

    allowed: folders of which files may be named that it imports, besides their own (`--allow-path`).
    Two files are the same only if they are the same object: a text opened twice may have changed.
    """

    name: str
    text: str = field(repr=False)
    path: Path | None = None
    library: bool = False
    allowed: tuple[Path, ...] = ()

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        for offset, character in enumerate(self.text):
            if character == "\n":
                starts.append(offset + 1)
        return starts

    @property
    def line_count(self) -> int:
        """Number of lines; a final newline does not start another."""
        return len(self._line_starts) - (1 if self.text.endswith("\n") else 0) or 1

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1 (columns in characters)."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Text of line `number` (from 1), without its end."""
        start = self._line_starts[number - 1]
        end = self._line_starts[number] if number < len(self._line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")


@record
class Span:
    """The characters `start` to `end` (exclusive) of a file. Line and column are computed when asked for."""

    file: SourceFile
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the first character, from 1."""
        return self.file.position(self.start)[0]

    @property
    def column(self) -> int:
        """Column of the first character, from 1."""
        return self.file.position(self.start)[1]

    @property
    def text(self) -> str:
        """The characters themselves."""
        return self.file.text[self.start : self.end]

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other` (of the same file)."""
        return Span(self.file, self.start, other.end)

    def __str__(self) -> str:
        line, column = self.file.position(self.start)
        return f"{self.file.name}:{line}:{column}"
