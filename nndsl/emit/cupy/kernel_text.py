"""The text of a kernel in CUDA C, whatever threads do in it: what it reads and stores, its parameters, its head."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import ByPlan, Pointwise, device_form
from nndsl.ir.types import Kind
from nndsl.ops import constant, from_step
from nndsl.ops.device import C_TYPES
from nndsl.plan.device import Extent, Fused, Index, Pulling, Reducing, array_dims, count_text, source_of
from nndsl.plan.schedule import InBuffer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nndsl.ir.graph import Node
    from nndsl.plan.device import Store, Target

THREADS = 256
"""Threads of a block."""

Combine = Callable[[tuple[str, ...], tuple[str, ...]], list[str]]
"""(accumulators, those of another part) -> statements, as `Reduction` has it."""


@dataclass(frozen=True, slots=True)
class Argument:
    """What a kernel is called with: its type and name in C, and its text in Python."""

    type: str
    name: str
    python: str


@dataclass(frozen=True, slots=True)
class Written:
    """A kernel. launch: what makes its launches in Python, and that function's arguments behind the name."""

    name: str
    text: str
    arguments: tuple[Argument, ...]
    launch: tuple[str, str]

    @property
    def arrays(self) -> list[str]:
        """What the step calls it with; the rest is always the same."""
        return [each.python for each in self.arguments if each.python]


class Arrays(ABC):
    """What kernels read and write, by its names in Python; whoever writes the step knows them.

    time: in the step of a loop, the number of the time.
    """

    time = ""

    @abstractmethod
    def target(self, target: Target, node: Node) -> str:
        """The array that is at a place."""

    @abstractmethod
    def memory(self, node: Node) -> str:
        """The array that holds a node."""

    @abstractmethod
    def original(self, node: Node) -> tuple[str, str, int]:
        """The array of a leaf, where a copy of it has the leaf's place; the type of its elements; its times."""

    @abstractmethod
    def storage(self, node: Node) -> str:
        """The type of its elements in C."""

    @abstractmethod
    def stored(self, target: Target, node: Node) -> str:
        """The type of elements at a place."""

    @abstractmethod
    def number(self, node: Node) -> str:
        """The number of the step that a `from_step` node is, in C."""

    @abstractmethod
    def name(self, node: Node) -> str:
        """What to call an element."""

    @abstractmethod
    def available(self, node: Node) -> bool:
        """Is a node in memory?"""

    @abstractmethod
    def times(self, target: Target, node: Node) -> int:
        """How many times the array at a place holds, of which the kernel takes the one it is called with; 0: none."""

    @abstractmethod
    def times_of(self, node: Node) -> int:
        """As `times`, of the array that holds a node."""


@dataclass(slots=True)
class _Parameters:
    """The parameters of a kernel, in the order in which they are first used."""

    found: dict[str, Argument] = field(default_factory=dict[str, Argument])
    stored: set[str] = field(default_factory=set[str])
    kinds: dict[str, str] = field(default_factory=dict[str, str])


