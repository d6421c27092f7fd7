"""In which order a flattened image's numbers come: ours have channels last, PyTorch's first.

A `Dense` behind a `Flatten` of an image has a row of its kernel for each of its numbers, so those rows are in another
order there. The same holds for what makes numbers that are reshaped into an image, and for what stands between (the
statistics of a BatchNormalization). All of it is found in the program's graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from nndsl.ir.graph import reachable
from nndsl.ir.types import Kind

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.program import Program
    from nndsl.runtime.standalone.program import Array

_WINDOWS = frozenset({"windows", "fold_windows", "window_sum", "window_max", "spread_windows"})
_PASSED = frozenset({"reshape", "transpose", "broadcast", "pad", "slice"})


@dataclass(frozen=True, slots=True)
class Order:
    """An axis of a weight that is an image's numbers one after another. image: its shape, channels last."""

    axis: int
    image: tuple[int, ...]

    def channels_first(self, values: Array) -> Array:
        """Ours, as they lie where channels come first."""
        return values.take(self._places(), axis=self.axis)

    def channels_last(self, values: Array) -> Array:
        """The way back."""
        return values.take(self._places().argsort(), axis=self.axis)

    def _places(self) -> Array:
        import numpy as np

        places: Any = np.arange(int(np.prod(self.image))).reshape(self.image)
        return np.moveaxis(places, -1, 0).ravel()


def orders_of(checked: Program) -> dict[str, Order]:
    """The weights and states, by path, that have such an axis."""
    roots = [root for train in checked.trains for root in train.evaluation.roots()]
    roots += [root for network in checked.networks for root in network.graph.roots()]
    layers = {each.path: each.layers for each in (*checked.weights, *checked.states)}
    return _Search(tuple(roots), layers).found() if roots else {}


class _Search:
    """One search of a graph. layers: the library's layers of each weight."""

    def __init__(self, roots: tuple[Node, ...], layers: dict[str, tuple[str, ...]]) -> None:
        self._nodes = list(reachable(roots))
        self._layers = layers

    def found(self) -> dict[str, Order]:
        """What reads flattened images, and what makes them."""
        found: dict[str, Order] = {}
        for node in self._nodes:
            if node.op.name == "einsum":
                self._readers(node, found)
            elif _unflattens(node) and self._becomes_image(node):
                self._makers(node.inputs[0], node.type.shape, found)
        return found

    # -------------------------------------------------------------------------------------------- readers

    def _readers(self, product: Node, found: dict[str, Order]) -> None:
        """A product of a weight with what may come from a flattened image."""
        for position, operand in enumerate(product.inputs):
            if operand.op.name == "weight" or operand.type.kind is not Kind.SAMPLE or operand.type.rank != 1:
                continue
            between, ends = _back(operand)
            image = next((end.inputs[0] for end in ends if _flattens(end)), None)
            weight = product.inputs[1 - position]
            letter = _letters(product, position)
            if image is None or weight.op.name != "weight" or letter not in _letters(product, 1 - position):
                continue
            if not self._is_image(image):
                continue
            axis = _letters(product, 1 - position).index(letter)
            found.setdefault(str(weight["path"]), Order(axis, image.type.shape))
            for path in between:
                found.setdefault(path, Order(0, image.type.shape))

    def _is_image(self, node: Node) -> bool:
        """Whether PyTorch would have the value's channels first: it is a picture of the data or of a convolution."""
        seen: set[Node] = set()
        waiting = [node]
        while waiting:
            each = waiting.pop()
            if each in seen or each.type.kind is not Kind.SAMPLE:
                continue
            seen.add(each)
            if each.op.name in _WINDOWS or (each.op.name == "einsum" and self._convolves(each)):
                return True
            if each.op.name == "field" and each.type.rank == 3 and each.type.shape == node.type.shape:
                return True
            if each.op.elementwise or each.op.name in _PASSED:
                waiting += each.inputs
        return False

    def _convolves(self, product: Node) -> bool:
        """Whether it is a convolution's product with its kernel."""
        for operand in product.inputs:
            while operand.op.name in _PASSED:
                operand = operand.inputs[0]
            if operand.op.name == "weight":
                layers = self._layers.get(str(operand["path"]), ())
                return bool(layers) and "Conv" in layers[-1]
        return False

    # -------------------------------------------------------------------------------------------- makers

    def _makers(self, flat: Node, image: tuple[int, ...], found: dict[str, Order]) -> None:
        """The weights that make the numbers of an image."""
        between, ends = _back(flat)
        for end in ends:
            if end.op.name != "einsum":
                continue
            for position, operand in enumerate(end.inputs):
                letter = str(end["equation"]).partition("->")[2]
                if operand.op.name == "weight" and letter in _letters(end, position):
                    axis = _letters(end, position).index(letter)
                    found.setdefault(str(operand["path"]), Order(axis, image))
        for path in between:
            found.setdefault(path, Order(0, image))

    def _becomes_image(self, node: Node) -> bool:
        """Whether a convolution or the like reads the value."""
        seen: set[Node] = set()
        waiting = [node]
        while waiting:
            each = waiting.pop()
            if each in seen:
                continue
            seen.add(each)
            if each is not node and (each.op.name in _WINDOWS or (each.op.name == "einsum" and self._convolves(each))):
                return True
            if each is node or each.op.elementwise or each.op.name in _PASSED:
                waiting += self._users.get(each, ())
        return False

    @cached_property
    def _users(self) -> dict[Node, list[Node]]:
        users: dict[Node, list[Node]] = {}
        for node in self._nodes:
            for operand in node.inputs:
                users.setdefault(operand, []).append(node)
        return users


def _flattens(node: Node) -> bool:
    return node.op.name == "reshape" and node.type.rank == 1 and node.inputs[0].type.rank in (2, 3)


def _unflattens(node: Node) -> bool:
    return (
        node.op.name == "reshape"
        and node.type.kind is Kind.SAMPLE
        and node.type.rank in (2, 3)
        and node.inputs[0].type.rank == 1
    )


def _letters(product: Node, position: int) -> str:
    """How an einsum calls the axes of an operand."""
    return str(product["equation"]).partition("->")[0].split(",")[position]


def _back(node: Node) -> tuple[list[str], list[Node]]:
    """Back through what works on each number alone: paths of vectors that it meets, and where that ends."""
    paths: list[str] = []
    ends: list[Node] = []
    seen: set[Node] = set()
    waiting: list[Node] = [node]
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        if each.type.kind is Kind.SAMPLE and each.op.elementwise:
            waiting += each.inputs
        elif each.op.name == "broadcast" and each.inputs[0].type.shape == node.type.shape:
            paths += _vectors(each.inputs[0])
        else:
            ends.append(each)
    return paths, ends


def _vectors(node: Node) -> Iterable[str]:
    """Paths of the weights and states of the node's shape that it is computed from, number by number."""
    for each in reachable((node,)):
        if each.op.name in ("weight", "state") and each.type.shape == node.type.shape:
            yield str(each["path"])
