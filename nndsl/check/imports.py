"""What `import` names: where the file lies, whether it may be read, and its text."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from nndsl.check.places import folder_of, leads_out, read_text, refuse_foreign
from nndsl.diagnostics import did_you_mean
from nndsl.source import SourceFile

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.check.values import Run
    from nndsl.syntax import tree

IMPORTED_FOLDER = "imported"
"""Where in a run folder copies of imported files lie that were not below the program's own folder."""


def imported_path(item: tree.Import, run: Run | None) -> Path:
    """Where the file lies that is imported. A run folder has copies of those that lay elsewhere."""
    path = folder_of(item.path) / item.path.value
    if run is not None and (leads_out(item.path.value) or not path.exists()):
        path = run.folder / IMPORTED_FOLDER / PurePosixPath(item.path.value).name
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):
        return path.absolute()


def refuse_place(context: Context, item: tree.Import, path: Path, run: Run | None) -> None:
    """Raises UserError NN107 or NN111 for a file that may not be imported: no program, or in another place.

    run: that of the program that imports, where it is one's.
    """
    if path.suffix != ".nn":
        raise context.mistake("NN107", f"{item.path.value} is no `.nn` file", item.path.span)
    if run is None:
        refuse_foreign(context, item.path, folder_of(item.path) / item.path.value, folder_of(item.path))
    elif not path.is_relative_to(run.folder):
        message = f"{item.path.value} is not in the run folder {run.name}"
        raise context.mistake("NN107", message, item.path.span)


def read_import(context: Context, item: tree.Import, path: Path) -> SourceFile:
    """The imported file. Raises UserError NN107 where it can't be read."""
    try:
        text = read_text(path)
    except (OSError, ValueError) as failure:
        why = str(failure) if isinstance(failure, ValueError) else "there is no such file"
        if isinstance(failure, OSError) and path.exists():
            why = failure.strerror or "it can't be read"
        near = path.parent.glob("*.nn") if path.parent.is_dir() else ()
        close = did_you_mean(path.name, [p.name for p in near])
        raise context.mistake(
            "NN107", f"{item.path.value} can't be read: {why}", item.path.span,
            help=f'did you mean "{close}"?' if close else "paths start from the folder of the file that says them",
        ) from None  # fmt: skip
    return SourceFile(item.path.value, text, path)
