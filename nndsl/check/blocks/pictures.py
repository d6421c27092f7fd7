"""Pictures that a table names: `image(column("file"))` in a data block."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.check.blocks.columns import notes, word_of
from nndsl.check.values import Arguments, Builtin, BuiltinParameter, Option, RawColumn, Value, describe
from nndsl.diagnostics import did_you_mean
from nndsl.ir import DType
from nndsl.ir.program import Pictures

if TYPE_CHECKING:
    from nndsl.check.context import Context


def _image(context: Context, given: Arguments) -> Value:
    """A column of file names as the pictures in these files: a column of numbers."""
    from nndsl.data.images import COLOR_MODES, RESIZES
    from nndsl.data.parameters import is_size

    known = notes(context, given.span, "image")
    column = given["column"]
    size, folder = (given[name] if name in given.values else None for name in ("size", "folder"))
    if not isinstance(column, RawColumn) or column.kind != "text" or known.table is None or known.reader is None:
        raise context.mistake(
            "NN452",
            "`image` takes a column of file names as it is in the file",
            given.span_of("column"),
            help='for example `image(column("file"), size=[32, 32])`',
        )
    if size is not None and not is_size(size):
        raise context.mistake(
            "NN302", f"`size` is a height and a width: [32, 32], not {describe(size)}", given.span_of("size")
        )
    if folder is not None and not isinstance(folder, str):
        raise context.mistake("NN302", "`folder` is a text: the folder's name", given.span_of("folder"))
    color_mode = _word(context, given, "color_mode", COLOR_MODES)
    resize = _word(context, given, "resize", RESIZES)
    as_what = "" if size is None else f" {size[0]}x{size[1]}"
    name = f"{column.name} as{as_what} {color_mode}" + (f" {resize}" if resize != "stretch" else "")
    made = Pictures(name, column.name, size if is_size(size) else None, color_mode, resize, folder, given.span)
    if all(each.name != name or each.folder != folder for each in known.pictures):
        if any(each.name == name for each in known.pictures):
            message = f"the pictures of {column.name} are read from one folder, and before it was another"
            raise context.mistake("NN452", message, given.span)
        known.add_pictures(made)
    info = known.table.column(name, given.span)
    return RawColumn(name, name, "number", tuple(info.shape), given.span, DType.FLOAT)


def _word(context: Context, given: Arguments, name: str, words: tuple[str, ...]) -> str:
    value, word = given[name], word_of(given, name, words)
    if word is not None:
        return word
    close = did_you_mean(given.span_of(name).text.strip('"'), words)
    raise context.mistake(
        "NN302",
        f"`{name}` is {' or '.join(words)}, not {describe(value)}",
        given.span_of(name),
        help=close and f"did you mean `{name}={close}`?",
    )


PICTURE_OPTIONS = ("rgb", "grayscale", "stretch", "crop", "pad")
"""Words that arguments of `image` may be."""

PICTURE_BUILTINS: dict[str, Builtin] = {
    "image": Builtin(
        "image",
        (
            BuiltinParameter("column"),
            BuiltinParameter("size", required=False),
            BuiltinParameter("color_mode", default=Option("rgb"), required=False),
            BuiltinParameter("resize", default=Option("stretch"), required=False),
            BuiltinParameter("folder", required=False),
        ),
        _image,
        "The pictures that a column names, from the table's own folder on or from `folder`: [height, width, channels], "
        "0 to 255. `size` is what all are made into; `color_mode` is rgb (3 channels) or grayscale (1); `resize` says "
        "how other proportions are made to fit: stretch, crop or pad. Needs the extra `images`.",
    )
}
