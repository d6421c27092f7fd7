"""Kernels as CUDA C: one for each region of a device's schedule.

Threads go through positions: `i` counts all of them. Over rows `i` is made of `row` and `c`, over columns of `r` and
`k`. Sums are taken in a fixed order, so that the same bits come out every time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import ByPlan, Pointwise, device_form
from nndsl.ops import constant, from_step
from nndsl.ops.device import C_TYPES
from nndsl.plan.device import (
    Extent,
    Fused,
    Index,
    Pulling,
    Reducing,
    Split,
    TotalOf,
    array_dims,
    count_text,
    extent,
    reducing,
    row_split,
)
from nndsl.plan.schedule import InBuffer

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.plan.device import Store, Target

THREADS = 256
"""Threads of a block."""

_SHORT, _LONG = 32, 2048
"""Rows of up to so many elements are gone through by one thread, by a warp, and longer ones by a block."""


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


class Arrays:
    """What kernels read and write, by its names in Python; whoever writes the step knows them."""

    def target(self, target: Target, node: Node) -> str:
        """The array that is at a place."""
        raise NotImplementedError

    def memory(self, node: Node) -> str:
        """The array that holds a node."""
        raise NotImplementedError

    def original(self, node: Node) -> str:
        """The array of a leaf, where a copy of it has the leaf's place."""
        raise NotImplementedError

    def storage(self, node: Node) -> str:
        """The type of its elements in C."""
        raise NotImplementedError

    def stored(self, target: Target, node: Node) -> str:
        """The type of elements at a place."""
        raise NotImplementedError

    def number(self, node: Node) -> str:
        """The number of the step that a `from_step` node is, in C."""
        raise NotImplementedError

    def name(self, node: Node) -> str:
        """What to call an element."""
        raise NotImplementedError

    def available(self, node: Node) -> bool:
        """Is a node in memory?"""
        raise NotImplementedError

    def layout(self, node: Node) -> bool:
        """Does a sequence lie time by time?"""
        raise NotImplementedError


@dataclass(slots=True)
class _Parameters:
    """The parameters of a kernel, in the order in which they are first used."""

    found: dict[str, Argument] = field(default_factory=dict[str, Argument])
    stored: set[str] = field(default_factory=set[str])
    kinds: dict[str, str] = field(default_factory=dict[str, str])


