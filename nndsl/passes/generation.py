"""How a train block goes on from what there is.

From a text: by which prediction, over which window, one time after another or not. From a series of numbers: by which
predictions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.data.texts import COLUMN_OF_LEVEL
from nndsl.diagnostics import UserError, error
from nndsl.ir.graph import reachable
from nndsl.ir.program import Crossing, Generation
from nndsl.ir.types import DType
from nndsl.passes.one_time import CrossingError, OneTimeGraph, Timed, one_time
from nndsl.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.ir.graph import Node
    from nndsl.ir.program import Column, DataProgram, Field, Program, TrainProgram, Window


def with_generation(program: Program) -> Program:
    """The program with every block that writes on from a text knowing how."""
    return replace(program, trains=tuple(_writing(program, train) for train in program.trains))


def _writing(program: Program, train: TrainProgram) -> TrainProgram:
    if text_behind(program, train) is None:
        return train
    try:
        return replace(train, generation=generation_of(program, train))
    except UserError:
        return train  # a network over texts that was made for something else


def text_behind(program: Program, train: TrainProgram) -> DataProgram | None:
    """The data of a block, if it is a text."""
    data = next((data for data in program.data if data.name == train.data), None)
    return data if data is not None and data.reader is not None and data.reader.reader == "text" else None


def generation_of(program: Program, train: TrainProgram) -> Generation:
    """How a block writes on from a text. Raises UserError NN622 where it does not."""
    data = text_behind(program, train)
    if data is None or data.reader is None:
        help = 'its data would be `data NAME from text("FILE.txt") { ... }`'
        raise UserError(error("NN622", f"{train.name} is not trained on a text", train.span, help=help))
    level = str(dict(data.reader.arguments)["level"])
    fields = _fields_behind(data, [node for _, node, _ in train.evaluation.predictions])
    window = _window(data, fields, train)
    prediction, node, column = _scores(data, level, window, train)
    found = Generation(prediction, column.key, level, window, len(node.type.shape) == 2, (), None)
    try:
        times = _times(data, fields, window)
    except CrossingError as failure:
        return replace(found, crossing=failure.crossing)
    found = replace(found, times=tuple((name, axis) for name, axis in times.items() if axis is not None))
    return _one_by_one(found, times, node, train)


# ------------------------------------------------------------------------------------------------ numbers


@record
class NextValue:
    """Where a column's number in the next row comes from: a prediction that is called like it, or like a `field` of it.

    over_time: the prediction answers for each row of the window, and the last answer counts.
    """

    column: str
    prediction: str
    field: str | None
    over_time: bool


@record
class SeriesContinuation:
    """How a block goes on from a series: the next row of each column that its predictions read, and how many rows."""

    values: tuple[NextValue, ...]
    window: int


def continuation_of(program: Program, train: TrainProgram) -> SeriesContinuation:
    """How a block goes on from a series of numbers. Raises UserError NN622 where it does not."""
    data = next((data for data in program.data if data.name == train.data), None)
    if data is None:
        raise UserError(error("NN622", f"{train.name} is not trained on data", train.span))
    fields = _fields_behind(data, [node for _, node, _ in train.evaluation.predictions])
    window = _window(data, fields, train)
    columns = {column.name: column for column in _raw_columns(data, fields)}
    return SeriesContinuation(tuple(_next_value(data, each, window, train) for each in columns.values()), window)


def _next_value(data: DataProgram, column: Column, window: int, train: TrainProgram) -> NextValue:
    shapes = {name: node.type.shape for name, node, classes in train.evaluation.predictions if classes is None}
    own = [each.name for each in data.fields if [leaf["name"] for leaf in _columns_of(each.node)] == [column.key]]
    field = next((name for name in own if name in shapes), None)
    prediction = column.name if field is None else field
    if column.role == "number" and shapes.get(prediction) in (column.type.shape, (window, *column.type.shape)):
        return NextValue(column.name, prediction, field, shapes[prediction] != column.type.shape)
    message = f"what {train.name} reads of the next row, it does not predict: the column {column.name}"
    help = (
        f"add a line `predict {column.name} = ...`, its number in the next row, or `predict {(*own, 'FIELD')[0]} = ...`"
    )
    raise UserError(error("NN622", message, train.span, help=help))


def _raw_columns(data: DataProgram, fields: Iterable[Field]) -> list[Column]:
    """The columns that fields, and the windows that they have, are computed from."""
    series = {each.name: each.node for each in data.series}
    leaves = [leaf for each in fields for leaf in _columns_of(each.node)]
    behind = [each for leaf in leaves for window in _known(data, leaf) for each in _columns_of(series[window.series])]
    keys = {leaf["name"] for leaf in (*leaves, *behind)}
    return [column for column in data.columns if column.key in keys]


# ------------------------------------------------------------------------------------------------ what it reads


def _fields_behind(data: DataProgram, nodes: Iterable[Node]) -> list[Field]:
    """The fields of the data that some nodes are computed from."""
    names = {leaf["name"] for leaf in reachable(nodes) if leaf.op is ops.field}
    return [field for field in data.fields if field.name in names]


def _columns_of(node: Node) -> list[Node]:
    return [leaf for leaf in reachable([node]) if leaf.op is ops.column]


def _window(data: DataProgram, fields: Iterable[Field], train: TrainProgram) -> int:
    """How many rows the predictions look at. Raises UserError NN622."""
    windows = [window for field in fields for leaf in _columns_of(field.node) for window in _known(data, leaf)]
    if not windows or max(window.last for window in windows) > 0:
        help = f"what is predicted reads a `window(...)` of the data {data.name}, and nothing after it"
        raise UserError(error("NN622", f"{train.name} does not predict from a window", data.span, help=help))
    return 1 - min(window.first for window in windows)


def _known(data: DataProgram, leaf: Node) -> list[Window]:
    return [window for window in data.windows if window.key == leaf["name"]]


def _scores(data: DataProgram, level: str, window: int, train: TrainProgram) -> tuple[str, Node, Column]:
    """The first prediction with a number for each id of the text, for one time or for all; and of which column.

    Raises UserError NN622.
    """
    for name, node, _ in train.evaluation.predictions:
        shape = node.type.shape
        if node.type.dtype is not DType.FLOAT or len(shape) not in (1, 2):
            continue
        if len(shape) == 2 and shape[0] != window:
            continue
        for column in data.columns:
            first = 0 if column.role == "class" else 1
            if column.name == COLUMN_OF_LEVEL[level] and shape[-1] == len(column.names) + first:
                return name, node, column
    message = f"{train.name} does not predict scores for each of the {level} of its text"
    raise UserError(error("NN622", message, train.span, help="add a line `predict next = scores` to it"))


# ------------------------------------------------------------------------------------------------ one time


def _times(data: DataProgram, fields: Iterable[Field], window: int) -> dict[str, int | None]:
    """For each field that depends on the times: along which axis they are; None for one of the last time alone.

    Raises CrossingError.
    """
    found: dict[str, int | None] = {}
    for each in fields:
        graph = OneTimeGraph({})
        for leaf in _columns_of(each.node):
            graph.made[leaf] = _column_at_one_time(data, leaf, window, each)
        timed = graph.lower(each.node)
        if timed is not None:
            found[each.name] = timed.axis
    return found


def _column_at_one_time(data: DataProgram, leaf: Node, window: int, user: Field) -> Timed:
    known = _known(data, leaf)
    if not known:
        return Timed(leaf, None)
    if not known[0].stacked or known[0].last != 0 or known[0].length != window:
        why = f"reads a window of its own, and others have {window} rows"
        raise CrossingError(Crossing(f"the field {user.name}", why, user.span))
    one = ops.column.make(leaf.builder, leaf.type.with_shape((1, *leaf.type.shape[1:])), name=str(leaf["name"]))
    return Timed(one, 0)


def _one_by_one(found: Generation, times: dict[str, int | None], node: Node, train: TrainProgram) -> Generation:
    """The generation with the prediction `node` for one time, or the reason why there is none."""
    graph = OneTimeGraph({}, set(train.fields))
    for leaf in reachable([node]):
        name = str(leaf["name"]) if leaf.op is ops.field else ""
        if name in times:
            graph.made[leaf] = _field_at_one_time(leaf, times[name])
    try:
        made = one_time(graph, found.prediction, node)
    except CrossingError as failure:
        return replace(found, crossing=failure.crossing)
    axis = graph.made[node].axis if made is not None else None
    if axis != (0 if found.over_time else None):
        why = "does not have the times of the window in their order"
        return replace(found, crossing=Crossing(f"the prediction {found.prediction}", why, train.span))
    return replace(found, one_time=made)


def _field_at_one_time(leaf: Node, axis: int | None) -> Timed:
    if axis is None:
        return Timed(leaf, None)
    shape = leaf.type.shape
    type = leaf.type.with_shape((*shape[:axis], 1, *shape[axis + 1 :]))
    return Timed(ops.field.make(leaf.builder, type, name=str(leaf["name"])), axis)
