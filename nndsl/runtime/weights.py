"""Weights files of a run: `.safetensors` (or `.npz`, as standalone files write them), read with clear mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.runtime.checkpoints import CheckpointFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nndsl.ir.program import Program as CheckedProgram
    from nndsl.runtime.standalone.files import WeightsError
    from nndsl.runtime.standalone.program import Array, Memory, Program, Table

WEIGHTS_FILE = "weights.safetensors"
"""What a run folder calls its weights."""

_TEXTS = "texts"
_MOST_NOTES = 8


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


def read_weights(
    path: Path, program: Program, memory: Memory, constants: Mapping[str, tuple[int, ...] | None] | None = None
) -> dict[str, Any]:
    """Reads a weights file, or the one in a run folder, into `memory`; what it says about itself.

    constants: what the program learns from its data, by the name in the file, with the shape of numbers and None for
    names; a file has those of a data block all or not at all. Raises UserError: NN601 where nothing is there, NN603 for
    a folder that is no run, NN604 for another network's weights, NN605 for a damaged file. `memory` is then as it was.
    """
    from nndsl.runtime.standalone import files

    path = weights_file(path)
    try:
        arrays, about = files.read_weights_file(path, program)
        if constants is not None:
            _refuse_constants(path, arrays, constants)
        files.restore(program, memory, arrays)
    except files.WeightsError as misfit:
        raise _explained(misfit, path, program) from None
    except files.FileError as failure:
        raise damaged(path, str(failure)) from None
    return about


def constants_of(checked: CheckedProgram, program: Program) -> dict[str, tuple[int, ...] | None]:
    """What a program learns from its data, by its name in weights files: the shape of numbers, None for names."""
    from nndsl.runtime.standalone.files import FITTED
    from nndsl.runtime.standalone.preparing import names_key

    found: dict[str, tuple[int, ...] | None] = {
        f"{FITTED}{data.name}/{fit.name}": fit.node.type.shape for data in checked.data for fit in data.fits
    }
    for data in program.data.values():
        found |= {f"{FITTED}{data.name}/{names_key(each)}": None for each in data.columns if each.learns_names}
    return found


def seed_of(about: Mapping[str, Any]) -> int | None:
    """The seed that a weights file or a checkpoint says it was trained with; None where it says none that can be."""
    started: Any = about.get("started", about)
    seed: Any = cast("dict[str, Any]", started).get("seed") if isinstance(started, dict) else None
    return seed if type(seed) is int and 0 <= seed < 2**63 else None


def read_arrays_of(path: Path, most: int) -> Table:
    """The arrays of a `.safetensors` or `.npz` file of any program's; at most `most` bytes of them are unpacked.

    Raises UserError: NN601 where nothing is there, NN605 for a file of another kind or a damaged one.
    """
    from nndsl.runtime.standalone import array_files

    def accept(heads: Mapping[str, array_files.NpyHead]) -> None:
        size = sum(head.size for head in heads.values())
        if size > most:
            raise array_files.FileError(f"it would unpack to {size:,} bytes, far more than the network has")

    if not path.exists() or path.is_dir():
        what = "is a folder, not a weights file" if path.is_dir() else "is not there"
        raise UserError(error("NN601", f"{path} {what}"))
    try:
        if array_files.is_archive(path, "weights are read from .safetensors and .npz files"):
            return array_files.read_arrays(path, accept)
        return array_files.read_safetensors_file(path)[0]
    except array_files.FileError as failure:
        raise damaged(path, str(failure)) from None


def weights_file(path: Path) -> Path:
    """`path`, or the weights in it if it is a run folder. Raises UserError NN601 or NN603."""
    if not path.exists():
        help = "`nndsl run` trains a network and fills the folder" if path.suffix == "" else None
        raise UserError(error("NN601", f"there is nothing at {path}", help=help))
    if not path.is_dir():
        return path
    found = path / WEIGHTS_FILE
    if not found.is_file() and CheckpointFiles(path).unfinished():
        message = f"the run in {path} is not finished, so it has no {WEIGHTS_FILE} yet"
        raise UserError(error("NN603", message, help="`nndsl run FILE.nn --resume` goes on with it"))
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

    from nndsl.runtime.standalone.array_files import SAFETENSORS_METADATA

    texts = {name: values.tolist() for name, values in arrays.items() if values.dtype.kind == "U"}
    numbers = {name: np.array(values, order="C") for name, values in arrays.items() if name not in texts}
    return save(numbers, {SAFETENSORS_METADATA: json.dumps({**about, _TEXTS: texts}, ensure_ascii=False)})


# ------------------------------------------------------------------------------------------------ mistakes


def damaged(path: Path, problem: str) -> UserError:
    """NN605, with what the file is instead and how its weights get into one that can be read."""
    return UserError(
        error("NN605", f"{path} is not a weights file, or is damaged", notes=[problem], help=_conversion(path))
    )


def _conversion(path: Path) -> str | None:
    """How a file of another framework becomes one that is read; None where it is none."""
    from zipfile import BadZipFile, ZipFile

    try:
        with path.open("rb") as file:
            start = file.read(8)
        names = ZipFile(path).namelist() if start.startswith(b"PK") else []
    except (OSError, BadZipFile, ValueError, RuntimeError):
        return None
    if start.startswith(b"\x80") or any(name.endswith("data.pkl") for name in names):
        return (
            "a PyTorch file is a pickle, which may run anything when it is opened, so it never is. Where you trust it: "
            f'`safetensors.torch.save_file(torch.load("{path.name}", weights_only=True), "{path.stem}.safetensors")`, '
            "then `nndsl import --format pytorch`"
        )
    if start.startswith(b"\x89HDF") or any(name.endswith(".weights.h5") for name in names):
        return (
            "a Keras model writes its weights so that they can be read: `safetensors.numpy.save_file({w.path: "
            f'np.ascontiguousarray(w) for w in model.weights}}, "{path.stem}.safetensors")`, then `nndsl import '
            "--format keras`"
        )
    return None


def _refuse_constants(path: Path, arrays: Mapping[str, Array], constants: Mapping[str, tuple[int, ...] | None]) -> None:
    """Raises UserError NN604 where what the file says was learnt from data is not what the program learns."""
    from nndsl.runtime.standalone.files import FITTED

    found = {name: values for name, values in arrays.items() if name.startswith(FITTED)}
    blocks = {name.partition("/")[0] for name in found}
    notes = [f"{name} is there and unknown here" for name in found if name not in constants]
    for name, shape in constants.items():
        if name.partition("/")[0] not in blocks:
            continue
        values = found.get(name)
        if values is None:
            notes.append(f"{name} is missing there")
        elif shape is None and (values.dtype.kind != "U" or values.ndim != 1):
            notes.append(f"{name} is no list of names there")
        elif shape is not None and (values.dtype.kind not in "fiub" or values.shape != shape):
            notes.append(f"{name} is {list(values.shape)} there and {list(shape)} here")
    if notes:
        message = f"{path} does not fit the data: it was learnt from other columns"
        raise UserError(error("NN604", message, notes=notes[:_MOST_NOTES]))


def _explained(misfit: WeightsError, path: Path, program: Program) -> UserError:
    """Which weights don't fit, and what may have been meant."""
    notes = [f"{name} is {list(found)} there and {list(wanted)} here" for name, wanted, found in misfit.shapes]
    notes += [f"{name} is missing there" + _instead(name, misfit.unknown) for name in misfit.missing]
    notes += [f"{name} is there and unknown here" for name in misfit.unknown]
    if len(notes) > _MOST_NOTES:
        notes = [*notes[:_MOST_NOTES], f"and {len(notes) - _MOST_NOTES} more"]
    about = misfit.about
    sets: Any = about.get("sets")
    help = None
    if isinstance(sets, dict) and sets:
        given = " ".join(f"--set {name}={value}" for name, value in cast("dict[str, Any]", sets).items())
        help = f"they were trained with `{given}`"
    elif "program" in about and about["program"] != program.name:
        help = f"they belong to the program {about['program']}, this one is {program.name}"
    elif not about and misfit.unknown:
        help = "weights of a Keras or PyTorch model come in by `nndsl import --format keras|pytorch`"
    return UserError(error("NN604", f"{path} does not fit the network", help=help, notes=notes))


def _instead(name: str, unknown: tuple[str, ...]) -> str:
    close = did_you_mean(name, unknown)
    return f" (it has {close})" if close else ""
