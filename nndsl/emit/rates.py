"""The learning rates of a train block that change while it is trained, as a function for the history and callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.host import HostLeaf, HostNumbers, tidy
from nndsl.emit.module import snake_case
from nndsl.emit.names import Names
from nndsl.emit.steps import LOCALS, counted_step, update_key
from nndsl.emit.text import plain, string
from nndsl.ir.graph import reachable
from nndsl.ops import epoch, slot, step

if TYPE_CHECKING:
    from nndsl.emit.module import Module
    from nndsl.ir.graph import Node
    from nndsl.ir.program import TrainProgram


def rates(module: Module, train: TrainProgram) -> str | None:
    """Write the function that computes the learning rates; its name, or None where none of them changes.

    They are called "learning_rate", "learning_rate_2", ... by the number of their update in the block.
    """
    updates = [
        (minimize.index, number, update)
        for minimize in train.training.minimizes
        for number, update in enumerate(minimize.updates)
    ]
    changing = {
        "learning_rate" if place == 1 else f"learning_rate_{place}": (index, number, update.learning_rate)
        for place, (index, number, update) in enumerate(updates, 1)
        if update.learning_rate is not None
    }
    if not changing:
        return None
    keys = {f"{index}.{number}": (index, number) for index, number, _ in updates}

    def leaf(node: Node) -> HostLeaf:
        if node.op is step:
            return HostLeaf(counted_step(train, str(node["counts"])))
        if node.op is epoch:
            return HostLeaf("epoch")
        if node.op is slot:
            key = update_key(train, *keys[str(node["update"])], str(node["name"]))
            return HostLeaf(f"memory.scalars[{string(key)}]")
        raise InternalError(f"emit: {node!r} in a learning rate")

    names = Names(module.reserved | LOCALS | set(changing))
    host = HostNumbers(leaf, names, module.node_names)
    nodes = [node for _, _, node in changing.values()]
    host.survey(reachable(nodes), kept=nodes)
    lines = [line for node in reachable(nodes) if not node.op.leaf and (line := host.compute(node)) is not None]
    body = [
        f'"""The learning rates of {plain(train.name)} at a step, those that change."""',
        *lines,
        "return {",
        *(f"    {string(name)}: {tidy(host.text(node))}," for name, (_, _, node) in changing.items()),
        "}",
    ]
    return module.function(f"{snake_case(train.name)}_rates", "(memory, step, epoch)", body)
