"""The reader `csv`: comma-separated text, its columns' kinds found by a scan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from nndsl.data.csv_text import CsvFile, NotPlainError
from nndsl.data.files import reading
from nndsl.data.names import column_names, number_name, sorted_names, text_dtype
from nndsl.data.scans import KEPT_FROM_BYTES, ColumnScan, Scan, content_key, load_scan, save_scan
from nndsl.data.table import ColumnInfo, Table, compare_columns, is_number
from nndsl.diagnostics import InternalError, UserError, error

if TYPE_CHECKING:
    from nndsl.data.table import Array

MISSING_NUMBERS = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "?"})
"""What stands for a missing value in a column of numbers. In text only nothing does: "NA" may be Namibia."""

MOST_NAMES = 100
"""A scan keeps a column's different values up to this many; for more the column is read again when they are needed."""

MOST_TEXT_BYTES = 1 << 31
"""Where NumPy (before version 2) has no such texts, wide columns of more than this are refused."""

_CHUNK = 4096


class CsvTable(Table):
    """CSV files with the same columns, the rows of one behind those of the other.

    source: what they are called together. missing: texts that stand for a missing value, None for the usual ones.
    """

    def __init__(self, source: str, files: Sequence[CsvFile], missing: tuple[str, ...] | None = None) -> None:
        super().__init__(source, files[0].span)
        self._files = files
        self._file = files[0]
        self._decimal = self._file.decimal
        self._missing_numbers = MISSING_NUMBERS if missing is None else frozenset({"", *missing})
        self._missing_texts = frozenset({""}) if missing is None else self._missing_numbers
        self._scan = self._scanned()
        self._columns = {column.name: column for column in self._scan.columns}

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """Every column; numbers are read as float64."""
        return tuple(self._info(column) for column in self._scan.columns)

    def _info(self, column: ColumnScan) -> ColumnInfo:
        match column.kind:
            case "number":
                dtype = "float64"
            case "bool":
                dtype = "bool"
            case _:
                dtype = f"<U{max(1, column.widest)}"
        return ColumnInfo(column.name, column.kind, (), dtype, self._scan.rows)

    def column_help(self) -> str | None:
        """A wrong delimiter, or a header that is data."""
        names = list(self._columns)
        if len(names) == 1:
            for delimiter, written in ((";", '";"'), ("\t", r'"\t"'), ("|", '"|"'), (",", '","')):
                if delimiter in names[0]:
                    return f"all of a row is one column: is it delimiter={written}?"
        if self._file.header and not self._file.names and any(is_number(name) for name in names):
            return "the first line is taken for the names of the columns; if it is data: header=false, names=[...]"
        return None

    # -------------------------------------------------------------------------------------- scanning

    def _scanned(self) -> Scan:
        with reading(self.source, self.span):
            if not self._large():
                return self._scan_file()
            key = self.content()
            found = load_scan(key)
            if found is None:
                found = self._scan_numbers() or self._scan_file()
                save_scan(key, found)
            return found

    def _large(self) -> bool:
        return sum(file.path.stat().st_size for file in self._files) >= KEPT_FROM_BYTES

    def _names(self) -> tuple[str, ...]:
        """The names of the columns. Raises UserError NN424 where the files differ in them."""
        names = self._file.columns()
        for file in self._files[1:]:
            compare_columns(names, self._file.source, file.columns(), file.source, self.span)
        return names

    def _plain_numbers(self, columns: Sequence[int] | None = None) -> Iterator[Array]:
        """The numbers of all files by the fast way, in blocks. Raises NotPlainError where it does not lead there."""
        for file in self._files:
            yield from file.plain_numbers(columns)

    def _scan_numbers(self) -> Scan | None:
        """The scan of a file with nothing but numbers, None for another."""
        import numpy as np

        names = self._names()
        different: list[Array | None] = [np.empty(0) for _ in names]
        rows = 0
        try:
            for values in self._plain_numbers():
                if values.shape[1] != len(names):
                    return None
                rows += len(values)
                for position, known in enumerate(different):
                    if known is not None:
                        found = np.union1d(known, values[:, position])
                        different[position] = found if len(found) <= MOST_NAMES else None
        except NotPlainError:
            return None
        kept = [None if found is None else column_names(found) for found in different]
        scans = (ColumnScan(n, "number", 0, None, 0, None, False, k) for n, k in zip(names, kept, strict=True))
        return Scan(tuple(scans), rows)

    def _scan_file(self) -> Scan:
        columns = [_Scanner(name, self._missing_numbers, self._missing_texts, self._decimal) for name in self._names()]
        rows = 0
        for chunk in self._chunks():
            for column, cells in zip(columns, zip(*chunk, strict=True), strict=True):
                column.add(cells, rows)
            rows += len(chunk)
        if not rows:
            raise UserError(error("NN410", f"{self.source} has no rows", self.span))
        return Scan(tuple(column.found() for column in columns), rows)

    def _chunks(self) -> Iterator[list[list[str]]]:
        for file in self._files:
            records = file.records()
            while chunk := [cells for _, cells in islice(records, _CHUNK)]:
                yield chunk

    # -------------------------------------------------------------------------------------- reading

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """float64, bool or unicode arrays [rows]."""
        import numpy as np

        self._refuse_wide_text(names)
        order = [column.name for column in self._scan.columns]
        positions = {name: order.index(name) for name in names}
        plain = self._plain_columns(positions)
        if plain is not None:
            return plain
        parts: dict[str, list[Array]] = {name: [] for name in names}
        rows = 0
        for chunk in self._chunks():
            rows += len(chunk)
            for name, position in positions.items():
                parts[name].append(self._values(self._columns[name], [cells[position] for cells in chunk]))
        if rows != self._scan.rows:
            raise self._changed()
        return {name: np.concatenate(found) for name, found in parts.items()}

    def blocks(self, names: Sequence[str]) -> Iterator[dict[str, Array]]:
        """So many lines at a time."""
        import numpy as np

        order = [column.name for column in self._scan.columns]
        positions = {name: order.index(name) for name in names}
        given = 0
        try:
            for values in self._plain_numbers(list(positions.values())) if self._is_plain(names) else ():
                yield {name: np.ascontiguousarray(column) for name, column in zip(names, values.T, strict=True)}
                given += len(values)
        except NotPlainError:
            pass  # what is left comes the other way
        else:
            if given:
                return
        for chunk in self._chunks():
            skipped = min(given, len(chunk))
            given -= skipped
            if skipped < len(chunk):
                yield {
                    name: self._values(self._columns[name], [cells[position] for cells in chunk[skipped:]])
                    for name, position in positions.items()
                }

    def content(self) -> str:
        """By all files and how they are read."""
        file = self._file
        options = (file.delimiter, file.decimal, file.header, file.names, file.encoding)
        missing = (sorted(self._missing_numbers), sorted(self._missing_texts))
        return content_key([each.path for each in self._files], *options, *missing)

    def _plain_columns(self, positions: Mapping[str, int]) -> dict[str, Array] | None:
        """Columns of a large file by the fast way, None where it does not lead there."""
        import numpy as np

        if not self._is_plain(list(positions)):
            return None
        try:
            values = np.concatenate(list(self._plain_numbers(list(positions.values()))))
        except NotPlainError:
            return None
        if len(values) != self._scan.rows:
            return None
        return {name: np.ascontiguousarray(column) for name, column in zip(positions, values.T, strict=True)}

    def _is_plain(self, names: Sequence[str]) -> bool:
        """Whether the fast way of reading numbers may lead to these columns, and is worth it."""
        scans = [self._columns[name] for name in names]
        if any(scan.kind != "number" or scan.missing for scan in scans):
            return False
        with reading(self.source, self.span):
            return self._large()

    def _values(self, column: ColumnScan, cells: list[str]) -> Array:
        import numpy as np

        try:
            match column.kind:
                case "number":
                    if column.missing:
                        cells = ["nan" if cell in self._missing_numbers else cell for cell in cells]
                    if column.truths:
                        cells = [{"true": "1", "false": "0"}.get(cell.lower(), cell) for cell in cells]
                    if self._decimal != ".":
                        cells = [with_point(cell, self._decimal) for cell in cells]
                    return np.array(cells, np.float64)
                case "bool":
                    return np.array([cell.lower() == "true" for cell in cells])
                case _:
                    texts = ["" if cell in self._missing_texts else cell for cell in cells]
                    return np.array(texts, text_dtype(4 * column.widest * self._scan.rows))
        except ValueError:
            raise self._changed() from None

    def _changed(self) -> UserError:
        """The file is not what the scan saw: something wrote to it since."""
        return UserError(error("NN401", f"{self.source} changed while it was read", self.span))

    def _refuse_wide_text(self, names: Sequence[str]) -> None:
        import numpy as np

        for name in names:
            column = self._columns[name]
            size = 4 * column.widest * self._scan.rows
            if column.kind == "text" and text_dtype(size) is np.str_ and size > MOST_TEXT_BYTES:
                message = f"{self.source}: the column {name} would take {size / 2**30:.1f} GiB of memory as text"
                raise UserError(error("NN423", message, self.span, help="use a column of short names"))

    # -------------------------------------------------------------------------------------- what is known of values

    def different_names(self, name: str) -> tuple[tuple[str, ...], bool]:
        """From the scan, or the column where it has too many."""
        column = self._columns[name]
        if column.names is not None:
            return column.names, column.missing > 0
        return super().different_names(name)

    def missing_row(self, name: str) -> int | None:
        """The first row whose value is missing."""
        return self._columns[name].first_missing

    def not_a_number(self, name: str) -> tuple[str, str]:
        """(place, text) of the first cell of a text column that is no number."""
        found = self._columns[name].not_number
        if found is None:
            raise InternalError(f"data: the text column {name} of {self.source} has no cell that is text")
        return self.place(name, found[0]), found[1]

    def place(self, name: str, row: int) -> str:
        """The line that the row begins on."""
        rest = row
        for file in self._files:
            seen = 0
            for seen, (line, _) in enumerate(file.records(), 1):
                if seen > rest:
                    return f"{file.source}, line {line}, column {name}"
            rest -= seen
        return f"{self.source}, row {row} (counted from 0), column {name}"


