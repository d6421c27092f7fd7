"""The reader `texts`: text files as rows, a folder for each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.data.files import find_folder
from nndsl.data.folders import FolderFile, FolderTable, files_by_class
from nndsl.data.table import ColumnInfo
from nndsl.data.texts import TextFile, read_text

if TYPE_CHECKING:
    from nndsl.data.table import Array
    from nndsl.source import Span

ENDINGS = (".txt", ".md", ".text")
"""What the names of text files end in, .gz aside; other files in a folder are left alone."""


class DocumentsTable(FolderTable):
    """A folder with a folder of text files for each class, or with text files alone; or a single one.

    Columns: `text`, `file` (from the folder on) and, where there are folders, `label`. Rows come by label and name.
    """

    def __init__(self, source: str, path: Path, encoding: str, span: Span | None) -> None:
        super().__init__(source, files_by_class(source, path, "texts", ENDINGS, span), encoding, span)
        self._encoding = encoding

    def held(self) -> ColumnInfo:
        """The texts."""
        return ColumnInfo("text", "text", (), "<U", len(self._files))

    def read_held(self, files: Sequence[FolderFile]) -> Array:
        """The texts, without spaces around them."""
        from nndsl.data.names import text_array

        return text_array([self._text(file) for file in files])

    def _text(self, file: FolderFile) -> str:
        return read_text(TextFile(file.path, self.called(file), "words", self._encoding), self.span).strip()


def open_texts(text: str, folder: Path, encoding: str, span: Span | None) -> DocumentsTable:
    """The texts in a folder, or one. Raises UserError NN401 where there is neither."""
    path = folder / text
    is_file = "\0" not in text and path.is_file()
    return DocumentsTable(text, path if is_file else find_folder(text, folder, span), encoding, span)
