"""The whole text of a module that trains on a GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.collector import without_collecting
from nndsl.emit.cupy.workspaces import device_workspace
from nndsl.emit.paste import runtime
from nndsl.emit.standalone import Target, written
from nndsl.emit.text import WIDTH, plain, wrapped
from nndsl.plan import sharing_of
from nndsl.version import __version__

if TYPE_CHECKING:
    from nndsl.ir.program import Program


@without_collecting
def emit_cupy(program: Program, *, precision: str = "float32") -> str:
    """The module that trains, evaluates and predicts `program` on a GPU with CuPy, as Python source.

    precision: one of PRECISIONS. `program` is differentiated and optimised. The same program gives the same text.
    """
    target = Target(_documentation(program), runtime(device=True), device_workspace, memory="DeviceMemory")
    return written(program, target, precision, {train.name: sharing_of(train) for train in program.trains})


def _documentation(program: Program) -> str:
    name = plain(program.file.name.rpartition("/")[2])
    lines = [f'"""{name} in CuPy: kernels for what belongs together, launched one after another.', ""]
    need = "It needs CuPy, nvmath-python and a GPU (not to be imported), and may be imported or run:"
    lines += wrapped(f"Written by nndsl {__version__}. {need}", width=WIDTH)
    file = f"{name.removesuffix('.nn').replace(' ', '_')}.py"
    commands = ("train DATA.npz --weights WEIGHTS.npz", "evaluate DATA.npz --weights WEIGHTS.npz")
    return "\n".join([*lines, "", *(f"    python {file} {command}" for command in commands), '"""'])
