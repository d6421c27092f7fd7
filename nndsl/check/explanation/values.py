"""Compile-time values as a `.nn` file writes them."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, cast

from nndsl.check.values import Option
from nndsl.ir import DType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.check.values import Value
    from nndsl.ir import Attribute, TensorType


def written(value: Value | Attribute) -> str | None:
    """A number, a text, a list of them or an option as it is written; None for anything else."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
            return f'"{escaped}"' if escaped.isprintable() else None
        case tuple():
            items = [written(item) for item in cast("tuple[Value, ...]", value)]
            known = [item for item in items if item is not None]
            return f"[{', '.join(known)}]" if len(known) == len(items) else None
        case Option(name=name):
            return name
        case _:
            return None


def _number(value: float) -> str | None:
    if not isfinite(value):
        return None
    text = repr(value)
    return text.replace("e-0", "e-").replace("e+0", "e+") if "e" in text else text


def written_type(type: TensorType) -> str:
    """`[8, 8]`, `int[20]`: a type as a pattern of an `input`."""
    return type.shape_text if type.dtype is DType.FLOAT else f"{type.dtype.value}{type.shape_text}"


def listed(names: Sequence[str], most: int = 6) -> str:
    """`a, b, c, ...`."""
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])
