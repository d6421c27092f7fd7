"""The reader `text`: a text file as a column with a row for each character, or for each word."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from nndsl.data.files import open_bytes, other_kind, reading
from nndsl.data.table import ColumnInfo, Table
from nndsl.diagnostics import UserError, error
from nndsl.records import record

if TYPE_CHECKING:
    from pathlib import Path

    from nndsl.data.table import Array
    from nndsl.source import Span

COLUMN_OF_LEVEL = {"characters": "character", "words": "word"}
"""How finely a text can be cut, and what the column is called."""

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


@record
class TextFile:
    """A text file and how it is read."""

    path: Path
    source: str
    level: str
    encoding: str


class TextTable(Table):
    """The characters of a text, line breaks among them; or its words, with each punctuation mark a word."""

    def __init__(self, file: TextFile, span: Span | None) -> None:
        super().__init__(file.source, span)
        self._file = file
        if not self._parts:
            raise UserError(error("NN410", f"{file.source} holds no {file.level}", span))

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """One column of text."""
        widest = max(map(len, self._parts))
        name = COLUMN_OF_LEVEL[self._file.level]
        return (ColumnInfo(name, "text", (), f"<U{widest}", len(self._parts)),)

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Fixed-width unicode."""
        import numpy as np

        return {name: np.array(self._parts, np.str_) for name in names}

    def column_help(self) -> str | None:
        """The other level has another column."""
        (other,) = set(COLUMN_OF_LEVEL) - {self._file.level}
        return f"read by `level={other}` it has {COLUMN_OF_LEVEL[other]}"

    def place(self, name: str, row: int) -> str:
        """By number: a text has no other rows."""
        return f"{self.source}, {name} {row} (counted from 0)"

    @cached_property
    def _parts(self) -> list[str]:
        return parts_of(read_text(self._file, self.span), self._file.level)


def read_text(file: TextFile, span: Span | None) -> str:
    """The whole text of a file. Raises UserError: NN406 in another encoding, NN404 for what is no text."""
    encoding = "utf-8-sig" if file.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else file.encoding
    with reading(file.source, span), open_bytes(file.path) as content:
        try:
            text = io.TextIOWrapper(content, encoding=encoding).read()
        except UnicodeError:
            help = 'say the encoding that it was saved in, as in encoding="latin-1"'
            message = f"{file.source}: the text is not {file.encoding}"
            raise UserError(error("NN406", message, span, help=help)) from None
    if "\0" in text:
        other_kind(file.source, "text: it holds null characters", span)
    return text


def parts_of(text: str, level: str) -> list[str]:
    """A text's characters, or its words: as generated programs cut prompts (`runtime/standalone/texts.py`)."""
    return list(text) if level == "characters" else _WORD.findall(text)
