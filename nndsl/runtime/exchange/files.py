"""Weights files of other frameworks, written and read for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, error
from nndsl.runtime.exchange.exchange import exported, imported
from nndsl.runtime.weights import read_arrays_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from nndsl.runtime.model import Model
    from nndsl.runtime.standalone.program import Array

KINDS = (".safetensors", ".npz")

_WIDEST = 8
"""Bytes of one number, at most."""

_SLACK = 1 << 28
"""Bytes that a file may hold besides, such as what an optimizer remembers."""


def refuse_ending(path: Path) -> None:
    """Raises UserError NN609 for a path that no weights are written to."""
    if path.suffix not in KINDS:
        message = f"weights are written as {' or '.join(KINDS)}, not to {path}"
        help = "PyTorch and Keras read safetensors files with the `safetensors` package"
        raise UserError(error("NN609", message, help=help))


def export_weights(model: Model, path: Path, framework: str, *, channels_last: bool = False) -> dict[str, Array]:
    """Writes the model's weights and states as `framework` has them; what was written, by name.

    The ending of `path` says how: .safetensors or .npz. Raises UserError NN608 or NN609.
    """
    import numpy as np
    from safetensors.numpy import save

    from nndsl.runtime.standalone import files

    refuse_ending(path)
    found = exported(model.checked, {**model.weights, **model.states}, framework, channels_last=channels_last)
    found = {name: np.array(values, order="C") for name, values in found.items()}
    try:
        if path.suffix == ".npz":
            files.write_arrays(path, found)
        else:
            # Those who read such files for PyTorch want to be told that they are for PyTorch.
            content = save(found, {"format": "pt"} if framework == "pytorch" else None)
            files.write_whole(path, lambda file: file.write(content))
    except files.FileError as failure:
        raise UserError(error("NN608", str(failure))) from None
    return found


def import_weights(
    model: Model,
    path: Path,
    framework: str,
    *,
    renames: Mapping[str, str] | None = None,
    channels_last: bool = False,
    partial: bool = False,
) -> list[str]:
    """Gives the model the weights and states of a file of `framework`'s; paths of those that it has none for.

    renames, channels_last, partial: as for `imported`. Raises UserError: NN601, NN604, NN605 or NN616.
    """
    held = {**model.weights, **model.states}
    most = _WIDEST * sum(values.size for values in held.values()) + _SLACK
    found = imported(
        model.checked,
        read_arrays_of(path, most),
        framework,
        renames=renames,
        channels_last=channels_last,
        partial=partial,
        source=str(path),
    )
    model.set_weights(found)
    return [name for name in held if name not in found]
