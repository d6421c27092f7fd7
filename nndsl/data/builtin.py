"""The reader `builtin`: data that comes with nndsl, each with its source and licence beside it in `builtin_files/`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.data.table import ColumnInfo, Table
from nndsl.diagnostics import UserError, did_you_mean, error

if TYPE_CHECKING:
    from nndsl.data.table import Array
    from nndsl.source import Span

FOLDER = Path(__file__).parent / "builtin_files"


@dataclass(frozen=True, slots=True)
class Builtin:
    """One data set: what it is in a line, its columns, and the class names of those that have any."""

    documentation: str
    schema: tuple[ColumnInfo, ...]
    classes: dict[str, tuple[str, ...]]


BUILTINS: dict[str, Builtin] = {
    "digits": Builtin(
        "1,797 scans of handwritten digits, 8x8 pixels of 0 to 16, and the digit each of them is "
        "(Alpaydin & Kaynak 1998; UCI, CC BY 4.0)",
        (ColumnInfo("image", "number", (8, 8), "uint8", 1797), ColumnInfo("label", "number", (), "uint8", 1797)),
        {"label": tuple("0123456789")},
    ),
}


class BuiltinTable(Table):
    """A data set of nndsl's own. Its schema needs no file."""

    def __init__(self, name: str, span: Span | None) -> None:
        super().__init__(f'builtin("{name}")', span)
        if name not in BUILTINS:
            close = did_you_mean(name, BUILTINS)
            help = f'did you mean "{close}"?' if close else f"there is: {', '.join(BUILTINS)}"
            raise UserError(error("NN403", f'there is no built-in data "{name}"', span, help=help))
        self._builtin = BUILTINS[name]
        self._path = FOLDER / f"{name}.npz"

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """As `BUILTINS` says it."""
        return self._builtin.schema

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """Arrays as they were stored."""
        from nndsl.data.arrays import NpzTable

        return NpzTable(self.source, self._path, self.span).read_columns(names)

    def different_names(self, name: str) -> tuple[tuple[str, ...], bool]:
        """As `BUILTINS` says it, without reading."""
        names = self._builtin.classes.get(name)
        return (names, False) if names is not None else super().different_names(name)
