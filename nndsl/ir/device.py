"""What an op says to a device: its element at an index, in C, or what else computes it.

Kernels are written by pulling: a kernel asks for an element of what it stores, that element's rule asks for elements of
its operands, and so on, down to what lies in memory. So an op says nothing of loops, threads and buffers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.types import DType


class Element(Protocol):
    """One element of a node, on its way into a kernel: what its rule may ask for. Texts are C expressions, atomic.

    node: whose element. axes: its index along the node's own axes, the samples' axis not among them.
    """

    @property
    def node(self) -> Node:
        """The node."""
        ...

    @property
    def axes(self) -> tuple[str, ...]:
        """Where along each axis of the node."""
        ...

    @property
    def samples(self) -> str:
        """The number of samples in the batch."""
        ...

    @property
    def flat(self) -> str:
        """Where among all elements of the node, in row-major order."""
        ...

    @property
    def draw(self) -> str:
        """The first arguments of a draw: seed, site, step and the position of the sample, which a shared draw lacks."""
        ...

    @property
    def flat_of_sample(self) -> str:
        """Where among the elements of its sample, in row-major order; among all of a shared value."""
        ...

    def operand(self, position: int) -> str:
        """The element of an operand of the same shape, at the same place."""
        ...

    def reshaped(self, position: int) -> str:
        """The element of an operand with as many elements, at the same place in row-major order."""
        ...

    def read(self, position: int, axes: Sequence[str], sample: str | None = None) -> str:
        """The element of an operand at an index along its own axes; `sample`: of another one than this element's."""
        ...

    def let(self, text: str, type: str = "index") -> str:
        """A variable for an expression, of a type ("index", "int", "real", "bool")."""
        ...

    def variable(self, dtype: DType, initial: str) -> str:
        """A variable that `set` changes."""
        ...

    def set(self, variable: str, text: str) -> None:
        """Gives a variable another value."""
        ...

    def when(self, condition: str) -> AbstractContextManager[None]:
        """What is asked for inside is computed where the condition holds only."""
        ...

    def loop(self, count: str) -> AbstractContextManager[str]:
        """What is asked for inside is computed for each number from 0 to before `count`: its variable."""
        ...


@record
class Pointwise:
    """Each element is computed by itself: `element` gives its text.

    free: it only moves numbers, so computing it again costs nothing. repeats: about how many elements of an operand
    each element takes (windows); with 1, those that read an operand once read it as a whole.
    """

    element: Callable[[Element], str]
    free: bool = False
    repeats: bool = False


@record
class Reduction:
    """The axes `axes` of an operand are reduced; samples: the samples' axis as well.

    initial: where each accumulator starts, by its C type: ("real", "0"). update: (accumulators, element, position along
    the reduced axes in row-major order, which grows within a thread) -> statements. combine: (accumulators, those of
    another part) -> statements. result: (accumulators) -> the value.
    """

    axes: tuple[int, ...]
    samples: bool
    initial: tuple[tuple[str, str], ...]
    update: Callable[[tuple[str, ...], str, str], list[str]]
    combine: Callable[[tuple[str, ...], tuple[str, ...]], list[str]]
    result: Callable[[tuple[str, ...]], str]


@record
class Product:
    """A matrix product, or a stack of them."""


@record
class Call:
    """Hand-written in the device's runtime, over whole arrays: the class `name`, made once with arguments, is called.

    arguments: of a node, as Python source. It writes all of the result.
    """

    name: str
    arguments: Callable[[Node], tuple[str, ...]]


@record
class ByPlan:
    """A leaf that the workspace holds, or a loop: the plan says where the value is."""


@record
class NotOnDevice:
    """Why an op is never asked of a device: finishes the sentence "`grad` is not computed on a device: ..."."""

    reason: str


DeviceForm = Pointwise | Reduction | Product | Call | ByPlan | NotOnDevice
DeviceRule = DeviceForm | Callable[["Node"], DeviceForm]


def device_form(node: Node) -> DeviceForm:
    """How a device computes a node."""
    rule = node.op.cupy
    return rule(node) if callable(rule) else rule
