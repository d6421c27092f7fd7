"""Records: frozen dataclasses, cheap to make, for what a compile makes tens of thousands of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

Class = TypeVar("Class")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def record(cls: type[Class]) -> type[Class]:
    """As `dataclass(frozen=True, slots=True)`: equal to another with equal fields, and a key where its fields are.

    The type checker holds a record frozen. While a program runs nothing does: a frozen dataclass sets each of its
    fields by a call, which takes as long as all else that a compile does with it.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
