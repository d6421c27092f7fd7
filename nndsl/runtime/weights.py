"""Weights files of a run: `.safetensors` (or `.npz`, as standalone files write them), read with clear mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nndsl.diagnostics import UserError, did_you_mean, error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nndsl.runtime.standalone.files import WeightsError
    from nndsl.runtime.standalone.program import Array, Memory, Program, Table

WEIGHTS_FILE = "weights.safetensors"
"""What a run folder calls its weights."""

_METADATA = "nndsl"
_TEXTS = "texts"


def write_weights(path: Path, program: Program, memory: Memory, about: Mapping[str, Any]) -> None:
    """Writes weights, states and fitted constants, whole or not at all; `about` (JSON values) says what they are.

    The ending of `path` chooses the format. Texts, which safetensors lacks, go with `about` into its metadata. Raises
    UserError NN608.
    """
    from nndsl.runtime.standalone import files

    try:
        if path.suffix == ".npz":
            files.write_weights(path, program, memory, about)
        else:
            content = _safetensors(files.collected(program, memory), {"program": program.name, **about})
            files.write_whole(path, lambda file: file.write(content))
    except files.FileError as failure:
        raise UserError(error("NN608", str(failure))) from None


def read_weights(path: Path, program: Program, memory: Memory) -> dict[str, Any]:
    """Reads a weights file, or the one in a run folder, into `memory`; what it says about itself.

    Raises UserError: NN601 where nothing is there, NN603 for a folder that is no run, NN604 for another network's
    weights, NN605 for a damaged file. `memory` is then as it was.
    """
    from nndsl.runtime.standalone import files

    path = weights_file(path)
    arrays, about = _read_npz(path) if path.suffix == ".npz" else _read_safetensors(path)
    try:
        files.restore(program, memory, arrays)
    except files.WeightsError as misfit:
        raise _explained(misfit, path, program, about) from None
    return about


def weights_file(path: Path) -> Path:
    """`path`, or the weights in it if it is a run folder. Raises UserError NN601 or NN603."""
    if not path.exists():
        help = "`nndsl run` trains a network and fills the folder" if path.suffix == "" else None
        raise UserError(error("NN601", f"there is nothing at {path}", help=help))
    if not path.is_dir():
        return path
    found = path / WEIGHTS_FILE
    if not found.is_file():
        inside = sorted(str(each.parent) for each in path.glob(f"*/{WEIGHTS_FILE}"))
        help = (
            f"did you mean {', '.join(inside[:3])}?" if inside else "`nndsl run` trains a network and fills the folder"
        )
        raise UserError(error("NN603", f"{path} is not a run: it has no {WEIGHTS_FILE}", help=help))
    return found


# ------------------------------------------------------------------------------------------------ formats


def _safetensors(arrays: Mapping[str, Array], about: Mapping[str, Any]) -> bytes:
    """The file's bytes, the same for the same arrays (with one entry of metadata: several have no order)."""
    import numpy as np
    from safetensors.numpy import save

    texts = {name: values.tolist() for name, values in arrays.items() if values.dtype.kind == "U"}
    numbers = {name: np.array(values, order="C") for name, values in arrays.items() if name not in texts}
    return save(numbers, {_METADATA: json.dumps({**about, _TEXTS: texts}, ensure_ascii=False)})


def _read_safetensors(path: Path) -> tuple[Table, dict[str, Any]]:
    import numpy as np
    from safetensors import SafetensorError, safe_open

    arrays: Table = {}
    try:
        opened: Any = safe_open(path, framework="numpy")
        with opened as file:
            for name in file.keys():  # noqa: SIM118 - a handle, not a dict
                arrays[name] = file.get_tensor(name)
            metadata: dict[str, str] = file.metadata() or {}
            about: dict[str, Any] = json.loads(metadata.get(_METADATA, "{}"))
            for name, texts in about.pop(_TEXTS, {}).items():
                arrays[name] = np.array(texts, np.str_)
    except (SafetensorError, ValueError, AttributeError, TypeError) as failure:
        raise _damaged(path, str(failure)) from None
    except OSError as failure:
        raise UserError(error("NN601", f"can't read {path}: {(failure.strerror or str(failure)).lower()}")) from None
    return arrays, about


def _read_npz(path: Path) -> tuple[Table, dict[str, Any]]:
    from nndsl.runtime.standalone import files

    try:
        arrays = files.read_arrays(path)
        return arrays, dict(json.loads(str(arrays.pop(files.ABOUT, "{}"))))
    except (files.FileError, ValueError) as failure:
        raise _damaged(path, str(failure)) from None


def _damaged(path: Path, problem: str) -> UserError:
    return UserError(error("NN605", f"{path} is not a weights file, or is damaged", notes=[problem]))


def _explained(misfit: WeightsError, path: Path, program: Program, about: Mapping[str, Any]) -> UserError:
    """Which weights don't fit, and what may have been meant."""
    notes = [f"{name} is {list(found)} there and {list(wanted)} here" for name, wanted, found in misfit.shapes]
    notes += [f"{name} is missing there" + _instead(name, misfit.unknown) for name in misfit.missing]
    notes += [f"{name} is there and unknown here" for name in misfit.unknown]
    if len(notes) > 8:
        notes = [*notes[:8], f"and {len(notes) - 8} more"]
    sets: Any = about.get("sets")
    help = None
    if sets:
        given = " ".join(f"--set {name}={value}" for name, value in sets.items())
        help = f"they were trained with `{given}`"
    elif about.get("program", program.name) != program.name:
        help = f"they belong to the program {about['program']}, this one is {program.name}"
    return UserError(error("NN604", f"{path} does not fit the network", help=help, notes=notes))


def _instead(name: str, unknown: tuple[str, ...]) -> str:
    close = did_you_mean(name, unknown)
    return f" (it has {close})" if close else ""
