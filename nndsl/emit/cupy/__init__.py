"""From a program to the text of a Python module that runs its steps on a GPU, with CuPy."""

from nndsl.emit.cupy.module import emit_cupy

__all__ = ["emit_cupy"]
