"""From a path on the command line to a checked program or a model: what several commands begin with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.cli.files import open_program
from nndsl.cli.output import print_diagnostics

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nndsl.ir.program import KnownTable, Program
    from nndsl.plan import PlanOptions
    from nndsl.runtime.model import Model
    from nndsl.source import SourceFile


def checked(path: Path, sets: Mapping[str, str], train: str | None = None) -> Program:
    """The checked program of the file at `path`.

    sets: other values for its `let`s. train: only this train block.
    Its warnings are the caller's to print. Raises UserError.
    """
    from nndsl.check import check

    return check(open_program(path), sets=sets, only=train)


def modelled(
    file: SourceFile,
    sets: Mapping[str, str],
    *,
    train: str | None = None,
    seed: int = 0,
    precision: str = "float32",
    level: int = 1,
    verify: bool = False,
    plan: PlanOptions | None = None,
    device: str = "cpu",
    known_tables: Mapping[str, KnownTable] | None = None,
) -> Model:
    """The compiled program of a file; its warnings are printed. Raises UserError."""
    from nndsl.runtime.load import compiled

    model = compiled(
        file,
        sets=sets,
        train=train,
        seed=seed,
        precision=precision,
        level=level,
        verify=verify,
        plan=plan,
        device=device,
        known_tables=known_tables,
    )
    print_diagnostics(model.checked.warnings)
    return model
