"""The part of a generated module that says what is in it: the weights' places, data blocks, train blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndsl.emit.module import indented
from nndsl.emit.steps import update_key
from nndsl.emit.text import WIDTH, Plain, literal, string
from nndsl.ir.graph import reachable
from nndsl.ir.types import DType
from nndsl.ops import column

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.emit.module import Module
    from nndsl.ir.graph import Node
    from nndsl.ir.program import DataProgram, Network, Show, State, TrainProgram, Weight, Window


_LONGEST_CALL = 90
_SHOWN = 64
_SHOWN_VECTORS = 16


@dataclass(frozen=True, slots=True)
class DataNames:
    """The functions of a data block, those of `fits` in their order; series is None where it has no windows."""

    fits: tuple[str, ...]
    prepare: str
    series: str | None


@dataclass(frozen=True, slots=True)
class TrainNames:
    """The functions of a train block; prediction is None where it predicts nothing. fields: what they read.

    generation: the lines of the record of how it writes on from a text; none where it does not.
    shows: function and fields of each `show`. curvature: None where the block has no solver that asks for it. rates:
    None where no learning rate changes. once: the lines of the record of what is kept for each row; none where nothing
    is.
    """

    training: str
    evaluation: str
    report: str
    prediction: str | None
    fields: tuple[str, ...]
    prediction_fields: tuple[str, ...]
    generation: tuple[str, ...] = ()
    shows: tuple[tuple[str, tuple[str, ...]], ...] = ()
    curvature: str | None = None
    rates: str | None = None
    once: tuple[str, ...] = ()


def layout_lines(name: str, remark: str, kept: Iterable[Weight] | Iterable[State]) -> list[str]:
    """A table of paths and shapes: `WEIGHTS = (...)`."""
    rows = [f"({string(each.path)}, {each.type.shape!r})," for each in kept]
    if not rows:
        return [f"# {remark}", f"{name} = ()"]
    return [f"# {remark}", f"{name} = (", *indented(rows), ")"]


def program_lines(
    module: Module,
    source_hash: str,
    version: str,
    initialize: str,
    data: dict[str, DataNames],
    trains: dict[str, TrainNames],
    networks: dict[str, str],
    memory: str | None = None,
) -> list[str]:
    """The function that declares the program, over the runtime's records.

    memory: the class of its memories, where it is not `Memory`.
    """
    program = module.program
    name = program.file.name.rpartition("/")[2]
    lines = [
        "def declaration():",
        '    """Everything above, by name."""',
        "    return Program(",
        f"        name={string(name.removesuffix('.nn'))},",
        f"        source={string(name)},",
        f"        source_hash={string(source_hash)},",
        f"        version={string(version)},",
        f"        dtype={string(module.precision)},",
        *([] if module.products is None else [f"        products={string(module.products)},"]),
        "        weights=WEIGHTS,",
        "        states=STATES,",
        f"        initialize={initialize},",
        *([] if memory is None else [f"        memory_class={memory},"]),
    ]
    lines += _blocks("data", [(each.name, _data(each, data[each.name])) for each in program.data])
    lines += _blocks("trains", [(each.name, _train(module, each, trains[each.name])) for each in program.trains])
    if program.networks:
        lines += _blocks("networks", [(each.name, _network(each, networks[each.name])) for each in program.networks])
    return [*lines, "    )"]


def _blocks(name: str, blocks: list[tuple[str, list[str]]]) -> list[str]:
    if not blocks:
        return [f"        {name}={{}},"]
    inner: list[str] = []
    for key, (first, *rest) in blocks:
        inner += [f"            {string(key)}: {first}", *indented(rest, " " * 12)]
    return [f"        {name}={{", *inner, "        },"]


def _data(data: DataProgram, names: DataNames) -> list[str]:
    columns = [
        _call(
            "Column",
            key=each.key,
            name=each.name,
            role=each.role,
            shape=each.type.shape,
            names=each.names,
            fill=each.fill,
            dtype=None if each.type.dtype is DType.FLOAT or each.role != "number" else each.type.dtype.value,
            level=each.level or None,
            vocabulary=each.vocabulary or None,
            lowercase=each.lowercase,
        )
        for each in data.columns
    ]
    fields = [
        _call(
            "Field",
            name=each.name,
            dtype=each.node.type.dtype.value,
            shape=each.node.type.shape,
            classes=each.classes,
            columns=_columns_behind(data, each.node),
            limits=None if each.limits is None else (each.limits.low, each.limits.high),
        )
        for each in data.fields
    ]
    lines = [
        "Data(",
        f"    name={string(data.name)},",
        *_group("columns", columns),
        *_group("fields", fields),
        f"    fit=({', '.join(names.fits)}{',' * (len(names.fits) == 1)}),",
        f"    prepare={names.prepare},",
    ]
    if names.series is not None:
        lines.append(f"    series={names.series},")
        lines += _group("windows", [_window(each) for each in data.windows])
        lines += [f"    stride={data.stride},"] if data.stride > 1 else []
    if data.split is not None:
        split = data.split
        made = _call("Split", parts=split.parts, stratify=split.stratify, group=split.group, in_order=split.in_order)
        lines += indented(f"split={made}".split("\n"))
    if data.inline:
        lines.append("    inline={")
        for key, rows in data.inline:
            lines += f"        {string(key)}: np.array({literal(rows, ' ' * 8, 48)}),".split("\n")
        lines.append("    },")
    return [*lines, "),"]


def _network(network: Network, function: str) -> list[str]:
    inputs = [
        _call("NetworkInput", name=each.name, dtype=each.type.dtype.value, shape=each.type.shape, field=each.field)
        for each in network.inputs
    ]
    return [
        "Network(",
        f"    name={string(network.name)},",
        f"    data={literal(network.data)},",
        *_group("inputs", inputs),
        f"    workspace={function},",
        "),",
    ]


def _columns_behind(data: DataProgram, node: Node) -> tuple[str, ...]:
    """Keys of the columns that a value is computed from, windows and what they are made of among them."""
    windows = {window.key: window.series for window in data.windows}
    series = {each.name: each.node for each in data.series}
    found: dict[str, None] = {}
    for leaf in reachable([node]):
        if leaf.op is column:
            key = str(leaf["name"])
            found[key] = None
            if key in windows:
                found |= dict.fromkeys(_columns_behind(data, series[windows[key]]))
    return tuple(found)


def _window(window: Window) -> str:
    rows = f"{window.first}, {window.last}" + ("" if window.stacked else ", stacked=False")
    return f"Window({string(window.key)}, {string(window.series)}, {rows}),"


def _group(name: str, items: list[str]) -> list[str]:
    lines = [line for item in items for line in item.split("\n")]
    return [f"    {name}=(", *indented(lines, " " * 8), "    ),"] if items else [f"    {name}=(),"]


def _call(record: str, /, **arguments: Plain) -> str:
    """A record with its arguments, without those that have nothing to say: None, False and empty ones."""
    said = [(key, value) for key, value in arguments.items() if value not in (None, False, ())]
    flat = ", ".join(f"{key}={literal(value, before=-WIDTH)}" for key, value in said)
    if len(flat) <= _LONGEST_CALL and "\n" not in flat:
        return f"{record}({flat}),"
    lines = [f"    {key}={literal(value, '    ', len(key) + 24)}," for key, value in said]
    return "\n".join([f"{record}(", *lines, "),"])


def _train(module: Module, train: TrainProgram, names: TrainNames) -> list[str]:
    slots: list[tuple[str, int, float]] = []
    scalars: list[tuple[str, float]] = []
    sizes = {weight.path: weight.type.size for weight in module.program.weights}
    for minimize in train.training.minimizes:
        for number, update in enumerate(minimize.updates):
            size = sum(sizes[path] for path in update.weights)
            for slot in update.slots:
                key = update_key(train, minimize.index, number, slot.name)
                if slot.scalar:
                    scalars.append((key, slot.initial))
                else:
                    slots.append((key, size, slot.initial))
    lines = [
        "Train(",
        f"    name={string(train.name)},",
        f"    data={literal(train.data)},",
        _argument("fields", names.fields),
        _argument("settings", dict(train.settings)),
        f"    training={names.training},",
        f"    evaluation={names.evaluation},",
        _argument("reported", tuple(each.name for each in train.evaluation.reported)),
        f"    report={names.report},",
        *([] if names.rates is None else [f"    rates={names.rates},"]),
    ]
    if names.prediction is not None:
        lines.append(f"    prediction={names.prediction},")
        lines.append(_argument("prediction_fields", names.prediction_fields))
        classes = {name: classes for name, _, classes in train.evaluation.predictions}
        lines.append(_argument("prediction_classes", classes))
    rooms = [module.rooms.get(name, (0, 0)) for name in (names.training, names.evaluation)]
    room = (sum(always for always, _ in rooms), sum(each for _, each in rooms))
    optional = (
        ("room", room if any(room) else ()),
        ("blas_threads", module.sharings[train.name].blas_threads),
        ("processes", _processes(module, train)),
        ("one_workspace", train.recomputing is not None),
        ("trained", _trained(module, train)),
        ("losses", _later_losses(train)),
        ("slots", tuple(slots)),
        ("scalars", tuple(scalars)),
        ("callbacks", tuple((each.name, dict(each.arguments)) for each in train.callbacks)),
        ("expectations", tuple((e.part, e.metric, e.operator, e.bound) for e in train.expectations)),
    )
    lines += [_argument(name, value) for name, value in optional if value]
    if train.shows:
        lines += _group("shows", [_show(show, *made) for show, made in zip(train.shows, names.shows, strict=True)])
    lines += _solver(train, names.curvature)
    lines += indented(names.once)
    lines += indented(names.generation)
    return [line for text in (*lines, "),") for line in text.split("\n")]


def _processes(module: Module, train: TrainProgram) -> bool:
    """Whether shares of the block's batches are worked on by processes."""
    tiling = module.sharings[train.name].tiling
    return tiling is not None and tiling.processes


