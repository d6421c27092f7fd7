"""The stand-in's functions are called like CuPy's and nvmath's: compared with them where they are installed.

Neither needs a GPU for it. What was read in their sources (CuPy 14.2, nvmath-python 1.0) besides: `set` copies on the
stream and does not wait; `get(blocking=False)` does not either; `Event.done` asks cudaEventQuery; `begin_capture` is of
the relaxed mode; `launch` and `upload` take a stream; an event that was never recorded is done.
"""

from __future__ import annotations

import importlib
import inspect
import re
from importlib.util import find_spec
from typing import Any

import pytest

from tests.cupy_standin import standin

CUPY = {
    "ndarray.set": "(self, arr, stream=None)",
    "ndarray.get": "(self, stream=None, order='C', out=None, blocking=True)",
    "ndarray.fill": "(self, value)",
    "cuda.Stream": "(null=False, non_blocking=False, ptds=False, priority=None)",
    "cuda.Stream.begin_capture": "(self, mode=None)",
    "cuda.Stream.end_capture": "(self)",
    "cuda.Stream.wait_event": "(self, event)",
    "cuda.Stream.record": "(self, event=None)",
    "cuda.Graph.launch": "(self, stream=None)",
    "cuda.Graph.upload": "(self, stream=None)",
    "cuda.Event": "(block=False, disable_timing=False, interprocess=False)",
    "cuda.Event.record": "(self, stream=None)",
    "cuda.Event.synchronize": "(self)",
    "cuda.alloc_pinned_memory": "(size)",
    "cuda.runtime.memGetInfo": "()",
    "get_default_memory_pool": "()",
    "RawModule": "(code=None, *, path=None, options=(), backend='nvrtc')",
    "RawModule.get_function": "(self, name)",
}
"""As they were read; what we give is among what they take."""

CUBLAS = ("create", "destroy", "set_stream", "set_workspace", "gemm_ex", "gemm_strided_batched_ex")


def parameters(signature: str) -> list[str]:
    """The names of parameters, in order."""
    inside = signature[signature.index("(") + 1 : signature.rindex(")")]
    words = re.sub(r"\([^()]*\)", "", inside).split(",")
    names = [re.split(r"[\s=]", part.split("=")[0].strip())[-1] for part in words if part.strip()]
    return [name for name in names if name not in ("*", "self", "arr", "")]


def found(root: Any, name: str) -> Any:
    for part in name.split("."):
        root = getattr(root, part)
    return root


@pytest.mark.parametrize("name", CUPY)
def test_the_stand_in_takes_what_cupy_takes(name: str) -> None:
    with standin():
        ours = found(importlib.import_module("cupy"), name)
        known = {*inspect.signature(ours).parameters} - {"self", "array"}
    assert known <= {*parameters(CUPY[name])}


@pytest.mark.skipif(find_spec("cupy") is None, reason="CuPy is not installed")
@pytest.mark.parametrize("name", CUPY)
def test_cupy_takes_what_was_read(name: str) -> None:
    theirs = found(importlib.import_module("cupy"), name)
    try:
        told = str(inspect.signature(theirs))
    except (TypeError, ValueError):
        told = (theirs.__doc__ or "").splitlines()[0].partition(" ->")[0]
        if "(" not in told:
            pytest.skip("it does not tell what it takes")
    assert parameters(told)[: len(parameters(CUPY[name]))] == parameters(CUPY[name])


@pytest.mark.skipif(find_spec("nvmath") is None, reason="nvmath is not installed")
@pytest.mark.parametrize("name", CUBLAS)
def test_cublas_takes_its_arguments_in_the_stand_ins_order(name: str) -> None:
    theirs = importlib.import_module("nvmath.bindings.cublas")
    with standin():
        ours = importlib.import_module("nvmath.bindings.cublas")
        expected = [*inspect.signature(getattr(ours, name)).parameters]
    assert [*inspect.signature(getattr(theirs, name)).parameters] == expected


@pytest.mark.skipif(find_spec("nvmath") is None, reason="nvmath is not installed")
def test_the_numbers_of_types_are_cublas_own() -> None:
    theirs = importlib.import_module("nvmath.bindings.cublas").ComputeType
    assert (theirs.COMPUTE_32F, theirs.COMPUTE_64F) == (68, 70)
    assert (theirs.COMPUTE_32F_FAST_16BF, theirs.COMPUTE_32F_FAST_TF32) == (75, 77)
