"""Where names are looked up: a body's own names, then its file's, then the library's and the builtins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nndsl.check.values import Value
    from nndsl.source import Span


class Scope:
    """Names and their values. Layers, functions and models have their own; `if`, `for` and `repeat` share it.

    dots: what `...` stands for in this body's patterns, as `dots_from` bound it first. options: words that the
    parameters of this body offer.
    """

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self.names: dict[str, Value] = {}
        self.spans: dict[str, Span] = {}
        self.used: set[Span] = parent.used if parent is not None else set()
        self.dots: tuple[int, ...] | None = None
        self.dots_from: str = ""
        self.options: frozenset[str] = frozenset()

    def lookup(self, name: str) -> Value | None:
        """The value of `name` here or further out, or None; remembers that it was used."""
        scope: Scope | None = self
        while scope is not None:
            value = scope.find(name)
            if value is not None:
                if name in scope.spans:
                    self.used.add(scope.spans[name])
                return value
            scope = scope.parent
        return None

    def find(self, name: str) -> Value | None:
        """The value of `name` in this scope itself."""
        return self.names.get(name)

    def bind(self, name: str, value: Value, span: Span | None = None) -> None:
        """Let `name` stand for `value` from here on. With a `span`, a binding that is never read is warned about."""
        self.names[name] = value
        if span is not None:
            self.spans[name] = span
        else:
            self.spans.pop(name, None)

    def visible(self) -> Iterator[str]:
        """Every name that could be meant here, for "did you mean"."""
        scope: Scope | None = self
        while scope is not None:
            yield from scope.own_names()
            scope = scope.parent

    def own_names(self) -> Iterator[str]:
        """The names of this scope itself."""
        yield from self.names
        yield from self.options
