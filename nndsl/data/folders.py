"""Folders of files by class: `animals/cat/1.png`, or files alone."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.data.files import by_numbers, reading
from nndsl.data.table import ColumnInfo, Table
from nndsl.diagnostics import UserError, error
from nndsl.records import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nndsl.data.table import Array
    from nndsl.source import Span


@record
class FolderFile:
    """A file in a folder of them. label: of its class, "" where there are none. name: its path from the folder on."""

    label: str
    name: str
    path: Path


def files_by_class(source: str, path: Path, what: str, endings: Sequence[str], span: Span | None) -> list[FolderFile]:
    """The files with these endings, by label and then by name, numbers by size; or the single file that `path` is.

    source: the folder as the user named it. what: how messages call such files. Raises UserError: NN410 where there are
    none, NN427 where they lie beside folders of them.
    """
    if path.is_file():
        return [FolderFile("", path.name, path)]
    with reading(source, span):
        entries = sorted(path.iterdir(), key=lambda entry: by_numbers(entry.name))
        entries = [entry for entry in entries if not entry.name.startswith(".")]
        alone = [entry for entry in entries if entry.suffix.lower() in endings and entry.is_file()]
        folders = [entry for entry in entries if entry.is_dir()]
        labelled = [(folder.name, file) for folder in folders for file in _below(folder, endings)]
    if alone and labelled:
        message = f"{source} holds {what} ({alone[0].name}) beside folders of {what} ({labelled[0][0]})"
        raise UserError(error("NN427", message, span, help=f"a folder for each class, or {what} alone"))
    if not alone and not labelled:
        message = f"{source} holds no {what}"
        raise UserError(error("NN410", message, span, help=f"their names end in {', '.join(endings)}"))
    found = [FolderFile(label, file.relative_to(path).as_posix(), file) for label, file in labelled]
    return found or [FolderFile("", file.name, file) for file in alone]


def _below(folder: Path, endings: Sequence[str]) -> list[Path]:
    """The files in a folder and in those below it, hidden ones left out, by their paths."""
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if not each.startswith(".")]
        found += [
            Path(place, file) for file in files if not file.startswith(".") and Path(file).suffix.lower() in endings
        ]
    return sorted(found, key=lambda path: by_numbers(path.relative_to(folder).as_posix()))


class FolderTable(Table):
    """The files of a folder as rows, by label and then by name: what they hold, `file` and, with folders, `label`."""

    def __init__(self, source: str, files: Sequence[FolderFile], options: object, span: Span | None) -> None:
        super().__init__(source, span)
        self._files = files
        self._options = options

    @abstractmethod
    def held(self) -> ColumnInfo:
        """The column of what the files hold."""

    @abstractmethod
    def read_held(self, files: Sequence[FolderFile]) -> Array:
        """What these files hold, [files, ...]. Raises UserError."""

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """From the names of the files, and what is known of what they hold."""
        return (self.held(), *_folder_columns(self._files))

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """All files read, in memory."""
        import numpy as np

        return self.read_rows(names, np.arange(len(self._files)))

    def read_rows(self, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Array]:
        """The files of these rows read."""
        from nndsl.data.names import text_array

        files = [self._files[row] for row in map(int, rows)]
        found: dict[str, Array] = {}
        for name in names:
            self.column(name)
            match name:
                case "label":
                    found[name] = text_array([file.label for file in files])
                case "file":
                    found[name] = text_array([file.name for file in files])
                case _:
                    found[name] = self.read_held(files)
        return found

    def called(self, file: FolderFile) -> str:
        """A file's name for messages."""
        return file.name if file.name == self.source else f"{self.source}/{file.name}"

    def content(self) -> str | None:
        """By the files' names, sizes and times of change."""
        return _folder_content(self._files, self.source, self.span, self._options)

    def column_help(self) -> str | None:
        """No label where there are no folders."""
        return None if self._files[0].label else "a folder for each class gives the column `label`"

    def place(self, name: str, row: int) -> str:
        """By the file."""
        return f"{self.called(self._files[row])}, column {name}"


def _folder_columns(files: Sequence[FolderFile]) -> list[ColumnInfo]:
    """The columns `label` (where there are folders) and `file`."""
    widths = {"label": max(len(file.label) for file in files), "file": max(len(file.name) for file in files)}
    return [ColumnInfo(name, "text", (), f"<U{width}", len(files)) for name, width in widths.items() if width]


def _folder_content(files: Sequence[FolderFile], source: str, span: Span | None, *options: object) -> str:
    """A key for the files' names, sizes and times of change: to read them all would take as long as to use them."""
    from nndsl.data.scans import content_key

    with reading(source, span):
        statuses = [file.path.stat() for file in files]
    changes = [(str(f.path), s.st_size, s.st_mtime_ns) for f, s in zip(files, statuses, strict=True)]
    return content_key([], "folder", options, changes)
