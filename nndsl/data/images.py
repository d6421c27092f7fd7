"""Pictures: the reader `images` for a folder of them, a folder for each class; and pictures that a table names.

Pillow, an extra, decodes them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndsl.data.extras import extra
from nndsl.data.files import damaged, find_folder, reading, reason
from nndsl.data.folders import FolderFile, FolderTable, files_by_class
from nndsl.data.table import ColumnInfo, Table
from nndsl.diagnostics import UserError, error
from nndsl.records import record

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nndsl.data.table import Array
    from nndsl.ir.program import Pictures
    from nndsl.source import Span

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
"""What the names of pictures end in; other files in a folder are left alone."""

RESIZES = ("stretch", "crop", "pad")
COLOR_MODES = ("rgb", "grayscale")


@record
class PictureForm:
    """What pictures are made into: [height, width, channels] of uint8.

    size: (height, width), or None for pictures that all have one size. color_mode: "rgb" or "grayscale". resize: how a
    picture of other proportions is made to fit: "stretch", "crop" (its middle) or "pad" (with black).
    """

    size: tuple[int, int] | None
    color_mode: str = "rgb"
    resize: str = "stretch"

    @property
    def channels(self) -> int:
        """3 for colours, 1 for greys."""
        return 3 if self.color_mode == "rgb" else 1


class PictureReader:
    """Decodes pictures into one form. Raises UserError NN425 without Pillow.

    A form without a size gets that of the picture `first`.
    """

    def __init__(self, form: PictureForm, first: tuple[str, Path] | None, span: Span | None) -> None:
        self._pillow = extra("PIL.Image", "images", "reading pictures", span)
        self._operations = extra("PIL.ImageOps", "images", "reading pictures", span)
        self.span = span
        self._form = form
        self._fixed = form.size is not None
        if form.size is None and first is not None:
            picture = self._opened(*first)
            self._form = PictureForm((picture.height, picture.width), form.color_mode, form.resize)
        self._first = first[0] if first is not None else ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """[height, width, channels] of every picture."""
        height, width = self._form.size or (0, 0)
        return (height, width, self._form.channels)

    def read(self, files: Sequence[tuple[str, Path]]) -> NDArray[np.uint8]:
        """[n, height, width, channels] of these files: (name for messages, path). Raises UserError."""
        import numpy as np

        try:
            made = np.empty((len(files), *self.shape), np.uint8)
        except MemoryError:
            raise UserError(error("NN423", f"{len(files):,} pictures do not fit in memory", self.span)) from None
        for target, (name, path) in zip(made, files, strict=True):
            self._fill(target, name, path)
        return made

    def _fill(self, target: NDArray[np.uint8], name: str, path: Path) -> None:
        import numpy as np

        picture = self._opened(name, path)
        height, width = target.shape[:2]
        if (picture.height, picture.width) != (height, width):
            if not self._fixed:
                message = f"{name} has {picture.height}x{picture.width} pixels, {self._first} {height}x{width}"
                help = f"say the size that all are made into: size=[{height}, {width}]"
                raise UserError(error("NN418", message, self.span, help=help))
            picture = self._resized(picture, (width, height))
        target[...] = np.asarray(picture).reshape(target.shape)

    def _resized(self, picture: Any, size: tuple[int, int]) -> Any:
        bilinear = self._pillow.Resampling.BILINEAR
        match self._form.resize:
            case "crop":
                return self._operations.fit(picture, size, bilinear)
            case "pad":
                return self._operations.pad(picture, size, bilinear)
            case _:
                return picture.resize(size, bilinear)

    def _opened(self, name: str, path: Path) -> Any:
        """The whole picture, decoded, the way up that it was taken, in the form's colours."""
        import warnings

        with reading(name, self.span), path.open("rb") as file:
            file.read(1)  # what the system says of a file that is missing or closed comes before what Pillow says
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", self._pillow.DecompressionBombWarning)
            try:
                with self._pillow.open(path) as file:
                    self._operations.exif_transpose(file, in_place=True)
                    return self._coloured(file, name)
            except UserError:
                raise
            except MemoryError:
                raise UserError(error("NN423", f"{name} does not fit in memory", self.span)) from None
            except Exception as failure:  # noqa: BLE001 - decoders of damaged pictures raise anything
                problem = reason(failure)
                if isinstance(failure, self._pillow.UnidentifiedImageError):
                    problem = "it is no picture that Pillow knows"
                damaged(name, problem.replace(str(path), name), self.span)

    def _coloured(self, picture: Any, name: str) -> Any:
        mode = "RGB" if self._form.color_mode == "rgb" else "L"
        if picture.mode in ("I", "F"):
            message = f"{name} holds 32-bit numbers, not colours or greys of 8 or 16 bits"
            raise UserError(error("NN417", message, self.span, help="save such values as .npy files"))
        if picture.mode.startswith("I;16"):
            import numpy as np

            greys = (np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8)
            picture = self._pillow.fromarray(greys)
        return picture.convert(mode)


