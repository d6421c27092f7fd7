"""Which files a program may name.

The file that a user runs may name any: the user can read it. What it imports came from somewhere, as do the programs in
run folders, and these may name files in their own folders and below alone, unless `--allow-path` says more.
"""

from __future__ import annotations

import stat
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.syntax import tree

LONGEST_TEXT = 16 * 1024 * 1024
"""Bytes of a text that is read. No program that a person or a tool wrote comes near."""


def folder_of(name: tree.String) -> Path:
    """The folder of the file that says `name`; paths start there."""
    path = name.span.file.path
    return path.parent if path is not None else Path()


def refuse_foreign(context: Context, name: tree.String, place: Path, within: Path) -> None:
    """A mistake where a file other than the main one names what lies outside of `within`. place: what it names."""
    main = context.main
    if main is None or name.span.file is main or name.span.file.library:
        return
    found = _resolved(place)
    if not leads_out(name.value) and _is_below(found, within):
        return
    if any(_is_below(found, folder) for folder in main.allowed):
        return
    what = f"imported, and names {name.value}, which is not in its folder"
    raise context.mistake(
        "NN111",
        f"{name.span.file.name} is {what}",
        name.span,
        help=f"where you trust it: `--allow-path {found.parent}`",
    )


def leads_out(text: str) -> bool:
    """Whether a path, of whichever system, is absolute or goes up."""
    posix, windows = PurePosixPath(text), PureWindowsPath(text)
    return posix.is_absolute() or bool(windows.anchor) or ".." in posix.parts or ".." in windows.parts


def read_text(path: Path) -> str:
    """The text of a file. Raises OSError, or ValueError with the reason: too long, no regular file, not UTF-8."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ValueError("it is not a regular file")
    if path.stat().st_size > LONGEST_TEXT:
        raise ValueError("it is far too long")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _resolved(path: Path) -> Path:
    """Where a path leads, links followed; itself where they go in circles."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path.absolute()


def _is_below(path: Path, folder: Path) -> bool:
    return path.is_relative_to(_resolved(folder))
