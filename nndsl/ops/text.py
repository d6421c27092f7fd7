"""Pieces of NumPy source that the ops' rules are written with."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import inf, isnan, prod
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.op import NumpyRule
from nndsl.ir.types import DType, Kind, TensorType

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.op import Attribute, Emission

Line = Callable[["Emission"], str]
Define = Callable[[str, str], str]
"""(name to build on, expression) -> the name of what is made once, outside the step."""
Writer = Callable[["Emission", Define], list[str]]
"""The planned form of an op: its lines, after defining what they need made once."""
_LITERAL = re.compile(r"\(?-?(\d|np\.inf\b|np\.nan\b|(True|False)$)")
Scratch = tuple[tuple[int, ...], str, bool]


def dtype_name(dtype: DType, float_name: str) -> str:
    """`np.float32`: NumPy's name of a number type, where floats are `float_name`."""
    match dtype:
        case DType.FLOAT | DType.NARROW:  # the host has no narrower one
            return f"np.{float_name}"
        case DType.INT:
            return "np.int32"
        case DType.BOOL:
            return "np.bool_"


def literal(value: Attribute, dtype: DType) -> str:
    """A number of a program as a Python literal of its number type; no parentheses around a negative one."""
    if isinstance(value, tuple):
        return f"[{', '.join(literal(item, dtype) for item in value)}]"
    if value is None or isinstance(value, str):
        raise InternalError(f"ops: {value!r} is no number")
    match dtype:
        case DType.BOOL:
            return str(bool(value))
        case DType.INT:
            return str(int(value))
        case DType.FLOAT if isnan(value):
            return "np.nan"
        case DType.FLOAT if value in (inf, -inf):
            return "np.inf" if value > 0 else "-np.inf"
        case DType.FLOAT | DType.NARROW:
            return repr(float(value))


def tuple_text(parts: Iterable[int | str]) -> str:
    """`(n, 3)`, `(3,)`, `()`."""
    texts = [str(part) for part in parts]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def dims(type: TensorType, n: str) -> list[int | str]:
    """Axis lengths of the array that holds values of `type`: the samples first, if it is per sample."""
    return [n, *type.shape] if type.kind is Kind.SAMPLE else [*type.shape]


def product_text(parts: Iterable[int | str]) -> str:
    """`n * 12`, `n`, `12`: the product of axis lengths, of which one may be a name."""
    parts = list(parts)
    names = [part for part in parts if isinstance(part, str)]
    size = prod(part for part in parts if isinstance(part, int))
    return " * ".join([*names, str(size)]) if size != 1 or not names else " * ".join(names)


def array_rank(type: TensorType) -> int:
    """Number of axes of the array that holds values of `type`."""
    return type.rank + offset(type)


def offset(type: TensorType) -> int:
    """Position of a value's first own axis in its array: behind the samples, if it is per sample."""
    return 1 if type.kind is Kind.SAMPLE else 0


def shape_text(e: Emission, type: TensorType | None = None) -> str:
    """Shape of the array of the node (or of another type), as a tuple."""
    return tuple_text(dims(type or e.node.type, e.n))


def dtype_text(e: Emission, dtype: DType | None = None) -> str:
    """NumPy's name of the node's number type (or of another)."""
    return dtype_name(dtype or e.node.type.dtype, e.dtype)


def filled(e: Emission, value: str, type: TensorType | None = None) -> str:
    """An array of the node's type (or of another) that holds one number everywhere."""
    type = type or e.node.type
    return f"np.full({shape_text(e, type)}, {value}, {dtype_text(e, type.dtype)})"


def empty(e: Emission) -> str:
    """An array of the node's type, to be filled."""
    return f"np.empty({shape_text(e)}, {dtype_text(e)})"


def intp_array(e: Emission, type: TensorType) -> str:
    """An array for places of elements, in the width in which NumPy looks them up."""
    return f"np.empty({shape_text(e, type)}, np.intp)"


def derived(operand: str, suffix: str) -> str:
    """What to call something made of an operand: `x_transposed`; the suffix alone where it has no plain name."""
    return f"{operand}_{suffix}" if operand.isidentifier() else suffix


def is_literal(operand: str) -> bool:
    """Whether an operand's text is a number, not a name."""
    return _LITERAL.match(operand) is not None


def is_constant(node: Node) -> bool:
    """Whether a node is one number everywhere, known while compiling."""
    return node.op.leaf and node.op.name == "constant"


def over_arrays(rule: NumpyRule) -> NumpyRule:
    """`rule` for an op that needs arrays: a number among its operands is spread to its shape in the textbook form.

    In the planned form the plan gives such ops arrays.
    """

    def spread(e: Emission) -> Emission:
        types = [node.type for node in e.node.inputs]
        if not any(map(is_literal, e.operands)):
            return e
        operands = (
            filled(e, operand, type) if is_literal(operand) else operand
            for operand, type in zip(e.operands, types, strict=True)
        )
        return replace(e, operands=tuple(operands))

    def expression(e: Emission) -> str:
        return rule.expression(spread(e))

    return replace(rule, expression=expression)


def workspace_rule(
    expression: Line,
    write: Writer,
    *,
    scratch: Callable[[Node], tuple[Scratch, ...]] | None = None,
    in_place: tuple[int, ...] = (),
    contiguous: tuple[int, ...] = (),
    host: Line | None = None,
    runtime: tuple[str, ...] = (),
    by_time: Callable[[Node, tuple[bool, ...]], NumpyRule | None] | None = None,
    spread: bool = False,
) -> NumpyRule:
    """A rule whose planned form is written by one function: it defines what is made once as it goes."""

    def prepare(e: Emission) -> tuple[tuple[str, str], ...]:
        entries: list[tuple[str, str]] = []

        def define(name: str, text: str) -> str:
            taken = sum(known == name or known.startswith(f"{name}_") for known, _ in entries)
            entries.append((f"{name}_{taken + 1}" if taken else name, text))
            return name

        write(e, define)
        return tuple(entries)

    def statements(e: Emission) -> list[str]:
        names = iter(e.prepared)
        return write(e, lambda name, text: next(names))

    return NumpyRule(
        expression, statements, scratch, prepare, in_place, False, contiguous, host, runtime, by_time, spread
    )


def reshaped(array: str, shape: Iterable[int | str]) -> str:
    """`x.reshape(n, 12)`."""
    return f"{array}.reshape({', '.join(str(part) for part in shape) or '()'})"


def transposed(array: str, order: Iterable[int]) -> str:
    """`x.T`, `x.transpose(0, 2, 1)`, or `x` itself where no axis moves."""
    order = tuple(order)
    if order == tuple(range(len(order))):
        return array
    return f"{array}.T" if order == (1, 0) else f"{array}.transpose{order}"


def like(type: TensorType) -> Scratch:
    """A scratch buffer as large as a value of `type`."""
    return (type.shape, type.dtype.value, type.kind is Kind.SAMPLE)
