"""The reader `texts`: text files as rows, a folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.data.files import find_folder
from nndsl.data.folders import FolderFile, files_by_class, folder_columns, folder_content
from nndsl.data.table import ColumnInfo, Table
from nndsl.data.texts import TextFile, read_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nndsl.data.table import Array
    from nndsl.source import Span

ENDINGS = (".txt", ".md", ".text")
"""What the names of text files end in, .gz aside; other files in a folder are left alone."""


class DocumentsTable(Table):
    """A folder with a folder of text files for each class, or with text files alone; or a single one.

    Columns: `text`, `file` (from the folder on) and, where there are folders, `label`. Rows come by label and name.
    """

    def __init__(self, source: str, path: Path, encoding: str, span: Span | None) -> None:
        super().__init__(source, span)
        self._encoding = encoding
        self._files = files_by_class(source, path, "texts", ENDINGS, span)

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """From the names of the files."""
        return (ColumnInfo("text", "text", (), "<U", len(self._files)), *folder_columns(self._files))

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """All texts, in memory."""
        import numpy as np

        return self.read_rows(names, np.arange(len(self._files)))

    def read_rows(self, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Array]:
        """The texts of these rows."""
        from nndsl.data.names import text_array

        files = [self._files[row] for row in map(int, rows)]
        found: dict[str, Array] = {}
        for name in names:
            self.column(name)
            match name:
                case "text":
                    found[name] = text_array([self._text(file) for file in files])
                case "label":
                    found[name] = text_array([file.label for file in files])
                case _:
                    found[name] = text_array([file.name for file in files])
        return found

    def _text(self, file: FolderFile) -> str:
        return read_text(TextFile(file.path, self._called(file), "words", self._encoding), self.span).strip()

    def _called(self, file: FolderFile) -> str:
        return file.name if file.name == self.source else f"{self.source}/{file.name}"

    def content(self) -> str | None:
        """By the files' names, sizes and times of change."""
        return folder_content(self._files, self.source, self.span, self._encoding)

    def column_help(self) -> str | None:
        """No label where there are no folders."""
        return None if self._files[0].label else "a folder for each class gives the column `label`"

    def place(self, name: str, row: int) -> str:
        """By the file."""
        return f"{self._called(self._files[row])}, column {name}"


def open_texts(text: str, folder: Path, encoding: str, span: Span | None) -> DocumentsTable:
    """The texts in a folder, or one. Raises UserError NN401 where there is neither."""
    path = folder / text
    is_file = "\0" not in text and path.is_file()
    return DocumentsTable(text, path if is_file else find_folder(text, folder, span), encoding, span)
