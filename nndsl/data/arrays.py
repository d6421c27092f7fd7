"""The readers `npz` and `npy`: NumPy's own files.

Headers are read here, strictly, so that no Python object is ever unpickled.
"""

from __future__ import annotations

import ast
import re
import struct
import sys
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from nndsl.data import files
from nndsl.data.files import MOST_COMPRESSED, damaged, mapped, other_kind, read_exactly, reading, reason
from nndsl.data.scans import content_key
from nndsl.data.table import BLOCK_BYTES, ColumnInfo, Place, Table
from nndsl.diagnostics import UserError, error
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.data.table import Array
    from nndsl.source import Span

MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000

_MEMBER_HEADER = struct.Struct("<26xHH")
"""What stands before each member of a ZIP file; its last two numbers are the lengths of its name and its extras."""

_KINDS = {"b": "bool", "i": "number", "u": "number", "f": "number", "S": "text", "U": "text"}
_PROBLEMS = {
    "O": "holds Python objects, which are never loaded; save numbers, or text as `values.astype(str)`",
    "c": "holds complex numbers; save real and imaginary parts as two columns",
    "M": 'holds dates; save them as numbers, `values.astype("int64")`',
    "m": 'holds durations; save them as numbers, `values.astype("int64")`',
    "V": "holds records; save each of their parts as an array of its own",
}


@record
class Header:
    """What an .npy header says.

    dtype: NumPy's text for it (">f4"); start: where the numbers begin; size: how many bytes they take.
    """

    dtype: str
    fortran_order: bool
    shape: tuple[int, ...]
    start: int
    size: int

    def info(self, name: str) -> ColumnInfo:
        """The array as a column; it has at least one axis."""
        kind = self.dtype[1]
        problem = _PROBLEMS.get(kind)
        if kind == "f" and self.dtype[2:] not in ("2", "4", "8"):
            problem = f"holds {int(self.dtype[2:]) * 8}-bit floats; save them as float64"
        if problem is None and not self.size and self.shape[0]:
            problem = "has rows without values"
        return ColumnInfo(name, _KINDS.get(kind, "text"), self.shape[1:], self._read_as(), self.shape[0], problem)

    def mappable(self) -> bool:
        """Whether the numbers can be used as they lie in the file, and are enough for that to pay."""
        order = "<" if sys.byteorder == "little" else ">"
        return self.size >= files.MAPPED_FROM_BYTES and self.dtype[0] in (order, "|", "=") and self.dtype[1] != "S"

    def mapped(self, path: Path, start: int, source: str, span: Span | None) -> Array:
        """The array, as it lies in a file behind a header that begins at byte `start`."""
        return mapped(
            path, start + self.start, self.dtype, self.shape, source, span, "F" if self.fortran_order else "C"
        )

    @property
    def row_bytes(self) -> int:
        """How many bytes a row takes."""
        return self.size // max(1, self.shape[0])

    def of_rows(self, rows: int) -> Header:
        """What the header of so many of its rows would say."""
        return Header(self.dtype, False, (rows, *self.shape[1:]), 0, rows * self.row_bytes)

    def place(self, path: Path, start: int) -> Place | None:
        """Where the rows lie in a file behind a header that begins at byte `start`; None where columns come first."""
        if self.fortran_order and len(self.shape) > 1:
            return None
        return Place(path, start + self.start, self.dtype, self.shape)

    def _read_as(self) -> str:
        """`float64` for `>f8`, as `str(array.dtype)` says it; bytes are read as text."""
        kind, width = self.dtype[1], self.dtype[2:]
        match kind:
            case "f" | "i" | "u":
                return {"f": "float", "i": "int", "u": "uint"}[kind] + str(int(width) * 8)
            case "b":
                return "bool"
            case _:
                return f"<U{width}"


def read_header(file: IO[bytes], source: str, span: Span | None) -> Header:
    """The header at the start of an .npy file. Raises UserError: NN404 for another kind of file, NN405 if damaged."""
    start = file.read(8)
    if not start.startswith(MAGIC):
        other_kind(source, "an array that NumPy saved (.npy)", span)
    version = start[6:8]
    if version not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        damaged(source, "its version of the format is unknown", span)
    length_bytes = 2 if version == b"\x01\x00" else 4
    packed = file.read(length_bytes)
    if len(packed) < length_bytes:
        damaged(source, "it ends within its header", span)
    (length,) = struct.unpack("<H" if length_bytes == 2 else "<I", packed)
    if length > LONGEST_HEADER:
        damaged(source, f"its header would be {length:,} bytes long", span)
    text = file.read(length)
    if len(text) < length:
        damaged(source, "it ends within its header", span)
    try:
        return _parsed_header(text.decode("utf-8" if version == b"\x03\x00" else "latin-1"), 8 + length_bytes + length)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        damaged(source, "its header can't be understood", span)


