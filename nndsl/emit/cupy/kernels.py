"""Kernels as CUDA C: one for each region of a device's schedule.

Threads go through positions: `i` counts all of them. Over rows `i` is made of `row` and `c`, over columns of `r` and
`k`. Sums are taken in a fixed order, so that the same bits come out every time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.emit.cupy.kernel_text import THREADS, Arrays, KernelText, Written
from nndsl.emit.cupy.sum_kernels import ApartSums, BlockSums, Totals
from nndsl.ir.device import Pointwise, device_form
from nndsl.plan.device import Fused, Index, array_dims, count_text, extent, reducing, row_split, source_of

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.plan.device import Store

_SHORT, _LONG = 32, 2048
"""Rows of up to so many elements are gone through by one thread, by a warp, and longer ones by a block."""


def written(fused: Fused, arrays: Arrays, readers: dict[Node, int], name: str, headings: list[str]) -> list[Written]:
    """The kernel of a region called `name`, and behind it the one that joins what its blocks have summed.

    headings: comments over it.
    """
    made = {"map": Map, "rows": Rows, "columns": BlockSums, "whole": BlockSums, "apart": ApartSums, "totals": Totals}
    return made[fused.kind](fused, arrays, readers, name).written(headings)


class Map(KernelText):
    """A thread for each position."""

    def written(self, headings: list[str]) -> list[Written]:
        """The kernel."""
        fused = self._fused
        self._position(fused.extent)
        self._stores_at(list(fused.stores), "i")
        return [self._finish(headings, ("over", count_text(fused.extent)))]


class Rows(KernelText):
    """A thread, a warp or a block for each row, whose sums stay inside."""

    def written(self, headings: list[str]) -> list[Written]:
        """The kernel."""
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
            self._take_in(sums, started, "c")
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
            moved = isinstance(device_form(top), Pointwise)
            pulled = source_of(top) in made or (moved and not arrays.available(top))
            inputs = (reducing(top, readers).operand,) if top in fused.reductions else top.inputs if pulled else ()
            pending = [each for each in inputs if each not in known]
            if pending:
                stack.extend(pending)
                continue
            stack.pop()
            known[top] = max((known[each] + (each in fused.reductions) for each in inputs), default=0)
    return {node: known[node] for node in made}
