"""CUDA C to a shared object of the host: the very source, with checked pointers, by the C++ compiler.

A source is compiled once, whoever asks; objects are kept by the hash of all that goes into them.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .signatures import Kernel, Parameter, SourceError, kernels, without_comments

_SHIM = Path(__file__).parent / "shim"
_FLAGS = (
    "-std=c++20",
    "-O1",
    "-fPIC",
    "-shared",
    "-w",
    "-fno-strict-aliasing",
    "-ffp-contract=off",
    "-U_FORTIFY_SOURCE",
    "-fvisibility=hidden",
)

_OPTIONS = ("-std=c++17", "--std=c++17", "-std=c++14", "--std=c++14", "--fmad=false", "--fmad=true")
"""Of NVRTC's options those that may be given, besides macros (-D) and folders (-I)."""


class LaunchOrder(ctypes.Structure):
    """As `standin::Launch` in shim/threads.h."""

    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("reversed", ctypes.c_int),
        ("shared_bytes", ctypes.c_uint),
    )


@dataclass(frozen=True)
class Compiled:
    """A source's kernels, and the library that runs them."""

    kernels: dict[str, Kernel]
    library: ctypes.PyDLL

    def launch(self, kernel: Kernel, order: LaunchOrder, words: list[int]) -> str | None:
        """Runs `kernel` to its end, and returns an error's text.

        words: Two for each parameter: address and bytes, or bits and 0.
        """
        message = ctypes.create_string_buffer(600)
        given = (ctypes.c_ulonglong * len(words))(*words)
        function = getattr(self.library, f"standin_launch_{kernel.name}")
        failed = function(ctypes.byref(order), given, message, ctypes.c_size_t(len(message)))
        return message.value.decode() if failed else None


@cache
def compiler() -> str | None:
    """The C++ compiler that is there."""
    return shutil.which(os.environ.get("CXX", "g++")) or shutil.which("c++")


def _given(parameter: Parameter, index: int) -> str:
    """C++ of an argument, from its two words."""
    element = f"{'const ' if parameter.constant else ''}{parameter.element}"
    low, size = f"words[{2 * index}]", f"words[{2 * index + 1}]"
    if parameter.pointer:
        start = f"(const char*){low}"
        return f'standin::checked<{element}>{{({element}*){low}, {start}, {start} + {size}, "{parameter.name}"}}'
    return f"standin::from_word<{parameter.element}>({low})"


def _launcher(kernel: Kernel) -> str:
    given = ", ".join(_given(parameter, index) for index, parameter in enumerate(kernel.parameters))
    return (
        f'extern "C" __attribute__((visibility("default"))) int standin_launch_{kernel.name}('
        "const standin::Launch* how, const unsigned long long* words, char* message, size_t length) {\n"
        f"    auto body = [=] {{ {kernel.name}({given}); }};\n"
        f"    return standin::launch(*how, body, {int(kernel.exchanging)}, "
        f'"{kernel.name}", message, length);\n}}\n'
    )


def _head(kernel: Kernel, text: str) -> str:
    """The kernel's head with checked pointers, on as many lines as before."""
    listed = ", ".join(
        f"{'const ' if parameter.constant and not parameter.pointer else ''}"
        + (
            f"standin::checked<{'const ' if parameter.constant else ''}{parameter.element}> {parameter.name}"
            if parameter.pointer
            else f"{parameter.element} {parameter.name}"
        )
        for parameter in kernel.parameters
    )
    return f"static void {kernel.name}({listed}) " + "\n" * text.count("\n", kernel.start, kernel.end)


def host_source(text: str, found: tuple[Kernel, ...], macros: dict[str, str]) -> str:
    """C++ for the host, of the source `text` without comments. Names and macros do not meet those of our headers."""
    parts: list[str] = []
    at = 0
    for kernel in found:
        parts += (text[at : kernel.start], _head(kernel, text))
        at = kernel.end
    rewritten = "".join((*parts, text[at:]))
    rewritten = re.sub(
        r"\bextern\s+__shared__\s+([\w ]+?)\s+(\w+)\s*\[\s*\]\s*;", r"\1* \2 = (\1*)standin::dynamic_shared;", rewritten
    )
    launchers = "".join(_launcher(kernel) for kernel in found)
    defines = "".join(f"#define {name} {value}\n" for name, value in macros.items())
    inside = f'#line 1 "kernels"\n{rewritten}\n#line 1 "launchers"\n{launchers}'
    return f'#include "standin.h"\n{defines}namespace kernels {{\n{inside}}}\n'


def _object(source: str) -> Path:
    """The shared object of the C++ text `source`, compiled if there is none yet."""
    command = compiler()
    if command is None:
        raise SourceError("there is no C++ compiler (g++), which the stand-in compiles kernels with")
    shim = b"".join(path.read_bytes() for path in sorted(_SHIM.iterdir()))
    key = hashlib.sha256(b"\0".join((command.encode(), " ".join(_FLAGS).encode(), shim, source.encode()))).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"nndsl-standin-{os.getuid()}"
    folder.mkdir(exist_ok=True, mode=0o700)
    target = folder / f"{key[:32]}.so"
    if target.exists():
        return target
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        text, made = Path(scratch) / "kernels.cpp", Path(scratch) / "kernels.so"
        text.write_text(source, encoding="utf-8")
        line = [command, *_FLAGS, f"-I{_SHIM}", str(text), "-o", str(made)]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SourceError(f"the kernels do not compile:\n{done.stderr}")
        made.replace(target)
    return target


@cache
def compiled(source: str, options: tuple[str, ...] = ()) -> Compiled:
    """`source` (CUDA C) as something that runs here; `options`: NVRTC's.

    Raises:
        SourceError: It does not compile, or holds a kernel that we do not want.
    """
    text = without_comments(source)
    stray = [option for option in options if not option.startswith(("-D", "-I")) and option not in _OPTIONS]
    if stray:
        raise SourceError(f"options that generated code may not use: {' '.join(stray)}")
    defines = [option[2:].partition("=") for option in options if option.startswith("-D")]
    macros = {name: value for name, _, value in defines}
    found = kernels(text, macros)
    library = ctypes.PyDLL(str(_object(host_source(text, found, macros))))
    return Compiled({kernel.name: kernel for kernel in found}, library)
