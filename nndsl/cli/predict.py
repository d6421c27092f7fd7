"""`nndsl predict PROGRAM DATA -o FILE`: what a trained network says of new rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.options import data_argument, json_option, program_argument, set_option, train_option, weights_option
from nndsl.cli.output import diagnostics_data, print_json, print_text
from nndsl.cli.trained import trained
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from nndsl.runtime.standalone.program import Table

KINDS = (".csv", ".npz", ".npy")


@click.command(short_help="What a trained network says of new rows.")
@program_argument
@data_argument(required=True)
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write: .csv, .npz or .npy.  [default: a table on stdout]",
)
@weights_option
@set_option
@train_option
@click.option("--model", "network", metavar="NAME", help="Instead, all outputs of this model on its own.")
@json_option
def command(
    program: Path,
    data: Path,
    output: Path | None,
    weights: Path | None,
    sets: dict[str, str],
    train: str | None,
    network: str | None,
    as_json: bool,
) -> None:
    """Write, for each row of DATA, what the program's `predict` line names.

    PROGRAM is the `.nn` file or a run folder. DATA is a .csv, .npz or .npy file with the columns that the
    prediction needs, as they come: they are prepared as the training rows were. Classes are written by name.

    With --model any model of the program is used alone, such as an encoder without its decoder. Its inputs that are
    fields of the data come from their columns; any other is an array of DATA, called like the input or the only one.
    """
    if output is not None and output.suffix.lower() not in KINDS:
        message = f"predictions are written as {', '.join(KINDS)}, not to {output}"
        raise UserError(error("NN609", message))
    model, block = trained(program, sets, train, weights)
    if model.generated.program.trains[block.name].prediction is not None:
        others = [each.name for each in model.checked.trains if each.name != block.name]
        if others and train is None and network is None and not program.is_dir() and not as_json:
            click.echo(f"as {block.name} predicts; `--train` asks for others: {', '.join(others)}", err=True)
        train = block.name
    found = model.predict(data, train=train, model=network)
    rows = len(next(iter(found.values())))
    if output is not None:
        write(output, found)
    if as_json:
        result: dict[str, Any] = {"rows": rows, "file": output and str(output)}
        if output is None:
            result["predictions"] = {name: values.tolist() for name, values in found.items()}
        print_json({"ok": True, "diagnostics": diagnostics_data(model.checked.warnings), **result})
    elif output is not None:
        click.echo(f"wrote {output}: {rows:,} rows of {', '.join(found)}")
    else:
        print_text(_as_csv(found), nl=False)


def write(path: Path, predictions: Table) -> None:
    """Write predictions to a file of the kind that its name says. Raises UserError NN608 or NN609."""
    from nndsl.runtime.standalone import files

    try:
        if path.suffix.lower() == ".npy":
            _write_array(path, predictions)
        else:
            files.write_predictions(path, predictions)
    except files.FileError as failure:
        raise UserError(error("NN608", str(failure))) from None


def _write_array(path: Path, predictions: Table) -> None:
    import numpy as np

    from nndsl.runtime.standalone import files

    if len(predictions) != 1:
        message = f"an .npy file holds one array, and {len(predictions)} are predicted: {', '.join(predictions)}"
        raise UserError(error("NN609", message, help="write an .npz or a .csv file"))
    (values,) = predictions.values()
    files.write_whole(path, lambda file: np.save(file, values, allow_pickle=False))


def _as_csv(predictions: Table) -> str:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="nndsl-") as folder:
        path = Path(folder, "predictions.csv")
        write(path, predictions)
        return path.read_text(encoding="utf-8")
