"""Where windows stand over the leading axes of a value, and how what goes through them is written in NumPy.

Each sample is [lengths, rest]: windows go over the first axes, one for each number of `sizes`, and take the rest whole.
Window number w along an axis begins at element `w * stride - before`; its elements are `dilation` apart; there are
`counts` of them. What lies outside of the value counts as 0 in copies and sums and is never the largest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.op import NumpyRule, RuleError
from nndsl.ir.types import Kind
from nndsl.ops.rules import integers
from nndsl.ops.text import derived, over_arrays, tuple_text, workspace_rule
from nndsl.records import record

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attributes, Emission
    from nndsl.ir.types import TensorType
    from nndsl.ops.text import Define, Scratch

PITCH = ("before", "dilations", "strides")
"""How windows stand, besides their sizes: the attributes that all ops over windows have."""


# ------------------------------------------------------------------------------------------------ geometry


@record
class Geometry:
    """Where windows stand over an array: a number for each axis that they go over."""

    lengths: tuple[int, ...]
    counts: tuple[int, ...]
    sizes: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]

    def elements(self, axis: int) -> list[int]:
        """The element at each place of each window along an axis; some may lie outside of the array."""
        start, stride, dilation = -self.before[axis], self.strides[axis], self.dilations[axis]
        return [
            start + window * stride + place * dilation
            for window in range(self.counts[axis])
            for place in range(self.sizes[axis])
        ]

    @property
    def axes(self) -> range:
        """The axes that windows go over."""
        return range(len(self.sizes))

    @property
    def overlap(self) -> bool:
        """Whether an element may lie in two windows."""
        return any(len(set(found := self.elements(axis))) < len(found) for axis in self.axes)

    @property
    def reach_outside(self) -> bool:
        """Whether a window has places outside of the array."""
        return any(min(found := self.elements(axis)) < 0 or max(found) >= self.lengths[axis] for axis in self.axes)

    @property
    def cover(self) -> bool:
        """Whether every element lies in a window."""
        return all({*range(self.lengths[axis])} <= {*self.elements(axis)} for axis in self.axes)


def _geometry(
    holder: Attributes | Node, lengths: tuple[int, ...], counts: tuple[int, ...], sizes: tuple[int, ...]
) -> Geometry:
    before, dilations, strides = (integers(holder, name) for name in PITCH)
    found = Geometry(lengths, counts, sizes, strides, dilations, before)
    if len({len(numbers) for numbers in (lengths, counts, sizes, strides, dilations, before)}) != 1 or not sizes:
        raise InternalError(f"ops: windows need numbers for the same axes, not {found}")
    for name, numbers in (("size", sizes), ("stride", strides), ("dilation", dilations)):
        if min(numbers) < 1:
            raise RuleError(f"a window's {name} must be at least 1, and this is {min(numbers)}", 0)
    if min(counts) < 1:
        raise RuleError(f"no window fits into {list(lengths)}", 0)
    return found


def _leading(type: TensorType, axes: int) -> tuple[int, ...]:
    if type.rank < axes:
        raise RuleError(f"windows over {axes} axes of {type.shape_text}, which has {type.rank}", 0)
    return type.shape[:axes]


def pooling(holder: Attributes | Node, x: TensorType) -> Geometry:
    """Geometry of an op from [lengths, rest]; `counts` and `sizes` are attributes."""
    sizes = integers(holder, "sizes")
    return _geometry(holder, _leading(x, len(sizes)), integers(holder, "counts"), sizes)


def spreading(holder: Attributes | Node, sums: TensorType) -> Geometry:
    """Geometry of an op from [counts, rest]; `lengths` and `sizes` are attributes."""
    sizes = integers(holder, "sizes")
    return _geometry(holder, integers(holder, "lengths"), _leading(sums, len(sizes)), sizes)


def folding(holder: Attributes | Node, windows: TensorType) -> Geometry:
    """Geometry of an op from [counts, sizes, rest]; `lengths` is an attribute."""
    lengths = integers(holder, "lengths")
    axes = len(lengths)
    counts = _leading(windows, 2 * axes)[:axes]
    return _geometry(holder, lengths, counts, windows.shape[axes : 2 * axes])


def putting(holder: Attributes | Node, values: TensorType, x: TensorType) -> Geometry:
    """Geometry of an op from [counts, rest] and [lengths, rest]; `sizes` is an attribute."""
    sizes = integers(holder, "sizes")
    return _geometry(holder, _leading(x, len(sizes)), _leading(values, len(sizes)), sizes)


def pitch(node: Node) -> dict[str, tuple[int, ...]]:
    """The attributes that a gradient's windows share with the node's."""
    return {name: integers(node, name) for name in PITCH}


# ------------------------------------------------------------------------------------------------ source


def pitch_text(node: Node) -> str:
    """`, strides=(2, 2), before=(1, 1)`: what is not 1 (or 0, before) along every axis."""
    found = ((name, integers(node, name), int(name != "before")) for name in ("strides", "dilations", "before"))
    return "".join(
        f", {name}={tuple_text(numbers)}" for name, numbers, usual in found if any(n != usual for n in numbers)
    )


def samples_text(e: Emission, array: str) -> str:
    """The runtime's functions take arrays with an axis of samples in front."""
    return array if e.node.type.kind is Kind.SAMPLE else f"{array}[None]"


def call_text(name: str, *numbers: str) -> Callable[[Emission], str]:
    """The textbook form: the runtime's function over the operands, with some attributes by position."""

    def expression(e: Emission) -> str:
        arrays = ", ".join(samples_text(e, operand) for operand in e.operands)
        given = "".join(f", {tuple_text(integers(e.node, number))}" for number in numbers)
        text = f"{name}({arrays}{given}{pitch_text(e.node)})"
        return text if e.node.type.kind is Kind.SAMPLE else f"{text}[0]"

    return expression


def define_parts(e: Emission, define: Define, kind: str, name: str, small: str, large: str, more: str = "") -> str:
    """Defines the runtime's list of parts of two arrays."""
    arrays = f"{samples_text(e, small)}, {samples_text(e, large)}"
    return define(derived(name, "parts"), f"{kind}_parts({arrays}{more}{pitch_text(e.node)})")


def windows_rule(
    expression: Callable[[Emission], str],
    write: Callable[[Emission, Define], list[str]],
    *runtime: str,
    scratch: Callable[[Node], tuple[Scratch, ...]] | None = None,
) -> NumpyRule:
    """A rule over arrays, whose planned form is written by `write`; `runtime`: names of the functions that it calls."""
    return over_arrays(workspace_rule(expression, write, scratch=scratch, runtime=runtime))


def sizes_text(node: Node) -> str:
    """`, (2, 2)`: the sizes as a further argument."""
    return f", {tuple_text(integers(node, 'sizes'))}"
