"""The runtime section: the text of `nndsl/runtime/standalone/*.py`, made into one part of a module."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.text import ruled

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOST, _DEVICE = "nndsl.runtime.standalone.", "nndsl.runtime.device."
_FIRST = (
    "alignment",
    "program",
    "shared",
    "processes",
    "workers",
    "tiles",
    "shares",
    "random",
    "kernels",
    "splits",
    "stored",
    "columns",
    "preparing",
    "batches",
    "statistics",
    "data",
    "callbacks",
    "solvers",
    "steps",
    "once",
    "loop",
    "gradient_check",
    "files",
    "runs",
    "shows",
    "networks",
    "main",
)


@dataclass(frozen=True, slots=True)
class Runtime:
    """The pasted modules.

    imports: module name -> names taken from it ("": modules imported whole). text: everything but the imports.
    names: what the text defines or imports at module level.
    """

    imports: Mapping[str, frozenset[str]]
    text: str
    names: frozenset[str]


@cache
def runtime(*, device: bool = False) -> Runtime:
    """The runtime's modules as they lie in the package. Raises InternalError where they can't be joined into one.

    device: with those that run steps on a device.
    """
    modules = _texts("standalone", "")
    return joined(modules | _texts("device", "device ") if device else modules)


def _texts(folder: str, before: str) -> dict[str, str]:
    """The texts of a folder's modules by name, with `before` in front of each."""
    return {
        before + entry.name.removesuffix(".py"): entry.read_text(encoding="utf-8")
        for entry in (resources.files("nndsl") / "runtime" / folder).iterdir()
        if entry.name.endswith(".py") and entry.name != "__init__.py"
    }


@dataclass(frozen=True, slots=True)
class _Module:
    """What the top level of a module's text says, as far as joining it with others needs it.

    imports: (module, names as they are written) of each import, "" for modules imported whole. defined: the names that
    functions, classes and assignments give. text: without imports, the documentation as a comment.
    """

    imports: tuple[tuple[str, tuple[str, ...]], ...]
    defined: tuple[str, ...]
    text: str


_STRING = re.compile(r'""".*?"""', re.DOTALL)
_IMPORT = re.compile(r"^(?:from (\S+) import (\([^)]*\)|[^\n(]+)|import ([^\n]+))\n", re.MULTILINE)
_DEFINED = re.compile(r"^(?:def|class) (\w+)|^(\w+)(?:: [^=\n]+)? = ", re.MULTILINE)


def _read(text: str) -> _Module:
    """The module of that text, which is laid out as the package's own are. Parsing them all would take 40 ms."""
    documentation = _STRING.match(text)
    bare = _STRING.sub(_blank, text)
    imports: list[tuple[str, tuple[str, ...]]] = []
    kept: list[str] = []
    behind = documentation.end() if documentation is not None else 0
    for found in _IMPORT.finditer(bare):
        module, taken, whole = found.groups()
        names = (name.strip() for name in (taken or whole).strip("()").split(","))
        imports.append((module or "", tuple(name for name in names if name)))
        kept.append(text[behind : found.start()])
        behind = found.end()
    kept.append(text[behind:])
    heading = [] if documentation is None else _comment(documentation[0][3:-3])
    return _Module(
        tuple(imports),
        tuple(found[1] or found[2] for found in _DEFINED.finditer(bare)),
        "\n".join([*heading, "", "", "".join(kept).strip("\n"), ""]),
    )


def _blank(string: re.Match[str]) -> str:
    """As long, on as many lines."""
    return "\n".join(" " * len(line) for line in string[0].split("\n"))


def _comment(documentation: str) -> list[str]:
    return [f"# {line}".rstrip() for line in documentation.strip().splitlines()]


def joined(modules: Mapping[str, str]) -> Runtime:
    """Modules (name -> text) as one: each behind the siblings that it imports, imports merged, siblings' left out."""
    imports: dict[str, set[str]] = {}
    texts: list[str] = []
    owners: dict[str, str] = {}
    read = {name: _read(text) for name, text in modules.items()}
    for name in _order(read):
        for defined in read[name].defined:
            if owners.setdefault(defined, name) != name:
                raise InternalError(f"emit: runtime modules {owners[defined]} and {name} both define {defined}")
        for module, taken in read[name].imports:
            if module != "__future__" and not module.startswith((_HOST, _DEVICE)):
                imports.setdefault(module, set()).update(taken)
        texts.append(f"{ruled(name.replace('_', ' '))}\n\n{read[name].text}")
    imported = {alias.partition(" as ")[2] or alias for taken in imports.values() for alias in taken}
    return Runtime(
        {module: frozenset(taken) for module, taken in sorted(imports.items())},
        "\n\n".join(texts),
        frozenset(owners) | imported,
    )


def _order(modules: Mapping[str, _Module]) -> list[str]:
    """Each module behind those of its siblings that it imports; otherwise in the order in which they are read best."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name not in ordered:
            for sibling in _siblings(modules[name]):
                visit(sibling)
            ordered.append(name)

    for name in (*(name for name in _FIRST if name in modules), *sorted(modules)):
        visit(name)
    return ordered


def _siblings(module: _Module) -> list[str]:
    imported = [name for name, _ in module.imports]
    host = [name.removeprefix(_HOST) for name in imported if name.startswith(_HOST)]
    return host + [f"device {name.removeprefix(_DEVICE)}" for name in imported if name.startswith(_DEVICE)]
