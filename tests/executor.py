"""Runs graphs and schedules in NumPy straight from the ops' source rules, for tests: no emitter, no workspace files.

`evaluate` is the textbook meaning (float64, fresh arrays); `Machine` plays a schedule in its buffers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from nndsl import ops
from nndsl.ir import DType, Emission, Kind, Node, TensorType, reachable
from nndsl.plan import (
    AddTotal,
    ApplyUpdate,
    Compute,
    Given,
    GradientOf,
    Host,
    InBuffer,
    InPlace,
    Literal,
    Loop,
    Meet,
    Schedule,
    SetFlat,
    SetGradient,
    SetState,
    ViewOf,
)
from nndsl.plan.loops import rule_over
from nndsl.plan.schedule import lies_by_time
from nndsl.runtime.standalone import kernels, random, windows

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

    from numpy.typing import NDArray

Value = Any
"""An array, or the Python number of a STEP node."""

Leaves = "Callable[[Node], Value]"

DTYPES = {DType.FLOAT: np.float64, DType.INT: np.int32, DType.BOOL: np.bool_}


def array_shape(type: TensorType, n: int) -> tuple[int, ...]:
    """Shape of the array of a value, the samples in front."""
    return (n, *type.shape) if type.kind is Kind.SAMPLE else type.shape


def scope(n: int, step: int = 1, seed: int = 0) -> dict[str, Any]:
    """Names that the ops' source may use."""
    names = {name: value for module in (kernels, windows) for name, value in vars(module).items() if callable(value)}
    draws = {name: _returning(getattr(random, name)) for name in ("uniform", "normal", "bernoulli")}
    return names | draws | {"np": np, "math": math, "n": n, "seed": seed, "step": step, "first": 0}


def _returning(draw: Callable[..., None]) -> Callable[..., NDArray[Any]]:
    def filled(out: NDArray[Any], *arguments: Any, **more: Any) -> NDArray[Any]:
        draw(out, *arguments, **more)
        return out

    return filled


def _literal(node: Node, text: str) -> str:
    return f"({text})" if text.startswith("-") else text


def evaluate(roots: Iterable[Node], leaves: Callable[[Node], Value], n: int, step: int = 1) -> list[Value]:
    """The values of `roots` in float64; `leaves` gives those of leaves that have no source of their own."""
    roots = list(roots)
    names = scope(n, step)
    texts: dict[Node, str] = {}
    for node in reachable(roots):
        emission = Emission(node, tuple(texts[i] for i in node.inputs), "", dtype="float64")
        rule = node.op.numpy
        if node.op is ops.constant:
            texts[node] = _literal(node, rule.expression(emission))
            continue
        texts[node] = f"v{node.id}"
        if node.op.leaf and rule.statements is None and node.op is not ops.array:
            names[texts[node]] = leaves(node)
        elif node.op is ops.scan:
            names[texts[node]] = _looped(node, [eval(texts[i], names) for i in node.inputs], leaves, n, step)
        elif node.type.kind is Kind.STEP:
            assert rule.host is not None, node
            names[texts[node]] = eval(rule.host(emission), names)
        else:
            made = np.asarray(eval(rule.expression(emission), names))
            assert made.shape == array_shape(node.type, n), (node, made.shape)
            names[texts[node]] = made.astype(DTYPES[node.type.dtype])
    return [_value(root, names, texts, n) for root in roots]


def _looped(node: Node, inputs: list[Value], leaves: Callable[[Node], Value], n: int, step: int) -> Value:
    """An output of a loop, its body run once for each time."""
    body, length = ops.body_of(node), node["length"]
    assert isinstance(length, int)
    full = [np.broadcast_to(x, array_shape(o.type, n)) for x, o in zip(inputs, node.inputs, strict=True)]
    carries, ends = full[: len(body.carries)], len(body.carries) + len(body.elements)
    constants = dict(zip(body.constants, full[ends:], strict=True))
    every: dict[int, list[Value]] = {}
    for time in reversed(range(length)) if node["reverse"] else range(length):
        known = dict(zip(body.carries, carries, strict=True)) | constants
        for element, sequence in zip(body.elements, full[len(carries) : ends], strict=True):
            known[element] = sequence[:, time] if element.type.kind is Kind.SAMPLE else sequence[time]
        found = evaluate(body.roots, partial(_known_or, known, leaves), n, step)
        carries, every[time] = found[: len(carries)], found[len(carries) :]
    what, _, number = str(node["output"]).partition(":")
    if what == "last":
        return carries[int(number)]
    axis = 1 if node.type.kind is Kind.SAMPLE else 0
    return np.stack([every[time][int(number)] for time in range(length)], axis=axis)


def _known_or(known: dict[Node, Value], leaves: Callable[[Node], Value], leaf: Node) -> Value:
    return known[leaf] if leaf in known else leaves(leaf)


def _value(node: Node, names: dict[str, Any], texts: dict[Node, str], n: int) -> Value:
    found = eval(texts[node], names)
    return found if node.type.kind is Kind.STEP else np.broadcast_to(found, array_shape(node.type, n))


