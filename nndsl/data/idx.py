"""The reader `idx`: the format of MNIST, gzipped or not. http://yann.lecun.com/exdb/mnist/ describes it.

Two zero bytes, the type of the numbers, the number of axes, each axis's length (4 bytes, big-endian), the numbers
(big-endian).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.data import files
from nndsl.data.files import damaged, is_gzipped, mapped, open_bytes, other_kind, read_exactly, reading
from nndsl.data.scans import content_key
from nndsl.data.table import ColumnInfo, Place, Table
from nndsl.diagnostics import UserError, error
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.data.table import Array
    from nndsl.source import Span

TYPES = {8: ("uint8", 1), 9: ("int8", 1), 11: ("int16", 2), 12: ("int32", 4), 13: ("float32", 4), 14: ("float64", 8)}
"""Number types by their code: NumPy's name, bytes of one."""

MOST_AXES = 32


@record
class IdxHeader:
    """What the first bytes say. width: bytes of a number; start: where they begin; size: how many bytes they take."""

    dtype: str
    width: int
    shape: tuple[int, ...]
    start: int
    size: int


class IdxTable(Table):
    """IDX files of equally many rows, a column each: files are (column, name as the user wrote it, path)."""

    def __init__(self, files: Sequence[tuple[str, str, Path]], span: Span | None) -> None:
        super().__init__(files[0][1], span)
        self._files = {name: (source, path) for name, source, path in files}
        self._headers = {name: self._header(source, path) for name, (source, path) in self._files.items()}

    def _header(self, source: str, path: Path) -> IdxHeader:
        with reading(source, self.span):
            with open_bytes(path) as file:
                start = file.read(4)
                lengths = file.read(4 * start[3]) if len(start) == 4 else b""
            packed = is_gzipped(path)
            size = path.stat().st_size
        if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in TYPES:
            other_kind(source, "an IDX file, as MNIST's are", self.span)
        axes = start[3]
        if not axes:
            raise UserError(error("NN418", f"{source} holds a single value, not rows", self.span))
        if axes > MOST_AXES:
            damaged(source, f"its header announces {axes} axes", self.span)
        if len(lengths) < 4 * axes:
            damaged(source, "it ends within its header", self.span)
        shape = struct.unpack(f">{axes}I", lengths)
        dtype, width = TYPES[start[2]]
        header = IdxHeader(dtype, width, shape, 4 + 4 * axes, prod(shape) * width)
        if not packed and size != header.start + header.size:
            found = f"{size - header.start:,}"
            damaged(source, f"its header announces {header.size:,} bytes of numbers, it holds {found}", self.span)
        if not prod(shape):
            raise UserError(error("NN410", f"{source} has no rows", self.span))
        return header

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """From the headers alone."""
        return tuple(
            ColumnInfo(name, "number", header.shape[1:], header.dtype, header.shape[0])
            for name, header in self._headers.items()
        )

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Arrays of the types that the files hold, in the machine's byte order."""
        import numpy as np

        found: dict[str, Array] = {}
        for name in names:
            (source, path), header = self._files[name], self._headers[name]
            if header.width == 1 and header.size >= files.MAPPED_FROM_BYTES and not is_gzipped(path):
                found[name] = mapped(path, header.start, header.dtype, header.shape, source, self.span)
                continue
            content = read_exactly(path, header.start, header.size, source, self.span)
            big_endian = np.dtype(header.dtype).newbyteorder(">")
            found[name] = np.frombuffer(content, big_endian).astype(header.dtype, copy=False).reshape(header.shape)
        return found

    def lies_at(self, name: str) -> Place | None:
        """In its file, unless that is gzipped."""
        import numpy as np

        header, path = self._headers[name], self._files[name][1]
        if is_gzipped(path):
            return None
        return Place(path, header.start, np.dtype(header.dtype).newbyteorder(">").str, header.shape)

    def content(self) -> str | None:
        """By all of its files."""
        return content_key([path for _, path in self._files.values()], "idx")

    def place(self, name: str, row: int) -> str:
        """Each column has a file of its own."""
        return f"{self._files[name][0]}, row {row} (counted from 0)"
