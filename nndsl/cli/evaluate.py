"""`nndsl evaluate PROGRAM [DATA]`: the loss and the metrics of saved weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.options import data_argument, json_option, program_argument, set_option, train_option, weights_option
from nndsl.cli.output import diagnostics_data, print_json
from nndsl.cli.trained import all_trained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.diagnostics import Diagnostic


@click.command(short_help="Loss and metrics of saved weights.")
@program_argument
@data_argument(required=False)
@weights_option
@click.option(
    "--on", "part", metavar="PART", help="Of the file's own data: train, validation or test.  [default: test]"
)
@set_option
@train_option
@json_option
def command(
    program: Path,
    data: Path | None,
    weights: Path | None,
    part: str | None,
    sets: dict[str, str],
    train: str | None,
    as_json: bool,
) -> None:
    """Evaluate what `nndsl run` saved, on a part of the program's own data or on the rows in DATA.

    PROGRAM is the `.nn` file or a run folder. DATA is a .csv, .npz or .npy file with the columns that the program's
    data block reads; without it the test part is taken (validation or train where there is none). Of a file with
    several train blocks each is evaluated that has data, with the weights of its own run; `--train` picks one.
    """
    from nndsl.runtime.standalone.lines import numbers_line

    if data is not None and part is not None:
        raise click.UsageError("give DATA or --on PART, not both")
    found: list[dict[str, Any]] = []
    warnings: Sequence[Diagnostic] = ()
    for model, block in all_trained(program, sets, train, weights):
        warnings = model.checked.warnings
        numbers = model.evaluate(data, part=part, train=block.name)
        found.append({"train": block.name, "part": part, "data": data and str(data), "numbers": numbers})
        if not as_json:
            several = len(model.checked.trains) > 1
            click.echo(f"{block.name}  {numbers_line(numbers)}" if several else numbers_line(numbers))
    if as_json:
        # Of one block its numbers, as ever; of several a list of them.
        result = found[0] if len(found) == 1 else {"trains": found}
        print_json({"ok": True, "diagnostics": diagnostics_data(warnings), **result})
