"""A text that gets insertions, and comments at or above its lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import wrap
from typing import TYPE_CHECKING, NamedTuple

from nndsl.source import Span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.source import SourceFile

WIDTH = 120
"""Columns that a line with its comment may take."""


class Change(NamedTuple):
    """`text` in place of what is from `start` to `end`. Of changes at one place those of lower rank come first."""

    start: int
    rank: int
    end: int
    text: str


@dataclass(slots=True)
class Page:
    """A file's text and what is to be changed in it. Places are those of the text as it was.

    changes: what is put in place of what. notes: comments for a statement.
    """

    file: SourceFile
    changes: list[Change] = field(default_factory=list["Change"])
    notes: dict[Span, list[str]] = field(default_factory=dict["Span", list[str]])

    def insert(self, offset: int, text: str, rank: int = 0) -> None:
        """Put `text` before what is at `offset`."""
        self.changes.append(Change(offset, rank, offset, text))

    def insert_items(self, offset: int, items: Sequence[str], inside: Span) -> None:
        """Put items with commas between before what is at `offset`, on lines of their own where they are too many.

        inside: the expression that gets them. Of several that end at one place the inner ones come first.
        """
        text = ", ".join(items)
        if self._width(offset) + len(text) > WIDTH:
            indent = self.indent(self.line_start(offset)) + "    "
            lines = wrap(text, WIDTH - len(indent) - 4, break_long_words=False, break_on_hyphens=False)
            text = "".join(f"\n{indent}{line}" for line in lines)
        before = self.file.text[:offset].rstrip()[-1:]
        joint = "" if before == "(" else "," if text.startswith("\n") else ", "
        self.insert(offset, joint + text, -inside.start)

    def replace(self, span: Span, text: str) -> None:
        """Put `text` in place of what is there."""
        self.changes.append(Change(span.start, 0, span.end, text))

    def note(self, statement: Span, text: str) -> None:
        """Say something of a statement, once."""
        notes = self.notes.setdefault(statement, [])
        if text and text not in notes:
            notes.append(text)

    @staticmethod
    def first_line(statement: Span) -> Span:
        """The part of a statement on its first line, blocks left out: notes of it stand above."""
        end = statement.file.text.find("\n", statement.start)
        return Span(statement.file, statement.start, min(statement.end, end if end >= 0 else statement.end))

    def indent(self, offset: int) -> str:
        """The blanks that the line of `offset` begins with."""
        line = self.file.line(self.file.position(offset)[0])
        return line[: len(line) - len(line.lstrip())]

    def line_start(self, offset: int) -> int:
        """Where the line of `offset` starts."""
        return offset - self.file.position(offset)[1] + 1

    def line_end(self, offset: int) -> int:
        """Where the line of `offset` ends, before its line break."""
        end = self.file.text.find("\n", offset)
        return len(self.file.text) if end < 0 else end

    def text(self) -> str:
        """The text with all changes and notes."""
        changes = [*self.changes, *(change for span in self.notes for change in self._noted(span))]
        text = self.file.text
        pieces: list[str] = []
        place = 0
        for change in sorted(changes, key=lambda change: (change.start, change.rank)):
            pieces += [text[place : change.start], change.text]
            place = change.end
        return "".join([*pieces, text[place:]])

    def _width(self, offset: int) -> int:
        """How wide the line of `offset` has become so far."""
        start, end = self.line_start(offset), self.line_end(offset)
        width = len(self.file.text[start:end].split("#")[0].rstrip())
        for change in self.changes:
            if start <= change.start <= end:
                width = width + len(change.text) - (change.end - change.start)
                if "\n" in change.text:
                    width = len(change.text) - change.text.rindex("\n") + self.line_end(change.start) - change.start
        return width

    def _noted(self, statement: Span) -> list[Change]:
        """One short note goes to the end of a line that has nothing but its statement; others go above."""
        notes = self.notes[statement]
        start, end = self.line_start(statement.start), self.line_end(statement.start)
        alone = self.file.text[start:end].strip() == statement.text.strip()
        here = [change for change in self.changes if start <= change.start <= end]
        width = end - start + sum(len(change.text) - (change.end - change.start) for change in here)
        short = not any("\n" in change.text for change in here if change.rank <= 0)
        if len(notes) == 1 and alone and short and width + len(notes[0]) + 4 <= WIDTH:
            return [Change(end, 1, end, f"  # {notes[0]}")]
        indent = self.indent(statement.start)
        lines = [line for note in notes for line in wrap(note, WIDTH - len(indent) - 2, subsequent_indent="  ")]
        return [Change(start, 1, start, "".join(f"{indent}# {line}\n" for line in lines))]
