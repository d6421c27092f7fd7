"""Compiles kernels as CuPy does on a machine with a GPU, on one without: by NVRTC (`pip install -e ".[gpu-check]"`).

A test over many sources joins what belongs together into one source: each compilation costs the time of its kernels,
and one of a hundredth of a second for the headers.
"""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")
"""A100; H100 and H200; B200."""

_INSTALL = 'pip install -e ".[gpu-check]"'
_KERNEL = re.compile(
    r"entry function '(?P<name>\w+)'.*?(?P<stack>\d+) bytes stack frame, (?P<spilled>\d+) bytes spill stores"
    r".*?Used (?P<registers>\d+) registers(?:[^\n]*?(?P<shared>\d+) bytes smem)?",
    re.DOTALL,
)


class NvrtcError(Exception):
    """What NVRTC says of a source."""


@dataclass(frozen=True)
class Resources:
    """What a kernel takes of a device. Bytes but for the registers; `stack` and `spilled` lie in slow memory."""

    registers: int
    stack: int
    spilled: int
    shared: int


@cache
def missing() -> str | None:
    """Why nothing can be compiled here, or None."""
    if importlib.util.find_spec("cuda") is None or importlib.util.find_spec("cuda.bindings") is None:
        return f"NVRTC is not installed: {_INSTALL}"
    from cuda.pathfinder import DynamicLibNotFoundError, find_nvidia_header_directory, load_nvidia_dynamic_lib

    try:
        load_nvidia_dynamic_lib("nvrtc")
    except DynamicLibNotFoundError:
        return f"NVRTC is not installed: {_INSTALL}"
    if find_nvidia_header_directory("cudart") is None:
        return f"the headers of CUDA's runtime are not installed: {_INSTALL}"
    return None


needed = pytest.mark.skipif(missing() is not None, reason=missing() or "")
"""Marks a test that compiles for devices."""


def resources(source: str, architecture: str, options: Iterable[str] = ("-std=c++17",)) -> dict[str, Resources]:
    """Compiles `source` (CUDA C, `options` as CuPy's RawModule takes them) down to `architecture`'s instructions.

    Returns what each kernel takes, by its name.

    Raises:
        NvrtcError: With the compiler's words.
    """
    from cuda.bindings import nvrtc
    from cuda.pathfinder import find_nvidia_header_directory

    made, program = nvrtc.nvrtcCreateProgram(source.encode(), b"kernels.cu", 0, [], [])
    if made != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise NvrtcError(f"NVRTC does not start: {made}")
    own = (f"-arch={architecture}", f"-I{find_nvidia_header_directory('cudart')}", "--ptxas-options=-v")
    listed = [option.encode() for option in (*options, *own)]
    try:
        (done,) = nvrtc.nvrtcCompileProgram(program, len(listed), listed)
        log = _log(nvrtc, program)
    finally:
        nvrtc.nvrtcDestroyProgram(program)
    if done != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise NvrtcError(f"for {architecture}:\n{log}")
    numbers = ("registers", "stack", "spilled", "shared")
    return {
        match["name"]: Resources(**{number: int(match[number] or 0) for number in numbers})
        for match in _KERNEL.finditer(log)
    }


def _log(nvrtc: Any, program: Any) -> str:
    """What the compiler wrote."""
    _, size = nvrtc.nvrtcGetProgramLogSize(program)
    text = bytearray(size)
    nvrtc.nvrtcGetProgramLog(program, text)
    return text.decode().rstrip("\0")
