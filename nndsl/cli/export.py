"""`nndsl export PROGRAM -o FILE`: trained weights for somebody else, as Keras or PyTorch has them or as they are."""

from __future__ import annotations

from pathlib import Path

import click

from nndsl.cli.options import (
    channels_last_option,
    program_argument,
    set_option,
    train_option,
    weights_option,
)
from nndsl.cli.trained import trained


@click.command(short_help="Trained weights as Keras or PyTorch has them.")
@program_argument
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    required=True,
    help="Where to write: .safetensors or .npz.",
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["nndsl", "keras", "pytorch"]),
    default="nndsl",
    show_default=True,
    help="Whose names and orders of axes.",
)
@channels_last_option
@weights_option
@set_option
@train_option
def command(
    program: Path,
    output: Path,
    layout: str,
    channels_last: bool,
    weights: Path | None,
    sets: dict[str, str],
    train: str | None,
) -> None:
    """Write the weights and statistics of a trained network to a file of its own.

    PROGRAM is the `.nn` file or a run folder. Weights are called by the model's steps: a step `features: Dense(64)` of
    the only model has `features.weight` and `features.bias` in PyTorch, `features/kernel` and `features/bias` in Keras.
    """
    from nndsl.runtime.exchange import export_weights, refuse_ending

    refuse_ending(output)
    model, _ = trained(program, sets, train, weights)
    if layout == "nndsl":
        model.save(output)
        count = len(model.weights) + len(model.states)
    else:
        count = len(export_weights(model, output, layout, channels_last=channels_last))
    click.echo(f"wrote {output}: {count} arrays")
    if layout != "nndsl" and any(model.memory.fitted.values()):
        click.echo("what was learnt from the data (means, names of categories) is not in it")
