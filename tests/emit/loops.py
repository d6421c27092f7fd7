"""Loops made by hand, for tests, and what they compute by a plain loop in NumPy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nndsl import ops
from nndsl.emit import emit
from nndsl.ir import Kind, Node, TensorType, reachable
from nndsl.ir.program import Program, StepGraph, TrainProgram
from tests.emit.loading import load
from tests.evaluation import shape_of, textbook
from tests.programs import Writer, sample

TEXT = "model Recurrent {\n  scan\n}\ntrain Recurrent on rows {\n  predict\n}\n"
SEEDS = 0

Array = NDArray[Any]
Step = Callable[[Sequence[Node], Sequence[Node], Sequence[Node]], tuple[Sequence[Node], Sequence[Node]]]
"""(carries, elements, constants) -> (carries after the step, values that are kept)."""


class LoopMaker:
    """Makes loops over fields of a network's data. Shared values are sums of fields over the batch."""

    def __init__(self) -> None:
        self.w = Writer(TEXT, "recurrent.nn")
        self.loops = 0

    def field(self, name: str, type: TensorType) -> Node:
        """A field; a shared one is the sum of a field of the samples."""
        node = self.w.leaf("field", TensorType(type.dtype, type.shape, Kind.SAMPLE), name=name)
        return node if type.kind is Kind.SAMPLE else ops.batch_sum(node)

    def loop(
        self,
        step: Step,
        firsts: Sequence[Node],
        sequences: Sequence[Node],
        constants: Sequence[Node] = (),
        *,
        names: Sequence[str] = (),
        reverse: bool = False,
    ) -> Callable[[str], Node]:
        """The outputs of a loop by what they are called: `last:0`, `stack:1`."""
        self.loops += 1
        parameters = ops.LoopParameters(self.w.builder, self.loops)
        carries = [parameters.make("carry", node.type) for node in firsts]
        elements = [parameters.make("element", node.type.with_shape(node.type.shape[1:])) for node in sequences]
        same = [parameters.make("constant", node.type) for node in constants]
        for name, node in zip(names, [*carries, *elements, *same], strict=False):
            node.named(name)
        with self.w.at("scan", "Recurrent/loop"):
            after, kept = step(carries, elements, same)
            body = ops.Body(tuple(carries), tuple(elements), tuple(same), tuple(after), tuple(kept))

        def output(what: str) -> Node:
            with self.w.at("scan", "Recurrent/loop"):
                inputs = (*firsts, *sequences, *constants)
                length = sequences[0].type.shape[0]
                return ops.scan(*inputs, body=body, length=length, output=what, reverse=reverse)

        return output

    def program(self, results: Mapping[str, Node]) -> Program:
        """A program that predicts these values; shared ones are given to every sample."""
        predictions = tuple(
            (
                name,
                node if node.type.kind is Kind.SAMPLE else ops.broadcast(node, shape=node.type.shape, kind="sample"),
                None,
            )
            for name, node in results.items()
        )
        train = TrainProgram(
            name="Recurrent",
            data=None,
            fields=(),
            settings=(("steps", 1), ("batch_size", 5)),
            training=StepGraph((), (), (), (), ()),
            evaluation=StepGraph((), (), predictions, (), ()),
            callbacks=(),
            expectations=(),
            span=self.w.span("train Recurrent"),
        )
        return Program(self.w.file, (self.w.file,), self.w.builder, (), (), (), (), (train,))


def fields_of(results: Mapping[str, Node], n: int, seed: int = 0) -> dict[str, Array]:
    """Numbers for every field that the results need."""
    random = np.random.default_rng(seed)
    found: dict[str, Array] = {}
    for node in reachable(results.values()):
        if node.op is ops.field:
            numbers = random.normal(size=shape_of(node.type, n))
            found[str(node["name"])] = numbers > 0 if node.type.dtype.value == "bool" else numbers
    return found


def predicted(program: Program, fields: Mapping[str, Array], n: int, *, level: int) -> dict[str, Array]:
    """What the generated module predicts, in float64; run twice, as memory is used again."""
    module = load(emit(program, level=level)).PROGRAM
    step = module.trains["Recurrent"].prediction(n, module.memory(0, "float64"), 0)
    for _ in range(2):
        for name, array in step.inputs.items():
            array[...] = fields[name]
        step.run(0, 1, 0)
    return {name: np.array(array) for name, array in step.outputs.items()}


def looped(results: Mapping[str, Node], fields: Mapping[str, Array], n: int) -> dict[str, Array]:
    """What the results are by loops in plain NumPy."""
    found: dict[Node, Any] = {}
    for node in reachable(results.values()):
        found[node] = fields[str(node["name"])] if node.op is ops.field else _value(node, found, n)
    return {
        name: np.broadcast_to(found[node], (n, *node.type.shape)) if node.type.kind is Kind.SHARED else found[node]
        for name, node in results.items()
    }


def _value(node: Node, found: Mapping[Node, Any], n: int) -> Any:
    if node.op is ops.scan:
        return _scanned(node, [found[operand] for operand in node.inputs], n)
    if node.op is ops.constant:
        return np.full(shape_of(node.type, n), node["value"])
    value = textbook(node, [found[operand] for operand in node.inputs], n)
    return np.broadcast_to(value, shape_of(node.type, n))


def _scanned(node: Node, inputs: list[Any], n: int) -> Any:
    body = ops.body_of(node)
    carries = inputs[: len(body.carries)]
    sequences = inputs[len(carries) : len(carries) + len(body.elements)]
    what, _, number = str(node["output"]).partition(":")
    kept: list[Any] = []
    length = int(str(node["length"]))
    for t in reversed(range(length)) if node["reverse"] else range(length):
        parts = [
            x[:, t] if element.type.kind is Kind.SAMPLE else x[t]
            for x, element in zip(sequences, body.elements, strict=True)
        ]
        found = dict(zip(body.parameters, [*carries, *parts, *inputs[len(carries) + len(sequences) :]], strict=True))
        for inner in reachable(body.roots):
            if inner not in found:
                found[inner] = _value(inner, found, n)
        carries = [found[after] for after in body.next]
        if what == "stack":
            kept.append(found[body.stacked[int(number)]])
    if what == "last":
        return carries[int(number)]
    kept = kept[::-1] if node["reverse"] else kept
    return np.stack(kept, axis=1 if node.type.kind is Kind.SAMPLE else 0)


def zeros(w: Writer, *shape: int) -> Node:
    """Zeros of each sample."""
    return w.constant(0.0, sample(*shape))
