"""Pulling: the text of an element, made of the texts of the elements that it needs, down to what lies in memory.

Indices are texts as well: along each axis, or a flat position in row-major order, made of each other where they must.
What was asked for once is a variable in the block of lines that it stands in, so that it is computed once there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf, isnan
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.device import Pointwise, device_form
from nndsl.ir.types import DType, Kind
from nndsl.ops import constant, from_step
from nndsl.ops.device import C_TYPES
from nndsl.ops.random import site_key

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType

SAMPLES = "n"
"""The number of samples in the batch, in kernels."""

RESERVED = frozenset(
    """
    alignas and asm auto bool break case char class const continue default delete do double else enum extern false
    float for friend goto if index inline int long mutable namespace new not operator or private protected public real
    register return short signed sizeof static struct switch template this throw true try typedef typename union
    unsigned using value virtual void volatile while xor
    abs absolute ceil cos erf exp expm1 floor floor_divide keep_larger keep_smaller larger log log1p max min
    narrow normal_quantile pow remainder_of rint sign_of sin smaller sqrt tan tanh to_narrow
    begin block blocks count end group inside k_all lane other part r_all step tiles
    y0 y1 yn j0 j1 jn gamma div numbers position seed n i row column c r k t total
    """.split()  # noqa: SIM905 - a list of words
)
"""What no variable of a kernel is called."""

Shape = tuple[int | None, ...]
"""Axis lengths of an array; None: the samples'."""


def array_dims(type: TensorType) -> Shape:
    """Axis lengths of the array that holds a value, the samples first."""
    return (None, *type.shape) if type.kind is Kind.SAMPLE else type.shape


def extent(shape: Shape) -> tuple[bool, int]:
    """Number of elements: whether the samples count, and how many for each (or in all)."""
    size = 1
    for length in shape:
        size *= 1 if length is None else length
    return None in shape, size


def count_text(of: tuple[bool, int], index: str = "") -> str:
    """`n * 64`; `index`: a cast before the samples."""
    samples, size = of
    if not samples:
        return str(size)
    return f"{index}{SAMPLES}" if size == 1 else f"{index}{SAMPLES} * {size}"


