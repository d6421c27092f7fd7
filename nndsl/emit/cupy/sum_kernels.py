"""Kernels that sum up over samples and other long axes, in a fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.emit.cupy.kernel_text import THREADS, Argument, KernelText, Written
from nndsl.plan.device import Extent, Index, Reducing, Split, TotalOf, array_dims, count_text, extent, reducing

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.plan.device import Store

_SHORT = 32
"""Sums of up to so many numbers are one thread's work."""


class Totals(KernelText):
    """Sums of one number a sample."""

    def written(self, headings: list[str]) -> list[Written]:
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
            self._exchange(["double"], (name,), lambda own, other: [f"{own[0]} += {other[0]};"], THREADS)
            parameter = self._parameter(self._arrays.target(store.target, store.node), "double", stored=True)
            self.line(f"if (threadIdx.x == 0) {parameter}[{store.target.index}] += {name};")
        return [self._finish(headings, ("alone", ""))]


class ApartSums(KernelText):
    """Sums over axes that stand apart."""

    def written(self, headings: list[str]) -> list[Written]:
        """A thread for each result goes through all that is summed up in it; a block, where that is much."""
        (node,) = self._fused.reductions
        each = reducing(node, self._readers)
        kept = tuple(each.shape[axis] for axis in each.kept)
        gone = [each.shape[axis] for axis in each.axes]
        samples, length = extent(tuple(gone))
        whole = samples or length > _SHORT
        if whole:
            self.line("const index k = blockIdx.x;")
        else:
            self._position(extent(kept), "k")
        outside = self.axes_of(Index(kept, flat="k"))
        sums = self._started(each)
        first, step = ("threadIdx.x", str(THREADS)) if whole else ("0", "1")
        with self.block(f"for (index r = {first}; r < {count_text((samples, length), '(index)')}; r += {step})"):
            inside = self.axes_of(Index(tuple(gone), flat="r"))
            axes = [""] * len(each.shape)
            for axis, text in (*zip(each.kept, outside, strict=True), *zip(each.axes, inside, strict=True)):
                axes[axis] = text
            value = self.value(each.operand, Index(each.shape, tuple(axes)))
            for line in each.form.update(sums, value, "int(r)"):
                self.line(line)
        result = Index(array_dims(node.type), flat="k")
        if whole:
            self._across(each, sums, THREADS)
            self.line("if (threadIdx.x > 0) return;")
        for store in self._fused.stores:
            self._store(store, each.form.result(sums), result)
        count = count_text(extent(kept))
        return [self._finish(headings, ("over", f"{count}, 1" if whole else count))]


class BlockSums(KernelText):
    """Sums over all positions, or for each of the last places over those before."""

    def written(self, headings: list[str]) -> list[Written]:
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
                    index = Index(array_dims(store.node.type), flat=at)
                    self._store(store, each.form.result(started[each.node]), index)
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
            self._take_in(works, started, "int(i)")
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
            self.line("const index k_all = k;")
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
            self._take_in(works, started, "int(r)")
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
        joining = BlockSums(self._fused, self._arrays, self._readers, f"{self._name}_joined")
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


def _types(parts: list[str]) -> str:
    inner = ", ".join(f'"{part}"' for part in parts)
    return f"({inner},)" if len(parts) == 1 else f"({inner})"
