"""Workspaces: the function of a step, with all that is made once, over whole batches or over tiles of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.emit.clocked import step_headings
from nndsl.emit.host import HostNumbers
from nndsl.emit.module import indented
from nndsl.emit.names import Names
from nndsl.emit.planned import PlannedCode
from nndsl.emit.steps import LOCALS, Part, PlannedStep, accumulates, documentation, mapping, step_leaf, total_uses
from nndsl.emit.text import REAL
from nndsl.emit.updates import planned_update
from nndsl.plan import ApplyUpdate, Meet, divided, is_elementwise, plan_share, plan_step

if TYPE_CHECKING:
    from collections.abc import Sequence, Set

    from nndsl.emit.module import Module
    from nndsl.ir.program import TrainProgram
    from nndsl.plan import Schedule, Tiling

_MANY_DEFINITIONS = 1000
_SHORT_FIRST_BLOCK = "assert n > 0  # this also lets Python compile a function as long as this one fast"
# CPython moves all instructions before the first branch once for each variable that the inner function shares: it took
# 3.3 s for 1,000 layers, and 0.4 s with a branch on top.

_BATCH = "batch"
"""The number of samples in the batch, in a function that goes through some of them."""


def planned_step(module: Module, train: TrainProgram, part: Part) -> str:
    """Write a part of a train block as a workspace, over parts of the batch where that is wanted; its function."""
    tiling = _tiling(module, train)
    apart = divided(part.graph, tiling)
    if tiling is None or apart is None:
        return _workspace(module, train, part)
    what = "a share of n" if apart.meets else "tiles of n"
    title = f"{part.title.rstrip('.')}, as {_BATCH} samples go through in {what}."
    of_part = Part(f"{part.name}_{'share' if apart.meets else 'tile'}", title, apart.samples, part.fields, part.trains)
    schedule = plan_share(apart.samples) if apart.meets else plan_step(apart.samples)
    name = _workspace(module, train, of_part, schedule, batch=_BATCH, share=apart.meets)
    trains = bool(part.graph.minimizes)
    add_up = any(isinstance(action, Meet) for action in schedule.actions)
    workers = f"{'processes' if tiling.processes and not add_up else 'threads'}={tiling.threads}"
    if apart.meets:
        made = f"{name}, n, memory, seed, size={tiling.size}, {workers}"
        tiles = _call("tiles = Shares", made, f"gradients={_ranges(module, part)}")
    else:
        made = f"{name}, n, memory, seed, tile={tiling.size}, {workers}, trains={trains}"
        tiles = _call("tiles = Tiles", made)
    if not trains:
        return module.function(part.name, "(n, memory, seed)", [*documentation(part), *tiles, "return tiles.step()"])
    rest = Part(part.name, part.title, apart.rest, (), part.trains)
    going_on = _going_on(schedule) if apart.meets else frozenset[int]()
    return _workspace(module, train, rest, plan_step(apart.rest), tiles=tiles, going_on=going_on, adds=not apart.meets)


def _call(function: str, *lines: str) -> list[str]:
    return [f"{function}(", *(f"    {line}," for line in lines), ")", ""]


def _ranges(module: Module, part: Part) -> str:
    """Where in the flat vector the gradients of each minimize are, as source."""
    ranges = [
        [(place.start, place.stop) for update in minimize.updates for place in module.layout.ranges(update)]
        for minimize in part.graph.minimizes
    ]
    return str(ranges)


def _going_on(schedule: Schedule) -> frozenset[int]:
    """The minimizes after whose updates a share has more to do."""
    updates = [(k, action.minimize) for k, action in enumerate(schedule.actions) if isinstance(action, ApplyUpdate)]
    last = {minimize: position for position, minimize in updates}
    return frozenset(minimize for minimize, position in last.items() if position < len(schedule.actions) - 1)


def _only_updates(module: Module, train: TrainProgram, schedule: Schedule) -> bool:
    """Is a step nothing but updates on all threads, in every step, each of weights that lie together?"""
    unconditional = len(train.training.minimizes) == 1 and train.training.minimizes[0].every == 1
    return (
        unconditional
        and not accumulates(train)
        and all(
            isinstance(action, ApplyUpdate)
            and is_elementwise(action.schedule)
            and len(module.layout.ranges(action.update)) == 1
            for action in schedule.actions
        )
    )


def _tiling(module: Module, train: TrainProgram) -> Tiling | None:
    """How the batches of a block are divided."""
    sharing = module.sharings.get(train.name)
    return None if sharing is None else sharing.tiling


def _workspace(
    module: Module,
    train: TrainProgram,
    part: Part,
    schedule: Schedule | None = None,
    *,
    batch: str = "n",
    share: bool = False,
    tiles: Sequence[str] | None = None,
    going_on: Set[int] = frozenset(),
    adds: bool = False,
) -> str:
    """Write the function of a workspace; its name.

    schedule: the part's, where it is known. batch: the number of samples in the batch, "n" or an argument of the
    function. share: whether it is that of a share of the batch. tiles: lines that define what goes through the samples
    before this step does the rest. going_on: the minimizes after whose updates that goes on. adds: whether updates may
    add up the gradients of all shares.
    """
    names = Names(module.reserved | LOCALS | ({batch} if tiles is None else {"tiles"}))
    tiling = _tiling(module, train)
    on_threads = tiles is not None and tiling is not None and tiling.threads > 1
    schedule = schedule or plan_step(part.graph)
    surroundings = PlannedStep(
        module,
        train,
        part,
        names,
        uses=total_uses(part.graph),
        on_threads=on_threads,
        share=share,
        going_on=going_on,
        adding=on_threads and adds and _only_updates(module, train, schedule),
    )
    host = HostNumbers(lambda node: step_leaf(train, node, batch), names, module.node_names)
    code = _written(surroundings, schedule, host)
    outputs = {name: code.array(node) for name, node, _ in part.graph.predictions}
    lines = code.lines[1:] if code.lines and not code.lines[0] else code.lines
    if tiles is None:
        result = f"Step(run, {mapping(surroundings.inputs)}, {mapping(outputs)}, totals)"
        totals = f"totals = {module.spelling(f'np.zeros({len(part.graph.totals)})')}"
    else:
        result, totals = "Step(run, tiles.inputs, tiles.outputs, totals)", "totals = tiles.totals"
        lines = ["tiles.run(step, epoch, first)", "", *lines]
    assert code.headings is not None  # as `_written` has it
    lines = [*surroundings.conditions.start(), *lines, *code.headings.after_step()]
    definitions = code.definitions(also=[result])
    uses_real = any(REAL in line for line in definitions)
    body = [
        *documentation(part),
        *([_SHORT_FIRST_BLOCK] if len(definitions) > _MANY_DEFINITIONS else []),
        *([f"{REAL} = memory.dtype.type", ""] if uses_real else []),
        *(tiles or ()),
        *definitions,
        totals,
        "",
        *code.headings.before_step(),
        "def run(step, epoch, first):",
        *(indented(lines) or ["    pass"]),
        "",
        f"return {result}",
    ]
    return module.function(part.name, "(n, memory, seed)" if batch == "n" else f"(n, memory, seed, {batch})", body)


def _written(surroundings: PlannedStep, schedule: Schedule, host: HostNumbers) -> PlannedCode:
    """The code of the step's schedule; the functions of its updates are written before it."""
    module, part, names = surroundings.module, surroundings.part, surroundings.names
    headings = step_headings(module, surroundings.train, part)
    code = PlannedCode(schedule, surroundings, names, module.node_names, host, module.spelling, headings)
    surroundings.code = code
    for action in schedule.actions:
        if isinstance(action, ApplyUpdate) and not surroundings.share:
            minimize = part.graph.minimizes[action.minimize]
            function = planned_update(module, minimize, action.update, action.schedule)
            surroundings.functions[action.minimize, action.number] = function
    names.keep_free(surroundings.functions.values())
    for name, type in part.fields:
        surroundings.inputs[name] = code.define(surroundings.input(name, type))
    code.write()
    return code