class ImagesTable(FolderTable):
    """A folder with a folder of pictures for each class, or with pictures alone; or a single picture.

    Columns: `image`, `file` (from the folder on) and, where there are folders, `label`. Rows come by label, then by
    file name with numbers by size.
    """

    def __init__(self, source: str, path: Path, form: PictureForm, span: Span | None) -> None:
        super().__init__(source, files_by_class(source, path, "pictures", ENDINGS, span), form, span)
        self._pictures = PictureReader(form, (self.called(self._files[0]), self._files[0].path), span)

    def held(self) -> ColumnInfo:
        """The pictures: their shape is the first one's where no size was said."""
        return ColumnInfo("image", "number", self._pictures.shape, "uint8", len(self._files))

    def read_held(self, files: Sequence[FolderFile]) -> Array:
        """The pictures, decoded."""
        return self._pictures.read([(self.called(file), file.path) for file in files])


class TableWithPictures(Table):
    """A table, and columns of the pictures that it names.

    folder: where pictures are looked for that do not say where; `start`, where those that do start from.
    """

    def __init__(self, table: Table, pictures: Sequence[Pictures], folder: Path, start: Path) -> None:
        super().__init__(table.source, table.span)
        self._table = table
        self._pictures = {each.name: each for each in pictures}
        self._folders = {
            each.name: folder if each.folder is None else find_folder(each.folder, start, each.span)
            for each in pictures
        }
        self._names: dict[str, Array] = {}
        self._readers = {
            each.name: PictureReader(PictureForm(each.size, each.color_mode, each.resize), self._first(each), each.span)
            for each in pictures
        }

    def _first(self, pictures: Pictures) -> tuple[str, Path] | None:
        import numpy as np

        if pictures.size is not None:
            return None
        return self._paths(pictures, np.arange(1))[0]

    def _paths(self, pictures: Pictures, rows: NDArray[np.int64]) -> list[tuple[str, Path]]:
        """(name for messages, path) of the pictures of these rows. Raises UserError for a name that leads elsewhere."""
        if pictures.column not in self._names:
            self._names |= self._table.read([pictures.column])
        folder = self._folders[pictures.name]
        found: list[tuple[str, Path]] = []
        for row, text in zip(map(int, rows), map(str, self._names[pictures.column][rows]), strict=True):
            inside = os.path.normpath(text)
            if not text or "\0" in text or Path(inside).is_absolute() or inside.startswith(".."):
                place = self._table.place(pictures.column, row)
                message = f"{place}: {text!r} is not the name of a picture in {folder}"
                raise UserError(error("NN427", message, pictures.span))
            if not (folder / inside).is_file():
                place = self._table.place(pictures.column, row)
                message = f'{place}: there is no file "{text}"'
                raise UserError(error("NN401", message, pictures.span, f"looked in {folder}"))
            found.append((text, folder / inside))
        return found

    @property
    def schema(self) -> tuple[ColumnInfo, ...]:
        """The table's, and the pictures'."""
        rows = self._table.rows
        made = [ColumnInfo(name, "number", reader.shape, "uint8", rows) for name, reader in self._readers.items()]
        return (*self._table.schema, *made)

    def read_columns(self, names: Sequence[str]) -> dict[str, Array]:
        """The pictures decoded, the rest as the table gives it."""
        import numpy as np

        others = [name for name in names if name not in self._pictures]
        found = self._table.read(others) if others else {}
        return self._with_pictures(found, names, np.arange(self.rows))

    def read_rows(self, names: Sequence[str], rows: NDArray[np.int64]) -> dict[str, Array]:
        """The pictures of these rows decoded."""
        others = [name for name in names if name not in self._pictures]
        found = self._table.read_rows(others, rows) if others else {}
        return self._with_pictures(found, names, rows)

    def _with_pictures(
        self, found: dict[str, Array], names: Sequence[str], rows: NDArray[np.int64]
    ) -> dict[str, Array]:
        for name in names:
            if name in self._pictures:
                found[name] = self._readers[name].read(self._paths(self._pictures[name], rows))
        return {name: found[name] for name in names}

    def different_names(self, name: str) -> tuple[tuple[str, ...], bool]:
        """As the table knows them."""
        return self._table.different_names(name)

    def missing_row(self, name: str) -> int | None:
        """As the table knows it."""
        return None if name in self._pictures else self._table.missing_row(name)

    def not_a_number(self, name: str) -> tuple[str, str]:
        """As the table knows it."""
        return self._table.not_a_number(name)

    def column_help(self) -> str | None:
        """As the table has it."""
        return self._table.column_help()

    def place(self, name: str, row: int) -> str:
        """In the table, where the picture is named."""
        return self._table.place(self._pictures[name].column if name in self._pictures else name, row)


def open_images(text: str, folder: Path, form: PictureForm, span: Span | None) -> ImagesTable:
    """The pictures in a folder, or one picture. Raises UserError NN401 where there is neither."""
    path = folder / text
    is_file = "\0" not in text and path.is_file()
    return ImagesTable(text, path if is_file else find_folder(text, folder, span), form, span)
