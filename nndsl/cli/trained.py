"""A program with the weights that a run saved: what `evaluate` and `predict` begin with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nndsl.cli.compiling import modelled
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.model import Model


def trained(
    program: Path, sets: Mapping[str, str], train: str | None, weights: Path | None
) -> tuple[Model, TrainProgram]:
    """The model at `program` (a `.nn` file or a run folder) with its weights, and the train block that is meant.

    train: by default the one whose run is given, else the first. weights: a run folder or a weights file; by default
    the run folder itself, else `runs/<train name>`. Raises UserError.
    """
    file = program_of_run(program) if program.is_dir() else program
    model = modelled(file, sets, train=train)
    if weights is None and program.is_dir():
        weights = program
    block = model.train_named(train)
    model.load_weights(weights or Path("runs", block.name))
    return model, block


def program_of_run(folder: Path) -> Path:
    """The `.nn` file that a run folder keeps a copy of. Raises UserError NN603."""
    programs = [path for path in sorted(folder.glob("*.nn")) if path.with_suffix(".py").exists()]
    if len(programs) != 1:
        message = f"{folder} is not a run: it keeps {'no' if not programs else 'more than one'} program"
        raise UserError(error("NN603", message, help="give the `.nn` file, and the run by `--weights`"))
    return programs[0]
