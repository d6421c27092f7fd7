"""`nndsl build FILE.nn`: one Python file that needs only NumPy, or CuPy and a GPU."""

from __future__ import annotations

import keyword
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nndsl.cli.compiling import checked
from nndsl.cli.files import write_text
from nndsl.cli.options import (
    any_precision_option,
    file_argument,
    level_option,
    plan_options,
    set_option,
    train_option,
    verify_option,
)
from nndsl.cli.output import print_diagnostics
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from nndsl.ir.program import DataProgram, Program
    from nndsl.plan import PlanOptions


@click.command(short_help="Write a Python file that needs only NumPy, or CuPy.")
@file_argument
@click.option(
    "-o", "output", type=click.Path(path_type=Path), metavar="FILE", help="Where to; - is stdout.  [default: <name>.py]"
)
@click.option(
    "--data",
    "columns",
    type=click.Path(path_type=Path),
    metavar="FILE.npz",
    help="Also write the raw columns of the data, as the Python file reads them.",
)
@click.option(
    "--weights",
    type=click.Path(path_type=Path),
    metavar="RUN|FILE",
    help="Also write the weights of a run folder or a weights file, as the Python file reads them: <name>.weights.npz.",
)
@click.option(
    "--target",
    type=click.Choice(["numpy", "cupy"]),
    default="numpy",
    show_default=True,
    help="What the file computes with: NumPy, or CuPy on a GPU.",
)
@set_option
@train_option
@any_precision_option
@level_option
@plan_options
@verify_option
def command(
    file: Path,
    output: Path | None,
    target: str,
    columns: Path | None,
    weights: Path | None,
    sets: dict[str, str],
    train: str | None,
    precision: str,
    level: int,
    plan: PlanOptions,
    verify: bool,
) -> None:
    """Write the NumPy program that FILE.nn means: what `nndsl run` executes, for reading, changing and taking along.

    With `--target cupy` it computes on a GPU: what `nndsl run --device gpu` executes.

    The file can be imported, and has a command line of its own: `python digits.py train columns.npz`.
    """
    from nndsl.precision import floats_of
    from nndsl.runtime.load import generate, model_of

    program = checked(file, sets, train)
    print_diagnostics(program.warnings)
    if columns is not None and columns.suffix != ".npz":
        raise UserError(error("NN609", f"columns are written as .npz, not to {columns}"))
    device = "gpu" if target == "cupy" else "cpu"
    source = generate(program, precision=precision, level=level, verify=verify, plan=plan, device=device)
    if output is not None and str(output) == "-":
        click.echo(source, nl=False)
    else:
        written = _not_a_program(output, file) if output is not None else _default(file)
        write_text(written, source)
        click.echo(f"wrote {written}")
    if weights is not None:
        model = model_of(program, precision=floats_of(precision))
        model.load_weights(weights)
        beside = Path(f"{module_name(file)}.py") if output is None or str(output) == "-" else output
        beside = beside.with_suffix(".weights.npz")
        model.save(beside)
        click.echo(f"wrote {beside}: weights for `--weights` of that file", err=str(output) == "-")
    if columns is not None:
        rows = write_columns(program, columns)
        click.echo(f"wrote {columns}: {rows}")


def module_name(path: Path) -> str:
    """The name of the module that `path` becomes, one that Python can import: `my-model.nn` -> `my_model`."""
    name = re.sub(r"\W", "_", path.stem)
    return f"_{name}" if not name or name[0].isdigit() or keyword.iskeyword(name) else name


def _not_a_program(target: Path, file: Path) -> Path:
    """`target`, where no program would be lost. Raises UserError NN608."""
    if target.suffix.lower() == ".nn" or (target.exists() and target.samefile(file)):
        message = f"can't write Python to {target}: that is the name of a program, which was left as it is"
        raise UserError(error("NN608", message, help="a name that ends in .py: `-o FILE.py`"))
    return target


def _default(file: Path) -> Path:
    """`<name>.py` in the current folder. Raises UserError NN608 where that is somebody's own work."""
    target = Path(f"{module_name(file)}.py")
    if target.exists() and "nndsl" not in target.read_text(encoding="utf-8", errors="replace")[:1000]:
        message = f"{target} exists, and nndsl did not write it; it was left as it is"
        raise UserError(error("NN608", message, help="say where to write: `-o FILE.py`"))
    return target


def write_columns(program: Program, path: Path) -> str:
    """Write the raw columns of the program's data as `.npz`; what was written, in words. Raises UserError."""
    from nndsl.data import open_tables, read_tables
    from nndsl.runtime.standalone import files

    data = _only_data(program)
    tables = read_tables(data, open_tables(data))
    try:
        files.write_columns(path, tables)
    except files.FileError as failure:
        raise UserError(error("NN608", str(failure))) from None
    count = sum(len(next(iter(columns.values()))) for columns in tables.values() if columns)
    return f"{count:,} rows of {data.name}"


def _only_data(program: Program) -> DataProgram:
    """The data block that is read from files. Raises UserError NN616 where there is none, or more than one."""
    used = {train.data for train in program.trains} if program.trains else {data.name for data in program.data}
    found = [data for data in program.data if data.name in used and (data.reader is not None or data.part_readers)]
    if not found:
        raise UserError(error("NN616", "there are no columns to write: the program reads no data from a file"))
    if len(found) > 1:
        names = ", ".join(data.name for data in found)
        help = "pick the train block: `--train NAME`"
        raise UserError(error("NN616", f"a file of columns is of one data block, and there are {names}", help=help))
    return found[0]
