"""`nndsl generate PROGRAM`: text, as a trained network writes it."""

from __future__ import annotations

from pathlib import Path

import click

from nndsl.cli.options import json_option, program_argument, seed_option, set_option, train_option, weights_option
from nndsl.cli.output import diagnostics_data, print_json
from nndsl.cli.trained import trained


@click.command(short_help="Let a trained network write.")
@program_argument
@click.option("--prompt", default="\n", metavar="TEXT", help="What it goes on from.  [default: a new line]")
@click.option(
    "--length",
    type=click.IntRange(1),
    default=400,
    show_default=True,
    metavar="N",
    help="How many characters it writes, or words.",
)
@click.option(
    "--temperature",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    metavar="T",
    help="1 draws by the network's own probabilities, less makes it surer; 0 takes the likeliest each time.",
)
@weights_option
@seed_option
@set_option
@train_option
@json_option
def command(
    program: Path,
    prompt: str,
    length: int,
    temperature: float,
    weights: Path | None,
    seed: int,
    sets: dict[str, str],
    train: str | None,
    as_json: bool,
) -> None:
    """Let a network that was trained on a text write one, from a prompt on.

    PROGRAM is the `.nn` file or a run folder. The train block predicts the scores of what comes next, as in `predict
    next = scores`, for the end of a window or for each of its times.
    """
    from nndsl.data.texts import joined, parts_of, space_before
    from nndsl.runtime.generation import Writer

    model, block = trained(program, sets, train, weights)
    writer = Writer(model, block)
    begin = parts_of(prompt, writer.level)
    written: list[str] = []
    if not as_json:
        click.echo(f"each of the {writer.level} follows from a window of the last {writer.window}", err=True)
        click.echo(prompt.removeprefix("\n"), nl=False)
    for part in writer.write(begin, length, temperature, seed):
        written.append(part)
        if not as_json:
            click.echo(space_before(part, writer.level) + part, nl=False)
    if as_json:
        text = joined([*begin, *written], writer.level)
        result = {"text": text, "by": "window", "window": writer.window, "train": block.name}
        print_json({"ok": True, "diagnostics": diagnostics_data(model.checked.warnings), **result})
    else:
        click.echo()
