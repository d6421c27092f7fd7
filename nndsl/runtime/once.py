"""What is computed once for the data set, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics.amounts import in_bytes

if TYPE_CHECKING:
    from nndsl.ir.program import Once

_NAMES = 3


def once_told(once: Once, float_bytes: int, rows: int) -> str:
    """What is kept for so many rows, and what that spares."""
    from nndsl.plan import bytes_of_row

    numbers = sum(type.size for _, type in once.values)
    names = ", ".join(once.places[:_NAMES])
    more = len(once.places) - _NAMES
    names += f" and {more} more" if more > 0 else ""
    size = f"{numbers:,} value{'' if numbers == 1 else 's'} a row, {in_bytes(rows * bytes_of_row(once, float_bytes))}"
    verb = "is" if len(once.places) == 1 else "are"
    spared = f"which spares {once.spared:.0%} of a step's arithmetic"
    return f"{names} ({size}) {verb} computed once for the data set, {spared}"
