"""What the kernels of a CUDA C source are called and take, read from its text."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCALARS = {
    "float": "float32",
    "double": "float64",
    "int": "int32",
    "unsigned": "uint32",
    "unsigned int": "uint32",
    "long long": "int64",
    "unsigned long long": "uint64",
    "bool": "bool",
    "char": "int8",
    "signed char": "int8",
    "unsigned char": "uint8",
    "short": "int16",
    "unsigned short": "uint16",
    "__nv_bfloat16": "uint16",
}
"""NumPy's name of each type that a parameter may have. NumPy has no bfloat16: its bits lie in uint16."""

VECTORS = {
    "float2": "float32",
    "float4": "float32",
    "double2": "float64",
    "int2": "int32",
    "int4": "int32",
    "uint2": "uint32",
    "uint4": "uint32",
    "__nv_bfloat162": "uint16",
}

_KERNEL = re.compile(
    r'(?P<linkage>extern\s+"C"\s+)?__global__\s+(?:__launch_bounds__\s*\((?P<before>[^()]*)\)\s*)?void\s+'
    r"(?:__launch_bounds__\s*\((?P<after>[^()]*)\)\s*)?(?P<name>\w+)\s*\((?P<parameters>[^()]*)\)\s*\{"
)
_FUNCTION = re.compile(r"__device__[^;{}()]*?(\w+)\s*\([^{};]*\)\s*\{")
_BARRIER = re.compile(r"\b__(?:sync\w+|shfl_\w+)\b")
_ALIAS = re.compile(r"\btypedef\s+([\w ]+?)\s+(\w+)\s*;|\busing\s+(\w+)\s*=\s*([\w ]+?)\s*;")


class SourceError(Exception):
    """A kernel's source that the device's compiler, or CuPy, would not take, or that we do not want."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a kernel; `dtype` is NumPy's name, of the elements where it is a pointer."""

    name: str
    dtype: str
    element: str
    pointer: bool
    constant: bool
    restrict: bool


@dataclass(frozen=True)
class Kernel:
    """A kernel's signature. `exchanging`: its threads wait for each other, or warps exchange values."""

    name: str
    parameters: tuple[Parameter, ...]
    most_threads: int
    exchanging: bool
    start: int
    end: int
    """Where its head, up to the brace, stands in the text without comments."""


def without_comments(text: str) -> str:
    """`text` with its comments as blanks: every place stays where it was."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match.group()), text, flags=re.DOTALL)


def _body(text: str, brace: int) -> str:
    depth = 0
    for at in range(brace, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return text[brace:at]
    raise SourceError("a brace is never closed")


def _barrier_functions(text: str) -> set[str]:
    """Names of device functions in which threads wait for each other, through others too."""
    bodies = {match.group(1): _body(text, match.end() - 1) for match in _FUNCTION.finditer(text)}
    found: set[str] = set()
    while True:
        more = {name for name, body in bodies.items() if name not in found and _exchanges(body, found)}
        if not more:
            return found
        found |= more


def _exchanges(body: str, functions: set[str]) -> bool:
    return bool(_BARRIER.search(body)) or any(re.search(rf"\b{name}\b", body) for name in functions)


def _parameter(text: str, kernel: str, aliases: dict[str, str]) -> Parameter:
    words = re.findall(r"\w+|\*", text)
    name, pointer = words[-1], "*" in words
    known = ("const", "__restrict__", "*", name)
    element = " ".join(word for word in words if word not in known)
    while element in aliases:
        element = aliases[element]
    dtype = SCALARS.get(element) or (VECTORS.get(element) if pointer else None)
    if dtype is None or words.count("*") > 1:
        raise SourceError(f"kernel {kernel}: parameter `{text.strip()}` has no type that arguments are checked for")
    return Parameter(name, dtype, element, pointer, "const" in words, "__restrict__" in words)


def kernels(text: str, defined: dict[str, str]) -> tuple[Kernel, ...]:
    """The kernels of `text`, which is without comments; `defined` are the compiler's macros (types, mostly)."""
    aliases = defined | {new or other: old or target for old, new, other, target in _ALIAS.findall(text)}
    exchanging = _barrier_functions(text)
    found: list[Kernel] = []
    for match in _KERNEL.finditer(text):
        name = match["name"]
        if not match["linkage"]:
            raise SourceError(f'kernel {name}: without extern "C", a module has no function of that name')
        listed = [part for part in match["parameters"].split(",") if part.strip()]
        bounds = match["before"] or match["after"]
        parameters = tuple(_parameter(part, name, aliases) for part in listed)
        waits = _exchanges(_body(text, match.end() - 1), exchanging)
        most = int(bounds.split(",")[0]) if bounds else 1024
        found.append(Kernel(name, parameters, most, waits, match.start(), match.end() - 1))
    if len(found) != len(re.findall(r"\b__global__\b", text)):
        raise SourceError(
            f"of {len(re.findall('__global__', text))} kernels, {len(found)} have a head that was understood"
        )
    return tuple(found)
