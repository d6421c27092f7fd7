"""A page of the documentation, read for the tests: its code blocks, its tables, and what it claims of expressions.

The words after ``` say what a block is:

    nn                   a whole `.nn` file                 nn NAME              lines for the frame of that name
    nn file=blocks.nn    a whole file that others import    nn frame=NAME        a frame: `...` stands for the lines
    nn-error CODE        a whole file with this mistake     nn-error CODE NAME   lines with this mistake
    csv file=NAME.csv    a file that programs read          text ...             something else, which a test knows
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

PAGES = Path(__file__).resolve().parents[2] / "docs"

_BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CLAIM = re.compile(r"`([^`\n]+)` is `([^`\n]+)`")
_SHAPE_COMMENT = re.compile(r"^( +)(?:(\w+)( *[=:] .*?)) +# \[([\d, ]*)\]$")


@dataclass(frozen=True)
class Block:
    """One code block. `words` are those after ```; `line` is where its text begins, from 1."""

    words: tuple[str, ...]
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.words[0] if self.words else ""

    def option(self, name: str) -> str | None:
        """The value of `name=value` among the words."""
        for word in self.words[1:]:
            key, equals, value = word.partition("=")
            if equals and key == name:
                return value
        return None

    @property
    def id(self) -> str:
        return f"line {self.line}: {' '.join(self.words)}"


@dataclass(frozen=True)
class Page:
    """A Markdown file."""

    path: Path
    text: str

    @classmethod
    def of(cls, name: str) -> Page:
        path = PAGES / name
        return cls(path, path.read_text(encoding="utf-8"))

    def blocks(self, *languages: str) -> list[Block]:
        """The code blocks, in order; of these languages, if any are said."""
        found = [
            Block(tuple(match[1].split()), match[2], self.text.count("\n", 0, match.start()) + 2)
            for match in _BLOCK.finditer(self.text)
        ]
        return [block for block in found if not languages or block.language in languages]

    def frames(self) -> dict[str, str]:
        """What stands around the lines of shorter examples, by name."""
        return {name: block.text for block in self.blocks("nn") if (name := block.option("frame"))}

    def write_files(self, folder: Path) -> None:
        """Writes the files that examples read or import."""
        for block in self.blocks():
            if name := block.option("file"):
                (folder / name).write_text(block.text, encoding="utf-8")

    def section(self, title: str) -> str:
        """The text under a heading, to the next heading of its level or above."""
        heading = re.search(rf"^(#+) {re.escape(title)}$", self.text, re.MULTILINE)
        assert heading, f"{self.path.name} has no heading `{title}`"
        rest = self.text[heading.end() :]
        end = re.search(rf"^#{{1,{len(heading[1])}}} ", _without_blocks(rest), re.MULTILINE)
        return rest[: end.start()] if end else rest

    def rows(self, title: str) -> list[list[str]]:
        """The cells of every row of the tables of a section, heads left out."""
        found: list[list[str]] = []
        lines = self.section(title).splitlines()
        for line, after in zip(lines, [*lines[1:], ""], strict=True):
            if line.startswith("|") and not re.match(r"\|[-|]+$", after) and not re.match(r"\|[-|]+$", line):
                found.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
        return found

    def claims(self) -> list[tuple[str, str]]:
        """Every "`expression` is `value`" of the text."""
        return [(match[1], match[2]) for match in _CLAIM.finditer(_without_blocks(self.text))]


def whole(block: Block, frames: dict[str, str]) -> str:
    """The file that a block stands for."""
    names = [word for word in block.words[1:] if word in frames]
    return in_frame(block.text, frames[names[0]]) if names else block.text


def in_frame(lines: str, frame: str) -> str:
    """`lines` in the place of a frame's `...`."""
    place = re.search(r"^( *)\.\.\.\n", frame, re.MULTILINE)
    assert place, "a frame needs a line `...`"
    inside = "".join(f"{place[1]}{line}".rstrip() + "\n" for line in lines.splitlines())
    return frame[: place.start()] + inside + frame[place.end() :]


def with_shapes_asserted(text: str) -> str:
    """A program in which every comment `# [3]` after `name = ...` or `name: ...` is an assertion, too."""
    lines: list[str] = []
    for line in text.splitlines():
        lines.append(line)
        if comment := _SHAPE_COMMENT.match(line):
            indent, name, _, sizes = comment.groups()
            lines.append(f"{indent}assert shape({name}) == [{sizes}]")
    return "\n".join(lines) + "\n"


def _without_blocks(text: str) -> str:
    """The text with its code blocks blanked, every other character in its place."""
    return _BLOCK.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
