"""`nndsl generate PROGRAM`: text, as a trained network writes it."""

from __future__ import annotations

from pathlib import Path

import click

from nndsl.cli.options import json_option, program_argument, seed_option, set_option, train_option, weights_option
from nndsl.cli.output import diagnostics_data, print_diagnostics, print_json
from nndsl.cli.trained import trained
from nndsl.cli.writing import way_of_writing


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
@click.option("--top-k", type=click.IntRange(1), metavar="K", help="Draws from the K likeliest only.")
@click.option(
    "--by-window",
    is_flag=True,
    help="Read the last window anew for each, as in training, and carry nothing on from before it.",
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
    top_k: int | None,
    by_window: bool,
    weights: Path | None,
    seed: int,
    sets: dict[str, str],
    train: str | None,
    as_json: bool,
) -> None:
    """Let a network that was trained on a text write one, from a prompt on.

    PROGRAM is the `.nn` file or a run folder. The train block predicts the scores of what comes next, as in `predict
    next = scores`, for the end of a window or for each of its times. A recurrent network reads what it writes once and
    goes on from its state; one that looks at several times at once, as attention does, reads the last window anew for
    each character.
    """
    from nndsl.runtime.generation import Writer, look_ahead
    from nndsl.runtime.standalone.texts import joined_text, space_before, text_parts

    model, block = trained(program, sets, train, weights)
    writer = Writer(model, block, by_window=by_window)
    ahead = look_ahead(model, [block])
    level = writer.how.level
    begin = text_parts(prompt, level)
    parts = writer.write(begin, length, temperature, top_k, seed)
    if as_json:
        by = "window" if writer.by_window else "state"
        text = joined_text([*begin, *parts], level)
        result = {"text": text, "by": by, "window": writer.how.window, "train": block.name}
        print_json({"ok": True, "diagnostics": diagnostics_data([*model.checked.warnings, *ahead]), **result})
        return
    print_diagnostics(ahead)
    click.echo(way_of_writing(writer.how, by_window=by_window), err=True)
    click.echo(prompt.removeprefix("\n"), nl=False)
    for part in parts:
        click.echo(space_before(part, level) + part, nl=False)
    click.echo()
