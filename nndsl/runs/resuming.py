"""Going on with a run: what a checkpoint of it holds, where a run was left, and whether a changed program can go on."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, cast

from nndsl.diagnostics import UserError, error
from nndsl.plan import PlanOptions
from nndsl.precision import PRECISIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from nndsl.ir.program import TrainProgram
    from nndsl.runtime.checkpoints import Checkpoint
    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.batches import DataPart
    from nndsl.runtime.standalone.loop import Fitting
    from nndsl.runtime.standalone.program import Memory, Table, Train

SLOT = "slot:"
FITTED = "fitted:"
STATE = "state:"
HISTORY = "history:rows"
"""Begin names of arrays in a checkpoint that are neither weights nor states, whose paths have no colon."""

PROBED_ROWS = 64
"""So many rows of each part, evenly spread, tell whether the data are the same."""

_LONGEST_DIFFERENCE = 12


@dataclass(frozen=True, slots=True)
class Started:
    """How a run was started, as far as the command line says it.

    weights: what it began with instead of fresh ones. plan: as it was on the machine where it began, so that it goes on
    alike on any other.
    """

    seed: int
    sets: dict[str, str]
    precision: str = "float32"
    level: int = 1
    epochs: int | None = None
    weights: str | None = None
    plan: PlanOptions = field(default_factory=PlanOptions)

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Started | None:
        """What a checkpoint or a lock says, or None where that makes no sense."""
        kinds = {"seed": int, "sets": dict, "level": int, "epochs": int | None, "weights": str | None}
        values = {name: said.get(name) for name in (*kinds, "precision")}
        right = all(isinstance(values[name], kind) for name, kind in kinds.items())
        values["plan"] = PlanOptions.read(said.get("plan"))
        if not right or values["plan"] is None or values["precision"] not in PRECISIONS:
            return None
        values["sets"] = {str(name): str(value) for name, value in cast("dict[Any, Any]", values["sets"]).items()}
        return cls(**cast("dict[str, Any]", values))


@dataclass(slots=True)
class Changes:
    """How a program differs from the one that a run was left with. refused: why it can't go on; notes: what is new."""

    refused: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


# ------------------------------------------------------------------------------------------------ into a checkpoint


def snapshot(
    model: Model, train: TrainProgram, fitting: Fitting, rows: list[dict[str, float]]
) -> tuple[Table, dict[str, Any]]:
    """The arrays of a checkpoint, and what it says of the training: state, numbers, and the program they are for."""
    import numpy as np

    from nndsl.runtime.standalone.files import collected

    memory, program = model.memory, model.generated.program
    arrays = dict(collected(program, memory))
    arrays |= {f"{SLOT}{name}": values for name, values in memory.slots.items() if _is_of(name, train.name, program)}
    said: dict[str, Any] = {}
    for name, value in fitting.state().items():
        if isinstance(value, np.ndarray):
            arrays[f"{STATE}{name}"] = value
        else:
            said[name] = value
    arrays[HISTORY] = np.frombuffer(json.dumps(rows).encode(), np.uint8)
    scalars = {name: value for name, value in memory.scalars.items() if _is_of(name, train.name, program)}
    return arrays, {"state": said, "scalars": scalars}


def _is_of(name: str, train: str, program: Any) -> bool:
    """Whether an optimizer's array or number is not another train block's."""
    return not any(name.startswith(f"{other}/") for other in program.trains if other != train)


def versions() -> dict[str, str]:
    """What the numbers of a run depend on, besides its program."""
    import numpy as np

    from nndsl.version import __version__

    return {
        "nndsl": __version__,
        "Python": platform.python_version(),
        "NumPy": np.__version__,
        "machine": platform.machine(),
        "cores": str(os.cpu_count()),
    }


