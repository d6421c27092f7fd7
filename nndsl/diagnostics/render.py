"""Diagnostics as text for people and as data for programs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nndsl.diagnostics.model import Diagnostic, Label, Severity
from nndsl.diagnostics.visible import columns, visible
from nndsl.source import SourceFile

WIDEST = 120
"""Characters of a source line that are shown; the rest of a longer one is cut."""

LINES_OF_A_SPAN = 3
"""A place of at most so many lines is underlined as a whole, a longer one in its first line."""

ANSI = {
    "error": "\x1b[1;31m",
    "warning": "\x1b[1;33m",
    "title": "\x1b[1m",
    "gutter": "\x1b[34m",
    "secondary": "\x1b[36m",
    "help": "\x1b[32m",
}
RESET = "\x1b[0m"


def render(diagnostic: Diagnostic, *, color: bool = False) -> str:
    """The diagnostic as lines of text, without a newline at the end; `color` adds ANSI sequences.

    What comes from a user's file can't act on a terminal: control characters are shown as pictures of themselves.
    """
    return "\n".join(_Page(diagnostic, color).lines())


def render_all(diagnostics: Sequence[Diagnostic], *, color: bool = False) -> str:
    """All diagnostics with an empty line between, and how many there were."""
    parts = [render(diagnostic, color=color) for diagnostic in diagnostics]
    return "\n\n".join([*parts, count(diagnostics)])


def count(diagnostics: Iterable[Diagnostic]) -> str:
    """`2 errors, 1 warning`, or "nothing to report"."""
    severities = [diagnostic.severity for diagnostic in diagnostics]
    counts = [(severities.count(severity), severity.value) for severity in Severity]
    said = [f"{number} {word}{'s' if number != 1 else ''}" for number, word in counts if number]
    return ", ".join(said) or "nothing to report"


def as_data(diagnostic: Diagnostic) -> dict[str, object]:
    """The diagnostic as JSON has it. Lines and columns from 1; `end_column` is the one after the last character."""
    labels: list[dict[str, object]] = []
    for label in diagnostic.labels:
        line, column = label.span.file.position(label.span.start)
        end_line, end_column = label.span.file.position(label.span.end)
        place: dict[str, object] = {"file": label.span.file.name, "line": line, "column": column}
        place |= {"end_line": end_line, "end_column": end_column}
        labels.append(place | {"message": label.message, "primary": label.primary})
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "labels": labels,
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
    }


class _Mark(NamedTuple):
    """An underlined piece of one line, in display columns from 0; `end` is exclusive."""

    start: int
    end: int
    message: str
    primary: bool


class _Piece(NamedTuple):
    """The part of a label that lies in one line, in characters from 0; `end` is exclusive."""

    start: int
    end: int
    message: str
    primary: bool


class _Page:
    def __init__(self, diagnostic: Diagnostic, color: bool) -> None:
        self.diagnostic = diagnostic
        self.color = color
        self.pieces: dict[int, dict[int, list[_Piece]]] = {}
        self.files: dict[int, SourceFile] = {}
        primary_first = sorted(diagnostic.labels, key=lambda label: not label.primary)
        for label in primary_first:
            self._place(label)
        numbers = [number for lines in self.pieces.values() for number in lines]
        self.gutter = max(2, *(len(str(number)) for number in numbers)) if numbers else 2
        self.places = {id(label.span.file): _position(label) for label in reversed(primary_first)}

    def lines(self) -> list[str]:
        severity = self.diagnostic.severity.value
        first, *more = visible(self.diagnostic.message, newlines=True).split("\n")
        lines = [self._painted(severity, f"{severity}[{self.diagnostic.code}]") + self._painted("title", f": {first}")]
        lines += [f"  {line}" for line in more]
        for index, (key, numbered) in enumerate(self.pieces.items()):
            arrow = "-->" if index == 0 else ":::"
            line, column = self.places[key]
            place = f"{visible(self.files[key].name)}:{line}:{column}"
            lines.append(self._painted("gutter", " " * self.gutter + arrow) + f" {place}")
            lines.append(self._painted("gutter", " " * self.gutter + " |"))
            for number in sorted(numbered):
                lines += self._source(self.files[key], number, numbered[number])
        for note in self.diagnostic.notes:
            lines += self._remark("gutter", "note", note)
        if self.diagnostic.help is not None:
            lines += self._remark("help", "help", self.diagnostic.help)
        return lines

    def _painted(self, style: str, text: str) -> str:
        return f"{ANSI[style]}{text}{RESET}" if self.color else text

    def _remark(self, style: str, word: str, text: str) -> list[str]:
        first, *more = visible(text, newlines=True).split("\n")
        return [f"{self._painted(style, word + ':')} {first}", *(" " * (len(word) + 2) + line for line in more)]

    # ------------------------------------------------------------------------------------------ places

    def _place(self, label: Label) -> None:
        """Splits a label into its lines."""
        file = label.span.file
        numbered = self.pieces.setdefault(id(file), {})
        self.files[id(file)] = file
        first, start = _position(label)
        last, end = file.position(max(label.span.start, label.span.end))
        if end == 1 and last > first:  # up to a line's end: its newline is not shown
            last -= 1
            end = len(file.line(last)) + 1
        last = min(last, file.line_count)
        whole = last - first < LINES_OF_A_SPAN
        for number in range(first, (last if whole else first) + 1):
            line = file.line(number)
            begin = start - 1 if number == first else len(line) - len(line.lstrip())
            stop = end - 1 if number == last else len(line.rstrip())
            message = label.message if number == last or not whole else ""
            if begin < stop or number == first:
                piece = _Piece(begin, max(stop, begin + 1), message, label.primary)
                numbered.setdefault(number, []).append(piece)

    # ------------------------------------------------------------------------------------------ one line

    def _source(self, file: SourceFile, number: int, pieces: list[_Piece]) -> list[str]:
        """The line, the row of underlines below it, and the messages that have no place in that row."""
        shown, marks = _shown(file.line(number), pieces)
        bar = self._painted("gutter", f"{number:>{self.gutter}} |")
        lines = [f"{bar} {shown}".rstrip()]
        blank = self._painted("gutter", " " * self.gutter + " |")
        return lines + [f"{blank} {row}".rstrip() for row in self._rows(marks)]

    def _rows(self, marks: list[_Mark]) -> list[str]:
        marks = sorted(marks, key=lambda mark: (mark.start, mark.end))
        underline: dict[int, tuple[str, bool]] = {}
        for mark in sorted(marks, key=lambda mark: (mark.primary, mark.start - mark.end)):
            for column in range(mark.start, mark.end):
                underline[column] = ("^" if mark.primary else "-", mark.primary)
        hanging = [mark for mark in marks if mark.message]
        beside: _Mark | None = None
        if hanging and hanging[-1].end >= max(mark.end for mark in marks):
            beside = hanging.pop()
        row = self._drawn(underline)
        if beside is not None:
            row += " " + self._said(beside)
        rows = [row]
        if hanging:
            rows.append(self._connectors(hanging))
        while hanging:
            mark = hanging.pop()
            left = [other for other in hanging if other.start < mark.start]
            reached = max((other.start + 1 for other in left), default=0)
            rows.append(self._connectors(left) + " " * (mark.start - reached) + self._said(mark))
        return rows

    def _said(self, mark: _Mark) -> str:
        style = self.diagnostic.severity.value if mark.primary else "secondary"
        return self._painted(style, visible(mark.message))

    def _connectors(self, marks: list[_Mark]) -> str:
        return self._drawn({mark.start: ("|", mark.primary) for mark in marks})

    def _drawn(self, characters: dict[int, tuple[str, bool]]) -> str:
        """Characters at their columns, runs of one colour painted together."""
        row = ""
        position = 0
        for begin in sorted(characters):
            if begin < position:  # drawn with the run before it
                continue
            run, primary = characters[begin]
            while characters.get(begin + len(run), ("", not primary))[1] == primary:
                run += characters[begin + len(run)][0]
            style = self.diagnostic.severity.value if primary else "secondary"
            row += " " * (begin - position) + self._painted(style, run)
            position = begin + len(run)
        return row


def _position(label: Label) -> tuple[int, int]:
    """Line and column where a label begins; what lies after the last line is the end of that line."""
    file = label.span.file
    line, column = file.position(label.span.start)
    if line > file.line_count:
        line = file.line_count
        column = len(file.line(line)) + 1
    return line, column


def _shown(line: str, pieces: list[_Piece]) -> tuple[str, list[_Mark]]:
    """What is shown of a line, and where the pieces lie in it."""
    begin, end = 0, len(line)
    if end > WIDEST:
        wanted = next((piece for piece in pieces if piece.primary), pieces[0])
        begin = max(0, min(wanted.start - WIDEST // 3, end - WIDEST))
        end = begin + WIDEST
    before = "..." if begin > 0 else ""
    after = "..." if end < len(line) else ""
    text, offsets = columns(line[begin:end])
    marks: list[_Mark] = []
    for piece in pieces:
        start = min(max(piece.start, begin), end) - begin
        stop = min(max(piece.end, begin), end + (piece.end > end)) - begin
        first = len(before) + (offsets[start] if start < len(offsets) else offsets[-1] + start - len(offsets) + 1)
        final = len(before) + (offsets[stop] if stop < len(offsets) else offsets[-1] + stop - len(offsets) + 1)
        marks.append(_Mark(first, max(final, first + 1), piece.message, piece.primary))
    return before + text + after, marks
