"""Which value of a training step is the first that is infinite or not a number, found by looking at all of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nndsl.ir.graph import reachable
from nndsl.ir.types import DType, Kind
from nndsl.ops import array, constant, field, state, weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nndsl.ir.graph import Node
    from nndsl.ir.program import Program, StepGraph
    from nndsl.runtime.modules import Generated
    from nndsl.runtime.standalone.program import Array, Memory, Step


@dataclass(frozen=True, slots=True)
class Born:
    """A value that is not finite, computed from values that are.

    node: what computes it. value: the first such number, infinite or nan. place: its index, that of the sample first
    where each has its own. count, size: how many numbers are not finite, of how many. operands: name, least and
    greatest of what it was computed from. then_nan: where the infinity became a nan, if that is another node.
    """

    node: Node
    value: float
    place: tuple[int, ...]
    count: int
    size: int
    operands: tuple[tuple[str, float, float], ...]
    then_nan: Node | None = None


class Probe:
    """A block's training step that keeps every value it computes: the same graph, in textbook form, a line each."""

    def __init__(self, checked: Program, train: str, dtype: str) -> None:
        from nndsl.emit import emit
        from nndsl.passes.pipeline import optimise
        from nndsl.runtime.modules import Generated, run_folders

        program = optimise(checked)
        block = next(each for each in program.trains if each.name == train)
        self.graph = block.training
        self.nodes = [node for node in reachable(_roots(self.graph)) if _is_kept(node)]
        predictions = tuple((str(node.id), node, None) for node in self.nodes)
        probing = replace(block, training=replace(self.graph, predictions=predictions), shows=(), generation=None)
        # All blocks stay: the weights' places in the flat vectors depend on them.
        trains = tuple(
            probing if each is block else replace(each, shows=(), generation=None) for each in program.trains
        )
        source = emit(replace(program, trains=trains, networks=()), level=0, precision=dtype)
        self.generated: Generated = Generated(source, f"<probe of {checked.file.name}>", run_folders(checked))
        self.workspace = self.generated.program.trains[train].training

    def born(self, memory: Memory, step: Step) -> Born | None:
        """The first value that was not finite in the step that the workspace has just run; None if all were.

        memory: as it was before that step.
        """
        values = {int(name): found for name, found in step.outputs.items()}
        search = _Search(self.graph, values, memory, step.inputs)
        return search.born()


def _roots(graph: StepGraph) -> list[Node]:
    """What a step computes for itself, besides its updates."""
    gradients = [node for minimize in graph.minimizes for _, node in minimize.gradients]
    return [*(total.node for total in graph.totals), *gradients, *(node for _, node in graph.states)]


def _is_kept(node: Node) -> bool:
    """Whether a node's values are kept: floats, but no views of what the step changes in place."""
    floats = node.type.dtype is DType.FLOAT and node.type.kind is not Kind.STEP
    return floats and not node.op.leaf and _base(node).op not in (weight, state)


def _base(node: Node) -> Node:
    """What a view is a view of; any other node itself."""
    while node.op.numpy.view and not node.op.leaf:
        node = node.inputs[0]
    return node


class _Search:
    """The values of a step by node, and where those that are not finite come from."""

    def __init__(
        self, graph: StepGraph, values: Mapping[int, Array], memory: Memory, inputs: Mapping[str, Array]
    ) -> None:
        import numpy as np

        self.roots = _roots(graph)
        self.values = values
        self.memory = memory
        self.inputs = inputs
        self.nan: set[Node] = set()
        self.bad: set[Node] = set()
        for node in reachable(self.roots):
            found = self.value(node)
            if found is None or not np.issubdtype(found.dtype, np.floating) or np.isfinite(found).all():
                continue
            self.bad.add(node)
            if np.isnan(found).any():
                self.nan.add(node)

    def value(self, node: Node) -> Array | None:
        """The values of a node, of a view of weights those of all of them; None of what is not kept."""
        import numpy as np

        if (found := self.values.get(node.id)) is not None:
            return np.asarray(found)
        node = _base(node)
        if node.op is field:
            return self.inputs.get(str(node["name"]))
        if node.op is weight:
            return self.memory.weight(str(node["path"]))
        if node.op is state:
            return self.memory.state(str(node["path"]))
        if node.op in (constant, array):
            return np.asarray(node["value"], self.memory.dtype)
        return None

    def born(self) -> Born | None:
        """The first value on the way to what is not finite in the end."""
        final = [root for root in self.roots if root in self.bad]
        if not final:
            return None
        if not self.nan.intersection(final):
            return self._described(_first(self._sources(final, self.bad)), None)
        nan = _first(self._sources([root for root in final if root in self.nan], self.nan))
        infinite = [node for node in nan.inputs if node in self.bad]
        sources = [node for node in self._sources(infinite, self.bad) if node.op not in (constant, array)]
        # An infinity that the program itself writes, to mask something say, is not what went wrong.
        sources = [node for node in sources if not any(each in self.bad for each in node.inputs)]
        if not sources:
            return self._described(nan, None)
        first = _first(sources)
        return self._described(first, nan)

    def _sources(self, nodes: Iterable[Node], among: set[Node]) -> list[Node]:
        """The nodes `among` those on the way to `nodes` that have no input among them."""
        seen: set[Node] = set()
        stack = list(nodes)
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                stack.extend(each for each in node.inputs if each in among)
        return [node for node in seen if not any(each in among for each in node.inputs)]

    def _described(self, node: Node, then_nan: Node | None) -> Born:
        import numpy as np

        found = self.value(node)
        assert found is not None  # it is among the values that were looked at
        wrong = ~np.isfinite(found)
        place = tuple(int(index) for index in np.argwhere(wrong)[0]) if found.ndim else ()
        operands: list[tuple[str, float, float]] = []
        for operand in dict.fromkeys(node.inputs):
            values = self.value(operand)
            if values is not None and values.size and operand.op is not constant:
                operands.append((_name(operand), float(np.min(values)), float(np.max(values))))
        return Born(
            node,
            float(found[place]),
            place,
            int(wrong.sum()),
            found.size,
            tuple(operands),
            None if then_nan is node else then_nan,
        )


def _first(nodes: Iterable[Node]) -> Node:
    """The node that comes first: forward before backward, then in the order of computing."""
    return min(nodes, key=lambda node: (any(origin.backward for origin in node.origins[:1]), node.id))


def _name(node: Node) -> str:
    if not node.names:
        node = _base(node)
    if node.op in (weight, state):
        return str(node["path"])
    if node.op is field:
        return str(node["name"])
    return node.names[-1] if node.names else operation(node)


_SPELLINGS = {
    "add": "+",
    "divide": "/",
    "einsum": "@",
    "multiply": "*",
    "negate": "-",
    "power": "^",
    "reciprocal": "/",
    "square": "^",
    "subtract": "-",
}


def operation(node: Node) -> str:
    """A node's operation as the language writes it: `@`, `log`."""
    return f"`{_SPELLINGS.get(node.op.name, node.op.name)}`"