@dataclass(frozen=True, slots=True, eq=False)
class Index:
    """An element's place in an array of `shape`: along each axis, or flat, or both."""

    shape: Shape
    axes: tuple[str, ...] | None = None
    flat: str | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A flat position that is known to be made of two: `flat = outer * inner_size + inner`."""

    flat: str
    outer: str
    inner: str
    size: tuple[bool, int]


@dataclass(slots=True)
class _Block:
    """Lines that stand together: what they have computed, by what it is."""

    known: dict[object, str] = field(default_factory=dict[object, str])


class Pulling(ABC):
    """Lines of C in the making. `split`: how the position that threads go through is made, where it is of two."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.split: Split | None = None
        self.draws = False
        self._depth = 1
        self._blocks = [_Block()]
        self._taken: dict[str, int] = dict.fromkeys(RESERVED, 1)

    # -------------------------------------------------------------------------------------------- to be said

    @abstractmethod
    def known(self, node: Node, index: Index) -> str | None:
        """The text of an element that need not be computed: it is in memory or in a variable. None: pull it."""

    @abstractmethod
    def number(self, node: Node) -> str:
        """The text of a number of the step (`from_step`)."""

    def name(self, node: Node) -> str:
        """What to call an element of `node`."""
        return node.op.name

    # -------------------------------------------------------------------------------------------- lines

    def line(self, text: str) -> None:
        """Write a line."""
        self.lines.append("    " * self._depth + text if text else "")

    @contextmanager
    def block(self, opening: str) -> Generator[None]:
        """Lines inside of braces."""
        self.line(f"{opening} {{")
        self._depth += 1
        self._blocks.append(_Block())
        yield
        self._blocks.pop()
        self._depth -= 1
        self.line("}")

    def unique(self, wish: str) -> str:
        """A name that nothing else has."""
        count = self._taken.get(wish, 0) + 1
        self._taken[wish] = count
        return wish if count == 1 else self.unique(f"{wish}_{count}")

    def let(self, text: str, type: str = "index", wish: str | None = None) -> str:
        """A variable for an expression; numbers and names stand for themselves."""
        if text.isidentifier() or text.isdigit():
            return text
        found = self._found(("let", type, text))
        if found is None:
            found = self.unique(wish or ("at" if type == "index" else "x"))
            self.line(f"const {type} {found} = {text};")
            self._note(("let", type, text), found)
        return found

    def _found(self, key: object) -> str | None:
        for block in reversed(self._blocks):
            if (found := block.known.get(key)) is not None:
                return found
        return None

    def _note(self, key: object, text: str) -> None:
        self._blocks[-1].known[key] = text

    def learn(self, node: Node, index: Index, text: str) -> None:
        """The element of `node` at an index is in a variable from here on, in this block."""
        self._note((node, self.place(index)), text)

    # -------------------------------------------------------------------------------------------- indices

    def place(self, index: Index) -> object:
        """What tells places in one array apart, without lines of its own."""
        if index.flat is not None:
            return index.flat
        assert index.axes is not None
        shape, axes = _real(index.shape, index.axes)
        return self._flat(shape, axes) or axes

    def _flat(self, shape: Shape, axes: tuple[str, ...]) -> str | None:
        """The flat position that these axes are known to be, which are all longer than one element."""
        if len(axes) < 2:
            return axes[0] if axes else "0"
        return self._found(("flat", shape, axes))

    def _note_flat(self, shape: Shape, axes: tuple[str, ...], flat: str) -> None:
        self._note(("flat", *_real(shape, axes)), flat)

    def axes_of(self, index: Index) -> tuple[str, ...]:
        """Where along each axis."""
        if index.axes is not None:
            return index.axes
        assert index.flat is not None
        axes = self._apart(index.flat, index.shape)
        self._note_flat(index.shape, axes, index.flat)
        return axes

    def flat_of(self, index: Index) -> str:
        """Where in row-major order."""
        if index.flat is not None:
            return index.flat
        assert index.axes is not None
        shape, axes = _real(index.shape, index.axes)
        found = self._flat(shape, axes)
        if found is None:
            found = self.let(_joined(axes, shape))
            self._note_flat(shape, axes, found)
        return found

    def _apart(self, flat: str, shape: Shape) -> tuple[str, ...]:
        split = self.split
        if split is not None and flat == split.flat:
            for first in range(len(shape), -1, -1):
                if extent(shape[first:]) == split.size:
                    while first < len(shape) and shape[first] == 1:  # ones between belong to either: leave them outside
                        first += 1
                    outer, inner = self._apart(split.outer, shape[:first]), self._apart(split.inner, shape[first:])
                    self._note_flat(shape[:first], outer, split.outer)
                    self._note_flat(shape[first:], inner, split.inner)
                    return (*outer, *inner)
        real = [axis for axis, length in enumerate(shape) if length != 1]
        found = ["0"] * len(shape)
        for position, axis in enumerate(reversed(real)):
            length = SAMPLES if shape[axis] is None else str(shape[axis])
            if position == len(real) - 1:
                found[axis] = flat
            else:
                found[axis] = self.let(f"{flat} % {length}")
                flat = self.let(f"{flat} / {length}")
        return tuple(found)

    # -------------------------------------------------------------------------------------------- values

    def value(self, node: Node, index: Index) -> str:
        """The text of an element of `node`: atomic."""
        if node.op is constant:
            return literal(node)
        if node.op is from_step:
            return self.number(node)
        found = self._found((node, self.place(index)))
        if found is None:
            found = self.known(node, index)
            if found is None:
                found = self.computed(node, index)
            self._note((node, self.place(index)), found)
        return found

    def computed(self, node: Node, index: Index) -> str:
        """The text of an element, computed here."""
        if node.op is from_step:
            return self.number(node)
        form = device_form(node)
        if not isinstance(form, Pointwise):
            raise InternalError(f"plan: {node!r} can't be pulled into a kernel")
        text = form.element(Pulled(self, node, index))
        return self.let(text, C_TYPES[node.type.dtype], self.name(node))


def _real(shape: Shape, axes: tuple[str, ...]) -> tuple[Shape, tuple[str, ...]]:
    """The axes that are longer than one element."""
    if 1 not in shape:
        return shape, axes
    kept = [k for k, length in enumerate(shape) if length != 1]
    return tuple(shape[k] for k in kept), tuple(axes[k] for k in kept)


