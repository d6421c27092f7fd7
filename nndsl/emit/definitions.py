"""Variables of a workspace: how they are defined, called and typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl.diagnostics import InternalError
from nndsl.emit.text import REAL, number, shape
from nndsl.ir.types import DType, Kind
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.graph import Node
    from nndsl.ir.types import TensorType
    from nndsl.plan.schedule import ApplyUpdate, Buffer

DTYPES = {DType.FLOAT: REAL, DType.INT: "np.int32", DType.BOOL: "bool", DType.NARROW: REAL}
"""How the source calls each kind of number; `real` is a local variable, the type of the memory's floats."""

SECTIONS = {
    "inputs": "what the caller fills before each step",
    "weights": "weights, states and gradients: parts of the flat vectors",
    "numbers": "numbers, as NumPy takes them fastest",
    "buffers": "buffers",
    "views": "the same memory in other shapes, and what else is made once",
    "updates": "the optimizers, over whole flat vectors",
}
"""Parts of a workspace and their titles; each needs only those before it and its own earlier lines."""

_NUMBER_NAMES = {0.0: "zero", 1.0: "one", 2.0: "two", 0.5: "half", -1.0: "minus_one"}


@record
class Definition:
    """A variable of a workspace: its section, what to call it, its value, a remark to put behind.

    section None: it is there already, under exactly this name (a parameter of the function).
    """

    section: str | None
    name: str
    value: str = ""
    remark: str = ""


class Surroundings:
    """What a schedule's code takes from the function that it stands in; what that does not have is not asked for."""

    all_alike = False
    """Whether all arrays have one shape, so that a buffer's own name does for what is in it."""

    blocks = False
    """Whether matrix products may be written as stacks of smaller ones."""

    def given(self, node: Node) -> Definition:
        """The variable that holds a leaf."""
        raise InternalError(f"emit: {node!r} is not known here")

    def gradient(self, path: str) -> Definition:
        """The variable that holds the gradient of a weight."""
        raise InternalError(f"emit: there is no gradient of {path} here")

    def state(self, path: str) -> Definition:
        """The variable that holds a state."""
        raise InternalError(f"emit: there is no state {path} here")

    def flat(self, name: str) -> str:
        """The variable that holds an update's flat vector: "weight", or a slot's name."""
        raise InternalError(f"emit: there is no flat vector {name} here")

    def apply_update(self, action: ApplyUpdate) -> list[str]:
        """The lines that run an update."""
        raise InternalError(f"emit: {action.update.optimizer} can't be applied here")

    def set_scalar(self, name: str, value: str) -> list[str]:
        """The lines that replace an update's scalar slot."""
        raise InternalError(f"emit: there is no slot {name} here for {value}")

    def empty(self, type: TensorType) -> str:
        """A new array for values of `type`."""
        return f"aligned({array_shape(type)}, {DTYPES[type.dtype]})"

    def buffer(self, buffer: Buffer) -> str:
        """A new buffer."""
        return f"aligned({elements(buffer.size, buffer.per_sample)}, {DTYPES[buffer.dtype]})"

    def total_remark(self, index: int) -> str:
        """What total `index` is for."""
        raise InternalError(f"emit: there is no total {index} here")


def array_shape(type: TensorType) -> str:
    """The shape of the array that holds a value: per-sample ones begin with n."""
    return shape(("n", *type.shape) if type.kind is Kind.SAMPLE else type.shape)


def count_text(node: Node) -> str:
    """The sum of a constant over the samples."""
    value = number(node["value"], node.type.dtype.value)
    return "n" if value in ("1.0", "1", "True") else f"n * {value}"


def number_name(node: Node) -> str:
    """A name for the number of a constant: `zero`, `number_0_001`."""
    value = node["value"]
    if not isinstance(value, int | float) or node.type.dtype is DType.BOOL:
        return "true" if value else "false"
    plain = _NUMBER_NAMES.get(value)
    if plain is not None:
        return plain if node.type.dtype is DType.FLOAT else f"whole_{plain}"
    digits = f"{value:.4g}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
    return f"number_{digits.replace('-', '_minus_').replace('.', '_')}".replace("__", "_")


def elements(size: int, per_sample: bool) -> str:
    """A number of elements in all: `n * 64`."""
    if not per_sample:
        return str(size)
    return "n" if size == 1 else f"n * {size}"