def declared(train: Train, memory: Memory, model: Model, parts: Mapping[str, DataPart]) -> dict[str, Any]:
    """What training's state is for, in JSON values: layouts, data, what is reported."""
    program = model.generated.program
    found: dict[str, Any] = {
        "dtype": program.products or program.dtype,
        "weights": dict(program.weights),
        "states": dict(program.states),
        "slots": {name: values.size for name, values in memory.slots.items() if _is_of(name, train.name, program)},
        "scalars": sorted(name for name in memory.scalars if _is_of(name, train.name, program)),
        "solver": train.solver and train.solver.name,
        "reported": train.reported,
        "shuffle": train.settings.get("shuffle"),
    }
    if train.data is not None:
        data = program.data[train.data]
        found["fields"] = [(each.name, each.dtype, each.shape, each.classes) for each in data.fields]
        found["split"] = [asdict(data.split) if data.split is not None else None, data.stride]
        found["rows"] = {name: _len_of(part) for name, part in parts.items()}
        found["probes"] = {name: _probe(part, train.fields) for name, part in parts.items()}
    return json.loads(json.dumps(found))


def _len_of(part: DataPart) -> int:
    return len(next(iter(part.values()), ())) if isinstance(part, dict) else len(part)


def _probe(part: DataPart, fields: tuple[str, ...]) -> str:
    """A hash of some rows of a part."""
    from hashlib import blake2b

    import numpy as np

    count = _len_of(part)
    places = np.linspace(0, count - 1, min(PROBED_ROWS, count)).astype(np.int64)
    rows = np.array(sorted(set(places.tolist())), np.int64)
    if isinstance(part, dict):
        found = {name: values[rows] for name, values in part.items()}
    else:
        found = part.buffers(len(rows), fields)
        part.fill(rows, found)
    hashed = blake2b(digest_size=16)
    for name in sorted(set(found) & set(fields)):
        hashed.update(np.ascontiguousarray(found[name]).tobytes())
    return hashed.hexdigest()


def sources_of(model: Model) -> dict[str, str]:
    """The texts of a program's own files, by name."""
    main = model.checked.file
    return {file.name: file.text for file in (main, *model.checked.sources) if not file.library}


# ------------------------------------------------------------------------------------------------ out of a checkpoint


def restore(model: Model, train: TrainProgram, fitting: Fitting, checkpoint: Checkpoint) -> list[dict[str, float]]:
    """Lets training go on from a checkpoint that fits; the history so far. Raises UserError NN616 or NN632."""
    memory, arrays = model.memory, checkpoint.arrays
    program = model.generated.program
    for path, _ in program.weights:
        memory.weight(path)[...] = arrays[path]
    for path, _ in program.states:
        memory.state(path)[...] = arrays[path]
    for name, values in memory.slots.items():
        if f"{SLOT}{name}" in arrays:
            values[...] = arrays[f"{SLOT}{name}"]
    memory.scalars.update(checkpoint.about["scalars"])
    for name, values in arrays.items():
        if name.startswith(FITTED):
            data, _, constant = name.removeprefix(FITTED).partition("/")
            memory.fitted.setdefault(data, {})[constant] = values
    state = dict(checkpoint.about["state"])
    state |= {name.removeprefix(STATE): values for name, values in arrays.items() if name.startswith(STATE)}
    try:
        model.restore(train, fitting, state)
        return json.loads(arrays[HISTORY].tobytes())
    except (KeyError, TypeError, ValueError):  # its checksum is right: somebody has made it so
        raise UserError(error("NN632", f"{checkpoint.path} is not a checkpoint of such a run")) from None


def changes(model: Model, train: TrainProgram, checkpoint: Checkpoint, now: Mapping[str, Any]) -> Changes:
    """How the program, its data and what it runs on differ from what a checkpoint was written by.

    now: as `declared` gives it.
    """
    about = checkpoint.about
    before: dict[str, Any] = about["declared"]
    found = Changes()
    if before.get("dtype") != now["dtype"]:
        found.refused.append(f"it computes in {now['dtype']}, and the run did in {before.get('dtype')}")
    for what in ("weights", "states"):
        found.refused += _layout(before.get(what, {}), now[what])
    if not found.refused and any(before.get(name) != now[name] for name in ("slots", "scalars", "solver")):
        found.refused.append("another optimizer, which remembers other things, or the same for other weights")
    found.refused += _data(before, now, train.data, learnt=_learnt_differs(model, train, checkpoint))
    if before.get("reported") != now["reported"]:
        was, new = (", ".join(names) for names in (before.get("reported", ()), now["reported"]))
        found.refused.append(f"it reports {new}, and the run did {was}")
    if before.get("shuffle") != now["shuffle"] and about["state"]["samples"]:
        found.refused.append("`shuffle` changes the order of the samples in the middle of an epoch")
    if not found.refused and not _fits(model, checkpoint):
        found.refused.append("its weights are not those that it says")
    found.notes += _differences(about["sources"], sources_of(model))
    found.notes += [
        f"{name} is {value} here and was {about['versions'].get(name)}: numbers may differ in their last digits"
        for name, value in versions().items()
        if about["versions"].get(name) != value
    ]
    return found


