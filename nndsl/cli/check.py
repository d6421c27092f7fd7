"""`nndsl check FILE.nn`: every mistake of a file, without running it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.compiling import checked
from nndsl.cli.options import json_option, naming_files, set_option
from nndsl.cli.output import diagnostics_data, print_diagnostics, print_json
from nndsl.cli.writing import way_of_writing, writers, writing_data
from nndsl.diagnostics import UserError

if TYPE_CHECKING:
    from nndsl.diagnostics import Diagnostic
    from nndsl.ir.program import Program


@click.command(short_help="Look for mistakes, without running anything.")
@naming_files(click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE.nn ..."))
@set_option
@json_option
def command(files: tuple[Path, ...], sets: dict[str, str], as_json: bool) -> None:
    """Check whole files: names, shapes, arguments, data columns, losses, training.

    Prints every mistake with its place and a way out. Ends with 0 where there is none (warnings allowed), else with 1.
    """
    mistakes: list[Diagnostic] = []
    programs: list[tuple[Path, Program]] = []
    for path in files:
        try:
            programs.append((path, checked(path, sets)))
        except UserError as mistake:
            mistakes += mistake.diagnostics
    warnings = [warning for _, program in programs for warning in program.warnings]
    if mistakes:
        raise UserError(*mistakes, *warnings)
    if as_json:
        facts = [_facts(path, program) for path, program in programs]
        print_json({"ok": True, "diagnostics": diagnostics_data(warnings), "files": facts})
        return
    print_diagnostics(warnings)
    for path, program in programs:
        click.echo(_line(path, program))
        for name, how in writers(program).items():
            click.echo(f"  {name} writes on: {way_of_writing(how)}")


def _facts(path: Path, program: Program) -> dict[str, Any]:
    return {
        "file": str(path),
        "models": [model.name for model in program.models],
        "data": [data.name for data in program.data],
        "trains": [train.name for train in program.trains],
        "weights": sum(weight.type.size for weight in program.weights),
        "writes": {name: writing_data(how) for name, how in writers(program).items()},
    }


def _line(path: Path, program: Program) -> str:
    weights = sum(weight.type.size for weight in program.weights)
    models = ", ".join(model.name for model in program.models)
    return f"{path}: no mistakes ({models}: {weights:,} weights)" if weights else f"{path}: no mistakes"
