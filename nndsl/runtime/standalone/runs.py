"""Weights that an earlier run trained, out of its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from nndsl.runtime.standalone.array_files import FileError, read_arrays, read_safetensors_file
from nndsl.runtime.standalone.files import RUN_WEIGHTS
from nndsl.runtime.standalone.program import Memory, Table

RUN_FOLDERS: dict[str, Path] = {}
"""Where runs are, by the names that the program calls them; any other is looked for in the current folder."""


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
        if arrays[source].dtype.kind not in "fiub":
            raise FileError(f"the weights of the run {folder} don't fit: {source} holds no numbers")
        target[...] = arrays[source]


def run_arrays(folder: Path) -> Table:
    """All arrays of a run folder's weights, by name. Raises FileError."""
    for path in (folder / name for name in RUN_WEIGHTS):
        if path.is_file():
            return read_arrays(path) if path.suffix == ".npz" else read_safetensors_file(path)[0]
    raise FileError(f"there is no run {folder}: the training begins with its weights.safetensors")