def _solver(train: TrainProgram, curvature: str | None) -> list[str]:
    """The record of the block's solver, if it has one."""
    solver = next((minimize.solver for minimize in train.training.minimizes if minimize.solver is not None), None)
    if solver is None:
        return []
    lines = ["solver=Solver(", f"    name={string(solver.name)},", _argument("arguments", dict(solver.arguments))]
    lines.append(_argument("weights", solver.weights))
    if curvature is not None:
        lines.append(f"    curvature={curvature},")
    return indented([line for text in (*lines, "),") for line in text.split("\n")])


def _trained(module: Module, train: TrainProgram) -> tuple[str, ...]:
    """Paths of the weights that some minimize changes, in the layout's order; () where all are."""
    updated = {path for minimize in train.training.minimizes for path in minimize.weights}
    found = tuple(weight.path for weight in module.program.weights if weight.path in updated)
    return () if len(found) == len(module.program.weights) else found


def _later_losses(train: TrainProgram) -> dict[str, str]:
    """For each weight that a minimize after the first updates last: the name under which its loss is reported."""
    return {
        path: train.training.reported[minimize.index].name
        for minimize in train.training.minimizes[1:]
        for update in minimize.updates
        for path in update.weights
    }


def _show(show: Show, function: str, fields: tuple[str, ...]) -> str:
    """A record of a `show`: pictures and numbers of many samples, bars of fewer, what all samples share once."""
    rank = show.graph.predictions[0][1].type.rank
    samples = 1 if show.shared else _SHOWN_VECTORS if rank == 1 else _SHOWN
    plain = f"{string(show.name)}, {function}, {literal(fields)}, {show.every}, {string(show.unit)}, {samples}"
    return f"Show({plain}),"


def _argument(name: str, value: Plain) -> str:
    return f"    {name}={literal(value, '    ' * 4, len(name) + 2)},".replace("\n" + "    " * 3, "\n")
