"""`nndsl import FILE.nn WEIGHTS --format keras|pytorch`: a run out of weights that were trained elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nndsl.cli.compiling import modelled
from nndsl.cli.files import open_program
from nndsl.cli.options import (
    channels_last_option,
    file_argument,
    pairs,
    precision_option,
    set_option,
    train_option,
)
from nndsl.cli.trained import write_starts
from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from nndsl.runtime.model import Model


@click.command(short_help="A run out of weights that Keras or PyTorch trained.")
@file_argument
@click.argument("weights", type=click.Path(path_type=Path), metavar="WEIGHTS")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["keras", "pytorch"]),
    required=True,
    help="Whose names and orders of axes the file has.",
)
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path),
    metavar="RUN|FILE",
    help="A run folder, or a weights file (.safetensors, .npz).  [default: runs/<train name>]",
)
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="THEIRS=OURS",
    callback=pairs("--rename fc1=features"),
    help="What a module or weight of the file is called here. May be repeated.",
)
@click.option(
    "--partial",
    is_flag=True,
    help="Layers that the file lacks keep their initial weights; what is not needed is passed over.",
)
@channels_last_option
@set_option
@train_option
@precision_option
def command(
    file: Path,
    weights: Path,
    layout: str,
    output: Path | None,
    renames: dict[str, str],
    partial: bool,
    channels_last: bool,
    sets: dict[str, str],
    train: str | None,
    precision: str,
) -> None:
    """Take the weights of the same network, trained in Keras or PyTorch, for the program FILE.nn.

    WEIGHTS is a safetensors or .npz file of a PyTorch state dictionary or of Keras's `weight.path`s. The run folder
    that this fills is like one of `nndsl run`: `evaluate`, `predict` and `Model from "runs/..."` take it.
    """
    from nndsl.runtime.exchange import import_weights

    model = modelled(open_program(file), sets, train=train, precision=precision)
    block = model.train_named(train)
    folder = Path("runs", block.name) if output is None else output
    if output is None and (folder / "weights.safetensors").exists():
        message = f"{folder} holds a run already; it was left as it is"
        raise UserError(error("NN608", message, help=f"another place: `-o RUN`; or `-o {folder}` to write over it"))
    kept = import_weights(model, weights, layout, renames=renames, channels_last=channels_last, partial=partial)
    if folder.suffix in (".safetensors", ".npz"):
        model.save(folder, {"imported": layout})
    else:
        _write_run(model, folder, block.name, layout)
        write_starts({block.name: folder}, file, sets, precision, model)
    taken = len(model.weights) + len(model.states) - len(kept)
    click.echo(f"{taken} weights and statistics of {weights}; the {_kind(folder)} {folder}")
    if kept:
        click.echo(f"as they were drawn: {', '.join(kept)}")


def _kind(output: Path) -> str:
    return "weights are in" if output.suffix in (".safetensors", ".npz") else "run is in"


def _write_run(model: Model, folder: Path, train: str, layout: str) -> None:
    from nndsl.runs.run_folder import prepare_folder, write_run

    prepare_folder(folder)
    write_run(folder, model, [], {"imported": layout}, {"train": train, "imported": layout})
