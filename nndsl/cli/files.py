"""Opening what the command line names, and writing what commands make."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.runtime.load import read_program

if TYPE_CHECKING:
    from pathlib import Path

    from nndsl.source import SourceFile

_ALLOWED = "nndsl.cli.allowed"

LONGEST_PROGRAM = 16 * 1024 * 1024
"""Bytes. No program that a person or a tool wrote comes near; a data file given by mistake does."""


def remember_allowed(ctx: click.Context, parameter: click.Parameter, folders: tuple[Path, ...]) -> tuple[Path, ...]:
    """Callback of `--allow-path`, which `open_program` asks for. Raises UserError NN601 for what is no folder."""
    for folder in folders:
        if not folder.is_dir():
            raise UserError(error("NN601", f"--allow-path {folder}: there is no such folder"))
    ctx.meta[_ALLOWED] = folders
    return folders


def open_program(path: Path) -> SourceFile:
    """The `.nn` file at `path`, under the name that the user gave it.

    Raises UserError NN601 where it can't be read, NN602 where it is not UTF-8 text.
    """
    if not path.exists():
        raise UserError(error("NN601", f"there is no file {path}", help=_nearby(path)))
    if path.is_dir():
        programs = sorted(found.name for found in path.glob("*.nn"))
        hint = f"it holds {', '.join(programs[:5])}" if programs else None
        raise UserError(error("NN601", f"{path} is a folder, not a `.nn` file", help=hint))
    if path.is_char_device() or path.is_block_device():
        raise UserError(error("NN601", f"{path} is a device, not a `.nn` file"))
    size = path.stat().st_size
    if size > LONGEST_PROGRAM:
        raise UserError(error("NN602", f"{path} is too long to be a program: {size:,} bytes"))
    context = click.get_current_context(silent=True)
    return read_program(path, context.meta.get(_ALLOWED, ()) if context is not None else ())


def _nearby(path: Path) -> str | None:
    """Advice for a path that leads nowhere: the file that was probably meant."""
    if path.suffix != ".nn" and path.with_name(f"{path.name}.nn").exists():
        return f"did you mean {path}.nn?"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} either"
    programs = [found.name for found in path.parent.glob("*.nn")]
    if close := did_you_mean(path.name, programs):
        return f"did you mean {path.with_name(close)}?"
    return (
        f"this folder has {', '.join(sorted(programs)[:5])}"
        if programs
        else "`nndsl new first.nn` writes a file to start from"
    )


def write_new(path: Path, text: str) -> None:
    """Write a text file that must not exist yet. Raises UserError NN608."""
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise UserError(
            error("NN608", f"{path} exists already; it was left as it is", help="choose another name")
        ) from None
    except OSError as failure:
        raise UserError(error("NN608", f"can't write {path}: {_reason(failure)}")) from None


def write_text(path: Path, text: str) -> None:
    """Write a text file, over one that is there. Raises UserError NN608."""
    from nndsl.runtime.standalone.files import FileError, write_whole

    try:
        # Whole or not at all, and never through a link that somebody put there.
        write_whole(path, lambda file: file.write(text), text=True)
    except FileError as failure:
        raise UserError(error("NN608", str(failure))) from None


def _reason(failure: OSError) -> str:
    return (failure.strerror or str(failure)).lower()
