"""`nndsl landscape FILE.nn`: a picture of the loss over two directions, with the path that training takes."""

from __future__ import annotations

from pathlib import Path

import click

from nndsl.cli.compiling import modelled
from nndsl.cli.files import open_program
from nndsl.cli.options import (
    file_argument,
    precision_option,
    seed_option,
    set_option,
    train_option,
    weights_to_start_from,
)
from nndsl.cli.trained import start_from
from nndsl.diagnostics import UserError, error
from nndsl.pictures.figure import checked_picture


@click.command(short_help="Draw the loss around the path of training.")
@file_argument
@set_option
@train_option
@seed_option
@click.option("--epochs", type=click.IntRange(1), metavar="N", help="Instead of the file's `epochs`.")
@click.option(
    "--paths",
    type=click.IntRange(1, 20),
    default=1,
    show_default=True,
    metavar="N",
    help="Train from so many starts: the seed, and those after it.",
)
@click.option(
    "--points", type=click.IntRange(3, 400), default=51, show_default=True, metavar="N", help="Losses on each side."
)
@click.option(
    "--margin",
    type=click.FloatRange(0),
    default=0.4,
    show_default=True,
    metavar="PART",
    help="How far the picture reaches beyond the paths, as a part of their extent.",
)
@weights_to_start_from
@precision_option
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where to write the picture (.png, .svg or .pdf).  [default: runs/<train name>/landscape.png]",
)
def command(
    file: Path,
    sets: dict[str, str],
    train: str | None,
    seed: int,
    epochs: int | None,
    paths: int,
    points: int,
    margin: float,
    weights: Path | None,
    precision: str,
    output: Path | None,
) -> None:
    """Train a train block of FILE.nn (the first, unless --train says which) and draw where that leads.

    The picture shows the loss over the training rows on a plane through weight space, and the path on it: from the
    circle to the cross. A network of two weights is drawn over these two; of a larger one the plane is that in which
    its path is longest. Nothing but the picture is written.
    """
    from nndsl.pictures.landscape import draw_landscape
    from nndsl.runtime.landscape import survey

    picture = None if output is None else checked_picture(output)
    if weights is not None and paths > 1:
        raise click.UsageError("--weights is one start, and --paths asks for several")
    model = modelled(open_program(file), sets, train=train, seed=seed, precision=precision)
    block = model.train_named(train)
    if block.data is None and epochs is not None:
        raise UserError(error("NN616", f"the train block {block.name} has no data and so no epochs", block.span))
    if weights is not None:
        start_from(model, weights)
    trained = weights is not None
    landscape = survey(model, block, paths=paths, points=points, margin=margin, epochs=epochs, trained=trained)
    picture = picture or Path("runs", block.name, "landscape.png")
    draw_landscape(landscape, picture)
    for trace in landscape.traces:
        click.echo(f"seed {trace.seed}  loss {trace.loss:.6g}")
    click.echo(f"wrote {picture}")
