"""Products over fewer bits: their operands become bfloat16 in memory, where nobody else reads them nothing else is.

Sums stay in float32, and so does all that is not multiplied as a matrix. Of weights there is a narrow copy of the whole
flat vector, made at the begin of a step. Products inside of loops take what they are given as it is; their operands
are narrowed on their way into the arithmetic (see `runtime/device/products.py`), which gives the same numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.ir.graph import reachable
from nndsl.ir.types import DType
from nndsl.ops import einsum, narrow, narrow_weight, reshape, stop_gradient, weight

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import StepGraph


def narrowed(graph: StepGraph) -> StepGraph:
    """A lowered step over products of narrow operands."""
    roots = graph.roots()
    made: dict[Node, Node] = {}
    for node in reachable(roots):
        inputs = tuple([made[operand] for operand in node.inputs])
        if node.op is einsum and all(operand.type.dtype is DType.FLOAT for operand in inputs):
            with node.builder.at(*node.origins):
                made[node] = node.builder.like(node, tuple([_narrowed(each) for each in inputs]), node.attributes)
            for name in node.names:
                made[node].named_if_nameless(name)
        else:
            made[node] = node.builder.again(node, inputs) if inputs else node
    return graph.with_roots(tuple([made[root] for root in roots]))


def _narrowed(operand: Node) -> Node:
    """An operand in fewer bits; another shape of a value is another shape of that in fewer bits."""
    match operand.op:
        case op if op is stop_gradient:
            return _narrowed(operand.inputs[0])
        case op if op is reshape:
            return operand.builder.again(operand, (_narrowed(operand.inputs[0]),))
        case op if op is weight and operand["version"] == 0:
            made = narrow_weight.make(operand.builder, operand.type.with_dtype(DType.NARROW), path=str(operand["path"]))
        case _:
            made = narrow(operand)
    for name in operand.names:
        made.named_if_nameless(f"{name}_narrow")
    return made
