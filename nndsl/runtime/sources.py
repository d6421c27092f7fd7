"""Where a model's raw columns are while it is trained or asked: in memory, or left in files that are larger than that.

Data whose columns and prepared fields would take more than half of the free memory is streamed: its rows are read and
prepared batch by batch. Small columns are held all the same, so that a label need not be fetched from a disk; the
others are read where they lie, or, where rows can't be found in a file one by one, from a copy in the user's cache.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from nndsl import ops
from nndsl.diagnostics import UserError, error
from nndsl.diagnostics.amounts import in_bytes
from nndsl.ir import reachable

if TYPE_CHECKING:
    from nndsl.data import Table
    from nndsl.ir.program import DataProgram, Program, TrainProgram
    from nndsl.runtime.modules import Generated
    from nndsl.runtime.standalone.columns import RawColumns

KEPT_PARTS = ("train", "validation")
"""The parts that training goes through in every epoch."""

LARGEST_SHARE = 0.5
"""Of the free memory: what data may take without being streamed."""

HELD_SHARE = 1 / 16
"""Of the free memory: what columns of streamed data may take that are held nevertheless, the smallest first."""

HELD_BYTES = 1 << 20
"""The same where the program asks for streaming."""

_TEXT_BYTES = 64
"""A guess at what a text takes of whose width a file says nothing."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How columns are read.

    stream: whether fields are computed batch by batch. left: (table, column) of those that stay in files. bytes: what
    these take. sources: the files that they are in, as the user named them.
    """

    stream: bool
    left: frozenset[tuple[str, str]] = frozenset()
    bytes: int = 0
    sources: tuple[str, ...] = ()

    def note(self) -> str | None:
        """What to tell the user, where something is streamed."""
        if not self.left:
            return None
        return f"streams {in_bytes(self.bytes)} from {', '.join(self.sources)}"


Wanted = Mapping[str, tuple["Table", Sequence[str]]]
"""For each table the columns that are needed of it."""


def reading_of(wanted: Wanted, prepared: int, stream: bool | None = None) -> Reading:
    """How to read these columns. prepared: bytes that their fields would take in memory.

    stream: what the program says, None where it leaves that to the memory that is free.
    """
    from nndsl.runtime.machine import free_memory

    sizes = {
        (key, name): _column_bytes(table, name)
        for key, (table, names) in wanted.items()
        for name in dict.fromkeys(names)
    }
    room: float = HELD_BYTES
    if stream is None:
        free = free_memory()
        stream = free is not None and sum(sizes.values()) + prepared > LARGEST_SHARE * free.bytes
        room = 0.0 if free is None else HELD_SHARE * free.bytes
    if not stream:
        return Reading(stream=False)
    left: set[tuple[str, str]] = set()
    for place, size in sorted(sizes.items(), key=lambda item: item[1]):
        room -= size
        if room < 0:
            left.add(place)
    sources = dict.fromkeys(table.source for key, (table, _) in wanted.items() if any(key == each for each, _ in left))
    return Reading(True, frozenset(left), sum(sizes[place] for place in left), tuple(sources))


def read_columns(generated: Generated, wanted: Wanted, reading: Reading) -> dict[str, RawColumns]:
    """The columns of each table, by name. Raises UserError."""
    found: dict[str, RawColumns] = {}
    for key, (table, names) in wanted.items():
        left = [name for name in dict.fromkeys(names) if (key, name) in reading.left]
        held = table.read([name for name in names if name not in left]) if len(left) < len(set(names)) else {}
        found[key] = {**held, **_stored(generated, table, left)}
    return found


def _stored(generated: Generated, table: Table, names: Sequence[str]) -> dict[str, Any]:
    """Columns that stay in files, as the generated module reads them."""
    from nndsl.data import spooled

    places = {name: table.lies_at(name) for name in names}
    packed = [name for name, place in places.items() if place is None]
    places |= spooled(table, packed) if packed else {}
    column: Any = generated.names["StoredColumn"]
    try:
        return {
            name: column(place.path, place.start, place.dtype, place.shape)
            for name, place in places.items()
            if place is not None
        }
    except Exception as failure:
        if not generated.raised(failure, "StoredError"):
            raise
        raise UserError(error("NN401", str(failure), table.span)) from None


def _column_bytes(table: Table, name: str) -> int:
    import numpy as np

    column = table.column(name)
    return column.rows * prod(column.shape) * (np.dtype(column.dtype).itemsize or _TEXT_BYTES)


# ------------------------------------------------------------------------------------------------ data blocks


def reading_of_data(
    data: DataProgram, tables: Mapping[str, Table], train: TrainProgram, fields: Sequence[str], float_bytes: int
) -> Reading:
    """How a train block reads its data, of which it needs these fields. Raises UserError."""
    from nndsl.data import needed_columns

    stream = dict(train.settings).get("stream")
    if data.windows:
        if stream:
            message = f"the rows of {data.name} look at those beside them, which are held in memory"
            raise UserError(error("NN616", message, train.span, help="leave `stream` out"))
        return Reading(stream=False)
    prepared = sum(table.rows for table in tables.values()) * _fields_bytes(data, fields, float_bytes)
    return reading_of(needed_columns(data, tables), prepared, None if stream is None else bool(stream))


def reading_told(program: Program, train: TrainProgram, float_bytes: int) -> str | None:
    """How a train block will read its data, before anything runs; None where it has none in files. Raises UserError."""
    from nndsl.data import open_tables

    data = next((data for data in program.data if data.name == train.data), None)
    tables = open_tables(data) if data is not None else {}
    if data is None or not tables:
        return None
    roots = [*train.training.roots(), *train.evaluation.roots()]
    fields = list(dict.fromkeys(str(node["name"]) for node in reachable(roots) if node.op is ops.field))
    rows = sum(table.rows for table in tables.values())
    reading = reading_of_data(data, tables, train, fields, float_bytes)
    note = reading.note() or f"{in_bytes(rows * _fields_bytes(data, fields, float_bytes))} in memory"
    return f"{rows:,} rows: {note}"


def kept_rows(program: Program, train: TrainProgram) -> int:
    """The rows of a block's data that training goes through again and again, before they are read. Raises UserError.

    They are about as many where the data is split.
    """
    from nndsl.data import open_tables

    data = program.data_named(train.data)
    counts = {part: table.rows for part, table in open_tables(data).items()}
    for _, values in data.inline:
        counts["all"] = len(values)
    shares = dict(data.split.parts) if data.split is not None else {"train": 1.0}
    rows = sum(counts.get(part, 0) + shares.get(part, 0.0) * counts.get("all", 0) for part in KEPT_PARTS)
    return round(rows / data.stride)


class Sources:
    """The tables that a model's data blocks name, opened once, and their columns, kept as they were last read."""

    def __init__(self, generated: Generated) -> None:
        self._generated = generated
        self._tables: dict[str, dict[str, Table]] = {}
        self._kept: dict[str, tuple[Reading, dict[str, RawColumns]]] = {}
        self._readings: dict[tuple[object, ...], Reading] = {}

    def tables(self, data: DataProgram) -> dict[str, Table]:
        """The tables of a data block, by part. Raises UserError."""
        from nndsl.data import open_tables

        if data.name not in self._tables:
            self._tables[data.name] = open_tables(data)
        return self._tables[data.name]

    def opened(self, data: str) -> dict[str, Table]:
        """The tables of a data block as far as they have been opened."""
        return self._tables.get(data, {})

    def reading(self, data: DataProgram, train: TrainProgram, fields: Sequence[str]) -> Reading:
        """How a train block reads its data, of which it needs these fields. Raises UserError."""
        key = (data.name, dict(train.settings).get("stream"), tuple(fields))
        if key not in self._readings:
            wide = self._generated.program.dtype == "float64"
            self._readings[key] = reading_of_data(data, self.tables(data), train, fields, 8 if wide else 4)
        return self._readings[key]

    def columns(self, data: DataProgram, reading: Reading) -> dict[str, RawColumns]:
        """The raw columns of each table, by name. Raises UserError."""
        from nndsl.data import needed_columns

        kept = self._kept.get(data.name)
        if kept is None or (kept[0].stream, kept[0].left) != (reading.stream, reading.left):
            found = read_columns(self._generated, needed_columns(data, self.tables(data)), reading)
            self._kept[data.name] = kept = (reading, found)
        return kept[1]