def _parsed_header(text: str, start: int) -> Header:
    """Raises ValueError, or what `ast.literal_eval` raises, for anything but the dictionary that NumPy writes."""
    found = ast.literal_eval(text.strip())
    if not isinstance(found, dict) or set(cast("dict[object, object]", found)) != {"descr", "fortran_order", "shape"}:
        raise ValueError
    values = cast("dict[str, object]", found)
    dtype, fortran_order, shape = values["descr"], values["fortran_order"], values["shape"]
    if isinstance(dtype, list):
        dtype = "|V1"
    if not isinstance(dtype, str) or not isinstance(fortran_order, bool) or not isinstance(shape, tuple):
        raise ValueError
    match = re.fullmatch(r"([<>|=])([?a-zA-Z])(\d{0,9})(\[.*\])?", dtype, re.ASCII)
    if match is None:
        raise ValueError
    order, kind, width = match[1], "b" if match[2] == "?" else match[2], int(match[3] or 1)
    if kind not in "".join((*_KINDS, *_PROBLEMS)) or (kind in "biuf" and width not in (1, 2, 4, 8, 12, 16)):
        raise ValueError
    lengths: list[int] = []
    for length in cast("tuple[object, ...]", shape):
        if type(length) is not int or length < 0:
            raise ValueError
        lengths.append(length)
    size = width * (4 if kind == "U" else 1)
    for length in lengths:
        size *= length
    return Header(f"{order}{kind}{width}", fortran_order, tuple(lengths), start, size)


def array_of(content: bytes, header: Header, source: str, span: Span | None) -> Array:
    """The array whose numbers are `content`, in the machine's byte order, rows contiguous; bytes become text."""
    import numpy as np

    order = "F" if header.fortran_order else "C"
    try:
        values = np.frombuffer(content, np.dtype(header.dtype)).reshape(header.shape, order=order)
        if values.dtype.kind == "S":
            return np.char.decode(values, "utf-8")
        return np.ascontiguousarray(values.astype(values.dtype.newbyteorder("="), copy=False))
    except UnicodeDecodeError:
        damaged(source, "its text is not UTF-8", span)
    except (ValueError, TypeError, OverflowError) as failure:
        damaged(source, reason(failure), span)
    except MemoryError:
        raise UserError(error("NN423", f"{source} does not fit in memory", span)) from None


