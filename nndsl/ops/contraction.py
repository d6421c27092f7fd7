"""How a product of two arrays, summed over some of their axes, becomes one matrix product.

Every axis has a letter. A letter in both arrays and in the result is a batch axis, one in both but not in the result is
summed, the others are the rows (left array) and the columns (right array) of the result. NumPy's `matmul` wants
[batch ..., rows, summed] times [batch ..., summed, columns]; an array can be seen so without copying where the axes of
each group stand together, in the same order in both arrays that have them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod

from nndsl.records import record

TYPICAL_SAMPLES = 64
"""What the number of samples is taken for where the costs of two ways are compared."""

Size = int | str


@dataclass(frozen=True)
class Contraction:
    """`left, right -> out`: letters of the arrays' axes in order; the letters' `sizes`, None for the samples' axis."""

    left: str
    right: str
    out: str
    sizes: tuple[tuple[str, int | None], ...]

    def size(self, letters: str) -> int:
        """Number of elements over some axes, of a typical batch."""
        sizes = dict(self.sizes)
        return prod(TYPICAL_SAMPLES if sizes[letter] is None else sizes[letter] or 0 for letter in letters)

    @cached_property
    def summed(self) -> str:
        """Letters of the axes that are summed over, in the left array's order."""
        return "".join(letter for letter in self.left if letter not in self.out)

    @property
    def is_one_product(self) -> bool:
        """Whether it is one matrix product: something is summed, and no axis is in all three arrays."""
        return bool(self.summed) and not set(self.left) & set(self.right) & set(self.out)

    @cached_property
    def gemm(self) -> Gemm:
        """The contraction as the matrix product that copies least."""
        return as_gemm(self)

    def swapped(self) -> Contraction:
        """The same with left and right exchanged."""
        return Contraction(self.right, self.left, self.out, self.sizes)


@dataclass(frozen=True)
class Matrix:
    """An array seen as [batch ..., first, second]: `axes` are its letters as they are stored.

    copied: its axes do not stand so, and it has to be copied into the order batch, first, second.
    """

    axes: str
    batch: str
    first: str
    second: str
    copied: bool

    @cached_property
    def order(self) -> str:
        """The letters as the matrix product wants them."""
        return self.batch + self.first + self.second

    @cached_property
    def groups(self) -> list[str]:
        """Letters that become one axis each, in the order of the matrix product; groups without letters left out."""
        return [group for group in (*self.batch, self.first, self.second) if group]

    @cached_property
    def stored_groups(self) -> list[str]:
        """`groups` in the order in which they are stored (in the order wanted, if copied)."""
        return self.groups if self.copied else sorted(self.groups, key=self.axes.index)

    @cached_property
    def turn(self) -> tuple[int, ...]:
        """The stored groups' positions, in the order of `groups`."""
        return tuple([self.stored_groups.index(group) for group in self.groups])

    @property
    def turned(self) -> bool:
        """Whether it is stored column by column."""
        return self.turn == (1, 0)


@record
class Gemm:
    """A contraction as one matrix product `left @ right`; `swapped`: left is the second operand."""

    swapped: bool
    left: Matrix
    right: Matrix
    out: Matrix


def _matrix(axes: str, batch: str, first: str, second: str) -> Matrix:
    """`axes` seen as [batch, first, second], copied only where it must be.

    BLAS reads matrices in which one of the two axes is without gaps, so the last stored axis may not be a batch axis.
    """
    together = all(group in axes for group in (first, second))
    gapless = not batch or axes[-1] not in batch
    return Matrix(axes, batch, first, second, copied=not (together and gapless))


def _orders(*candidates: str) -> Iterator[str]:
    yield from dict.fromkeys(candidates)


def _ordered(letters: str, like: str) -> str:
    return "".join(sorted(letters, key=like.index))


def as_gemm(contraction: Contraction) -> Gemm:
    """The matrix product that copies least; of equals, the one whose result is stored row by row, then the plainest."""
    best: Gemm | None = None
    best_cost: tuple[int, int, int] | None = None
    for swapped in (False, True):
        c = contraction.swapped() if swapped else contraction
        batch = "".join(letter for letter in c.out if letter in c.left and letter in c.right)
        rows = "".join(letter for letter in c.out if letter in c.left and letter not in c.right)
        columns = "".join(letter for letter in c.out if letter in c.right and letter not in c.left)
        for summed, first, second in product(
            _orders(c.summed, _ordered(c.summed, c.right)),
            _orders(rows, _ordered(rows, c.left)),
            _orders(columns, _ordered(columns, c.right)),
        ):
            gemm = Gemm(
                swapped,
                _matrix(c.left, batch, first, summed),
                _matrix(c.right, batch, summed, second),
                _matrix(c.out, batch, first, second),
            )
            copied = sum(contraction.size(m.axes) for m in (gemm.left, gemm.right, gemm.out) if m.copied)
            by_columns = bool(first and second) and c.out[-1] in first
            transposed = sum(m.axes != m.order for m in (gemm.left, gemm.right))
            cost = (copied, int(by_columns), transposed)
            if best_cost is None or cost < best_cost:
                best, best_cost = gemm, cost
    assert best is not None
    return best


def sizes_text(groups: list[str], sizes: Mapping[str, int | None], n: str) -> list[Size]:
    """Length of each group's axis: a number, or text where the samples are part of it."""
    lengths: list[Size] = []
    for group in groups:
        known = prod(sizes[letter] or 1 for letter in group)
        with_samples = any(sizes[letter] is None for letter in group)
        lengths.append((n if known == 1 else f"{n} * {known}") if with_samples else known)
    return lengths
