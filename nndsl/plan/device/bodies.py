"""Bodies of loops on a device: what of a step is computed straight into the loop's arrays, and what has to be copied.

Sequences lie sample by sample, [n, time, ...]: a kernel takes its elements out of them by the number of the time, a
product by rows that lie further apart. Only what wants one block, in an order that this is not, needs a copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.device import Call, Pointwise, Product, Reduction, device_form
from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind
from nndsl.ops import scan
from nndsl.plan.device.lowering import takes_one_time
from nndsl.plan.device.values import is_number, source_of
from nndsl.plan.loops import array_operands
from nndsl.plan.schedule import InPlace

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.plan.device.schedule import Target
    from nndsl.plan.device.values import DeviceValues
    from nndsl.plan.loops import LoopOutputs


def parameters_copied(outputs: LoopOutputs) -> set[Node]:
    """Parameters of a body that a step copies: what they lie in can't be read as it is.

    Hand-written kernels and loops within the loop have their arrays once and for all; products read rows apart, if
    nothing else is.
    """
    body = outputs.body
    moving, timed = {*body.carries, *body.elements}, _apart(body.elements)
    found: set[Node] = set()
    for node in reachable(outputs.new_values.values()):
        if node.op is scan or isinstance(device_form(node), Call):
            operands = array_operands(node) if node.op is scan else node.inputs
            found.update(source for operand in operands if (source := source_of(operand)) in moving)
        elif isinstance(device_form(node), Product):
            for position, operand in enumerate(node.inputs):
                source = source_of(operand)
                if source in timed and not takes_one_time(node, position):
                    found.add(source)
    return found


def new_values_in_place(outputs: LoopOutputs, values: DeviceValues) -> dict[Node, Target]:
    """The new values of a body that are computed straight into the loop's arrays, the others are copied there.

    What others than kernels read is computed into carries only, and by kernels and products only.
    """
    arrays: set[Node] = set()
    fixed: set[Node] = set()
    for node in values.nodes:
        if node.op is scan or isinstance(device_form(node), Call):
            fixed.update(map(source_of, node.inputs))
        elif isinstance(device_form(node), Product):
            arrays.update(map(source_of, node.inputs))
    found: dict[Node, Target] = {}
    for name, node in outputs.new_values.items():  # carries first
        source = source_of(node)
        if source in found or source in fixed or source not in values.there or source.op.leaf or is_number(source):
            continue
        form = device_form(source)
        if name.startswith("carry"):
            fits = isinstance(form, Pointwise | Reduction | Product)
        elif isinstance(form, Product):
            fits = source not in arrays and source is node and takes_one_time(source, 2)
        else:
            fits = source not in arrays and isinstance(form, Pointwise | Reduction)
        if fits:
            found[source] = InPlace(name)
    return found


def _apart(elements: tuple[Node, ...]) -> set[Node]:
    """The elements of which each sample has all times side by side."""
    return {element for element in elements if element.type.kind is Kind.SAMPLE}
