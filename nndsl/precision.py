"""What networks are computed in: the program's floats, and what matrix products make of them."""

from __future__ import annotations

PRECISIONS = ("float32", "float64", "tf32", "bfloat16")
"""What a user may ask for. With the last two, which are for a GPU, all but the products is of float32."""


def floats_of(precision: str) -> str:
    """NumPy's name of the floats: "float32" or "float64"."""
    return "float64" if precision == "float64" else "float32"


def float_bytes(precision: str) -> int:
    """What a float takes."""
    return 8 if precision == "float64" else 4


def products_of(precision: str) -> str | None:
    """What products are narrowed to, "tf32" or "bfloat16"; None where they are exact."""
    return precision if precision in ("tf32", "bfloat16") else None
