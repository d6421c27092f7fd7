"""Parts of a trained network: its models on their own, and what its steps give."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.ir.types import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nndsl.ir.graph import Node
    from nndsl.ir.program import Network, Program, TrainProgram
    from nndsl.runtime.modules import Generated


def network_named(checked: Program, name: str) -> Network:
    """The model called `name` on its own. Raises UserError NN620."""
    known = {network.name: network for network in checked.networks}
    if name not in known:
        close = did_you_mean(name, known)
        help = f"did you mean {close}?" if close else f"there are: {', '.join(known) or 'none'}"
        raise UserError(error("NN620", f"{checked.file.name} trains no model called {name}", help=help))
    return known[name]


def with_networks(checked: Program, sets: Mapping[str, str], dtype: str) -> tuple[Program, Generated]:
    """The program with every model on its own, and its generated module; weights lie as in `checked`'s."""
    from nndsl.check import check

    only = checked.trains[0].name if len(checked.trains) == 1 else None
    program = check(checked.file, sets=sets, only=only, alone=True)
    return program, _generated(program, dtype)


def step_nodes(train: TrainProgram) -> dict[str, Node]:
    """What the steps and labels of the block's models give for each sample, by path ("Digits/features")."""
    return {path: node for path, node in train.steps if node.type.kind is Kind.SAMPLE}


def step_path(train: TrainProgram, layer: str) -> str:
    """The path of a step or label: as it is, with dots, or without its model where that is clear.

    Raises UserError NN620.
    """
    paths = list(step_nodes(train))
    wanted = layer.replace(".", "/")
    found = [path for path in paths if path == wanted] or [path for path in paths if path.endswith(f"/{wanted}")]
    if len(found) == 1:
        return found[0]
    if found:
        message = f"several steps are called {layer}: {', '.join(found)}"
        raise UserError(error("NN620", message, help="say which with its model before it"))
    close = did_you_mean(wanted, [*paths, *(path.rpartition("/")[2] for path in paths)])
    help = f"did you mean {close}?" if close else f"there are: {', '.join(paths) or 'none'}"
    raise UserError(error("NN620", f"the models of {train.name} have no step called {layer}", help=help))


def predicting_step(checked: Program, train: TrainProgram, path: str, dtype: str) -> Generated:
    """A generated module of this block whose only prediction is what the step gives."""
    steps = replace(train.evaluation, predictions=((path, step_nodes(train)[path], None),))
    block = replace(train, evaluation=steps, shows=())
    # All blocks stay: the weights' places in the flat vectors depend on them.
    trains = tuple(block if each is train else replace(each, shows=()) for each in checked.trains)
    return _generated(replace(checked, trains=trains, networks=()), dtype)


def _generated(program: Program, dtype: str) -> Generated:
    from nndsl.runtime.load import generate
    from nndsl.runtime.modules import Generated, run_folders

    return Generated(generate(program, precision=dtype), f"<parts of {program.file.name}>", run_folders(program))
