"""How a block writes on from a text: the functions for one time after another, and the record that names them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.emit.module import snake_case
from nndsl.emit.steps import Part, field_types
from nndsl.emit.text import literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.emit.module import Module
    from nndsl.ir.program import OneTime, TrainProgram


def generation(
    module: Module, train: TrainProgram, step: Callable[[Module, TrainProgram, Part], str]
) -> tuple[str, ...]:
    """Write the functions that the block writes on with; the lines of the record, none where it does not write on.

    step: writes a part of a block as a function.
    """
    found = train.generation
    if found is None:
        return ()
    lines = [
        f"    prediction={literal(found.prediction)},",
        f"    column={literal(found.column)},",
        f"    level={literal(found.level)},",
        f"    window={found.window},",
        f"    over_time={found.over_time},",
        f"    times={literal(dict(found.times))},",
    ]
    if found.one_time is not None:
        lines += _one_time(module, train, found.one_time, step)
    return ("generation=Generation(", *lines, "),")


def _one_time(
    module: Module, train: TrainProgram, one_time: OneTime, step: Callable[[Module, TrainProgram, Part], str]
) -> list[str]:
    name, what = snake_case(train.name), f"The train block {train.name}"
    first = None
    if one_time.carries:
        title = f"{what}: what is carried before the first time, for n samples."
        first = step(module, train, Part(f"{name}_before", title, one_time.first, ()))
    types = field_types(one_time.step.roots())
    carried = {carry: node.type for carry, node, _ in one_time.step.predictions if carry in one_time.carries}
    fields = tuple(each for each in sorted(types) if each not in carried)
    title = f"{what}: one time of n samples, from what was carried on to what is carried on."
    given = (*((each, types[each]) for each in fields), *carried.items())
    function = step(module, train, Part(f"{name}_one_time", title, one_time.step, given))
    return [
        "    one_time=OneTime(",
        f"        carries={literal(one_time.carries)},",
        f"        fields={literal(fields)},",
        f"        first={first},",
        f"        step={function},",
        "    ),",
    ]
