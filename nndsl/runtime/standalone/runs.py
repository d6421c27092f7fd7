"""Weights that an earlier run trained, out of its folder: `safetensors` files are read here with NumPy alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nndsl.runtime.standalone.files import FileError, read_arrays
from nndsl.runtime.standalone.program import Memory, Table

RUN_FOLDERS: dict[str, Path] = {}
"""Where runs are, by the names that the program calls them; any other is looked for in the current folder."""

NUMBER_KINDS = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "u1", "BOOL": "?"}


def take_from_run(memory: Memory, run: str, paths: Mapping[str, str]) -> None:
    """Gives weights and states of the memory the values of a run's. paths: theirs there, by their own here.

    Raises FileError where the run is missing, or has none of that name or of another shape.
    """
    folder = RUN_FOLDERS.get(run, Path(run))
    arrays = run_arrays(folder)
    for path, source in paths.items():
        target = memory.weight(path) if memory.has_weight(path) else memory.state(path)
        if source not in arrays:
            raise FileError(f"the run {folder} has no {source}, which {path} begins with")
        if arrays[source].shape != target.shape:
            shapes = f"{list(arrays[source].shape)} there and {list(target.shape)} here"
            raise FileError(f"the weights of the run {folder} don't fit: {source} is {shapes}")
        target[...] = arrays[source]


def run_arrays(folder: Path) -> Table:
    """All arrays of a run folder's weights, by name. Raises FileError."""
    for name, read in (("weights.safetensors", read_safetensors), ("weights.npz", read_arrays)):
        if (folder / name).is_file():
            return read(folder / name)
    raise FileError(f"there is no run {folder}: the training begins with its weights.safetensors")


def read_safetensors(path: Path) -> Table:
    """The arrays of a `.safetensors` file: the length of its head, a list of the arrays in JSON, and their bytes."""
    try:
        content = path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        head: dict[str, Any] = json.loads(content[8 : 8 + length])
        arrays: Table = {}
        for name, entry in head.items():
            if name == "__metadata__":
                continue
            start, stop = entry["data_offsets"]
            kind = NUMBER_KINDS.get(entry["dtype"])
            if kind is not None:
                data = np.frombuffer(content[8 + length + start : 8 + length + stop], kind)
                arrays[name] = data.reshape(entry["shape"])
    except OSError as error:
        raise FileError(f"can't read {path}: {(error.strerror or str(error)).lower()}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileError(f"{path} is not a safetensors file, or is damaged: {error}") from None
    return arrays