def _fits(model: Model, checkpoint: Checkpoint) -> bool:
    """Whether every array that the memory takes is there in its shape."""
    program, arrays = model.generated.program, checkpoint.arrays
    wanted: dict[str, tuple[int, ...]] = {**dict(program.weights), **dict(program.states), HISTORY: ()}
    wanted |= {
        f"{SLOT}{name}": values.shape
        for name, values in model.memory.slots.items()
        if name in checkpoint.about["declared"]["slots"]
    }
    return all(
        name in arrays and (name == HISTORY or arrays[name].shape == tuple(shape)) for name, shape in wanted.items()
    )


def _layout(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for path, shape in now.items():
        if path not in before:
            yield f"{path} is new: the run has no such weight"
        elif before[path] != shape:
            yield f"{path} is {shape} now and {before[path]} in the run"
    for path in before:
        if path not in now:
            yield f"{path} is gone: the run has trained it"


def _data(before: Mapping[str, Any], now: Mapping[str, Any], name: str | None, *, learnt: bool) -> Iterator[str]:
    """Why training can't go on over the data as they are now."""
    if before.get("fields") != now.get("fields"):
        yield f"the fields of the data {name} are others"
    elif before.get("split") != now.get("split"):
        yield f"the data {name} are split in another way, so rows that were learnt from may be tested on"
    elif before.get("rows") != now.get("rows"):
        was, new = (_rows(counts.get("rows", {})) for counts in (before, now))
        yield f"the data {name} have other rows: {new}, and {was} when the run was left"
    elif before.get("probes") != now.get("probes") or learnt:
        yield f"the data {name} have changed: their numbers are others"


def _rows(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} for {part}" for part, count in counts.items()) or "none"


def _learnt_differs(model: Model, train: TrainProgram, checkpoint: Checkpoint) -> bool:
    """Whether the training rows teach other constants than they did."""
    import numpy as np

    here = model.memory.fitted.get(train.data or "", {})
    there = {name: checkpoint.arrays.get(f"{FITTED}{train.data}/{name}") for name in here}
    return any(kept is None or not np.array_equal(here[name], kept) for name, kept in there.items())


def _differences(before: Mapping[str, Any], now: Mapping[str, str]) -> list[str]:
    """The lines that have changed in the program's files."""
    import difflib

    lines: list[str] = []
    for name, text in now.items():
        was = next((kept for path, kept in before.items() if path == name or len(before) == len(now) == 1), "")
        changed = [
            line
            for line in difflib.unified_diff(str(was).splitlines(), text.splitlines(), n=0, lineterm="")
            if line[0] in "+-" and not line.startswith(("+++", "---"))
        ]
        if changed:
            lines.append(f"{name} has changed since the run was left:")
            lines += [f"  {line[0]} {line[1:].strip()}" for line in changed[:_LONGEST_DIFFERENCE]]
            if len(changed) > _LONGEST_DIFFERENCE:
                lines.append(f"  and {len(changed) - _LONGEST_DIFFERENCE} more lines")
    return lines


def refuse(changes: Changes, model: Model, folder: Path) -> None:
    """Raises UserError NN633 where the run can't go on."""
    if changes.refused:
        name = model.checked.file.name
        message = f"the run in {folder} can't go on with {name} as it is now"
        help = "`--restart` begins anew; `--out DIR` does so beside it"
        raise UserError(error("NN633", message, notes=[*changes.refused, *changes.notes], help=help))
