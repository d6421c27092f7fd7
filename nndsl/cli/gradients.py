"""`nndsl gradients PROGRAM`: how large the gradient is at each layer, and at each time back through a loop."""

from __future__ import annotations

from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nndsl.cli.options import json_option, program_argument, seed_option, set_option, train_option, weights_option
from nndsl.cli.output import diagnostics_data, print_json
from nndsl.pictures.figure import checked_picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.gradient_flow import Flow, StateFlow
    from nndsl.runtime.model import Model

TIMES = 8
"""About as many times of a loop are listed, those near the loss closer together."""


@click.command(short_help="How large gradients are, by layer and back in time.")
@program_argument
@click.option(
    "--picture",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also draw them: .png, .svg or .pdf.",
)
@click.option(
    "--on", "part", metavar="PART", default="train", show_default=True, help="On which part of the program's data."
)
@click.option(
    "--samples", type=click.IntRange(1), metavar="N", help="For how many samples, the first.  [default: a batch]"
)
@weights_option
@seed_option
@set_option
@train_option
@json_option
def command(
    program: Path,
    picture: Path | None,
    part: str,
    samples: int | None,
    weights: Path | None,
    seed: int,
    sets: dict[str, str],
    train: str | None,
    as_json: bool,
) -> None:
    """Follow the gradient of the loss back through a network, and say where it dies or blows up.

    It is that of one batch of training.

    PROGRAM is a `.nn` file, whose first weights are taken unless --weights names a run; or a run folder.
    """
    if picture is not None:
        checked_picture(picture)
    model, block = _opened(program, sets, train, weights, seed)
    flows = model.gradient_flows(block.name, part=part, samples=samples)
    if picture is not None:
        from nndsl.pictures.gradients import draw_flows

        draw_flows(flows, picture, block.name)
    if as_json:
        found = [{**asdict(flow), "verdicts": flow.verdicts()} for flow in flows]
        result = {"train": block.name, "minimizes": found, "picture": picture and str(picture)}
        print_json({"ok": True, "diagnostics": diagnostics_data(model.checked.warnings), **result})
        return
    for number, flow in enumerate(flows):
        _print_flow(flow, block.name if len(flows) == 1 else f"{block.name}, minimize {number + 1}")
    if picture is not None:
        click.echo(f"wrote {picture}")


def _opened(
    program: Path, sets: Mapping[str, str], train: str | None, weights: Path | None, seed: int
) -> tuple[Model, TrainProgram]:
    """The model with a run's weights, or with its first ones."""
    if program.is_dir() or weights is not None:
        from nndsl.cli.trained import trained

        return trained(program, sets, train, weights)
    from nndsl.cli.compiling import modelled
    from nndsl.cli.files import open_program

    model = modelled(open_program(program), sets, train=train, seed=seed)
    return model, model.train_named(train)


# ------------------------------------------------------------------------------------------------ for people


def _print_flow(flow: Flow, name: str) -> None:
    click.echo(f"{name}: loss {flow.loss:.4g} over {flow.samples} samples")
    if flow.steps:
        rows = [(each.path, str(list(each.shape)), _number(each.size)) for each in flow.steps]
        _print_table(("step", "output", "gradient by it"), rows, right=2)
    if flow.weights:
        rows = [(each.path, _number(each.weight), _number(each.gradient)) for each in flow.weights]
        _print_table(("weight", "norm", "gradient"), rows, right=1)
    for length in dict.fromkeys(len(state.sizes) for state in flow.states):
        _print_states([state for state in flow.states if len(state.sizes) == length])
    for verdict in flow.verdicts() or ["the gradient arrives everywhere"]:
        click.echo(verdict)


def _print_states(states: Sequence[StateFlow]) -> None:
    """A column for each state of loops of one length, from the time that is nearest to the loss on."""
    rows = [(str(back), *(_number(state.back[back]) for state in states)) for back in _listed(len(states[0].sizes))]
    _print_table(("steps back", *(state.path for state in states)), rows, right=0)


def _listed(length: int) -> list[int]:
    """Numbers of steps back, the first and the last among them, further and further apart."""
    found = {0, length - 1}
    for position in range(TIMES):
        found.add(round((length - 1) ** (position / (TIMES - 1))) if length > 1 else 0)
    return sorted(found)


def _print_table(heading: Sequence[str], rows: Sequence[Sequence[str]], right: int) -> None:
    """Columns from the `right`th on end in one line, those before begin in one."""
    widths = [max(map(len, column)) for column in zip(heading, *rows, strict=True)]
    click.echo()
    for row in (heading, *rows):
        cells: list[Any] = [
            cell.rjust(width) if number >= right else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())
    click.echo()


def _number(value: float) -> str:
    return f"{value:.2e}" if isfinite(value) else str(value)
