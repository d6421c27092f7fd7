"""What type rules and gradient rules share: attributes of the right kind, checks of operands, inner kinds of splats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.ir.graph import Node
from nndsl.ir.op import PLAIN, Attributes, NoGradient, RuleError, TypeRule
from nndsl.ir.types import DType, Kind, TensorType

if TYPE_CHECKING:
    from nndsl.ir.op import Attribute

FLOAT = (DType.FLOAT,)
NUMBER = (DType.FLOAT, DType.INT)
BOOL = (DType.BOOL,)
ANY = (DType.FLOAT, DType.INT, DType.BOOL)

SHARED_OR_SAMPLE = {"shared": Kind.SHARED, "sample": Kind.SAMPLE}

STEPS = NoGradient("its value jumps from one number to the next, so its slope is 0")
CHOICE = NoGradient("its result is a choice, not a quantity that grows with its input")


# ------------------------------------------------------------------------------------------------ attributes


def attribute(holder: Attributes | Node, name: str) -> Attribute:
    """The attribute called `name`; a node without it is a mistake of whoever made the node."""
    try:
        value = holder[name]
    except KeyError:
        raise InternalError(f"ops: attribute `{name}` is missing in {holder!r}") from None
    if not isinstance(value, PLAIN):
        raise InternalError(f"ops: attribute `{name}` of {holder!r} is a graph, no plain value")
    return value


def integer(holder: Attributes | Node, name: str) -> int:
    """The attribute `name`, a whole number."""
    value = attribute(holder, name)
    if isinstance(value, int):
        return value
    raise InternalError(f"ops: attribute `{name}` should be a whole number, not {value!r}")


def real(holder: Attributes | Node, name: str) -> float:
    """The attribute `name`, a number."""
    value = attribute(holder, name)
    if isinstance(value, int | float):
        return float(value)
    raise InternalError(f"ops: attribute `{name}` should be a number, not {value!r}")


def text(holder: Attributes | Node, name: str) -> str:
    """The attribute `name`, a text."""
    value = attribute(holder, name)
    if isinstance(value, str):
        return value
    raise InternalError(f"ops: attribute `{name}` should be a text, not {value!r}")


def integers(holder: Attributes | Node, name: str) -> tuple[int, ...]:
    """The attribute `name`, a tuple of whole numbers."""
    value = attribute(holder, name)
    if isinstance(value, tuple) and all(isinstance(item, int) for item in value):
        return tuple(item for item in value if isinstance(item, int))
    raise InternalError(f"ops: attribute `{name}` should be whole numbers, not {value!r}")


def kind_of(holder: Attributes | Node, name: str = "kind") -> Kind:
    """The attribute `name`, "shared" or "sample", as a kind."""
    written = text(holder, name)
    if written not in SHARED_OR_SAMPLE:
        raise InternalError(f"ops: attribute `{name}` should be shared or sample, not {written!r}")
    return SHARED_OR_SAMPLE[written]


def kind_name(kind: Kind) -> str:
    """`kind` as attributes write it."""
    return "sample" if kind is Kind.SAMPLE else "shared"


# ------------------------------------------------------------------------------------------------ operands


def counted(name: str, types: Sequence[TensorType], count: int) -> None:
    """An op gets as many operands as it has; anything else is the compiler's mistake."""
    if len(types) != count:
        raise InternalError(f"ops: `{name}` takes {count} operands, not {len(types)}")


def takes(name: str, type: TensorType, accepted: Sequence[DType], position: int = 0) -> None:
    """RuleError unless `type`, the operand at `position`, holds numbers of an accepted type."""
    if type.dtype in accepted:
        return
    wanted = " or ".join(dtype.value for dtype in accepted)
    cast = f"write `{accepted[0].value}(...)` around it" if accepted[0] is not DType.BOOL else "compare it: `x > 0`"
    raise RuleError(f"`{name}` works on {wanted} values, and this one is {type.dtype.value}", position, help=cast)


def alike(name: str, types: Sequence[TensorType], first: int = 0) -> None:
    """RuleError unless all operands from position `first` on have one number type, shape and kind."""
    model = types[first]
    for position in range(first + 1, len(types)):
        type = types[position]
        if type.dtype is not model.dtype:
            raise RuleError(f"`{name}` can't mix {model.dtype.value} and {type.dtype.value}", first, position)
        if type.shape != model.shape:
            raise RuleError(f"{model.shape_text} is not {type.shape_text}", first, position)
        if type.kind is not model.kind:
            raise RuleError(f"`{name}` got operands of two kinds: {model} and {type}", first, position)


def not_step(name: str, *types: TensorType) -> None:
    """RuleError for numbers of the step where the op wants arrays."""
    for position, type in enumerate(types):
        if type.kind is Kind.STEP:
            raise RuleError(f"`{name}` works on values of the network, and this is a number of the step", position)


def valid_axis(axis: int, type: TensorType, position: int = 0) -> None:
    """RuleError unless `type` has the axis."""
    if not 0 <= axis < type.rank:
        raise RuleError(f"{type.shape_text} has no axis {axis}", position)


def elementwise_type(name: str, count: int, accepted: Sequence[DType], result: DType | None) -> TypeRule:
    """Type rule of an op over `count` operands of one type; the result has their type, or numbers of type `result`."""

    def rule(types: tuple[TensorType, ...], attributes: Attributes) -> TensorType:
        counted(name, types, count)
        for position, type in enumerate(types):
            takes(name, type, accepted, position)
        alike(name, types)
        return types[0] if result is None else types[0].with_dtype(result)

    return rule
