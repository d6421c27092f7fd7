"""A program with the weights that a run saved: what `evaluate` and `predict` begin with.

Beside what the trainer saves, a run folder gets `run.json`, which says how the run was started; with it the folder
alone is enough to go on from.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndsl.cli.compiling import modelled
from nndsl.cli.files import open_program, write_text
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nndsl.ir.program import DataProgram, Field, KnownTable, TrainProgram
    from nndsl.runtime.model import Model
    from nndsl.source import SourceFile

START_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Start:
    """How a run was started.

    file: the `.nn` file, from the run folder. train: its train block. sets: texts of the `let`s given other values.
    tables: what its data files were like.
    """

    file: str
    train: str
    sets: dict[str, str]
    precision: str
    tables: dict[str, KnownTable]


def write_starts(runs: Mapping[str, Path], file: Path, sets: Mapping[str, str], precision: str, model: Model) -> None:
    """Write `run.json` into the run folders of train blocks, by their names. Raises UserError NN608.

    It says, too, what the data's fields and files are like: a run can be asked, and the network taken out of it, where
    the data are not.
    """
    from nndsl.data import known_tables

    if not runs:
        return
    blocks = model.checked.data
    fields = {data.name: {field.name: _field(data, field) for field in data.fields} for data in blocks}
    tables = known_tables(blocks, {data.name: model.tables(data) for data in blocks})
    for train, folder in runs.items():
        start: dict[str, Any] = {"file": _place(file, folder), "train": train, "sets": dict(sets)}
        start |= {"precision": precision, "fields": fields, "tables": tables}
        write_text(folder / START_FILE, json.dumps(start, indent=2, ensure_ascii=False) + "\n")


def _place(file: Path, folder: Path) -> str:
    """Where the `.nn` file is, from the run folder."""
    try:
        return Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    except ValueError:  # another drive
        return file.resolve().as_posix()


def _field(data: DataProgram, field: Field) -> dict[str, Any]:
    """A field as the language sees it. ids: how many there are, of a class or a category."""
    type = field.node.type
    categories = {column.key: len(column.names) + 1 for column in data.columns if column.role == "category"}
    ids = len(field.classes) if field.classes is not None else None
    if field.node.op.name == "column":
        ids = categories.get(str(field.node["name"]), ids)
    return {"dtype": type.dtype.value, "shape": list(type.shape), "classes": field.classes, "ids": ids}


def trained(
    program: Path, sets: Mapping[str, str], train: str | None, weights: Path | None
) -> tuple[Model, TrainProgram]:
    """The model at `program` (a `.nn` file or a run folder) with its weights, and the train block that is meant.

    train: by default the run's, else the first. weights: a run folder or a weights file; by default the run folder
    itself, else `runs/<train name>`. Raises UserError.
    """
    if program.is_dir():
        start = _read_start(program)
        train = train or start.train
        sets = {**start.sets, **sets}
        run = _program_of_run(program, start)
        model = modelled(run, sets, precision=start.precision, known_tables=start.tables)
        weights = weights or program
    else:
        model = modelled(open_program(program), sets)
    block = model.train_named(train)
    model.load_weights(weights or Path("runs", block.name))
    return model, block


def all_trained(
    program: Path, sets: Mapping[str, str], train: str | None, weights: Path | None
) -> Iterator[tuple[Model, TrainProgram]]:
    """As `trained`; of a `.nn` file with several train blocks each that has data, with the weights of its own run."""
    if program.is_dir() or train is not None:
        yield trained(program, sets, train, weights)
        return
    model = modelled(open_program(program), sets)
    blocks = [block for block in model.checked.trains if block.data is not None] or [model.train_named(None)]
    for block in blocks:
        model.load_weights(weights or Path("runs", block.name))
        yield model, block


def start_from(model: Model, weights: Path) -> None:
    """Give the model the weights of a run folder or a weights file; all that is random stays as its own seed has it.

    Raises UserError: NN601, NN603, NN604 or NN605.
    """
    seed = model.seed
    model.load_weights(weights)
    model.seed = seed


def _read_start(folder: Path) -> Start:
    """How the run in `folder` was started. Raises UserError NN603."""
    from nndsl.check.places import read_text
    from nndsl.data import tables_of_run

    try:
        said: Any = json.loads(read_text(folder / START_FILE))
        return Start(
            str(said["file"]),
            str(said["train"]),
            {str(name): str(text) for name, text in said["sets"].items()},
            "float64" if said["precision"] == "float64" else "float32",
            tables_of_run(said.get("tables", [])),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        help = "give the `.nn` file, and the run by `--weights`"
        why = f"its {START_FILE} is damaged" if (folder / START_FILE).is_file() else f"it has no {START_FILE}"
        raise UserError(error("NN603", f"{folder} is not a run: {why}", help=help)) from None


def _program_of_run(folder: Path, start: Start) -> SourceFile:
    """The program as it was when it ran; the files that it names are looked for where it lay then.

    Raises UserError NN601.
    """
    before = folder / start.file
    copy = open_program(folder / before.name)
    return replace(copy, path=before) if before.parent.is_dir() else copy
