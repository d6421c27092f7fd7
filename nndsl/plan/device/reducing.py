"""Reductions as kernels do them: over which axes of which value, and how these stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import Reduction, device_form
from nndsl.ir.types import Kind
from nndsl.ops import batch_sum
from nndsl.ops import sum as sum_op
from nndsl.plan.device.pulling import Shape, array_dims, extent

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.plan.device.schedule import Extent


@dataclass(frozen=True, slots=True)
class Reducing:
    """A reduction as a kernel does it: over `operand`, whose axes `axes` (the samples' is 0 of a value per sample) go.

    form: how. shape: the operand's.
    """

    node: Node
    operand: Node
    axes: tuple[int, ...]
    form: Reduction
    shape: Shape

    @property
    def kept(self) -> tuple[int, ...]:
        """The axes that stay."""
        return tuple(axis for axis in range(len(self.shape)) if axis not in self.axes)

    def part(self, axes: tuple[int, ...]) -> Extent:
        """How many elements some axes have."""
        return extent(tuple(self.shape[axis] for axis in axes))

    @property
    def by_rows(self) -> bool:
        """Are the last axes reduced, so that each result is of one row?"""
        real = [axis for axis in range(len(self.shape)) if self.shape[axis] != 1]
        last = [axis for axis in real if axis in self.axes]
        return bool(real) and real[len(real) - len(last) :] == last and not self.part(self.axes)[0]

    @property
    def whole(self) -> bool:
        """Is nothing kept?"""
        return self.part(self.kept) == (False, 1)

    @property
    def by_columns(self) -> bool:
        """Is what is reduced one stretch of axes, between those that stay?"""
        real = [axis for axis in range(len(self.shape)) if self.shape[axis] != 1]
        places = [place for place, axis in enumerate(real) if axis in self.axes]
        return bool(places) and places == list(range(places[0], places[-1] + 1))

    @property
    def columns(self) -> tuple[Extent, Extent]:
        """(groups before what is reduced, elements behind it), where it is one stretch of axes."""
        first, last = min(self.axes), max(self.axes)
        return extent(self.shape[:first]), extent(self.shape[last + 1 :])


def reducing(node: Node, readers: Mapping[Node, int]) -> Reducing:
    """A reduction with what it reduces. A sum over the samples of sums that nobody else reads is one over all."""
    form = device_form(node)
    if not isinstance(form, Reduction):
        raise InternalError(f"plan: {node!r} is no reduction")
    (operand,) = node.inputs
    if node.op is batch_sum and operand.op is sum_op and readers.get(operand, 0) == 1:
        inner = device_form(operand)
        assert isinstance(inner, Reduction)
        axes = (0, *(axis + 1 for axis in inner.axes))
        return Reducing(node, operand.inputs[0], axes, form, array_dims(operand.inputs[0].type))
    first = 1 if operand.type.kind is Kind.SAMPLE else 0
    axes = (*((0,) if form.samples else ()), *(axis + first for axis in form.axes))
    return Reducing(node, operand, axes, form, array_dims(operand.type))
