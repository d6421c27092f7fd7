"""Arithmetic of compile-time values: numbers, truth values, texts, options and lists of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from nndsl.check.endless import refuse_long
from nndsl.check.values import Argument, Number, Option, Value, describe

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.source import Span

LARGEST = 2**63
"""Whole numbers beyond this are a mistake, not a size."""


def is_compile_time(value: Value) -> bool:
    """Whether a value is known before anything runs."""
    if isinstance(value, tuple):
        return all(is_compile_time(item) for item in value)
    return isinstance(value, bool | int | float | str | Option)


def _quotient(a: Number, b: Number) -> Number:
    """`/`: whole where both are whole and it comes out so."""
    return a // b if isinstance(a, int) and isinstance(b, int) and a % b == 0 else a / b


def _power(a: Number, b: Number) -> Number:
    """`^` without numbers of more digits than anyone means."""
    return float(a) ** b if abs(b) > 64 else a**b


_ARITHMETIC: dict[str, Callable[[Number, Number], Number]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": _quotient,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "^": _power,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def folded(context: Context, symbol: str, left: Argument, right: Argument, span: Span) -> Value | None:
    """`left symbol right` of compile-time values. None for arithmetic of lists, which are arrays."""
    a, b = left.value, right.value
    if symbol in ("and", "or"):
        if isinstance(a, bool) and isinstance(b, bool):
            return (a and b) if symbol == "and" else (a or b)
        raise context.mistake("NN206", f"`{symbol}` joins truth values", span)
    if symbol in ("==", "!="):
        same = a == b and isinstance(a, bool) == isinstance(b, bool)
        return same if symbol == "==" else not same
    if isinstance(a, tuple) and isinstance(b, tuple) and symbol == "+":
        refuse_long(context, (a, b), span)
        return (*a, *b)
    if isinstance(a, tuple) or isinstance(b, tuple):
        return None
    if not isinstance(a, bool | int | float) or not isinstance(b, bool | int | float):
        what = describe(b if isinstance(a, bool | int | float) else a)
        raise context.mistake("NN206", f"`{symbol}` wants numbers, not {what}", span)
    try:
        result = _ARITHMETIC[symbol](a, b)
    except ZeroDivisionError:
        raise context.mistake("NN208", "this divides by zero", span) from None
    except OverflowError:
        raise context.mistake("NN208", "this number is too large", span) from None
    if isinstance(result, complex):
        raise context.mistake("NN208", "this has no real value", span)
    if isinstance(result, int) and abs(result) > LARGEST:
        raise context.mistake("NN208", "this number is too large", span)
    return result
