"""The readers that `data ... from NAME(...)` may name: their parameters, and how a call becomes a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nndsl.data.builtin import BUILTINS, BuiltinTable
from nndsl.data.files import find_file, find_files
from nndsl.data.images import COLOR_MODES, ENDINGS, RESIZES
from nndsl.data.parameters import Arguments, Parameter, Reader, check_kind, is_size
from nndsl.data.table import Table
from nndsl.diagnostics import UserError, did_you_mean, error

if TYPE_CHECKING:
    from nndsl.ir.program import ReaderCall
    from nndsl.source import Span


def open_table(call: ReaderCall) -> Table:
    """The table that a call reads. Raises UserError: NN402 for its arguments, others for the file."""
    try:
        table = open_reader(call.reader, dict(call.arguments), call.folder, call.span)
    except UserError as missing:
        from nndsl.data.known import instead

        return instead(call, missing)
    return with_pictures(table, call, (call.folder / str(dict(call.arguments).get("path", ""))).parent)


def with_pictures(table: Table, call: ReaderCall, folder: Path) -> Table:
    """The table with the pictures that the program reads by its names; `folder` is where they are if it does not say.

    Those of columns that the table lacks are left out: new rows need not have all.
    """
    from nndsl.data.images import TableWithPictures

    names = {column.name for column in table.schema} if call.pictures else set[str]()
    wanted = [pictures for pictures in call.pictures if pictures.column in names]
    return TableWithPictures(table, wanted, folder, call.folder) if wanted else table


def open_reader(name: str, arguments: Arguments, folder: Path, span: Span | None = None) -> Table:
    """As `open_table`, from the parts of a call; `span` is None on the command line."""
    reader = READERS.get(name)
    if reader is None:
        close = did_you_mean(name, READERS)
        help = f"did you mean `{close}`?" if close else f"there are: {', '.join(READERS)}"
        raise UserError(error("NN402", f"there is no reader called {name}", span, help=help))
    for given in arguments:
        reader.parameter(given, span)
    filled = {parameter.name: arguments.get(parameter.name, parameter.default) for parameter in reader.parameters}
    for parameter in reader.parameters:
        check_kind(reader, parameter, filled[parameter.name], span)
    return reader.open(filled, folder, span)


def open_file(path: Path) -> Table:
    """The table in a file named on the command line, read as its ending says; any other is read as CSV."""
    folder, text = path.parent, path.name
    match _kind(path):
        case ".npz" | ".npy" | ".parquet" as kind:
            return open_reader(kind[1:], {"path": text}, folder)
        case _:
            return open_reader("csv", {"path": text}, folder)


_ENDINGS = {"csv": (".csv", ".tsv", ".txt", ""), "text": (".txt", "")}
"""What files of readers with options end in; "" is any ending that says nothing."""


def open_like(path: Path, call: ReaderCall | None) -> Table:
    """The table in a file named on the command line, read with the arguments of the program's own reader.

    So it is read where the file is of the reader's kind, else as `open_file` does. A .tsv file beside a program that
    reads another ending has tabs. call: None where the program reads no file.
    """
    if call is None:
        return open_file(path)
    return with_pictures(_open_like(path, call), call, path.parent)


def _open_like(path: Path, call: ReaderCall) -> Table:
    if call.reader == "images" and (path.is_dir() or path.suffix.lower() in ENDINGS):
        return open_reader("images", {**dict(call.arguments), "path": path.name}, path.parent)
    if call.reader == "texts" and (path.is_dir() or _kind(path) == ".txt"):
        return open_reader("texts", {**dict(call.arguments), "path": path.name}, path.parent)
    if _kind(path) not in _ENDINGS.get(call.reader, ()):
        return open_file(path)
    arguments = {**dict(call.arguments), "path": path.name}
    if _kind(path) == ".tsv" and _kind(Path(str(dict(call.arguments).get("path")))) != ".tsv":
        arguments["delimiter"] = None
    return open_reader(call.reader, arguments, path.parent)


def _kind(path: Path) -> str:
    """The ending that says a file's kind, .gz aside: "" for one that says nothing."""
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    kind = next((ending for ending in reversed(endings) if ending != ".gz"), "")
    return kind if kind in (".csv", ".tsv", ".txt", ".npz", ".npy", ".parquet") else ""


# ------------------------------------------------------------------------------------------------ the readers


def _open_builtin(arguments: Arguments, folder: Path, span: Span | None) -> Table:
    del folder
    part = arguments["part"]
    return BuiltinTable(str(arguments["name"]), None if part is None else str(part), span)


