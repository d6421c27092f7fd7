"""NVRTC compiles every kernel of every example and library item, without a GPU: those of some for each architecture."""

from __future__ import annotations

import ast
import re
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from nndsl.check import check
from nndsl.emit.cupy import emit_cupy
from nndsl.ir.program import Program
from nndsl.runtime import device
from nndsl.runtime.device.functions import FUNCTIONS, NARROWING, QUANTILE
from nndsl.runtime.device.philox import PHILOX
from nndsl.runtime.load import read_program
from nndsl.runtime.planning import planned_of
from tests import nvrtc
from tests.emit.cupy.library import FURTHER, NAMES, program_of
from tests.emit.cupy.test_examples import EXAMPLES, FOLDER
from tests.examples.test_examples import SMALLER

pytestmark = nvrtc.needed

SOME = ("digits", "lenet", "sunspots_rnn")
_KERNEL = re.compile(r'extern "C" __global__ void __launch_bounds__\(256\) (\w+)\(')
_SOURCE = re.compile(r'_KERNELS = r"""\n(.*?)\n"""', re.DOTALL)
_DTYPES = {"float": "float32", "double": "float64"}
_TOGETHER = 400
"""Kernels of one source."""


def kernels_of(program: Program) -> set[str]:
    """The kernels of a program's CuPy module, their own names left out."""
    text = emit_cupy(planned_of(program, device="gpu").program)
    return {each for source in _SOURCE.findall(text) for each in nameless(source)}


def nameless(source: str) -> list[str]:
    """The kernels of a source, called NAME."""
    starts = [found.start() for found in _KERNEL.finditer(source)]
    texts = [source[start:stop] for start, stop in pairwise([*starts, len(source)])]
    return [_KERNEL.sub('extern "C" __global__ void __launch_bounds__(256) NAME(', text).strip() for text in texts]


def kernels_of_runtime() -> set[str]:
    """The kernels that are written by hand and whole. Its modules need CuPy, so they are read, not imported."""
    found: set[str] = set()
    for path in Path(device.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "__global__" in node.value:
                found.update(nameless(node.value))
    return found


@cache
def every_kernel() -> tuple[str, ...]:
    """The kernels of all examples that need no files, of all library items, and of the runtime, each once."""
    found = kernels_of_runtime()
    for name in EXAMPLES:
        if name not in ("features", "mnist_cnn", "transfer"):  # they read files, and have layers that others have
            found |= kernels_of(check(read_program(FOLDER / f"{name}.nn"), sets=SMALLER.get(f"{name}.nn", {})))
    for name in (*NAMES, *FURTHER):
        found |= kernels_of(program_of(name))
    return tuple(sorted(found))


def compile_all(kernels: tuple[str, ...], architecture: str, real: str = "float") -> None:
    """Compiles kernels for an architecture; of float, none may keep in slow memory what belongs into registers."""
    types = f"typedef {real} real;\ntypedef {real} value;\ntypedef int index;\n"
    head = "".join((types, FUNCTIONS, QUANTILE, PHILOX, NARROWING[_DTYPES[real]]))
    for first in range(0, len(kernels), _TOGETHER):
        some = kernels[first : first + _TOGETHER]
        texts = [text.replace("NAME", f"kernel_{number}", 1) for number, text in enumerate(some)]
        taken = nvrtc.resources("\n\n".join((head, *texts)), architecture)
        assert len(taken) == len(some)
        slow = [texts[int(name.removeprefix("kernel_"))] for name, each in taken.items() if each.spilled]
        assert real != "float" or not slow, "\n\n".join(slow)


def kernels_of_some() -> tuple[str, ...]:
    """The kernels of some examples and of the runtime, each once."""
    found = kernels_of_runtime()
    for name in SOME:
        found |= kernels_of(check(read_program(FOLDER / f"{name}.nn")))
    return tuple(sorted(found))


@pytest.mark.parametrize("architecture", nvrtc.ARCHITECTURES)
def test_kernels_of_some_examples_and_of_the_runtime_compile_for_each_architecture(architecture: str) -> None:
    compile_all(kernels_of_some(), architecture)


def test_kernels_of_some_examples_and_of_the_runtime_compile_in_double_precision() -> None:
    compile_all(kernels_of_some(), "sm_90", "double")


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [nvrtc.ARCHITECTURES[0], nvrtc.ARCHITECTURES[-1]])
def test_every_kernel_compiles_for_the_oldest_and_the_newest_architecture(architecture: str) -> None:
    compile_all(every_kernel(), architecture)
