"""Records: frozen dataclasses, cheap to define and cheap to make.

Nearly all that a compile makes is one, and a program that starts defines a hundred of them.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[Class]) -> type[Class]:
    """As `dataclass(frozen=True, slots=True)`: equal to another with equal fields, and a key where its fields are.

    The type checker holds a record frozen. While a program runs nothing does: a frozen dataclass sets each of its
    fields by a call, which takes as long as all else that a compile does with it. Its methods are compiled in one go,
    where `dataclass` takes half a millisecond to compile them one by one.
    """
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    known: dict[str, Any] = {"cls": made}
    parameters: list[str] = []
    body: list[str] = []
    for each in fields(made):
        name, value = each.name, each.name
        if each.default is not MISSING:
            known[f"default_{name}"] = each.default
        elif each.default_factory is not MISSING:
            known[f"default_{name}"] = MISSING
            known[f"make_{name}"] = each.default_factory
            value = f"make_{name}() if {name} is default_{name} else {name}"
        parameters.append(f"{name}=default_{name}" if f"default_{name}" in known else name)
        body.append(f"    self.{name} = {value}")
    own, other = (f"({''.join(f'{it}.{each.name}, ' for each in fields(made))})" for it in ("self", "other"))
    source = [
        f"def __init__(self, {', '.join(parameters)}):",
        *(body or ["    pass"]),
        "def __eq__(self, other):",
        f"    return {own} == {other} if other.__class__ is self.__class__ else NotImplemented",
        "def __hash__(self):",
        f"    return hash({own})",
    ]
    exec("\n".join(source), known)  # noqa: S102 - made of this package's own field names, as dataclasses do it
    made.__init__, made.__eq__, made.__hash__, made.__repr__ = (
        known["__init__"],
        known["__eq__"],
        known["__hash__"],
        _described,
    )
    return made


def _described(self: Any) -> str:
    values = [f"{each.name}={getattr(self, each.name)!r}" for each in fields(self) if each.repr]
    return f"{type(self).__qualname__}({', '.join(values)})"
