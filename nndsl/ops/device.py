"""What the rules for devices share: reductions, and pieces of C."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.device import Reduction
from nndsl.ir.types import DType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.ir.device import Element

C_TYPES = {DType.FLOAT: "real", DType.INT: "int", DType.BOOL: "bool", DType.NARROW: "narrow"}
"""What kernels call each kind of number."""


def zero(dtype: DType) -> str:
    """0 of a number type, in C."""
    return "false" if dtype is DType.BOOL else f"{C_TYPES[dtype]}(0)"


def sum_over(axes: tuple[int, ...], samples: bool, dtype: DType) -> Reduction:
    """The sum over axes."""
    return Reduction(
        axes,
        samples,
        ((C_TYPES[dtype], "0"),),
        lambda sums, x, _: [f"{sums[0]} += {x};"],
        lambda sums, others: [f"{sums[0]} += {others[0]};"],
        lambda sums: sums[0],
    )


def extreme_over(axes: tuple[int, ...], dtype: DType, function: str) -> Reduction:
    """The largest or the smallest over axes. function: "larger" or "smaller"."""
    sign = "-" if function == "larger" else ""
    first = f"{sign}INFINITY" if dtype is DType.FLOAT else f"{sign}2147483647"
    return Reduction(
        axes,
        False,
        ((C_TYPES[dtype], first),),
        lambda best, x, _: [f"{best[0]} = {function}({best[0]}, {x});"],
        lambda best, others: [f"{best[0]} = {function}({best[0]}, {others[0]});"],
        lambda best: best[0],
    )


def position_over(axis: int, dtype: DType, function: str) -> Reduction:
    """Where along the axis the first extreme is. function: "larger" or "smaller"."""
    return Reduction(
        (axis,),
        False,
        ((C_TYPES[dtype], "0"), ("int", "-1")),
        lambda best, x, position: [f"keep_{function}({best[0]}, {best[1]}, {x}, {position});"],
        lambda best, others: [f"keep_{function}({best[0]}, {best[1]}, {others[0]}, {others[1]});"],
        lambda best: best[1],
    )


def inside(position: str, size: int) -> str:
    """Whether a position lies within an axis."""
    return f"{position} >= 0 && {position} < {size}"


def accumulated(e: Element, dtype: DType = DType.FLOAT) -> str:
    """A variable that begins with 0."""
    return e.variable(dtype, zero(dtype))


def joined(conditions: Sequence[str]) -> str:
    """All of the conditions."""
    return " && ".join(conditions) or "true"
