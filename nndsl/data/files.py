"""Finding and opening data files, and what is said where that fails."""

from __future__ import annotations

import re
import stat
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, NoReturn, cast

from nndsl.diagnostics import UserError, did_you_mean, error

if TYPE_CHECKING:
    from nndsl.data.table import Array
    from nndsl.source import Span

GZIP_MAGIC = b"\x1f\x8b"
MOST_COMPRESSED = 1040
"""Deflate makes nothing more than 1032 times smaller; a file that claims to is damaged."""

MAPPED_FROM_BYTES = 1 << 20
"""Arrays below this are read whole: that is faster than mapping them, and nothing that writes to the file changes
them."""


def find_file(text: str, folder: Path, span: Span | None) -> Path:
    """The file that a `.nn` file calls `text`, relative to `folder`. Raises UserError NN401 if there is none."""
    path = folder / text
    if not text or "\0" in text:
        raise UserError(error("NN401", f"{text!r} is not the name of a file", span))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UserError(
            error("NN401", f'there is no file "{text}"', span, _looked_in(path), help=_similar(path))
        ) from None
    except (OSError, ValueError) as failure:
        raise UserError(error("NN401", f'"{text}" can\'t be read: {reason(failure)}', span)) from None
    if stat.S_ISDIR(mode):
        raise UserError(error("NN401", f'"{text}" is a folder, not a file', span))
    if not stat.S_ISREG(mode):
        raise UserError(error("NN401", f'"{text}" is not a regular file', span))
    return path


def find_files(text: str, folder: Path, span: Span | None) -> list[tuple[str, Path]]:
    """(name, path) of the file that a `.nn` file calls `text`, or of all that a pattern matches: `part-*.csv`.

    `*` stands for any characters but `/`, `?` for one, `[abc]` for one of these, `**/` for any folders. Files come in
    the order of their names, numbers in them by size: part-2 before part-10. Raises UserError NN401 if there is none.
    """
    import glob
    import os.path

    if not glob.has_magic(text) or "\0" in text or os.path.lexists(folder / text):
        return [(text, find_file(text, folder, span))]
    start = Path(glob.escape(str(folder)))
    try:
        found = sorted(glob.glob(str(start / text), recursive=True), key=by_numbers)  # noqa: PTH207, paths can't escape
    except OSError as failure:
        raise UserError(error("NN401", f'"{text}" can\'t be read: {reason(failure)}', span)) from None
    paths = [Path(each) for each in found if Path(each).is_file()]
    if not paths:
        raise UserError(error("NN401", f'no file matches "{text}"', span, f"looked in {folder}"))
    return [(os.path.relpath(path, folder) if not Path(text).is_absolute() else str(path), path) for path in paths]


def find_folder(text: str, folder: Path, span: Span | None) -> Path:
    """The folder that a `.nn` file calls `text`, relative to `folder`. Raises UserError NN401 if there is none."""
    path = folder / text
    if not text or "\0" in text:
        raise UserError(error("NN401", f"{text!r} is not the name of a folder", span))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise UserError(error("NN401", f'there is no folder "{text}"', span, _looked_in(path))) from None
    except (OSError, ValueError) as failure:
        raise UserError(error("NN401", f'"{text}" can\'t be read: {reason(failure)}', span)) from None
    if not stat.S_ISDIR(mode):
        raise UserError(error("NN401", f'"{text}" is not a folder', span))
    return path


def by_numbers(name: str) -> tuple[list[str | int], str]:
    """A key that sorts numbers inside names by their size; texts and numbers take turns, so any two compare."""
    parts = re.split(r"(\d+)", name)
    return [int(part) if position % 2 else part for position, part in enumerate(parts)], name


def _looked_in(path: Path) -> str:
    return f"looked in {path.parent}" if path.parent.is_dir() else f"there is no folder {path.parent}"


def _similar(path: Path) -> str | None:
    try:
        found = did_you_mean(path.name, [other.name for other in path.parent.iterdir() if other.is_file()])
    except OSError:
        return None  # the folder is missing or closed to us, which the label says
    return f'did you mean "{found}"?' if found else None


def reason(failure: Exception) -> str:
    """What an exception of the operating system or of a library says, without its class and its numbers."""
    if isinstance(failure, OSError) and failure.strerror:
        return failure.strerror.lower()
    text = str(failure)
    return text or type(failure).__name__


def damaged(source: str, problem: str, span: Span | None, help: str | None = None) -> NoReturn:
    """Raises UserError NN405: the file is of the right kind and part of it is missing or wrong."""
    raise UserError(error("NN405", f"{source} is damaged: {problem}", span, help=help))


def other_kind(source: str, expected: str, span: Span | None, help: str | None = None) -> NoReturn:
    """Raises UserError NN404: the file is not what its reader reads."""
    raise UserError(error("NN404", f"{source} is not {expected}", span, help=help))


@contextmanager
def reading(source: str, span: Span | None) -> Generator[None]:
    """Reads that fail become UserErrors: NN401 by the operating system, NN405 by decompression, NN423 by memory."""
    import gzip
    import zipfile

    try:
        yield
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError) as failure:
        damaged(source, reason(failure), span)
    except MemoryError:
        raise UserError(error("NN423", f"{source} does not fit in memory", span)) from None
    except OSError as failure:
        raise UserError(error("NN401", f'"{source}" can\'t be read: {reason(failure)}', span)) from None


def is_gzipped(path: Path) -> bool:
    """Whether the file begins as gzip files do, whatever its name."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where it is gzipped."""
    if is_gzipped(path):
        import gzip

        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def read_exactly(path: Path, start: int, size: int, source: str, span: Span | None) -> bytes:
    """The `size` bytes from `start` to the end of a file, gzipped or not. Raises UserError if they are not as many."""
    with reading(source, span):
        if is_gzipped(path) and start + size > MOST_COMPRESSED * path.stat().st_size:
            damaged(source, f"it should hold {start + size:,} bytes, more than a file of its size can", span)
        with open_bytes(path) as file:
            file.seek(start)
            content = file.read(size + 1)
    if len(content) != size:
        found = f"only {len(content):,}" if len(content) < size else "more"
        damaged(source, f"its header announces {size:,} bytes of numbers, it holds {found}", span)
    return content


def mapped(
    path: Path,
    start: int,
    dtype: str,
    shape: tuple[int, ...],
    source: str,
    span: Span | None,
    order: Literal["C", "F"] = "C",
) -> Array:
    """The array that lies in a file from byte `start` on, read-only: its rows are read when they are looked at."""
    import numpy as np

    with reading(source, span):
        try:
            return np.memmap(path, np.dtype(dtype), "r", start, shape, order)
        except (ValueError, OverflowError) as failure:
            damaged(source, reason(failure), span)
