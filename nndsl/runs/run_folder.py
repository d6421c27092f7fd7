"""The folder that a run fills: weights, history, summary, and the program that made them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nndsl.check.imports import IMPORTED_FOLDER
from nndsl.diagnostics import UserError, error
from nndsl.runs.locks import LOCK_FILE
from nndsl.runs.tensorboard import FOLDER as TENSORBOARD_FOLDER
from nndsl.runtime.weights import WEIGHTS_FILE

if TYPE_CHECKING:
    from nndsl.runtime.model import Model
    from nndsl.source import SourceFile

HISTORY_FILE = "history.csv"
SUMMARY_FILE = "summary.json"
CHECKPOINT_NAME = re.compile(r"checkpoint(-\d{4,})?\.safetensors")
SHOW_FOLDER = "show"
"""Where in a run folder the pictures of `show` lines lie."""

SHOWN_NAME = re.compile(r".+_(step_)?\d+\.(png|npz)")


def folder_for(train: str, out: Path | None, blocks: int) -> Path:
    """Where the run of a train block goes: `runs/<its name>`, or `out`, or `out/<its name>` where there are several."""
    if out is None:
        return Path("runs", train)
    return out if blocks == 1 else out / train


def prepare_folder(folder: Path) -> None:
    """Makes the folder if it is not there, so that a place that can't be written to is known before training.

    Raises UserError NN608, also where what a run would write into is a link that leads out of the folder.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as failure:
        reason = (failure.strerror or str(failure)).lower()
        raise UserError(error("NN608", f"can't make the folder {folder}: {reason}")) from None
    for name in (SHOW_FOLDER, IMPORTED_FOLDER, TENSORBOARD_FOLDER, LOCK_FILE):
        _refuse_link(folder / name)


def _refuse_link(path: Path) -> None:
    """Files that are links are replaced; folders that are links would be written through."""
    if path.is_symlink():
        message = f"{path} is a link to somewhere else, and a run writes into its own folder alone"
        raise UserError(error("NN608", message, help="remove the link, or choose another folder: `--out DIR`"))


def write_run(
    folder: Path,
    model: Model,
    rows: Sequence[Mapping[str, float]],
    summary: Mapping[str, Any],
    about: Mapping[str, Any],
) -> None:
    """Fills the folder; each file is there whole or not at all, the summary last. Raises UserError NN608."""
    from nndsl.runtime.standalone.files import FileError, write_history

    try:
        model.save(folder / WEIGHTS_FILE, about)  # first: where room ends on the way, what took longest is there
        write_history(folder / HISTORY_FILE, rows)
        write_sources(folder, model)
        _write_text(folder / SUMMARY_FILE, json.dumps(_finite(summary), indent=2, ensure_ascii=False) + "\n")
    except FileError as failure:
        raise UserError(error("NN608", str(failure))) from None


def write_sources(folder: Path, model: Model) -> None:
    """Writes the program and the source that runs. Raises UserError NN608."""
    from nndsl.runtime.standalone.files import FileError

    try:
        for name, text in _texts(model).items():
            if "/" in name:
                _refuse_link(folder / Path(name).parts[0])
            _write_text(folder / name, text)
    except FileError as failure:
        raise UserError(error("NN608", str(failure))) from None


def write_checkpoint(folder: Path, model: Model, epoch: int, best_only: bool, about: Mapping[str, Any]) -> Path:
    """Writes the weights of this moment to `checkpoint.safetensors` if only the best are kept, else by epoch; the file.

    Raises UserError NN608.
    """
    path = folder / ("checkpoint.safetensors" if best_only else f"checkpoint-{epoch:04d}.safetensors")
    model.save(path, {**about, "epochs": epoch})
    return path


def has_results(folder: Path) -> bool:
    """Whether an earlier run has left its results here."""
    return any((folder / name).exists() for name in (SUMMARY_FILE, WEIGHTS_FILE, HISTORY_FILE))


def remove_results(folder: Path, train: str) -> None:
    """Removes what earlier runs of the train block have left: results, pictures of `show` lines, callbacks' weights.

    No other files. Raises UserError NN608.
    """
    # The summary first: without it nobody takes for whole what is left.
    paths = [folder / name for name in (SUMMARY_FILE, HISTORY_FILE, WEIGHTS_FILE)]
    paths += [path for path in (folder / SHOW_FOLDER).glob("*_*") if SHOWN_NAME.fullmatch(path.name)]
    paths += [path for path in folder.glob("checkpoint*.safetensors") if _is_callbacks(path, train)]
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as failure:
            reason = (failure.strerror or str(failure)).lower()
            raise UserError(error("NN608", f"can't remove the earlier run's {path}: {reason}")) from None


def _is_callbacks(path: Path, train: str) -> bool:
    """Whether `write_checkpoint` wrote the file in a run of the train block."""
    from nndsl.runtime.standalone.files import FileError, read_safetensors_file

    if not CHECKPOINT_NAME.fullmatch(path.name):
        return False
    try:
        _, about = read_safetensors_file(path)
    except FileError:
        return False  # nothing of ours is ever there in part
    return about.get("train") == train and "source_hash" in about


class History:
    """The history of a run, written to its file as training goes: a row after each epoch."""

    def __init__(self, folder: Path, rows: list[dict[str, float]]) -> None:
        self.path = folder / HISTORY_FILE
        self.rows = rows
        self._written = 0

    def write(self) -> None:
        """Writes the rows that the file lacks. Where that can't be done now, it is later."""
        from nndsl.runtime.standalone.files import FileError, write_history

        header = list(self.rows[0]) if self.rows else ["epoch"]
        try:
            if self._written and all(list(row) == header for row in self.rows[self._written :]):
                lines = [",".join(map(repr, row.values())) for row in self.rows[self._written :]]
                with self.path.open("a", encoding="utf-8", newline="") as file:
                    file.writelines(f"{line}\n" for line in lines)
            else:
                write_history(self.path, self.rows)
        except (OSError, FileError):
            self._written = 0
            return
        self._written = len(self.rows)


def _texts(model: Model) -> dict[str, str]:
    """The program's texts by the names that they get: the `.nn` file, what it imports, the generated source."""
    name = model.generated.program.name
    texts = {f"{name}.py": model.source}
    main = model.checked.file
    for file in (main, *model.checked.sources):
        if not file.library:
            texts[_place(file, main)] = file.text
    return texts


def _place(file: SourceFile, main: SourceFile) -> str:
    """Where the copy of a source goes, in the folder: as it lies beside the main file, or under `imported`."""
    if file is main or file.path is None or main.path is None:
        return Path(file.name).name
    try:
        return str(file.path.resolve().relative_to(main.path.resolve().parent))
    except ValueError:
        return f"{IMPORTED_FOLDER}/{file.path.name}"


def _write_text(path: Path, text: str) -> None:
    from nndsl.runtime.standalone.files import write_whole

    prepare_folder(path.parent)
    write_whole(path, lambda file: file.write(text), text=True)


def _finite(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary for JSON, which knows no infinity and no nan: they become null."""
    found: dict[str, Any] = {}
    for name, value in summary.items():
        match value:
            case float():
                found[name] = value if isfinite(value) else None
            case dict():
                found[name] = _finite(cast("dict[str, Any]", value))
            case _:
                found[name] = value
    return found
