"""The runtime section: the text of `nndsl/runtime/standalone/*.py`, made into one part of a module."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.text import ruled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_HOST, _DEVICE = "nndsl.runtime.standalone.", "nndsl.runtime.device."
_FIRST = (
    "program",
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


def joined(modules: Mapping[str, str]) -> Runtime:
    """Modules (name -> text) as one: each behind the siblings that it imports, imports merged, siblings' left out."""
    imports: dict[str, set[str]] = {}
    texts: list[str] = []
    owners: dict[str, str] = {}
    trees = {name: ast.parse(text) for name, text in modules.items()}
    for name in _order(trees):
        tree = trees[name]
        for defined in _definitions(tree.body):
            if defined in owners:
                raise InternalError(f"emit: runtime modules {owners[defined]} and {name} both define {defined}")
            owners[defined] = name
        for module, taken in _imports(tree.body):
            imports.setdefault(module, set()).update(taken)
        texts.append(f"{ruled(name.replace('_', ' '))}\n\n{_without_imports(modules[name], tree)}")
    imported = {alias.partition(" as ")[2] or alias for taken in imports.values() for alias in taken}
    return Runtime(
        {module: frozenset(taken) for module, taken in sorted(imports.items())},
        "\n\n".join(texts),
        frozenset(owners) | imported,
    )


def _order(modules: Mapping[str, ast.Module]) -> list[str]:
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


def _siblings(tree: ast.Module) -> list[str]:
    modules = [statement.module or "" for statement in tree.body if isinstance(statement, ast.ImportFrom)]
    host = [module.removeprefix(_HOST) for module in modules if module.startswith(_HOST)]
    return host + [f"device {module.removeprefix(_DEVICE)}" for module in modules if module.startswith(_DEVICE)]


def _definitions(body: Iterable[ast.stmt]) -> Iterable[str]:
    for statement in body:
        match statement:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
            case _:
                pass


def _imports(body: Iterable[ast.stmt]) -> Iterable[tuple[str, set[str]]]:
    """(module, names) of every import at module level that is not a sibling's; `import x as y` is ("", {"x as y"})."""
    for statement in body:
        match statement:
            case ast.Import(names=names):
                yield "", {_aliased(alias) for alias in names}
            case ast.ImportFrom(module=str(module), names=names, level=0):
                if module != "__future__" and not module.startswith((_HOST, _DEVICE)):
                    yield module, {_aliased(alias) for alias in names}
            case _:
                pass


def _aliased(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _without_imports(text: str, tree: ast.Module) -> str:
    """The text of a module without its imports; its docstring as a comment."""
    lines = text.splitlines()
    dropped: set[int] = set()
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            dropped.update(range(statement.lineno - 1, statement.end_lineno or statement.lineno))
    heading: list[str] = []
    documentation = ast.get_docstring(tree)
    if documentation is not None:
        dropped.update(range(tree.body[0].lineno - 1, tree.body[0].end_lineno or 1))
        heading = [f"# {line}".rstrip() for line in documentation.splitlines()]
    kept = "\n".join(line for number, line in enumerate(lines) if number not in dropped)
    return "\n".join([*heading, "", "", kept.strip("\n"), ""])