class _Scanner:
    """What the cells of one column have been so far."""

    def __init__(
        self, name: str, missing_numbers: frozenset[str], missing_texts: frozenset[str], decimal: str = "."
    ) -> None:
        self.name = name
        self.decimal = decimal
        self.missing_numbers, self.missing_texts = missing_numbers, missing_texts
        self.not_number: tuple[int, str] | None = None
        self.only_bools = True
        self.widest = 0
        self.missing: dict[str, int] = {}
        self.first_missing: dict[str, int] = {}
        self.different: set[str] | None = set()

    def add(self, cells: Sequence[str], first_row: int) -> None:
        """Further cells, the first of them in row `first_row`."""
        different = set(cells)
        self.widest = max(self.widest, *map(len, different))
        for text in different & self.missing_numbers:
            self.missing[text] = self.missing.get(text, 0) + cells.count(text)
            self.first_missing.setdefault(text, first_row + cells.index(text))
        present = different - self.missing_numbers
        self.only_bools = self.only_bools and all(cell.lower() in ("true", "false") for cell in present)
        numbers = {self._number(cell) for cell in present} if self.decimal != "." else present
        if self.not_number is None and not _all_numbers(numbers):
            row = next(row for row, cell in enumerate(cells) if cell in present and not is_number(self._number(cell)))
            self.not_number = (first_row + row, cells[row])
        if self.different is not None:
            self.different |= different
            if len(self.different) > MOST_NAMES + len(self.missing_numbers):
                self.different = None

    def _number(self, cell: str) -> str:
        return with_point(cell, self.decimal)

    def found(self) -> ColumnScan:
        """The column's kind and what goes with it."""
        if self.not_number is None:
            kind, absent = "number", self.missing_numbers
        elif self.only_bools:
            kind, absent = "number" if self.missing else "bool", self.missing_numbers
        else:
            kind, absent = "text", self.missing_texts
        missing = {text: self.first_missing[text] for text in self.missing if text in absent}
        return ColumnScan(
            name=self.name,
            kind=kind,
            missing=sum(self.missing[text] for text in missing),
            first_missing=min(missing.values(), default=None),
            widest=self.widest,
            not_number=self.not_number if kind == "text" else None,
            truths=self.only_bools and self.not_number is not None,
            names=None if self.different is None else self._names(kind, self.different - absent),
        )

    def _names(self, kind: str, different: set[str]) -> tuple[str, ...] | None:
        match kind:
            case "number":
                truths = {"true": "1", "false": "0"}
                texts = (truths.get(text.lower(), self._number(text)) for text in different)
                names: Iterator[Any] = (number_name(float(text)) for text in texts)
            case "bool":
                names = (text.lower() for text in different)
            case _:
                names = iter(different)
        found = sorted_names(names)
        return found if len(found) <= MOST_NAMES else None


def with_point(cell: str, decimal: str) -> str:
    """A number as Python reads it: `1,5` with a decimal comma is `1.5`, and `1.5` is then no number."""
    return cell if decimal == "." else cell.replace(".", "\0").replace(decimal, ".")


def _all_numbers(texts: set[str]) -> bool:
    joined = "".join(texts)
    if not joined.isascii() or "_" in joined:
        return False
    try:
        for text in texts:
            float(text)
    except ValueError:
        return False
    return True
