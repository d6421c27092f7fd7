"""What can be known of training before its first step: whether it fits in memory, and what its rows are like."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.data.loading import columns_side_by_side
from nndsl.diagnostics import warning
from nndsl.ir import Node, reachable
from nndsl.runtime.footprint import batch_size, refuse_training
from nndsl.runtime.machine import free_memory
from nndsl.runtime.sources import KEPT_PARTS, LARGEST_SHARE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nndsl.diagnostics import Diagnostic
    from nndsl.ir.program import DataProgram, Field, TrainProgram
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.batches import DataPart
    from nndsl.runtime.standalone.program import Array
    from nndsl.source import Span

_MOST_COLUMNS = 4096
"""Of a field: of more, as the pixels of an image are, single ones that never change are nothing to speak of."""


def require_memory(model: Model, train: TrainProgram, parts: Mapping[str, DataPart]) -> None:
    """Raises UserError NN640 where training would not fit beside what is there. parts: its data; none without data."""
    from nndsl.runtime.standalone.batches import len_of

    if model.device == "gpu":
        _require_room(model, train, parts)
        return
    memory = model.memory
    rows = sum(values.nbytes for part in parts.values() for values in _arrays(part).values())
    made = rows + memory.weights.nbytes + memory.states.nbytes
    largest = max((len_of(_arrays(part)) or len(part) for part in parts.values()), default=batch_size(train))
    samples = min(batch_size(train), largest)
    sharing = model.sharings.get(train.name)
    tiling = None if sharing is None else sharing.tiling
    kept = sum(len_of(parts.get(name)) for name in KEPT_PARTS) if keeps(model, train, parts) else 0
    refuse_training(model.checked, train, memory.dtype.itemsize, samples, rows, made, model.planned, tiling, kept)


def _require_room(model: Model, train: TrainProgram, parts: Mapping[str, DataPart]) -> None:
    """As `require_memory`, on a device. Data that does not fit there beside the rest goes there batch by batch."""
    from nndsl.runtime.devices import refuse_on_device
    from nndsl.runtime.footprint import on_device

    program = model.generated.program
    planned = model.checked if model.planned is None else model.planned
    needed = on_device(
        planned, train, _batch_of(train, parts), program.trains[train.name].room, program.products or program.dtype
    )
    refuse_on_device(needed, train)


def _batch_of(train: TrainProgram, parts: Mapping[str, DataPart]) -> int:
    """The size of batches, none of which is larger than the largest part."""
    from nndsl.runtime.standalone.batches import len_of

    return min(batch_size(train), max(map(len_of, parts.values()), default=batch_size(train)))


def keeps(model: Model, train: TrainProgram, parts: Mapping[str, DataPart]) -> bool:
    """Whether training keeps what is the same for a row in every epoch: not where that would fill the memory."""
    block = model.generated.program.trains[train.name]
    needed = model.generated.kept_bytes(block, parts)
    free = free_memory() if needed else None
    return needed > 0 and (free is None or needed <= LARGEST_SHARE * free.bytes)


def require_usable(model: Model, train: TrainProgram, parts: Mapping[str, DataPart]) -> None:
    """Looks at every row of streamed parts for numbers that the network can't use; those in memory were looked at.

    Raises the generated module's DataError.
    """
    data = next((data for data in model.checked.data if data.name == train.data), None)
    limited = [field.name for field in data.fields if field.limits is not None] if data is not None else []
    wanted = [name for name in limited if name in train.fields]
    for part in parts.values():
        if not wanted or isinstance(part, dict):
            continue
        made = part.buffers(min(part.block, len(part)), wanted)
        for start in range(0, len(part), part.block):
            rows = slice(start, min(start + part.block, len(part)))
            part.fill(rows, {name: values[: rows.stop - start] for name, values in made.items()})


def cautions(model: Model, train: TrainProgram, parts: Mapping[str, DataPart]) -> list[Diagnostic]:
    """What is probably not meant of training a block."""
    from nndsl.runtime.standalone.batches import len_of

    data = next((data for data in model.checked.data if data.name == train.data), None)
    solved = any(minimize.solver is not None for minimize in train.training.minimizes)
    if data is None or "train" not in parts:
        return []
    fields = _arrays(parts["train"])
    samples, size = len_of(fields) or len(parts["train"]), batch_size(train)
    found = [] if solved else [*_small_data(train, data, samples, size), *_last_batch(train, samples, size)]
    wanted = [field for field in data.fields if field.name in fields and field.name in train.fields]
    return [*found, *(caution for field in wanted for caution in _constant(data, field, fields[field.name]))]


def _arrays(part: DataPart) -> dict[str, Array]:
    """The fields of a part that is held in memory; none of one that is streamed."""
    return part if isinstance(part, dict) else {}


# ------------------------------------------------------------------------------------------------ batches


def _small_data(train: TrainProgram, data: DataProgram, samples: int, batch_size: int) -> Iterator[Diagnostic]:
    if samples >= batch_size or (data.reader is None and not data.part_readers):
        return
    yield warning(
        "NN905",
        f"{data.name} has {samples} training rows, fewer than a batch of {batch_size}: each epoch is one step",
        train.span,
        help=f"`batch_size = {max(1, min(32, samples // 2))}` makes several of them",
    )


def _last_batch(train: TrainProgram, samples: int, batch_size: int) -> Iterator[Diagnostic]:
    """Statistics over a batch of one sample: its variance is 0, and what is divided by it means nothing."""
    rest = samples % batch_size or batch_size
    looking = _looks_across_samples(train) if rest == 1 else None
    if looking is None:
        return
    scope, what = looking
    sizes = (size for size in range(batch_size - 1, 1, -1) if samples % size != 1)
    other = next(sizes, None)
    place = f"{what} ({scope})" if what else scope
    yield warning(
        "NN906",
        f"the last batch of {samples} samples has one sample, and {place} learns from how those of a batch differ",
        train.span,
        help=f"`batch_size = {other}` leaves no single one" if other else "it needs batches of at least two samples",
    )


def _looks_across_samples(train: TrainProgram) -> tuple[str, str] | None:
    """(path, title) of a step that takes means over the samples of a batch alone, and over nothing within a sample."""
    for node in reachable(train.training.roots()):
        if node.op is not ops.batch_sum or not node.origins or not node.origins[0].scope:
            continue
        if not _is_sum(node.inputs[0]):
            return node.origins[0].scope, node.origins[0].title.partition("(")[0]
    return None


def _is_sum(node: Node) -> bool:
    while node.op in (ops.divide, ops.multiply, ops.cast):
        node = node.inputs[0]
    return node.op is ops.sum


# ------------------------------------------------------------------------------------------------ columns


def _constant(data: DataProgram, field: Field, values: Array) -> Iterator[Diagnostic]:
    """The columns of a field whose values are the same in every training row."""
    if len(values) < 2 or values.ndim > 2 or values[0].size > _MOST_COLUMNS:
        return
    same = _same_in_all_rows(values.reshape(len(values), -1))
    columns = columns_side_by_side(data, field.node)
    if columns is None or len(columns) != len(same):
        if all(same):
            yield _same(f"the field {field.name} is the same in every training row", field.span)
        return
    for column, constant in zip(columns, same, strict=True):
        if constant:
            missing = ", or missing in every one" if column.fill is not None else ""
            yield _same(
                f'the column "{column.name}" is the same in every training row{missing}', column.span or field.span
            )


def _same(message: str, span: Span) -> Diagnostic:
    return warning("NN904", message, span, help="nothing can be learnt from it: leave it out, or look at the data")


def _same_in_all_rows(values: Array) -> list[bool]:
    """[rows, k] -> for each of the k columns whether it never changes; ends as soon as all have changed."""
    import numpy as np

    changed = np.zeros(values.shape[1], np.bool_)
    block = max(1, (1 << 16) // max(1, values.shape[1]))
    for start in range(0, len(values), block):
        changed |= (values[start : start + block] != values[0]).any(axis=0)
        if changed.all():
            break
    return (~changed).tolist()