def _open_csv(arguments: Arguments, folder: Path, span: Span | None) -> Table:
    from nndsl.data.csv_table import CsvTable
    from nndsl.data.csv_text import CsvFile, check_encoding

    text, encoding, decimal = (str(arguments[name]) for name in ("path", "encoding", "decimal"))
    delimiter = str(arguments["delimiter"] or ("\t" if _kind(Path(text)) == ".tsv" else ","))
    if arguments["delimiter"] == "" or len(delimiter) != 1 or delimiter in '\r\n"\0':
        help = r'one character, as in ";" or "\t"'
        raise UserError(error("NN402", f"{delimiter!r} can't separate the values of a row", span, help=help))
    if decimal not in (".", ","):
        raise UserError(error("NN402", f"{decimal!r} can't be a decimal point", span, help='"." or ","'))
    check_encoding(encoding, span)
    names = cast("tuple[str, ...]", arguments["names"] or ())
    files = [
        CsvFile(path, name, span, delimiter, bool(arguments["header"]), names, encoding, decimal)
        for name, path in find_files(text, folder, span)
    ]
    return CsvTable(text, files, cast("tuple[str, ...] | None", arguments["missing"]))


def _open_text(arguments: Arguments, folder: Path, span: Span | None) -> Table:
    from nndsl.data.csv_text import check_encoding
    from nndsl.data.texts import TextFile, TextTable

    text, encoding = str(arguments["path"]), str(arguments["encoding"])
    check_encoding(encoding, span)
    return TextTable(TextFile(find_file(text, folder, span), text, str(arguments["level"]), encoding), span)


def _open_images(arguments: Arguments, folder: Path, span: Span | None) -> Table:
    from nndsl.data.images import PictureForm, open_images

    size, color_mode, resize = arguments["size"], str(arguments["color_mode"]), str(arguments["resize"])
    form = PictureForm(size if is_size(size) else None, color_mode, resize)
    return open_images(str(arguments["path"]), folder, form, span)


def _open_texts(arguments: Arguments, folder: Path, span: Span | None) -> Table:
    from nndsl.data.csv_text import check_encoding
    from nndsl.data.documents import open_texts

    encoding = str(arguments["encoding"])
    check_encoding(encoding, span)
    return open_texts(str(arguments["path"]), folder, encoding, span)


def _open_npz(arguments: Arguments, folder: Path, span: Span | None) -> Table:
    from nndsl.data.arrays import NpzTable

    return _one_table(NpzTable, str(arguments["path"]), folder, span)


def _open_parquet(arguments: Arguments, folder: Path, span: Span | None) -> Table:
    from nndsl.data.parquet import ParquetTable

    return _one_table(ParquetTable, str(arguments["path"]), folder, span)


def _one_table(
    open_one: Callable[[str, Path, Span | None], Table], text: str, folder: Path, span: Span | None
) -> Table:
    """The table in a file, or the tables in all files that a pattern matches as one."""
    from nndsl.data.several import SeveralTables

    tables = [open_one(name, path, span) for name, path in find_files(text, folder, span)]
    return tables[0] if len(tables) == 1 else SeveralTables(text, tables, span)


def _open_npy(arguments: Arguments, folder: Path, span: Span | None) -> Table:
    from nndsl.data.arrays import NpyTable
    from nndsl.data.several import SeveralTables

    files = _column_files(arguments, {"value": "path", "label": "labels"}, folder, span)
    tables = [NpyTable(each, span) for each in files]
    return tables[0] if len(tables) == 1 else SeveralTables(str(arguments["path"]), tables, span)


def _open_idx(arguments: Arguments, folder: Path, span: Span | None) -> Table:
    from nndsl.data.idx import IdxTable
    from nndsl.data.several import SeveralTables

    files = _column_files(arguments, {"image": "images", "label": "labels"}, folder, span)
    tables = [IdxTable(each, span) for each in files]
    return tables[0] if len(tables) == 1 else SeveralTables(str(arguments["images"]), tables, span)


def _column_files(
    arguments: Arguments, parameter_of: Mapping[str, str], folder: Path, span: Span | None
) -> list[list[tuple[str, str, Path]]]:
    """(column, name as written, path) for each column whose file was given; a list of them for each file of a pattern.

    Raises UserError NN424 where the patterns of two columns match different numbers of files.
    """
    given = {
        column: str(arguments[parameter])
        for column, parameter in parameter_of.items()
        if arguments[parameter] is not None
    }
    found = {column: find_files(text, folder, span) for column, text in given.items()}
    counts = {len(files) for files in found.values()}
    if len(counts) > 1:
        said = " and ".join(f"{len(found[column])} files match {text}" for column, text in given.items())
        raise UserError(error("NN424", said, span, "each has one of the other to go with it"))
    return [
        [(column, name, path) for column, (name, path) in zip(found, files, strict=True)]
        for files in zip(*found.values(), strict=True)
    ]


