"""The reader `parquet`: tables that Arrow, pandas, Polars and databases write. It needs pyarrow, an extra."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndsl.data.extras import extra
from nndsl.data.files import damaged, other_kind, reading
from nndsl.data.names import number_name, sorted_names
from nndsl.data.scans import content_key
from nndsl.data.several import in_places
from nndsl.data.table import BLOCK_BYTES, ColumnInfo, Table
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nndsl.data.table import Array
    from nndsl.source import Span

MAGIC = b"PAR1"

READ_BYTES = 1 << 20

MOST_KEPT_BYTES = 64 << 20
"""Groups of rows that were read last are kept, up to this many bytes: rows are often asked for in their order."""


class ParquetTable(Table):
    """A Parquet file. Its schema needs the footer, and the first row of columns that are lists.

    Numbers keep their type; whole numbers and truth values with nulls among them are floats (nan where null), decimals
    are float64, text and dictionaries of text unicode ("" where null), dates days and times seconds since 1970. Lists
    of numbers, all equally long, are vectors.
    """

    def __init__(self, source: str, path: Path, span: Span | None) -> None:
        super().__init__(source, span)
        # Arrow's own allocator takes a gigabyte of addresses at once, more than `ulimit -v` may allow.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        self._arrow = extra("pyarrow", "parquet", f"{source}, a Parquet file,", span)
        self._compute = extra("pyarrow.compute", "parquet", source, span)
        self._parquet = extra("pyarrow.parquet", "parquet", source, span)
        self._path = path
        with reading(source, span), path.open("rb") as file:
            if file.read(4) != MAGIC:
                other_kind(source, "a Parquet file", span)
        with self._opened() as file:
            self._groups = [int(file.metadata.row_group(g).num_rows) for g in range(file.metadata.num_row_groups)]
            if not sum(self._groups):
                raise UserError(error("NN410", f"{source} has no rows", span))
            self._schema = tuple(self._column(file, index) for index in range(len(file.schema_arrow)))
        names = [column.name for column in self._schema]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(error("NN407", f'{source} has two columns called "{twice}"', span))
        self._recent: dict[tuple[int, str], Array] = {}

    @contextmanager
    def _opened(self) -> Generator[Any]:
        """The file, for pyarrow's reader; what it raises as UserErrors."""
        with reading(self.source, self.span):
            try:
                # Read as it is needed, by this thread: whole columns fetched ahead, or threads, may be too much memory.
                with self._parquet.ParquetFile(self._path, pre_buffer=False, buffer_size=READ_BYTES) as file:
                    yield file
            except (self._arrow.ArrowException, ValueError, OverflowError, UnicodeError) as failure:
                damaged(self.source, str(failure).splitlines()[0] if str(failure) else "it can't be read", self.span)

    # -------------------------------------------------------------------------------------- the schema

    def _column(self, file: Any, index: int) -> ColumnInfo:

        column = file.schema_arrow.field(index)
        kind, dtype = _kind(self._arrow, column.type)
        shape: tuple[int, ...] = ()
        problem = None if kind else f"holds {column.type}, which is neither numbers nor text"
        if kind is None and _is_list(self._arrow, column.type):
            shape, kind, dtype, problem = self._vectors(file, column)
        if kind in ("number", "bool") and dtype.startswith(("int", "uint", "bool")) and self._nulls(file, column.name):
            kind, dtype = "number", "float64"
        return ColumnInfo(column.name, kind or "text", shape, dtype, sum(self._groups), problem)

    def _vectors(self, file: Any, column: Any) -> tuple[tuple[int, ...], str | None, str, str | None]:
        """(shape, kind, dtype, problem) of a column of lists, of the length that the first row says."""
        shape: list[int] = []
        type = column.type
        first = None
        while _is_list(self._arrow, type):
            if self._arrow.types.is_fixed_size_list(type):
                shape.append(type.list_size)
            else:
                if first is None:
                    first = next(file.iter_batches(1, columns=[column.name], use_threads=False)).column(0)[0].as_py()
                inner = first
                for _ in shape:
                    inner = inner[0] if inner else None
                if inner is None:
                    return (), None, "", "begins with a row that has no list, so the length of its rows is not known"
                shape.append(len(inner))
            type = type.value_type
        kind, dtype = _kind(self._arrow, type)
        if kind not in ("number", "bool"):
            return (), None, "", f"holds {column.type}: lists of something else than numbers"
        if not all(shape):
            return (), None, "", "has rows without values"
        return tuple(shape), kind, dtype, None

    def _nulls(self, file: Any, name: str) -> bool:
        return next(self._null_groups(file, name), None) is not None

    def _null_groups(self, file: Any, name: str) -> Iterator[int]:
        """Groups with nulls in a column: by their statistics, or, where they say nothing, by reading."""
        positions = [i for i in range(len(file.schema)) if file.schema.column(i).path.split(".")[0] == name]
        for group in range(len(self._groups)):
            found = [file.metadata.row_group(group).column(position).statistics for position in positions]
            if any(statistics is None or not statistics.has_null_count for statistics in found):
                nulls = file.read_row_group(group, columns=[name], use_threads=False).column(0).null_count
            else:
                nulls = sum(statistics.null_count for statistics in found)
            if nulls:
                yield group

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """The columns, records and maps among them, which can't be used."""
        return self._schema

    # -------------------------------------------------------------------------------------- values

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Numbers in their types, text as unicode."""
        import numpy as np

        rows = np.arange(sum(self._groups))
        return self._read_groups(names, rows)

    def read_rows(self, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Array]:
        """Reads the groups of rows that have them; those read last are kept."""
        for name in names:
            self.column(name)
        return self._read_groups(names, rows)

    def _read_groups(self, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Array]:
        import numpy as np

        starts = np.cumsum([0, *self._groups])
        owners = np.searchsorted(starts, rows, side="right") - 1
        if not len(rows):
            return {name: np.empty((0, *self.column(name).shape), self.column(name).dtype) for name in names}
        pieces: list[tuple[Array, dict[str, Array]]] = []
        with self._opened() as file:
            for group in np.unique(owners).tolist():
                here = np.flatnonzero(owners == group)
                wanted = rows[here] - starts[group]
                values = self._group(file, group, names)
                pieces.append((here, {name: values[name][wanted] for name in names}))
        return in_places(pieces, names)

    def blocks(self, names: Sequence[str]) -> Iterator[dict[str, Array]]:
        """By so many rows at a time as take little memory, however large the file's groups of rows are."""
        width = sum(8 * prod(self.column(name).shape) for name in names)
        row = 0
        with self._opened() as file:
            for batch in file.iter_batches(
                max(1, BLOCK_BYTES // max(1, width)), columns=list(names), use_threads=False
            ):
                yield {name: self._values(batch.column(name), name, row) for name in names}
                row += batch.num_rows

    def content(self) -> str | None:
        """By the file."""
        return content_key([self._path], "parquet")

    def _group(self, file: Any, group: int, names: Sequence[str]) -> dict[str, Array]:
        """The values of one group of rows."""
        missing = [name for name in names if (group, name) not in self._recent]
        if missing:
            table = file.read_row_group(group, columns=missing, use_threads=False)
            first_row = sum(self._groups[:group])
            for name in missing:
                self._recent[group, name] = self._values(table.column(name).combine_chunks(), name, first_row)
        found = {name: self._recent[group, name] for name in names}
        kept = sum(values.nbytes for values in self._recent.values())
        for key in list(self._recent):
            if kept <= MOST_KEPT_BYTES:
                break
            kept -= self._recent.pop(key).nbytes
        return found

    def _values(self, values: Any, name: str, first_row: int) -> Array:
        import numpy as np

        column = self.column(name)
        if column.shape:
            return self._vector_values(values, column, first_row)
        if self._arrow.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        if column.kind == "text":
            return np.array(self._compute.fill_null(values.cast(self._arrow.string()), "").to_pylist(), np.str_)
        return _numbers(self._arrow, values, column.dtype)

    def _vector_values(self, values: Any, column: ColumnInfo, first_row: int) -> Array:
        """[rows, ...] of lists. Raises UserError: NN418 for one of another length, NN413 for one that is missing."""
        import numpy as np

        rows = len(values)
        for depth, length in enumerate(column.shape):
            per_row = max(1, len(values) // max(1, rows))
            if values.null_count:
                row = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0]) // per_row
                place = self.place(column.name, first_row + row)
                raise UserError(error("NN413", f"{place}: a list is missing", self.span))
            if not self._arrow.types.is_fixed_size_list(values.type):
                lengths = np.diff(values.offsets.to_numpy())
                if (lengths != length).any():
                    position = int(np.flatnonzero(lengths != length)[0])
                    place = self.place(column.name, first_row + position // per_row)
                    where = "a list" if not depth else "a list in a list"
                    message = f"{place}: {where} has {lengths[position]} values where the first row's has {length}"
                    raise UserError(error("NN418", message, self.span, help="vectors are equally long in all rows"))
            values = values.flatten()
        return _numbers(self._arrow, values, column.dtype).reshape(rows, *column.shape)

    # -------------------------------------------------------------------------------------- what is known of values

    def different_names(self, name: str) -> tuple[tuple[str, ...], bool]:
        """Group by group, by Arrow."""
        found: set[str] = set()
        column = self.column(name)
        with self._opened() as file:
            for group in range(len(self._groups)):
                values = file.read_row_group(group, columns=[name], use_threads=False).column(0)
                unique = self._compute.unique(values.combine_chunks())
                if self._arrow.types.is_dictionary(unique.type):
                    unique = unique.dictionary_decode()
                if column.kind == "text":
                    names = [text or "" for text in unique.to_pylist()]
                elif column.kind == "bool":
                    names = ["true" if value else "false" for value in unique.to_pylist()]
                else:
                    names = [number_name(value) for value in _numbers(self._arrow, unique, column.dtype)]
                found |= set(names)
        return sorted_names(found), "" in found

    def missing_row(self, name: str) -> int | None:
        """The first row whose value is null."""
        import numpy as np

        if self.column(name).shape:
            return None
        with self._opened() as file:
            group = next(self._null_groups(file, name), None)
            if group is None:
                return None
            values = file.read_row_group(group, columns=[name], use_threads=False).column(0)
            nulls = values.is_null().to_numpy()
        return sum(self._groups[:group]) + int(np.flatnonzero(nulls)[0])

    def place(self, name: str, row: int) -> str:
        """By number: rows of Parquet have no lines."""
        return f"{self.source}, row {row} (counted from 0), column {name}"


def _is_list(pyarrow: Any, type: Any) -> bool:
    types = pyarrow.types
    return bool(types.is_list(type) or types.is_large_list(type) or types.is_fixed_size_list(type))


def _kind(pyarrow: Any, type: Any) -> tuple[str | None, str]:
    """(kind, NumPy's name of the dtype) of single values, (None, "") of what can't be used."""
    types = pyarrow.types
    if types.is_dictionary(type):
        type = type.value_type
    if types.is_boolean(type):
        return "bool", "bool"
    if types.is_integer(type) or types.is_floating(type):
        return "number", str(type.to_pandas_dtype().__name__)
    if types.is_decimal(type) or types.is_date(type) or types.is_timestamp(type):
        return "number", "float64"
    if types.is_string(type) or types.is_large_string(type) or types.is_string_view(type):
        return "text", "<U"
    return None, ""


def _numbers(pyarrow: Any, values: Any, dtype: str) -> Array:
    """Numbers, days or seconds since 1970; nulls are nan."""
    import numpy as np

    types = pyarrow.types
    if types.is_date(values.type):
        values = values.cast(pyarrow.date32()).cast(pyarrow.int32())
    elif types.is_timestamp(values.type):
        unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[values.type.unit]
        return values.cast(pyarrow.int64()).to_numpy(zero_copy_only=False).astype(np.float64) / unit
    elif types.is_decimal(values.type) or types.is_boolean(values.type):
        kind = pyarrow.float64() if types.is_decimal(values.type) else pyarrow.uint8()
        values = values.cast(kind)
    return values.to_numpy(zero_copy_only=False).astype(dtype, copy=False)