class KernelWriter(Pulling):
    """Writes one kernel."""

    def __init__(self, fused: Fused, arrays: Arrays, readers: dict[Node, int], name: str) -> None:
        super().__init__()
        self._fused = fused
        self._arrays = arrays
        self._readers = readers
        self._name = name
        self._parameters = _Parameters()
        self._numbers = False
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
        if isinstance(device_form(node), Pointwise) and (node in self._made or not self._arrays.available(node)):
            return None
        return self._loaded(node, index)

    def _loaded(self, node: Node, index: Index) -> str:
        parameter = self._parameter(self._arrays.memory(node), self._arrays.storage(node))
        if self._arrays.layout(node):
            n, time, *rest = self.axes_of(index)
            shape = index.shape
            index = Index((shape[1], shape[0], *shape[2:]), (time, n, *rest))
        return self.let(f"{parameter}[{self.flat_of(index)}]", C_TYPES[node.type.dtype], self.name(node))

    def _parameter(self, python: str, type: str, *, stored: bool = False) -> str:
        parameters = self._parameters
        found = parameters.found.get(python)
        if found is None:
            found = parameters.found[python] = Argument(type, self.unique(_identifier(python)), python)
        if stored:
            parameters.stored.add(python)
        return found.name

    # -------------------------------------------------------------------------------------------- the kernel

    def written(self, headings: list[str]) -> list[Written]:
        """The kernel, and behind it the one that joins what its blocks have summed."""
        match self._fused.kind:
            case "map":
                return self._map(headings)
            case "rows":
                return self._rows(headings)
            case "totals":
                return self._totals(headings)
            case "apart":
                return self._apart_sums(headings)
            case "columns" | "whole":
                return self._sums(headings)

    def _finish(self, headings: list[str], launch: tuple[str, str], *more: Argument) -> Written:
        arguments = [*self._parameters.found.values()]
        if self._numbers:
            arguments.append(Argument("const double*", "numbers", "numbers"))
        if self.draws:
            arguments.append(Argument("const unsigned long long", "seed", "seed"))
            arguments.append(Argument("const unsigned long long*", "position", "position"))
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
        if self._arrays.layout(store.node):
            n, time, *rest = self.axes_of(index)
            shape = index.shape
            index = Index((shape[1], shape[0], *shape[2:]), (time, n, *rest))
        self.line(f"{parameter}[{self.flat_of(index)}] = {value};")

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
        parameter = self._parameter(self._arrays.original(node), "real")
        return self.let(f"{parameter}[{self.flat_of(index)}]", C_TYPES[node.type.dtype], self.name(node))

    # -------------------------------------------------------------------------------------------- kinds

    def _map(self, headings: list[str]) -> list[Written]:
        fused = self._fused
        self._position(fused.extent)
        self._stores_at(list(fused.stores), "i")
        return [self._finish(headings, ("over", count_text(fused.extent)))]

    def _rows(self, headings: list[str]) -> list[Written]:
        fused = self._fused
        length = fused.inner[1]
        rows = (fused.extent[0], fused.extent[1] // length)
        width = 1 if length <= _SHORT else 32 if length <= _LONG else THREADS
        at = "(index)blockIdx.x" if width == THREADS else f"((index)blockIdx.x * {THREADS} + threadIdx.x)"
        self.line(f"const index row = {at}{f' / {width}' if width == 32 else ''};")
        self.line(f"if (row >= {count_text(rows, '(index)')}) return;")
        if width > 1:
            self.line(f"const int lane = threadIdx.x{' % 32' if width == 32 else ''};")
        stages = _stages(fused, self._arrays, self._readers)
        for number in range(max(stages.values(), default=0) + 1):
            self._stage(fused, number, stages, length, width)
        row_stores = [store for store in fused.stores if _of_row(store.node, fused, self._readers)]
        self._row_stores(row_stores, width)
        each = THREADS if width == 1 else THREADS // width
        count = count_text(rows)
        return [self._finish(headings, ("over", f"{count}, {each}" if each != THREADS else count))]

    def _stage(self, fused: Fused, number: int, stages: dict[Node, int], length: int, width: int) -> None:
        """One pass over the row: what is summed in it, and what is stored in it."""
        sums = [reducing(node, self._readers) for node in fused.reductions if stages[node] == number]
        stores = [
            store
            for store in fused.stores
            if not _of_row(store.node, fused, self._readers) and stages[store.node] == number
        ]
        if not sums and not stores:
            return
        for store in fused.stores:  # what a row has one of is computed before its elements are gone through
            node = store.node
            if _of_row(node, fused, self._readers) and node not in fused.reductions and stages[node] <= number:
                self.value(node, Index(array_dims(node.type), flat="row"))
        started = {each.node: self._started(each) for each in sums}
        start, step = ("lane", str(width)) if width > 1 else ("0", "1")
        self.split = row_split(fused.inner)
        with self.block(f"for (int c = {start}; c < {length}; c += {step})"):
            self.line(f"const index i = row * {length} + c;")
            for each in sums:
                value = self.value(each.operand, Index(each.shape, flat="i"))
                for line in each.form.update(started[each.node], value, "c"):
                    self.line(line)
            self._stores_at(stores, "i")
        for each in sums:
            self._across(each, started[each.node], width)
            self.learn(each.node, Index(array_dims(each.node.type), flat="row"), each.form.result(started[each.node]))

    def _row_stores(self, stores: list[Store], width: int) -> None:
        if not stores:
            return
        values = [(s, self._row_value(s.node), Index(array_dims(s.node.type), flat="row")) for s in stores]
        if width == 1:
            for store, value, index in values:
                self._store(store, value, index)
            return
        with self.block("if (lane == 0)"):
            for store, value, index in values:
                self._store(store, value, index)

    def _row_value(self, node: Node) -> str:
        return self.value_known(node, Index(array_dims(node.type), flat="row"))

    def value_known(self, node: Node, index: Index) -> str:
        """The value, which may be a sum that is there already."""
        found = self._found((node, self.place(index)))
        return found if found is not None else self.value(node, index)

    def _started(self, each: Reducing) -> tuple[str, ...]:
        """Variables for what is summed up."""
        names: list[str] = []
        for type, initial in each.form.initial:
            name = self.unique(self.name(each.node))
            self.line(f"{type} {name} = {initial};")
            names.append(name)
        return tuple(names)

    def _across(self, each: Reducing, sums: tuple[str, ...], width: int) -> None:
        """Every thread of the row gets what all of them have together."""
        types = [type for type, _ in each.form.initial]
        if width == 1:
            return
        with self.block("for (int step = 16; step > 0; step /= 2)"):
            others = tuple(self.unique(f"{name}_other") for name in sums)
            for type, name, other in zip(types, sums, others, strict=True):
                self.line(f"const {type} {other} = __shfl_xor_sync(0xffffffffu, {name}, step);")
            for line in each.form.combine(sums, others):
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
            for line in each.form.combine(sums, tuple(f"{name}[other]" for name in shared)):
                self.line(line)
        self.line("__syncthreads();")

    def _totals(self, headings: list[str]) -> list[Written]:
        """One block adds the numbers of all samples up, in float64."""
        stores = self._fused.stores
        names = [self.unique("sum") for _ in stores]
        for name in names:
            self.line(f"double {name} = 0;")
        with self.block(f"for (index i = threadIdx.x; i < n; i += {THREADS})"):
            for name, store in zip(names, stores, strict=True):
                self.line(f"{name} += double({self.value(store.node, Index(array_dims(store.node.type), flat='i'))});")
        for name, store in zip(names, stores, strict=True):
            assert isinstance(store.target, TotalOf)
            self._block_sum(name)
            parameter = self._parameter(self._arrays.target(store.target, store.node), "double", stored=True)
            self.line(f"if (threadIdx.x == 0) {parameter}[{store.target.index}] += {name};")
        return [self._finish(headings, ("alone", ""))]

    def _block_sum(self, name: str) -> None:
        with self.block("for (int step = 16; step > 0; step /= 2)"):
            self.line(f"{name} += __shfl_xor_sync(0xffffffffu, {name}, step);")
        shared = self.unique(f"{name}_of_warp")
        self.line(f"__shared__ double {shared}[{THREADS // 32}];")
        self.line(f"if (threadIdx.x % 32 == 0) {shared}[threadIdx.x / 32] = {name};")
        self.line("__syncthreads();")
        self.line(f"{name} = {shared}[0];")
        self.line(f"for (int other = 1; other < {THREADS // 32}; other++) {name} += {shared}[other];")

    # -------------------------------------------------------------------------------------------- sums

    def _apart_sums(self, headings: list[str]) -> list[Written]:
        """A thread for each result goes through all that is summed up in it."""
        (node,) = self._fused.reductions
        each = reducing(node, self._readers)
        kept = tuple(each.shape[axis] for axis in each.kept)
        self._position(extent(kept), "k")
        outside = self.axes_of(Index(kept, flat="k"))
        sums = self._started(each)
        gone = [each.shape[axis] for axis in each.axes]
        with self.block(f"for (index r = 0; r < {count_text(extent(tuple(gone)), '(index)')}; r++)"):
            inside = self.axes_of(Index(tuple(gone), flat="r"))
            axes = [""] * len(each.shape)
            for axis, text in (*zip(each.kept, outside, strict=True), *zip(each.axes, inside, strict=True)):
                axes[axis] = text
            value = self.value(each.operand, Index(each.shape, tuple(axes)))
            for line in each.form.update(sums, value, "int(r)"):
                self.line(line)
        result = Index(array_dims(node.type), flat="k")
        for store in self._fused.stores:
            self._store(store, each.form.result(sums), result)
        return [self._finish(headings, ("over", count_text(extent(kept))))]

    def _sums(self, headings: list[str]) -> list[Written]:
        """Blocks share what is summed up; where there are several of them, a second kernel joins what they have."""
        fused = self._fused
        works = [reducing(node, self._readers) for node in fused.reductions]
        whole = fused.kind == "whole"
        results = (fused.outer[0] or fused.inner[0], fused.outer[1] * fused.inner[1])
        count = (fused.extent[0] and not results[0], fused.extent[1] // results[1])
        full = [store for store in fused.stores if store.node not in fused.reductions]
        sums_stored = [store for store in fused.stores if store.node in fused.reductions]
        begin, end = "index(blockIdx.y) * part", "begin + part < count ? begin + part : count"
        if whole:
            begin = "index(blockIdx.x) * part"
        self.line(f"const index count = {count_text(count, '(index)')}, begin = {begin}, end = {end};")
        started = self._whole_loop(works, full) if whole else self._column_loop(works, full)
        parts: list[str] = []
        arguments: list[Argument] = []
        several = "gridDim.x" if whole else "gridDim.y"
        at = "0" if whole else "k_all"
        block = "blockIdx.x" if whole else f"index(blockIdx.y) * {count_text(results)} + k_all"
        guard = "if (threadIdx.x == 0)" if whole else "if (threadIdx.y == 0 && inside)"
        with self.block(guard):
            with self.block(f"if ({several} == 1)"):
                for store in sums_stored:
                    each = next(work for work in works if work.node is store.node)
                    parameter = self._parameter(
                        self._arrays.target(store.target, store.node),
                        self._arrays.stored(store.target, store.node),
                        stored=True,
                    )
                    self.line(f"{parameter}[{at}] = {each.form.result(started[each.node])};")
            with self.block("else"):
                for each in works:
                    for (type, _), own in zip(each.form.initial, started[each.node], strict=True):
                        name = self.unique(f"part_{len(parts) + 1}")
                        arguments.append(Argument(f"{type}*", name, ""))
                        parts.append(type)
                        self.line(f"{name}[{block}] = {own};")
        arguments.append(Argument("const index", "part", ""))
        made = f"{'1' if whole else count_text(results)}, {count_text(count)}, {_types(parts)}"
        made += f", inner={count_text(fused.inner)}" if fused.outer != (False, 1) else ""
        first = self._finish(headings, ("sums", made), *arguments)
        return [first, self._joining(works, sums_stored, parts, results)]

    def _whole_loop(self, works: list[Reducing], full: list[Store]) -> dict[Node, tuple[str, ...]]:
        started = {each.node: self._started(each) for each in works}
        with self.block(f"for (index i = begin + threadIdx.x; i < end; i += {THREADS})"):
            for each in works:
                value = self.value(each.operand, Index(each.shape, flat="i"))
                for line in each.form.update(started[each.node], value, "int(i)"):
                    self.line(line)
            self._stores_at(full, "i")
        for each in works:
            self._across(each, started[each.node], THREADS)
        return started

    def _column_loop(self, works: list[Reducing], full: list[Store]) -> dict[Node, tuple[str, ...]]:
        """32 columns to a block, 8 threads to each of them: neighbours read neighbours."""
        fused = self._fused
        inner = count_text(fused.inner, "(index)")
        if fused.outer == (False, 1):
            self.line("const index k = (index)blockIdx.x * 32 + threadIdx.x;")
            self.line(f"const bool inside = k < {inner};")
            self.line("const index k_all = k, group = 0;")
        else:
            self.line(f"const index tiles = ({inner} + 31) / 32, group = blockIdx.x / tiles;")
            self.line("const index k = blockIdx.x % tiles * 32 + threadIdx.x;")
            self.line(f"const bool inside = k < {inner};")
            self.line(f"const index k_all = group * {inner} + k;")
        started = {each.node: self._started(each) for each in works}
        self.split = Split("i", "r_all", "k", fused.inner)
        with self.block("if (inside) for (index r = begin + threadIdx.y; r < end; r += 8)"):
            self.line(
                "const index r_all = group * count + r;" if fused.outer != (False, 1) else "const index r_all = r;"
            )
            self.line(f"const index i = r_all * {inner} + k;")
            for each in works:
                value = self.value(each.operand, Index(each.shape, flat="i"))
                for line in each.form.update(started[each.node], value, "int(r)"):
                    self.line(line)
            self._stores_at(full, "i")
        self.split = None
        for each in works:
            self._down(each, started[each.node])
        return started

    def _down(self, each: Reducing, sums: tuple[str, ...]) -> None:
        """The first of the 8 threads of a column gets what all of them have together."""
        types = [type for type, _ in each.form.initial]
        shared = [self.unique(f"{name}_of_threads") for name in sums]
        for type, name in zip(types, shared, strict=True):
            self.line(f"__shared__ {type} {name}[8][33];")
        for name, own in zip(shared, sums, strict=True):
            self.line(f"{name}[threadIdx.y][threadIdx.x] = {own};")
        self.line("__syncthreads();")
        with self.block("if (threadIdx.y == 0) for (int other = 1; other < 8; other++)"):
            for line in each.form.combine(sums, tuple(f"{name}[other][threadIdx.x]" for name in shared)):
                self.line(line)

    def _joining(self, works: list[Reducing], stores: list[Store], parts: list[str], results: Extent) -> Written:
        """The kernel that joins what blocks have summed, in their order."""
        joining = KernelWriter(self._fused, self._arrays, self._readers, f"{self._name}_joined")
        joining._position(results, "k_all")
        arguments: list[Argument] = []
        for each in works:
            sums = joining._started(each)
            names = tuple(joining.unique(f"part_{len(arguments) + place + 1}") for place in range(len(sums)))
            for (type, _), name in zip(each.form.initial, names, strict=True):
                arguments.append(Argument(f"const {type}*", name, ""))
            at = f"index(block) * {count_text(results)} + k_all"
            with joining.block("for (int block = 0; block < blocks; block++)"):
                for line in each.form.combine(sums, tuple(f"{name}[{at}]" for name in names)):
                    joining.line(line)
            for store in stores:
                if store.node is each.node:
                    index = Index(array_dims(store.node.type), flat="k_all")
                    joining._store(store, each.form.result(sums), index)
        arguments.append(Argument("const int", "blocks", ""))
        return joining._finish([], ("over", count_text(results)), *arguments)


def _identifier(python: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in python).strip("_")


def _types(parts: list[str]) -> str:
    inner = ", ".join(f'"{part}"' for part in parts)
    return f"({inner},)" if len(parts) == 1 else f"({inner})"


def _wrapped(texts: list[str]) -> list[str]:
    lines: list[str] = []
    for position, text in enumerate(texts):
        word = text + ("," if position < len(texts) - 1 else "")
        if lines and len(lines[-1]) + len(word) < 108:
            lines[-1] += f" {word}"
        else:
            lines.append(f"        {word}")
    return lines


def _of_row(node: Node, fused: Fused, readers: dict[Node, int]) -> bool:
    """Does a value of a kernel over rows belong to a whole row?"""
    if node in fused.reductions:
        return True
    return extent(array_dims(node.type)) != fused.extent


def _stages(fused: Fused, arrays: Arrays, readers: dict[Node, int]) -> dict[Node, int]:
    """In which pass over the row each value of a kernel can be computed: behind those whose sums it is made of.

    A sum is there behind its own pass.
    """
    known: dict[Node, int] = {}
    made = {*fused.reductions, *(store.node for store in fused.stores)}
    for node in made:
        stack = [node]
        while stack:
            top = stack[-1]
            if top in known:
                stack.pop()
                continue
            pulled = top in made or (isinstance(device_form(top), Pointwise) and not arrays.available(top))
            inputs = (reducing(top, readers).operand,) if top in fused.reductions else top.inputs if pulled else ()
            pending = [each for each in inputs if each not in known]
            if pending:
                stack.extend(pending)
                continue
            stack.pop()
            known[top] = max((known[each] + (each in fused.reductions) for each in inputs), default=0)
    return {node: known[node] for node in made}
