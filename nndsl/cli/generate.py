"""`nndsl generate PROGRAM`: text as a trained network writes it, or a series as it goes on."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from nndsl.cli.options import json_option, program_argument, seed_option, set_option, train_option, weights_option
from nndsl.cli.output import diagnostics_data, print_diagnostics, print_json, print_text
from nndsl.cli.trained import trained
from nndsl.cli.writing import way_of_writing
from nndsl.passes.generation import text_behind

if TYPE_CHECKING:
    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.model import Model

_OF_TEXTS = {
    "prompt": "--prompt",
    "temperature": "--temperature",
    "top_k": "--top-k",
    "by_window": "--by-window",
    "seed": "--seed",
}
_OF_SERIES = {"rows": "--rows", "output": "-o"}
_CHARACTERS = 400


def _finite(ctx: click.Context, parameter: click.Parameter, value: float) -> float:
    if not isfinite(value):
        raise click.BadParameter(f"{value} is no finite number", ctx, parameter)
    return value


@click.command(short_help="Let a trained network write.")
@program_argument
@click.option(
    "--prompt",
    metavar="TEXT",
    help="What it goes on from.  [default: a new line; the beginning of the text, for a network that needs more]",
)
@click.option(
    "--length",
    type=click.IntRange(1),
    metavar="N",
    help=f"How many characters it writes, or words, or rows.  [default: {_CHARACTERS}, or a window of rows]",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    metavar="T",
    callback=_finite,
    help="1 draws by the network's own probabilities, less makes it surer; 0 takes the likeliest each time.",
)
@click.option("--top-k", type=click.IntRange(1), metavar="K", help="Draws from the K likeliest only.")
@click.option(
    "--by-window",
    is_flag=True,
    help="Read the last window anew for each, as in training, and carry nothing on from before it.",
)
@click.option(
    "--rows",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The rows that a series goes on from.  [default: the program's own]",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="A series as .csv or .npz, not on stdout."
)
@weights_option
@seed_option
@set_option
@train_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    program: Path,
    prompt: str | None,
    length: int | None,
    temperature: float,
    top_k: int | None,
    by_window: bool,
    rows: Path | None,
    output: Path | None,
    weights: Path | None,
    seed: int,
    sets: dict[str, str],
    train: str | None,
    as_json: bool,
) -> None:
    """Let a network that was trained on a text write one, from a prompt on; or one that forecasts a series go on.

    PROGRAM is the `.nn` file or a run folder. For texts, the train block predicts the scores of what comes next, as in
    `predict next = scores`, for the end of a window or for each of its times. A recurrent network reads what it writes
    once and goes on from its state; one that looks at several times at once, as attention does, reads the last window
    anew for each character.

    For series, what is predicted is called like the columns that it is predicted from, or like their fields: each row
    that is predicted is read with those before it.
    """
    model, block = trained(program, sets, train, weights)
    text = text_behind(model.checked, block) is not None
    for name, option in (_OF_SERIES if text else _OF_TEXTS).items():
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            kind = "a text" if text else "numbers"
            raise click.UsageError(f"{option} is not for {block.name}: it is trained on {kind}", ctx)
    if not text:
        _go_on(model, block, rows, length, output, as_json=as_json)
        return
    from nndsl.runtime.generation import Writer, look_ahead
    from nndsl.runtime.standalone.texts import joined_text, space_before, text_parts

    writer = Writer(model, block, by_window=by_window)
    ahead = look_ahead(model, [block])
    level = writer.how.level
    begin = writer.prompt() if prompt is None else text_parts(prompt, level)
    parts = writer.write(begin, length or _CHARACTERS, temperature, top_k, seed)
    if as_json:
        by = "window" if writer.by_window else "state"
        result = {"text": joined_text([*begin, *parts], level), "by": by, "window": writer.how.window}
        _print_result(model, block, result, *ahead)
        return
    print_diagnostics(ahead)
    click.echo(way_of_writing(writer.how, by_window=by_window), err=True)
    print_text(joined_text(begin, level).removeprefix("\n") if prompt is None else prompt, nl=False)
    for part in parts:
        print_text(space_before(part, level) + part, nl=False)
    click.echo()


def _print_result(model: Model, block: TrainProgram, result: dict[str, Any], *more: Any) -> None:
    diagnostics = diagnostics_data([*model.checked.warnings, *more])
    print_json({"ok": True, "diagnostics": diagnostics, **result, "train": block.name})


def _go_on(
    model: Model, block: TrainProgram, rows: Path | None, length: int | None, output: Path | None, *, as_json: bool
) -> None:
    """Write the rows that follow a series."""
    import numpy as np

    from nndsl.cli.predict import write
    from nndsl.runtime.continuing import Continuer

    continuer = Continuer(model, block)
    how = continuer.how
    following = continuer.write(continuer.rows(rows), length or how.window)
    if output is None and not as_json:
        click.echo(f"each row follows from a window of the last {how.window}", err=True)
        for number, row in enumerate(following):
            if number == 0:
                click.echo(",".join(_headings(row)))
            click.echo(",".join(f"{value:.6g}" for values in row.values() for value in np.ravel(values)))
        return
    made = list(following)
    table = {name: np.stack([row[name] for row in made]) for name in continuer.columns}
    if output is not None:
        write(output, table)
    if as_json:
        numbers = None if output is not None else {name: values.tolist() for name, values in table.items()}
        result = {"rows": len(made), "file": output and str(output), "window": how.window, "numbers": numbers}
        _print_result(model, block, result)
    else:
        click.echo(f"wrote {output}: {len(made):,} rows of {', '.join(table)}")


def _headings(row: dict[str, Any]) -> list[str]:
    """Names of columns, numbered where one has several numbers."""
    return [
        name if values.ndim == 0 else f"{name}_{number}"
        for name, values in row.items()
        for number in range(values.size)
    ]
