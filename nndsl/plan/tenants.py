"""Which values share a buffer: those whose lives do not overlap, in as little memory as can be found quickly."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nndsl.plan.schedule import Buffer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nndsl.ir.types import DType

END = 1 << 60
"""A time after all others."""

_WASTE = 1.02
"""Of what is in use at once: memory up to which nothing better is looked for."""

_ALIGNED = 16
"""Parts of buffers begin at multiples of so many elements, as vector instructions like it."""

_MOST_TRIES = 200_000
"""Buffers looked at for all tenants together, beyond which what was found first is kept."""


@dataclass(slots=True)
class Tenant:
    """Memory that is wanted from one event to another, for one value or several, each computed over the one before."""

    buffer: Buffer
    taken: int
    given_back: int = END


@dataclass(slots=True)
class Tenants:
    """All that want memory, in the order in which they take it."""

    all: list[Tenant] = field(default_factory=list[Tenant])
    _events: int = 0

    def take(self, dtype: DType, size: int, per_sample: bool) -> int:
        """The number of a new tenant, for `size` elements."""
        self._events += 1
        self.all.append(Tenant(Buffer(dtype, size, per_sample), self._events))
        return len(self.all) - 1

    def give_back(self, number: int) -> None:
        """Tenant `number` needs its memory no longer."""
        self._events += 1
        self.all[number].given_back = self._events

    def housed(self, *, tight: bool = False) -> tuple[list[int], list[Buffer]]:
        """For each tenant the number of its buffer, and the buffers, in the order in which they are first taken.

        tight: several small tenants may be in parts of a large buffer at once, where that takes less.
        """
        kinds: dict[tuple[DType, bool], list[Tenant]] = defaultdict(list)
        for tenant in self.all:
            kinds[tenant.buffer.dtype, tenant.buffer.per_sample].append(tenant)
        homes: dict[int, tuple[object, int]] = {}
        made: dict[object, list[Buffer]] = {}
        for kind, tenants in kinds.items():
            numbers, made[kind] = _housed(tenants, tight=tight)
            homes |= {id(tenant): (kind, number) for tenant, number in zip(tenants, numbers, strict=True)}
        order: dict[tuple[object, int], int] = {}
        found = [order.setdefault(homes[id(tenant)], len(order)) for tenant in self.all]
        for kind, buffers in made.items():
            for buffer in buffers:
                if buffer.part_of is not None:
                    order.setdefault((kind, buffer.part_of), len(order))
        buffers = [(kind, made[kind][number]) for kind, number in order]
        return found, [
            each if each.part_of is None else replace(each, part_of=order[kind, each.part_of]) for kind, each in buffers
        ]


def _housed(tenants: Sequence[Tenant], *, tight: bool) -> tuple[list[int], list[Buffer]]:
    """As `housed`, for tenants of one kind: by best fit as they come, or in another way where that takes less."""
    best = _as_they_come(tenants)
    used, together = _at_once(tenants)
    if _size(best[1]) <= _WASTE * used or len(tenants) * together > _MOST_TRIES:
        return best
    others = [_largest_first(tenants), *([_in_parts(tenants)] if tight else [])]
    return min([best, *others], key=lambda found: _size(found[1]))


def _size(buffers: Sequence[Buffer]) -> int:
    return sum(buffer.size for buffer in buffers if buffer.part_of is None)


def _events(tenants: Sequence[Tenant]) -> list[tuple[int, int, bool]]:
    """(when, which tenant, does it take) in order."""
    taken = [(tenant.taken, k, True) for k, tenant in enumerate(tenants)]
    given_back = [(tenant.given_back, k, False) for k, tenant in enumerate(tenants) if tenant.given_back < END]
    return sorted(taken + given_back)


def _at_once(tenants: Sequence[Tenant]) -> tuple[int, int]:
    """The most elements, and the most tenants, that are there at the same time."""
    elements = most = count = together = 0
    for _, k, takes in _events(tenants):
        elements += tenants[k].buffer.size if takes else -tenants[k].buffer.size
        count += 1 if takes else -1
        most, together = max(most, elements), max(together, count)
    return most, together


def _as_they_come(tenants: Sequence[Tenant]) -> tuple[list[int], list[Buffer]]:
    """The free buffer that fits best, the one freed last first; else the largest free one grows."""
    pool = Pool()
    numbers = [0] * len(tenants)
    for _, k, takes in _events(tenants):
        wanted = tenants[k].buffer
        if takes:
            numbers[k] = pool.take(wanted.dtype, wanted.size, wanted.per_sample)
        else:
            pool.give_back(numbers[k])
    return numbers, pool.buffers


def _largest_first(tenants: Sequence[Tenant]) -> tuple[list[int], list[Buffer]]:
    """Each into the smallest buffer, of those made for larger ones, that nobody has meanwhile (Pisarchyk, Lee 2020)."""
    numbers = [0] * len(tenants)
    buffers: list[Buffer] = []
    stays: list[list[tuple[int, int]]] = []
    for k in sorted(range(len(tenants)), key=lambda k: (-tenants[k].buffer.size, tenants[k].taken)):
        stay = (tenants[k].taken, tenants[k].given_back)
        for number in reversed(range(len(buffers))):
            if _is_free(stays[number], stay):
                break
        else:
            number = len(buffers)
            buffers.append(tenants[k].buffer)
            stays.append([])
        insort(stays[number], stay)
        numbers[k] = number
    return numbers, buffers


def _in_parts(tenants: Sequence[Tenant]) -> tuple[list[int], list[Buffer]]:
    """All in one buffer, the largest placed first: each into the smallest gap between those that are there meanwhile.

    Pisarchyk and Lee 2020. The last of the buffers is the whole.
    """
    firsts = [0] * len(tenants)
    placed: list[int] = []
    for k in sorted(range(len(tenants)), key=lambda k: (-tenants[k].buffer.size, tenants[k].taken)):
        tenant = tenants[k]
        meanwhile = sorted(
            (firsts[other], firsts[other] + tenants[other].buffer.size)
            for other in placed
            if tenants[other].taken < tenant.given_back and tenant.taken < tenants[other].given_back
        )
        firsts[k] = _smallest_gap(meanwhile, tenant.buffer.size)
        placed.append(k)
    numbers: dict[tuple[int, int], int] = {}
    found = [
        numbers.setdefault((first, tenant.buffer.size), len(numbers))
        for first, tenant in zip(firsts, tenants, strict=True)
    ]
    kind, whole = tenants[0].buffer, len(numbers)
    parts = [replace(kind, size=size, part_of=whole, first=first) for first, size in numbers]
    return found, [*parts, replace(kind, size=max(part.first + part.size for part in parts))]


def _smallest_gap(taken: Sequence[tuple[int, int]], size: int) -> int:
    """Where the smallest gap of at least `size` begins between stretches (begin, end) in order, or behind them."""
    best: tuple[int, int] | None = None
    end = 0
    for begin, last in taken:
        start = -(-end // _ALIGNED) * _ALIGNED
        if begin - start >= size and (best is None or begin - start < best[0]):
            best = (begin - start, start)
        end = max(end, last)
    return -(-end // _ALIGNED) * _ALIGNED if best is None else best[1]


def _is_free(stays: list[tuple[int, int]], stay: tuple[int, int]) -> bool:
    """Does `stay` lie between those?"""
    place = bisect_left(stays, stay)
    before = place == 0 or stays[place - 1][1] < stay[0]
    return before and (place == len(stays) or stay[1] < stays[place][0])


@dataclass(slots=True)
class Pool:
    """Buffers, and which of them are free: taken by best fit, the one freed last first; else the largest grows."""

    buffers: list[Buffer] = field(default_factory=list[Buffer])
    _sizes: dict[tuple[DType, bool], list[int]] = field(default_factory=lambda: defaultdict(list))
    _free: dict[tuple[DType, bool, int], list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, dtype: DType, size: int, per_sample: bool) -> int:
        """The number of a buffer that holds `size` elements and that nobody else uses until it is given back."""
        sizes = self._sizes[dtype, per_sample]
        if not sizes:
            self.buffers.append(Buffer(dtype, size, per_sample))
            return len(self.buffers) - 1
        fit = min(bisect_left(sizes, size), len(sizes) - 1)
        stack = self._free[dtype, per_sample, sizes[fit]]
        number = stack.pop()
        if not stack:
            sizes.pop(fit)
        if self.buffers[number].size < size:
            self.buffers[number] = replace(self.buffers[number], size=size)
        return number

    def give_back(self, number: int) -> None:
        """Buffer `number` may be used by others."""
        buffer = self.buffers[number]
        stack = self._free[buffer.dtype, buffer.per_sample, buffer.size]
        if not stack:
            insort(self._sizes[buffer.dtype, buffer.per_sample], buffer.size)
        stack.append(number)