class KernelText(Pulling):
    """The text of one kernel in the making; `written` finishes it."""

    def __init__(self, fused: Fused, arrays: Arrays, readers: dict[Node, int], name: str) -> None:
        super().__init__()
        self._fused = fused
        self._arrays = arrays
        self._readers = readers
        self._name = name
        self._parameters = _Parameters()
        self._numbers = False
        self._timed = False
        self._made = {store.node for store in fused.stores}

    # -------------------------------------------------------------------------------------------- what it reads

    def name(self, node: Node) -> str:
        """As the step calls it."""
        return self._arrays.name(node)

    def number(self, node: Node) -> str:
        """Out of the numbers of the step."""
        self._numbers = True
        return self.let(self._arrays.number(node), C_TYPES[node.type.dtype], self._arrays.name(node))

    def known(self, node: Node, index: Index) -> str | None:
        """What is in memory, but not what this kernel makes: that is computed where it is asked for."""
        if node in self._fused.reductions:
            raise InternalError(f"emit: {node!r} is asked for before it is summed")
        made = source_of(node) in self._made
        if isinstance(device_form(node), Pointwise) and (made or not self._arrays.available(node)):
            return None
        return self._loaded(node, index)

    def _loaded(self, node: Node, index: Index) -> str:
        parameter = self._parameter(self._arrays.memory(node), self._arrays.storage(node))
        at = self._place_in_memory(node, index, self._arrays.times_of(node))
        return self.let(f"{parameter}[{at}]", C_TYPES[node.type.dtype], self.name(node))

    def _place_in_memory(self, node: Node, index: Index, times: int) -> str:
        """Where an element of a value is in its array; times: see `Arrays.times`."""
        if not times:
            return self.flat_of(index)
        self._timed = True
        source = source_of(node)
        if source is not node:
            index = Index(array_dims(source.type), flat=self.flat_of(index))
        shape, axes = index.shape, self.axes_of(index)
        if source.type.kind is Kind.SAMPLE:
            return self.flat_of(Index((shape[0], times, *shape[1:]), (axes[0], "t", *axes[1:])))
        return self.flat_of(Index((times, *shape), ("t", *axes)))

    def _parameter(self, python: str, type: str, *, stored: bool = False) -> str:
        parameters = self._parameters
        found = parameters.found.get(python)
        if found is None:
            found = parameters.found[python] = Argument(type, self.unique(_identifier(python)), python)
        if stored:
            parameters.stored.add(python)
        return found.name

    # -------------------------------------------------------------------------------------------- the kernel

    @abstractmethod
    def written(self, headings: list[str]) -> list[Written]:
        """The kernel, and behind it the one that joins what its blocks have summed."""

    def _finish(self, headings: list[str], launch: tuple[str, str], *more: Argument) -> Written:
        arguments = [*self._parameters.found.values()]
        if self._numbers:
            arguments.append(Argument("const double*", "numbers", "numbers"))
        if self.draws:
            arguments.append(Argument("const unsigned long long", "seed", "seed"))
            arguments.append(Argument("const unsigned long long*", "position", "position"))
        if self._timed:
            arguments.append(Argument("const int", "t", self._arrays.time))
        arguments += more
        arguments.append(Argument("const int", "n", ""))
        texts = [self._declared(argument) for argument in arguments]
        head = f'extern "C" __global__ void __launch_bounds__({THREADS}) {self._name}('
        lines = [*headings, head, *_wrapped(texts), ") {", *self.lines, "}"]
        return Written(self._name, "\n".join(lines), tuple(arguments), launch)

    def _declared(self, argument: Argument) -> str:
        if argument.type.endswith("*"):
            return f"{argument.type} __restrict__ {argument.name}"
        if argument.python not in self._parameters.found:
            return f"{argument.type} {argument.name}"
        constant = "" if argument.python in self._parameters.stored else "const "
        return f"{constant}{argument.type}* __restrict__ {argument.name}"

    def _store(self, store: Store, value: str, index: Index) -> None:
        array = self._arrays.target(store.target, store.node)
        parameter = self._parameter(array, self._arrays.stored(store.target, store.node), stored=True)
        at = self._place_in_memory(store.node, index, self._arrays.times(store.target, store.node))
        self.line(f"{parameter}[{at}] = {value};")

    def _position(self, count: Extent, name: str = "i") -> None:
        self.line(f"const index {name} = (index)blockIdx.x * {THREADS} + threadIdx.x;")
        self.line(f"if ({name} >= {count_text(count, '(index)')}) return;")

    def _stores_at(self, stores: list[Store], flat: str) -> None:
        """Computes all values first, then stores them: a thread may overwrite what it reads."""
        values: list[tuple[Store, str, Index]] = []
        for store in stores:
            index = Index(array_dims(store.node.type), flat=flat)
            values.append((store, self._value_of(store, index), index))
        for store, value, index in values:
            self._store(store, value, index)

    def _value_of(self, store: Store, index: Index) -> str:
        """What is stored; of a leaf that is copied while it holds, the leaf."""
        node = store.node
        copies = node.op.leaf and isinstance(device_form(node), ByPlan) and isinstance(store.target, InBuffer)
        if not copies or node.op in (constant, from_step):
            return self.value(node, index)
        array, type, times = self._arrays.original(node)
        parameter = self._parameter(array, type)
        at = self._place_in_memory(node, index, times)
        found = self.let(f"{parameter}[{at}]", C_TYPES[node.type.dtype], self.name(node))
        self.learn(node, index, found)
        return found

    # -------------------------------------------------------------------------------------------- sums

    def _started(self, each: Reducing) -> tuple[str, ...]:
        """Variables for what is summed up."""
        names: list[str] = []
        for type, initial in each.form.initial:
            name = self.unique(self.name(each.node))
            self.line(f"{type} {name} = {initial};")
            names.append(name)
        return tuple(names)

    def _take_in(self, works: list[Reducing], started: Mapping[Node, tuple[str, ...]], place: str) -> None:
        """Takes the elements at `i` into what is summed up; place: their number among those of a sum."""
        for each in works:
            value = self.value(each.operand, Index(each.shape, flat="i"))
            for line in each.form.update(started[each.node], value, place):
                self.line(line)

    def _across(self, each: Reducing, sums: tuple[str, ...], width: int) -> None:
        """Every thread of the row gets what all of them have together."""
        if width > 1:
            self._exchange([type for type, _ in each.form.initial], sums, each.form.combine, width)

    def _exchange(self, types: list[str], sums: tuple[str, ...], combine: Combine, width: int) -> None:
        """Every thread of a warp, or of the block where `width` is more, gets what all of them have together."""
        with self.block("for (int step = 16; step > 0; step /= 2)"):
            others = tuple(self.unique(f"{name}_other") for name in sums)
            for type, name, other in zip(types, sums, others, strict=True):
                self.line(f"const {type} {other} = __shfl_xor_sync(0xffffffffu, {name}, step);")
            for line in combine(sums, others):
                self.line(line)
        if width == 32:
            return
        shared = [self.unique(f"{name}_of_warp") for name in sums]
        for type, name in zip(types, shared, strict=True):
            self.line(f"__shared__ {type} {name}[{THREADS // 32}];")
        with self.block("if (threadIdx.x % 32 == 0)"):
            for name, own in zip(shared, sums, strict=True):
                self.line(f"{name}[threadIdx.x / 32] = {own};")
        self.line("__syncthreads();")
        for name, own in zip(shared, sums, strict=True):
            self.line(f"{own} = {name}[0];")
        with self.block(f"for (int other = 1; other < {THREADS // 32}; other++)"):
            for line in combine(sums, tuple(f"{name}[other]" for name in shared)):
                self.line(line)
        self.line("__syncthreads();")


def _identifier(python: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in python).strip("_")


def _wrapped(texts: list[str]) -> list[str]:
    lines: list[str] = []
    for position, text in enumerate(texts):
        word = text + ("," if position < len(texts) - 1 else "")
        if lines and len(lines[-1]) + len(word) < 108:
            lines[-1] += f" {word}"
        else:
            lines.append(f"        {word}")
    return lines