class NpyTable(Table):
    """One .npy file for each column."""

    def __init__(self, files: Sequence[tuple[str, str, Path]], span: Span | None) -> None:
        super().__init__(files[0][1], span)
        self._files = {name: (source, path) for name, source, path in files}
        self._headers = {name: self._header(source, path) for name, (source, path) in self._files.items()}

    def _header(self, source: str, path: Path) -> Header:
        with reading(source, self.span), path.open("rb") as file:
            header = read_header(file, source, self.span)
            size = path.stat().st_size
        if not header.shape:
            message = f"{source} holds a single value, not rows"
            raise UserError(error("NN418", message, self.span))
        if size != header.start + header.size and header.dtype[1] not in _PROBLEMS:
            damaged(source, f"its header announces {header.size:,} bytes, it holds {size - header.start:,}", self.span)
        if not header.shape[0]:
            raise UserError(error("NN410", f"{source} has no rows", self.span))
        return header

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """From the headers alone."""
        return tuple(header.info(name) for name, header in self._headers.items())

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Numbers as they are stored, text as unicode; large arrays stay in the file until their rows are looked at."""
        found: dict[str, Array] = {}
        for name in names:
            (source, path), header = self._files[name], self._headers[name]
            if header.mappable():
                found[name] = header.mapped(path, 0, source, self.span)
                continue
            content = read_exactly(path, header.start, header.size, source, self.span)
            found[name] = array_of(content, header, source, self.span)
        return found

    def lies_at(self, name: str) -> Place | None:
        """In its file, unless that has columns before rows."""
        return self._headers[name].place(self._files[name][1], 0)

    def content(self) -> str | None:
        """By all of its files."""
        return content_key([path for _, path in self._files.values()], "npy")

    def place(self, name: str, row: int) -> str:
        """Each column has a file of its own."""
        return f"{self._files[name][0]}, row {row} (counted from 0)"


class NpzTable(Table):
    """An .npz file: a column for each array in it that has rows."""

    def __init__(self, source: str, path: Path, span: Span | None) -> None:
        super().__init__(source, span)
        self._path = path
        self._members: dict[str, tuple[zipfile.ZipInfo, Header]] = {}
        with path.open("rb") as file:
            start = file.read(len(MAGIC))
        if start.startswith(MAGIC):
            other_kind(source, "an .npz file, but a single array", span, help="`npy(...)` reads it")
        if not start.startswith(b"PK"):
            other_kind(source, "an .npz file, which NumPy's `savez` writes", span)
        with _unpacking(source, span), zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.filename.endswith(".npy"):
                    self._add(archive, member)
        if not self._members:
            raise UserError(error("NN410", f"{source} holds no arrays with rows", span))

    def _add(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        name = member.filename.removesuffix(".npy")
        inside = f"{self.source}, array {name}"
        if name in self._members:
            damaged(self.source, f'it holds two arrays called "{name}"', self.span)
        if member.file_size > MOST_COMPRESSED * (member.compress_size + 1):
            damaged(inside, f"it would unpack to {member.file_size:,} bytes", self.span)
        with archive.open(member) as file:
            header = read_header(file, inside, self.span)
        if member.file_size != header.start + header.size and header.dtype[1] not in _PROBLEMS:
            found = member.file_size - header.start
            damaged(inside, f"its header announces {header.size:,} bytes, it holds {found:,}", self.span)
        if header.shape and header.shape[0]:  # single values and empty arrays are no columns
            self._members[name] = (member, header)

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """From the arrays' headers alone."""
        return tuple(header.info(name) for name, (_, header) in self._members.items())

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Numbers as they are stored, text as unicode; large arrays stay in the file until their rows are looked at."""
        found: dict[str, Array] = {}
        with _unpacking(self.source, self.span), zipfile.ZipFile(self._path) as archive:
            for name in names:
                member, header = self._members[name]
                if member.compress_type == zipfile.ZIP_STORED and header.mappable():
                    found[name] = header.mapped(
                        self._path, self._start(member), f"{self.source}, array {name}", self.span
                    )
                    continue
                content = archive.read(member)
                found[name] = array_of(content[header.start :], header, f"{self.source}, array {name}", self.span)
        return found

    def lies_at(self, name: str) -> Place | None:
        """In the archive, if that is not compressed."""
        member, header = self._members[name]
        return header.place(self._path, self._start(member)) if member.compress_type == zipfile.ZIP_STORED else None

    def blocks(self, names: Sequence[str]) -> Iterator[dict[str, Array]]:
        """Unpacked as far as the block."""
        packed = [name for name in names if not self._members[name][1].fortran_order]
        if len(packed) < len(names):
            yield from super().blocks(names)
            return
        widths = {name: self._members[name][1].row_bytes for name in names}
        size = max(1, BLOCK_BYTES // max(1, sum(widths.values())))
        rows = self.column(names[0]).rows
        with _unpacking(self.source, self.span), ExitStack() as opened:
            archive = opened.enter_context(zipfile.ZipFile(self._path))
            members = {name: opened.enter_context(archive.open(self._members[name][0])) for name in names}
            for name, member in members.items():
                member.read(self._members[name][1].start)
            for start in range(0, rows, size):
                count = min(size, rows - start)
                yield {
                    name: array_of(
                        member.read(count * widths[name]),
                        self._members[name][1].of_rows(count),
                        f"{self.source}, array {name}",
                        self.span,
                    )
                    for name, member in members.items()
                }

    def content(self) -> str | None:
        """By the archive."""
        return content_key([self._path], "npz")

    def _start(self, member: zipfile.ZipInfo) -> int:
        """Where the bytes of a member begin that is stored as it is: behind a header of its own."""
        with self._path.open("rb") as file:
            file.seek(member.header_offset)
            header = file.read(_MEMBER_HEADER.size)
        if len(header) < _MEMBER_HEADER.size:
            damaged(self.source, "it ends within the header of an array", self.span)
        name_length, extra_length = _MEMBER_HEADER.unpack(header)
        return member.header_offset + _MEMBER_HEADER.size + name_length + extra_length


@contextmanager
def _unpacking(source: str, span: Span | None) -> Generator[None]:
    """What `zipfile` raises for archives that are damaged, encrypted or packed in another way, as UserErrors."""
    import lzma

    with reading(source, span):
        try:
            yield
        except (RuntimeError, ValueError, LookupError, OverflowError, struct.error, lzma.LZMAError) as failure:
            damaged(source, reason(failure), span)