@dataclass
class Memory:
    """What lasts from step to step. `slots` are flat over an update's weights, by "minimize.number/name"."""

    weights: dict[str, NDArray[Any]]
    states: dict[str, NDArray[Any]] = field(default_factory=dict)
    slots: dict[str, Value] = field(default_factory=dict)
    gradients: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path, value in self.weights.items():
            self.gradients.setdefault(path, np.full_like(value, np.nan))


class Machine:
    """A schedule's buffers (full of garbage at first), and its places in them."""

    def __init__(
        self,
        schedule: Schedule,
        memory: Memory,
        leaves: Callable[[Node], Value],
        n: int,
        step: int = 1,
        flat: dict[str, NDArray[Any]] | None = None,
    ) -> None:
        self.schedule = schedule
        self.memory = memory
        self.leaves = leaves
        self.n = n
        self.step = step
        self.flat = flat or {}
        self.names = scope(n, step)
        self.totals: dict[int, float] = {}
        self.buffers = [
            np.full(b.size * (n if b.per_sample else 1), _garbage(b.dtype), DTYPES[b.dtype]) for b in schedule.buffers
        ]
        for number, part in enumerate(schedule.buffers):
            if part.part_of is not None:
                times = n if part.per_sample else 1
                whole = self.buffers[part.part_of]
                self.buffers[number] = whole[part.first * times : (part.first + part.size) * times]

    def run(self) -> None:
        """All actions, in order."""
        for _ in self.stops():
            pass

    def stops(self, *, share: bool = False) -> Generator[Meet | ApplyUpdate]:
        """All actions, in order: stops at meetings, and after updates. share: of a share, which makes no updates."""
        for action in self.schedule.actions:
            match action:
                case Compute():
                    self._compute(action)
                case AddTotal(index=index, node=node):
                    each = np.broadcast_to(self.value(node), self.n)
                    self.totals[index] = float(np.sum(each, dtype=np.float64))
                case SetGradient(path=path, node=node):
                    self.memory.gradients[path][...] = 0 if node is None else self.value(node)
                case SetState(path=path, node=node):
                    self.memory.states[path][...] = self.value(node)
                case SetFlat(name=name, node=node) if node.type.kind is Kind.STEP:
                    self.flat[name] = self.value(node)
                case SetFlat(name=name, node=node):
                    self.flat[name][...] = self.value(node)
                case Meet():
                    yield action
                case ApplyUpdate():
                    if not share:
                        self._update(action)
                    yield action
                case Loop():
                    self._loop(action)

    def outputs(self) -> list[Value]:
        """The schedule's outputs."""
        return [np.array(self.value(node)) for node in self.schedule.outputs]

    def value(self, node: Node) -> Value:
        """Where `node` is now: an array, or a number for a splat."""
        match self.schedule.places[node]:
            case Literal():
                return node["value"]
            case Host() if node.op is ops.from_step:
                return self.value(node.inputs[0])
            case Host() if not node.op.leaf:
                return self.names[f"v{node.id}"]
            case Host():
                return self.flat[str(node["name"])] if node.op is ops.slot else self.leaves(node)
            case Given():
                return self._given(node)
            case InBuffer(buffer=number, by_time=True):
                time, *rest = node.type.shape
                return (
                    self.buffers[number][: time * self.n * math.prod(rest)].reshape(time, self.n, *rest).swapaxes(0, 1)
                )
            case InBuffer(buffer=number):
                shape = array_shape(node.type, self.n)
                return self.buffers[number][: math.prod(shape)].reshape(shape)
            case GradientOf(path=path):
                return self.memory.gradients[path]
            case InPlace(name=name):
                return self.flat[name]
            case ViewOf(base=base):
                viewed = self.value(base)
                if not isinstance(viewed, np.ndarray):
                    return viewed
                view = self._expression(node, (viewed,))
                constant = self._root(base).op is ops.constant
                assert constant or not view.size or np.shares_memory(view, viewed), f"{node!r} is no view"
                return view

    def _root(self, node: Node) -> Node:
        while isinstance(place := self.schedule.places[node], ViewOf):
            node = place.base
        return node

    def _given(self, node: Node) -> Value:
        if node.op is ops.weight:
            return self.memory.weights[str(node["path"])]
        if node.op is ops.state:
            return self.memory.states[str(node["path"])]
        if node.op is ops.gradient:
            return self.memory.gradients[str(node["path"])]
        if node.op in (ops.flat_weight, ops.flat_gradient):
            return self.flat["weight" if node.op is ops.flat_weight else "gradient"]
        if node.op is ops.slot:
            return self.flat[str(node["name"])]
        if node.op is ops.constant:
            return np.full(array_shape(node.type, self.n), node["value"], DTYPES[node.type.dtype])
        if node.op is ops.array:
            return np.array(node["value"], DTYPES[node.type.dtype])
        return np.asarray(self.leaves(node))

    def _expression(self, node: Node, operands: Sequence[Value]) -> Value:
        names = {f"operand{i}": operand for i, operand in enumerate(operands)}
        emission = Emission(node, tuple(names), "", dtype="float64")
        return eval(node.op.numpy.expression(emission), self.names | names)

    def _compute(self, action: Compute) -> None:
        node, rule = action.node, action.node.op.numpy
        values = {f"operand{i}": self.value(operand) for i, operand in enumerate(node.inputs)}
        texts = tuple(name if isinstance(v, np.ndarray) else repr(v) for name, v in values.items())
        texts = tuple(f"({text})" if text.startswith("-") else text for text in texts)
        if node.type.kind is Kind.STEP:
            assert rule.host is not None
            self.names[f"v{node.id}"] = eval(rule.host(Emission(node, texts, "", dtype="float64")), self.names)
            return
        out = self.value(node)
        if node.op.leaf and rule.statements is None:
            np.copyto(out, self._given(node))
            return
        if rule.view:
            np.copyto(out, self._expression(node, tuple(values.values())))
            return
        assert rule.statements is not None
        rule = rule_over(node, lambda each: lies_by_time(self.schedule.places[each]))
        if rule is not node.op.numpy:
            pairs = [(f"operand{i}", operand) for i, operand in enumerate(node.inputs)]
            values = {name: self._as_laid(operand) for name, operand in pairs}
            out = self._as_laid(node)
        assert rule.statements is not None
        scratch = {f"scratch{i}": value for i, value in enumerate(self._scratch(action))}
        names = self.names | values | {"out": out} | scratch
        emission = Emission(node, texts, "out", tuple(scratch), dtype="float64")
        prepared: list[str] = []
        for name, text in rule.prepare(emission) if rule.prepare is not None else ():
            prepared.append(f"{name}_" if name in self.names else name)
            names[prepared[-1]] = eval(text, names)
        emission = Emission(node, texts, "out", tuple(scratch), tuple(prepared), dtype="float64")
        exec("\n".join(rule.statements(emission)), names)

    def _loop(self, action: Loop) -> None:
        outputs, body = action.outputs, action.outputs.body
        vectors: dict[str, Value] = {}
        for k, number in action.carries:
            shape = array_shape(body.carries[k].type, self.n)
            vectors[f"carry:{k}"] = self.buffers[number][: math.prod(shape)].reshape(shape)
            vectors[f"carry:{k}"][...] = self.value(outputs.outside(body.carries[k]))
        for t in reversed(range(outputs.length)) if outputs.reverse else range(outputs.length):

            def leaf(node: Node, t: int = t) -> Value:
                if node in body.carries:
                    return vectors[f"carry:{body.carries.index(node)}"]
                if node not in body.parameters:
                    return self.leaves(node)
                value = self.value(outputs.outside(node))
                return value if node in body.constants else self._at(value, node.type, t)

            parts = {f"stack:{k}": outputs.output(f"stack:{k}") for k in outputs.stacks}
            flat = {
                name: self._at(self.value(n), body.stacked[int(name[6:])].type, t) for name, n in parts.items() if n
            }
            Machine(action.schedule, self.memory, leaf, self.n, self.step, vectors | flat).run()

    def _at(self, sequence: Value, type: TensorType, t: int) -> Value:
        """The part of a sequence for one time, a view."""
        return sequence[:, t] if type.kind is Kind.SAMPLE else sequence[t, ...]

    def _as_laid(self, node: Node) -> Value:
        value = self.value(node)
        return value.swapaxes(0, 1) if lies_by_time(self.schedule.places[node]) else value

    def _scratch(self, action: Compute) -> list[Value]:
        rule = rule_over(action.node, lambda each: lies_by_time(self.schedule.places[each]))
        wanted = rule.scratch(action.node) if rule.scratch is not None else ()
        found: list[Value] = []
        for (shape, _, per_sample), number in zip(wanted, action.scratch, strict=True):
            shape = (self.n, *shape) if per_sample else shape
            found.append(self.buffers[number][: math.prod(shape)].reshape(shape))
        return found

    def _update(self, action: ApplyUpdate) -> None:
        update, prefix = action.update, f"{action.minimize}.{action.number}/"
        paths = update.weights
        flat: dict[str, Value] = {
            "weight": np.concatenate([self.memory.weights[path].ravel() for path in paths]),
            "gradient": np.concatenate([self.memory.gradients[path].ravel() for path in paths]),
        }
        size = flat["weight"].size
        for slot in update.slots:
            start = slot.initial if slot.scalar else np.full(size, slot.initial)
            flat[slot.name] = self.memory.slots.setdefault(prefix + slot.name, start)
        machine = Machine(action.schedule, self.memory, self.leaves, self.n, self.step, flat)
        machine.run()
        for slot in update.slots:
            self.memory.slots[prefix + slot.name] = machine.flat[slot.name]
        begin = 0
        for path in paths:
            weight = self.memory.weights[path]
            weight[...] = machine.flat["weight"][begin : begin + weight.size].reshape(weight.shape)
            begin += weight.size


def _garbage(dtype: DType) -> float | int | bool:
    return {DType.FLOAT: math.nan, DType.INT: -(1 << 30), DType.BOOL: True}[dtype]