def _joined(axes: Sequence[str], shape: Shape) -> str:
    """The flat position of an element, as a text."""
    text = ""
    for axis, length in zip(axes, shape, strict=True):
        if not text:
            text = axis if axis != "0" else ""
            continue
        scaled = f"{text} * {SAMPLES if length is None else length}"
        text = scaled if axis == "0" else f"{scaled} + {axis}"
        text = f"({text})"
    return (text[1:-1] if text.startswith("(") else text) or "0"


def literal(node: Node) -> str:
    """A constant in C."""
    value = node["value"]
    if not isinstance(value, int | float):
        raise InternalError(f"plan: {node!r} is no number")
    match node.type.dtype:
        case DType.BOOL:
            return "true" if value else "false"
        case DType.INT:
            return str(int(value)) if value >= 0 else f"({int(value)})"
        case DType.FLOAT if isnan(value):
            return "real(NAN)"
        case DType.FLOAT if value in (inf, -inf):
            return "real(INFINITY)" if value > 0 else "real(-INFINITY)"
        case DType.FLOAT:
            return f"real({float(value)!r})"
        case DType.NARROW:
            raise InternalError(f"plan: {node!r} is no operand of a product")


@dataclass(frozen=True, slots=True)
class Pulled:
    """An element that is being computed, as its op's rule sees it (see `nndsl.ir.device.Element`)."""

    pulling: Pulling
    node: Node
    index: Index

    @property
    def axes(self) -> tuple[str, ...]:
        """Along the node's own axes."""
        return self.pulling.axes_of(self.index)[self._first :]

    @property
    def _first(self) -> int:
        return 1 if self.node.type.kind is Kind.SAMPLE else 0

    @property
    def samples(self) -> str:
        """How many there are in the batch."""
        return SAMPLES

    @property
    def flat(self) -> str:
        """Among all elements."""
        return self.pulling.flat_of(self.index)

    @property
    def flat_of_sample(self) -> str:
        """Among its sample's elements."""
        if not self._first:
            return self.flat
        return self.pulling.flat_of(Index(self.index.shape[1:], self.axes))

    @property
    def draw(self) -> str:
        """The first arguments of a draw."""
        self.pulling.draws = True
        site = f"{site_key(str(self.node['site']))}ULL"
        if not self._first:
            return f"seed, {site}, 0ULL, 0ULL"
        sample = self.pulling.axes_of(self.index)[0]
        return f"seed, {site}, position[0], position[1] + {sample}"

    def operand(self, position: int) -> str:
        """Of the same shape, at the same place."""
        return self.pulling.value(self.node.inputs[position], self.index)

    def reshaped(self, position: int) -> str:
        """Of another shape, at the same place in row-major order."""
        operand = self.node.inputs[position]
        return self.pulling.value(operand, Index(array_dims(operand.type), flat=self.flat))

    def read(self, position: int, axes: Sequence[str], sample: str | None = None) -> str:
        """At another index."""
        operand = self.node.inputs[position]
        shape = array_dims(operand.type)
        if operand.type.kind is Kind.SAMPLE:
            axes = (sample or self.pulling.axes_of(self.index)[0], *axes)
        return self.pulling.value(operand, Index(shape, tuple(axes)))

    def let(self, text: str, type: str = "index") -> str:
        """A variable for an expression."""
        return self.pulling.let(text, type)

    def variable(self, dtype: DType, initial: str) -> str:
        """A variable that changes."""
        name = self.pulling.unique(self.pulling.name(self.node))
        self.pulling.line(f"{C_TYPES[dtype]} {name} = {initial};")
        return name

    def set(self, variable: str, text: str) -> None:
        """Change it."""
        self.pulling.line(f"{variable} = {text};")

    @contextmanager
    def when(self, condition: str) -> Generator[None]:
        """Only where the condition holds."""
        if condition == "true":
            yield
            return
        with self.pulling.block(f"if ({condition})"):
            yield

    @contextmanager
    def loop(self, count: str) -> Generator[str]:
        """For each number below `count`."""
        name = self.pulling.unique("k")
        with self.pulling.block(f"for (int {name} = 0; {name} < {count}; {name}++)"):
            yield name
