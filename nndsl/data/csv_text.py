"""CSV text as records: decoding, quoting, the header, rows of equal length, and the line where each mistake is."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from nndsl.data.files import open_bytes, other_kind, reading
from nndsl.data.table import is_number
from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.data.table import Array
    from nndsl.source import Span

COMMON_ENCODINGS = ("utf-8", "utf-16", "latin-1", "cp1252", "ascii", "shift_jis", "gb18030", "koi8-r", "cp1251", "big5")


BLOCK_LETTERS = 1 << 23
"""How much text is turned into numbers at a time."""


class NotPlainError(Exception):
    """The fast way of reading numbers does not lead to the end of the file."""


@record
class CsvFile:
    """A CSV file and how it is written. `names` replace a header's; without header and names they are "0", "1", ...

    decimal: what stands before a number's fraction, "." or ",".
    """

    path: Path
    source: str
    span: Span | None
    delimiter: str = ","
    header: bool = True
    names: tuple[str, ...] = ()
    encoding: str = "utf-8"
    decimal: str = "."

    def columns(self) -> tuple[str, ...]:
        """The names of the columns. Raises UserError: NN407 for a name that occurs twice, NN410 for an empty file."""
        with reading(self.source, self.span), self._text() as text:
            first = next(self._rows(text), None)
        if first is None:
            raise UserError(error("NN410", f"{self.source} is empty", self.span))
        cells = first[1]
        if self.names and len(self.names) != len(cells):
            message = f"{self.source} has {len(cells)} columns, `names` has {len(self.names)}"
            raise UserError(error("NN402", message, self.span))
        found = self.names or (tuple(cells) if self.header else tuple(map(str, range(len(cells)))))
        found = tuple(name or f"column {position}" for position, name in enumerate(found, 1))
        twice = next((name for position, name in enumerate(found) if name in found[:position]), None)
        if twice is not None:
            help = "say the columns' names: names=[...]" if self.header else "give each column a name of its own"
            message = f'{self.source} has two columns called "{twice}"'
            raise UserError(error("NN407", message, self.span, help=help))
        return found

    def records(self) -> Iterator[tuple[int, list[str]]]:
        """(line, cells) of each row of data, cells without the spaces around them. Blank lines are no rows."""
        with reading(self.source, self.span), self._text() as text:
            rows = self._rows(text)
            width = None
            for number, (line, cells) in enumerate(rows):
                if width is None:
                    width = len(cells)
                if len(cells) != width:
                    self._ragged(line, cells, width)
                if number or not self.header:
                    yield line, cells

    def plain_numbers(self, columns: Sequence[int] | None = None) -> Iterator[Array]:
        """float64 [rows, columns] by NumPy's parser, much faster than `records`, block of rows after block.

        columns: positions, by default all. Raises NotPlainError where a value is missing or no number, or where
        anything else is wrong: `records` says what.
        """
        import numpy as np

        line, cells = next(self.records(), (0, list[str]()))
        wanted = cells if columns is None else [cells[position] for position in columns]
        if self.delimiter not in ",;\t|" or self.decimal != "." or not wanted or not all(map(is_number, wanted)):
            raise NotPlainError
        with reading(self.source, self.span), self._text() as text:
            skipped = line - 1
            while True:
                try:
                    lines = text.readlines(BLOCK_LETTERS)
                    if not lines:
                        return
                    lines, skipped = lines[skipped:], max(0, skipped - len(lines))
                    if not any(map(str.strip, lines)):
                        continue
                    found = np.loadtxt(
                        lines, delimiter=self.delimiter, comments=None, quotechar='"', usecols=columns, ndmin=2
                    )
                except ValueError:
                    raise NotPlainError from None
                if np.isnan(found).any() or found.shape[1] != len(wanted):
                    raise NotPlainError
                yield found

    def _ragged(self, line: int, cells: list[str], width: int) -> NoReturn:
        values = f"{len(cells)} value" + ("s" if len(cells) != 1 else "")
        message = f"{self.source}, line {line}: {values} where the first line has {width}"
        help = f"a value that holds {self.delimiter!r} stands in double quotes" if len(cells) > width else None
        raise UserError(error("NN408", message, self.span, help=help))

    def _rows(self, text: IO[str]) -> Iterator[tuple[int, list[str]]]:
        """(line of its start, stripped cells) of every record, the header's too."""
        reader = csv.reader(self._lines(text), delimiter=self.delimiter, strict=True)
        line = 1
        width = None
        try:
            for cells in reader:
                start, line = line, reader.line_num + 1
                stripped = [cell.strip() for cell in cells]
                if not stripped or (stripped == [""] and width != 1):
                    continue
                width = width or len(stripped)
                yield start, stripped
        except csv.Error as failure:
            self._unreadable(line, str(failure))
        except UnicodeError:
            self._not_in_encoding()

    def _lines(self, text: IO[str]) -> Iterator[str]:
        for line in text:
            if "\0" in line:
                self._not_text()
            yield line

    def _text(self) -> IO[str]:
        encoding = "utf-8-sig" if self.encoding.lower().replace("_", "-") in ("utf-8", "utf8") else self.encoding
        return io.TextIOWrapper(open_bytes(self.path), encoding=encoding, newline="")

    def _unreadable(self, line: int, problem: str) -> NoReturn:
        help = 'a double quote inside quotes is written twice: "say ""hello"""'
        if "field limit" in problem or "unexpected end" in problem:
            problem = "a double quote opens here, or in a line before, and never closes"
        raise UserError(error("NN409", f"{self.source}, line {line}: {problem}", self.span, help=help))

    def _not_text(self) -> NoReturn:
        with self.path.open("rb") as file:
            start = file.read(4)
        help = None
        if start.startswith(b"PK"):
            help = "a spreadsheet is saved as CSV in the program that made it; an .npz file is read by `npz(...)`"
        elif start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            help = 'it begins as UTF-16 text does: encoding="utf-16"'
        other_kind(self.source, "text: it holds null bytes", self.span, help)

    def _not_in_encoding(self) -> NoReturn:
        with open_bytes(self.path) as file:
            if b"\0" in file.read(4096):
                self._not_text()
        where = ""
        if self.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "ascii", "us-ascii"):
            with open_bytes(self.path) as file:
                for number, line in enumerate(file, 1):
                    try:
                        line.decode(self.encoding)
                    except UnicodeError:
                        where = f", line {number}"
                        break
        message = f"{self.source}{where}: the text is not {self.encoding}"
        help = 'say the encoding that it was saved in, as in encoding="latin-1"'
        raise UserError(error("NN406", message, self.span, help=help))


def check_encoding(name: str, span: Span | None) -> None:
    """Raises UserError NN402 for a name that is no encoding of text."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=name).read()
    except (LookupError, ValueError, UnicodeError):
        close = did_you_mean(name, COMMON_ENCODINGS)
        help = f'did you mean "{close}"?' if close else "some are: " + ", ".join(COMMON_ENCODINGS[:5])
        raise UserError(error("NN402", f'there is no text encoding "{name}"', span, help=help)) from None
