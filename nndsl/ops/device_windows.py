"""One element of an op over windows, in C: each looks for itself what it takes, so no two threads write to one place.

Where windows stand is in `geometry`: window w along an axis begins at `w * stride - before`, its places are `dilation`
apart. Loops over places are short, and known when compiling.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from nndsl.ir.types import DType
from nndsl.ops.device import accumulated, inside, joined

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nndsl.ir.device import Element
    from nndsl.ops.geometry import Geometry


def windows_element(e: Element, g: Geometry) -> str:
    """Of [counts, sizes, rest]: what the window has at the place; 0 outside."""
    axes = len(g.sizes)
    windows, places, rest = e.axes[:axes], e.axes[axes : 2 * axes], e.axes[2 * axes :]
    at = _positions(e, g, windows, places)
    if not g.reach_outside:
        return e.read(0, (*at, *rest))
    found = accumulated(e)
    with e.when(_all_inside(g, at)):
        e.set(found, e.read(0, (*at, *rest)))
    return found


def sum_element(e: Element, g: Geometry) -> str:
    """Of [counts, rest]: the sum of the window."""
    total = accumulated(e)
    with _places(e, g) as (at, _):
        e.set(total, f"{total} + {e.read(0, (*at, *e.axes[len(g.sizes) :]))}")
    return total


def max_element(e: Element, g: Geometry) -> str:
    """Of [counts, rest]: the largest of the window."""
    largest = e.variable(DType.FLOAT, "-INFINITY")
    with _places(e, g) as (at, _):
        e.set(largest, f"larger({largest}, {e.read(0, (*at, *e.axes[len(g.sizes) :]))})")
    return largest


def take_element(e: Element, g: Geometry) -> str:
    """Of [counts, rest]: operand 0 where operand 1 has the window's first maximum."""
    rest = e.axes[len(g.sizes) :]
    found, largest = accumulated(e), e.variable(DType.FLOAT, "-INFINITY")
    with _places(e, g) as (at, _):
        x = e.let(e.read(1, (*at, *rest)), "real")
        with e.when(f"{x} > {largest}"):
            e.set(largest, x)
            e.set(found, e.read(0, (*at, *rest)))
    return found


def fold_element(e: Element, g: Geometry) -> str:
    """Of [lengths, rest]: the sum over the windows and places that are here."""
    total = accumulated(e)
    with _windows_here(e, g) as (windows, places):
        e.set(total, f"{total} + {e.read(0, (*windows, *places, *e.axes[len(g.sizes) :]))}")
    return total


def spread_element(e: Element, g: Geometry) -> str:
    """Of [lengths, rest]: the sum of what the windows have that reach here."""
    total = accumulated(e)
    with _windows_here(e, g) as (windows, _):
        e.set(total, f"{total} + {e.read(0, (*windows, *e.axes[len(g.sizes) :]))}")
    return total


def put_element(e: Element, g: Geometry) -> str:
    """Of [lengths, rest]: the sum of what the windows have whose first maximum is here."""
    rest = e.axes[len(g.sizes) :]
    total = accumulated(e)
    here = e.let(e.read(1, e.axes), "real")
    with _windows_here(e, g) as (windows, places):
        first = e.variable(DType.BOOL, "true")
        mine = _number(g, places)
        with _places(e, g, windows) as (at, others):
            x = e.let(e.read(1, (*at, *rest)), "real")
            e.set(first, f"{first} && !({x} > {here} || ({x} == {here} && {_number(g, others)} < {mine}))")
        with e.when(first):
            e.set(total, f"{total} + {e.read(0, (*windows, *rest))}")
    return total


def _positions(e: Element, g: Geometry, windows: Sequence[str], places: Sequence[str]) -> tuple[str, ...]:
    """Where along each axis the place of a window is."""
    found: list[str] = []
    for axis, (window, place) in enumerate(zip(windows, places, strict=True)):
        terms = [_scaled(window, g.strides[axis]), _scaled(place, g.dilations[axis])]
        text = " + ".join(term for term in terms if term != "0") or "0"
        found.append(e.let(f"{text} - {g.before[axis]}" if g.before[axis] else text))
    return tuple(found)


def _scaled(text: str, factor: int) -> str:
    return text if factor == 1 or text == "0" else f"{text} * {factor}"


def _all_inside(g: Geometry, at: Sequence[str]) -> str:
    return joined([inside(position, length) for position, length in zip(at, g.lengths, strict=True)])


def _number(g: Geometry, places: Sequence[str]) -> str:
    """Which place of the window, in row-major order."""
    text = "0"
    for place, size in zip(places, g.sizes, strict=True):
        text = place if text == "0" else f"({text} * {size} + {place})"
    return text


@contextmanager
def _places(
    e: Element, g: Geometry, windows: Sequence[str] | None = None
) -> Generator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Goes through the places of a window (the element's own, or another) in the array: (positions, places)."""
    with ExitStack() as stack:
        places = _each_place(e, g, stack)
        at = _positions(e, g, e.axes[: len(g.sizes)] if windows is None else windows, places)
        if g.reach_outside:
            stack.enter_context(e.when(_all_inside(g, at)))
        yield at, places


@contextmanager
def _windows_here(e: Element, g: Geometry) -> Generator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Goes through the places that windows may have where the element is, and the windows that have it: both."""
    with ExitStack() as stack:
        places = _each_place(e, g, stack)
        windows: list[str] = []
        for axis, place in enumerate(places):
            stride, before, taken = g.strides[axis], g.before[axis], _scaled(place, g.dilations[axis])
            first = e.axes[axis] + (f" + {before}" if before else "") + (f" - {taken}" if taken != "0" else "")
            first = e.let(first)
            conditions = [f"{first} >= 0"] + ([f"{first} % {stride} == 0"] if stride > 1 else [])
            stack.enter_context(e.when(joined(conditions)))
            window = first if stride == 1 else e.let(f"{first} / {stride}")
            stack.enter_context(e.when(f"{window} < {g.counts[axis]}"))
            windows.append(window)
        yield tuple(windows), places


def _each_place(e: Element, g: Geometry, stack: ExitStack) -> tuple[str, ...]:
    return tuple([stack.enter_context(e.loop(str(size))) if size > 1 else "0" for size in g.sizes])
