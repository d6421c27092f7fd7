"""Scopes of whole files: the library with the builtins at the bottom, a file's own definitions above."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from nndsl.check import library
from nndsl.check.builtins import BUILTINS
from nndsl.check.scope import Scope
from nndsl.check.values import Function, Layer, Optimizer, Value
from nndsl.diagnostics import InternalError
from nndsl.syntax import tree


class LibraryScope(Scope):
    """Everything that a program finds without saying where: the library, parsed as it is used, and the builtins."""

    def find(self, name: str) -> Value | None:
        """A library item or a builtin."""
        known = self.names.get(name)
        if known is None:
            definition = library.definition(name)
            if definition is not None:
                known = defined(definition, self)
            elif name in BUILTINS:
                known = Function(BUILTINS[name], None)
            elif name == "pi":
                known = 3.141592653589793
            if known is not None:
                self.names[name] = known
        return known

    def own_names(self) -> Iterator[str]:
        """Every library item and builtin."""
        yield from (name for name in library.index() if " " not in name)
        yield from BUILTINS


def defined(definition: tree.Definition, scope: Scope) -> Value:
    """What a definition of a layer, function, metric or optimizer stands for. Models are made elsewhere."""
    match definition.kind:
        case "layer":
            return Layer(definition, scope)
        case "function" | "metric":
            return Function(definition, scope)
        case "optimizer":
            return Optimizer(definition, scope)
        case _:
            raise InternalError(f"check: a {definition.kind} can't be defined here")


@cache
def library_scope() -> LibraryScope:
    """The one library scope. Library definitions hold no state, so all checks share it."""
    return LibraryScope()
