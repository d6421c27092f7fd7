"""Names of values, for classes and categories, as generated programs name them (`runtime/standalone/columns.py`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_WIDE_BYTES = 1 << 26
"""NumPy keeps text as wide as its longest cell; columns that would take more than this are kept as long as they are."""


def text_dtype(wide: int) -> Any:
    """NumPy's type for a column of text that would take `wide` bytes if all cells were as wide as the widest."""
    import numpy as np

    any_width: Any = getattr(getattr(np, "dtypes", None), "StringDType", None)
    return np.str_ if any_width is None or wide <= MOST_WIDE_BYTES else any_width()


def text_array(texts: Sequence[str]) -> NDArray[Any]:
    """A column of these texts."""
    import numpy as np

    return np.array(texts, text_dtype(4 * len(texts) * max([1, *map(len, texts)])))


def number_name(value: Any) -> str:
    """The name of a number: "3" for 3 and 3.0, "0.5"; "" for nan."""
    if value != value:
        return ""
    number = float(value)
    return str(int(value)) if abs(number) < 1e15 and number == int(number) else str(value)


def column_names(values: NDArray[Any]) -> tuple[str, ...]:
    """The different names among a column's values, in their order, without the missing ones."""
    import numpy as np

    unique = np.unique(values)
    match values.dtype.kind:
        case "U" | "T":
            names = [str(value) for value in unique]
        case "b":
            names = ["true" if value else "false" for value in unique]
        case _:
            names = [number_name(value) for value in unique]
    return sorted_names(names)


def sorted_names(names: Iterable[str]) -> tuple[str, ...]:
    """Different names by value where all are numbers, by letters otherwise; "" (missing) is left out."""
    different = sorted(set(names) - {""})
    try:
        return tuple(sorted(different, key=float))
    except ValueError:
        return tuple(different)
