"""`nndsl features PROGRAM --layer NAME`: what a step of a trained network gives, as a file and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.options import data_argument, json_option, program_argument, set_option, train_option, weights_option
from nndsl.cli.output import diagnostics_data, print_json
from nndsl.cli.predict import write
from nndsl.cli.trained import trained
from nndsl.diagnostics import UserError, error
from nndsl.pictures.figure import checked_picture

if TYPE_CHECKING:
    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.program import Array, Table

KINDS = (".csv", ".npz")


@click.command(short_help="What a step of a trained network gives.")
@program_argument
@data_argument(required=False)
@click.option(
    "--layer", metavar="NAME", help="A label or a listed step: features, Digits/dense_1. Without it, lists them."
)
@click.option(
    "-o",
    "output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write its outputs, a row a sample: .csv or .npz.",
)
@click.option("--picture", type=click.Path(path_type=Path), metavar="FILE", help="Draw a picture: .png, .svg or .pdf.")
@click.option(
    "--draw",
    type=click.Choice(["plane", "filters", "maps"]),
    default="plane",
    show_default=True,
    help="Of what: all samples in the plane of two principal components, by class; the step's kernel; what it gives "
    "for one sample.",
)
@click.option("--sample", type=click.IntRange(0), default=0, show_default=True, help="For maps: which sample, from 0.")
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
    layer: str | None,
    output: Path | None,
    picture: Path | None,
    draw: str,
    sample: int,
    weights: Path | None,
    part: str | None,
    sets: dict[str, str],
    train: str | None,
    as_json: bool,
) -> None:
    """Look into a trained network: what one of its steps gives for each sample.

    PROGRAM is the `.nn` file or a run folder. DATA is a file of rows as `predict` takes it; without it a part of the
    program's own data is taken. Fields that are classes are written beside the outputs.
    """
    if data is not None and part is not None:
        raise click.UsageError("give DATA or --on PART, not both")
    if output is not None and output.suffix.lower() not in KINDS:
        raise UserError(error("NN609", f"outputs are written as {', '.join(KINDS)}, not {output}"))
    if picture is not None:
        checked_picture(picture)
    model, block = trained(program, sets, train, weights)
    if layer is None:
        _list_steps(model, block, as_json)
        return
    found = model.features(layer, data, part=part, train=block.name)
    path, values = next(iter(found.items()))
    if output is not None:
        write(output, found)
    if picture is not None:
        _draw(model, path, found, picture, draw, sample)
    shape = list(values.shape[1:])
    if as_json:
        files = {"file": output and str(output), "picture": picture and str(picture)}
        result: dict[str, Any] = {"layer": path, "rows": len(values), "shape": shape, **files}
        print_json({"ok": True, "diagnostics": diagnostics_data(model.checked.warnings), **result})
        return
    if output is not None:
        click.echo(f"wrote {output}: {len(values):,} rows of {', '.join(found)}")
    if picture is not None:
        click.echo(f"wrote {picture}")
    if output is None and picture is None:
        click.echo(f"{path}: {shape} for {len(values):,} rows; `-o FILE` writes them, `--picture FILE` draws them")


def _list_steps(model: Model, block: TrainProgram, as_json: bool) -> None:
    from nndsl.runtime.parts import step_nodes

    steps = {path: list(node.type.shape) for path, node in step_nodes(block).items()}
    if as_json:
        print_json({"ok": True, "diagnostics": diagnostics_data(model.checked.warnings), "layers": steps})
        return
    width = max((len(path) for path in steps), default=0)
    for path, shape in steps.items():
        click.echo(f"{path:{width}}  {shape}")


def _draw(model: Model, path: str, found: Table, picture: Path, draw: str, sample: int) -> None:
    from nndsl.pictures.features import draw_filters, draw_maps, draw_plane

    values = found[path]
    match draw:
        case "plane":
            classes = next((array for name, array in found.items() if name != path), None)
            name = next((name for name in found if name != path), "")
            draw_plane(values, classes, picture, path, name)
        case "filters":
            draw_filters(_kernel(model, path), picture, path)
        case _:
            if sample >= len(values):
                raise UserError(error("NN616", f"--sample {sample}: there are {len(values)} samples, from 0"))
            draw_maps(values[sample], picture, f"{path}, sample {sample}")


def _kernel(model: Model, path: str) -> Array:
    """The kernel of a step: the weight of that name, else the first with two axes or more."""
    weights = {name: array for name, array in model.weights.items() if name.startswith(f"{path}/")}
    kernel = weights.get(f"{path}/kernel", next((array for array in weights.values() if array.ndim > 1), None))
    if kernel is None:
        raise UserError(error("NN620", f"{path} has no kernel to draw", help="give a convolution or a dense layer"))
    return kernel
