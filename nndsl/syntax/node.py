"""What all nodes of the tree are: frozen records, cheap to define.

`dataclass(frozen=True)` spends half a millisecond on each class at import, which for the tree's classes was more than
reading a whole file. This does the same for less: one short function is compiled for each class.
"""

from __future__ import annotations

from typing import Any, ClassVar, dataclass_transform


@dataclass_transform(frozen_default=True)
class Node:
    """A frozen record of the fields that a subclass annotates, equal to another with equal fields."""

    __match_args__: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        names = tuple(cls.__annotations__)
        cls.__match_args__ = names
        parameters = [f"{name}=cls.{name}" if name in cls.__dict__ else name for name in names]
        items = ", ".join(f"{name!r}: {name}" for name in names)
        source = f"def __init__(self, {', '.join(parameters)}):\n    fill(self, '__dict__', {{{items}}})\n"
        made: dict[str, Any] = {"cls": cls, "fill": object.__setattr__}
        exec(source, made)  # noqa: S102 - the source is made of this package's own field names, as dataclasses do it
        cls.__init__ = made["__init__"]

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: `{name}` cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen: `{name}` cannot be deleted")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((type(self), *self.__dict__.values()))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"