_PATH = Parameter(
    "path", "text", 'the file, from the folder of the `.nn` file, or several: "part-*.csv"', required=True
)

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader(
            "builtin",
            "Data by its name: some comes with nndsl, some is fetched once and kept in the user's cache folder.\n"
            + "\n".join(f"{name}: {found.documentation}" for name, found in BUILTINS.items()),
            (
                Parameter("name", "text", 'which: "digits", "mnist", "fashion_mnist", "cifar10"', required=True),
                Parameter(
                    "part",
                    "option",
                    "train or test, of data that has these parts; without, train",
                    options=("train", "test"),
                ),
            ),
            _open_builtin,
        ),
        Reader(
            "csv",
            "Text with a row a line and its values separated by commas (or another character), gzipped or not.\n"
            "A column is of numbers if every value of it is one, of true and false, or of text. Spaces around a\n"
            "value do not count. An empty value is missing; among numbers so are NA, N/A, NaN, null, None and ?.\n"
            "True and false with values missing are numbers, 1 and 0.",
            (
                Parameter(
                    "path",
                    "text",
                    'the file, from the folder of the `.nn` file, or several: "part-*.csv"',
                    required=True,
                ),
                Parameter(
                    "delimiter", "text", r'the character between values: ";", "|"; else a tab in .tsv files and ","'
                ),
                Parameter("header", "bool", "whether the first line names the columns", True),
                Parameter("names", "texts", "names of the columns, over the header's; without either: 0, 1, ..."),
                Parameter("encoding", "text", 'how the text was saved: "latin-1", "utf-16"', "utf-8"),
                Parameter("decimal", "text", 'what stands before the fraction of a number: "."', "."),
                Parameter("missing", "texts", "values that stand for a missing one, in place of the usual ones"),
            ),
            _open_csv,
        ),
        Reader(
            "images",
            "A folder that holds a folder of pictures for each class: the columns `image`, of shape [height, width,\n"
            "channels] and from 0 to 255, `label` (the folder's name) and `file`. Pictures without such folders have\n"
            "no label. Rows come by label, then by file name. Pictures that a camera turned are turned back;\n"
            "transparency is left out. Needs the extra `images`.",
            (
                Parameter("path", "text", "the folder, from the folder of the `.nn` file", required=True),
                Parameter("size", "size", "what all are made into: [height, width]; without, all must have one size"),
                Parameter("color_mode", "option", "rgb (3 channels) or grayscale (1)", "rgb", options=COLOR_MODES),
                Parameter(
                    "resize",
                    "option",
                    "how other proportions are made to fit: stretch, crop (the middle stays) or pad (with black)",
                    "stretch",
                    options=RESIZES,
                ),
            ),
            _open_images,
        ),
        Reader(
            "text",
            "A text, gzipped or not: the column `character` or the column `word`, a row for each in the order of\n"
            "the text. Line breaks and spaces are characters; of words a punctuation mark is one, a space is none.",
            (
                Parameter("path", "text", "the file, from the folder of the `.nn` file", required=True),
                Parameter(
                    "level",
                    "option",
                    "what a row is: characters, words",
                    "characters",
                    options=("characters", "words"),
                ),
                Parameter("encoding", "text", 'how the text was saved: "latin-1", "utf-16"', "utf-8"),
            ),
            _open_text,
        ),
        Reader(
            "texts",
            "A folder that holds a folder of text files for each class: the columns `text`, `label` (the folder's\n"
            "name) and `file`, a row for each file whose name ends in .txt. Text files without such folders have no\n"
            "label. Rows come by label, then by file name.",
            (
                Parameter("path", "text", "the folder, from the folder of the `.nn` file", required=True),
                Parameter("encoding", "text", 'how the texts were saved: "latin-1", "utf-16"', "utf-8"),
            ),
            _open_texts,
        ),
        Reader(
            "npz",
            "Arrays saved together by NumPy's `savez`: a column each, rows along the first axis.",
            (_PATH,),
            _open_npz,
        ),
        Reader(
            "parquet",
            "Tables that pandas, Polars and databases write; needs the extra `parquet`.\n"
            "A column is of numbers, truth values or text; lists of numbers, all equally\n"
            "long, are vectors. A null is a missing value. Dates are days, times seconds since 1970.",
            (_PATH,),
            _open_parquet,
        ),
        Reader(
            "npy",
            "An array saved by NumPy's `save`: the column `value`, rows along the first axis.",
            (
                _PATH,
                Parameter("labels", "text", "a second such file: the column `label`"),
            ),
            _open_npy,
        ),
        Reader(
            "idx",
            "Files in MNIST's format, gzipped or not: the columns `image` and `label`.",
            (
                Parameter("images", "text", "the file of images (or of anything else with rows)", required=True),
                Parameter("labels", "text", "the file of their labels"),
            ),
            _open_idx,
        ),
    )
}