def _fields_bytes(data: DataProgram, names: Sequence[str], float_bytes: int) -> int:
    """What these fields take in memory, for each row."""
    types = [each.node.type for each in data.fields if each.name in names]
    return sum(prod(type.shape) * type.dtype.bytes(float_bytes) for type in types)


class NewRows:
    """Reads the columns of a file that a user gave, for the fields called `names`; then `stream` says how.

    tables: the one that was read, as "all"; none for rows that come from no file.
    """

    def __init__(self, generated: Generated, data: DataProgram, train: TrainProgram, names: Sequence[str]) -> None:
        self.stream = False
        self.tables: dict[str, Table] = {}
        self._generated = generated
        self._data = data
        self._setting = dict(train.settings).get("stream")
        self._width = _fields_bytes(data, names, 8 if generated.program.dtype == "float64" else 4)

    def read(self, table: Table, names: list[str]) -> RawColumns:
        """These columns of a table, by name. Raises UserError."""
        self.tables = {"all": table}
        wanted: Wanted = {"all": (table, names)}
        stream = None if self._setting is None else bool(self._setting)
        prepared = table.rows * self._width
        reading = reading_of(wanted, prepared, stream) if not self._data.windows else Reading(stream=False)
        self.stream = reading.stream
        return read_columns(self._generated, wanted, reading)["all"]
