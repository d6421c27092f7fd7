"""What an expression means while a program is checked.

Numbers, strings and lists are compile-time values; a `Node` is a value of the network; the rest are things that are
applied: functions, layers, steps, models, optimizers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeGuard

from nndsl.ir import Node
from nndsl.records import record

if TYPE_CHECKING:
    from pathlib import Path

    from nndsl.check.context import Context
    from nndsl.check.scope import Scope
    from nndsl.ir import DType, TensorType
    from nndsl.ops import Body
    from nndsl.source import Span
    from nndsl.syntax import tree


@record
class Option:
    """A bare word that a parameter offers: `same` of `padding: valid | same`."""

    name: str


@record
class AllLeading:
    """`...` as a value: the leading axes that the pattern's `...` stands for."""


@record
class Broken:
    """What a name holds whose definition had a mistake: using it says nothing more."""


@record
class Argument:
    """A value handed to something, and where it is written."""

    value: Value
    span: Span


@record
class BuiltinParameter:
    """A parameter of a builtin: required unless it has a default."""

    name: str
    default: Value | None = None
    required: bool = True
    many: bool = False
    """Takes all further positional arguments, as a tuple."""


@record
class Builtin:
    """A function that the compiler provides. `call` gets every parameter by name."""

    name: str
    parameters: tuple[BuiltinParameter, ...]
    call: Callable[[Context, Arguments], Value]
    documentation: str = ""


@record
class Arguments:
    """The arguments of one call of a builtin: `span` is the call's."""

    values: dict[str, Argument]
    span: Span
    scope: Scope | None = None

    def __getitem__(self, name: str) -> Value:
        return self.values[name].value

    def span_of(self, name: str) -> Span:
        """Where the argument is written (the call itself for a default)."""
        return self.values[name].span


@record
class Function:
    """A `function`, `metric` or builtin with what is bound so far. Without its first argument it waits."""

    definition: tree.Definition | Builtin
    scope: Scope | None
    bound: tuple[tuple[str, Argument], ...] = ()

    @property
    def name(self) -> str:
        """As the definition says it."""
        return self.definition.name if isinstance(self.definition, Builtin) else self.definition.name.name

    @property
    def first_parameter(self) -> str | None:
        """Name of the first parameter, which a waiting function waits for."""
        if isinstance(self.definition, Builtin):
            return self.definition.parameters[0].name if self.definition.parameters else None
        return self.definition.parameters[0].name.name if self.definition.parameters else None


@record
class Layer:
    """A `layer` definition, not yet given its parameters."""

    definition: tree.Definition
    scope: Scope

    @property
    def name(self) -> str:
        """As the definition says it."""
        return self.definition.name.name


@record
class Step:
    """A layer with its parameters. `path` names its weights; None until it is named or applied."""

    layer: Layer
    arguments: tuple[tuple[str, Argument], ...]
    span: Span
    path: str | None = None

    @property
    def name(self) -> str:
        """Its layer's."""
        return self.layer.name

    def at(self, path: str) -> Step:
        """This step under the name `path`, unless it already has one."""
        return self if self.path is not None else replace(self, path=path)


@dataclass(eq=False, slots=True)
class Run:
    """A run folder that models are taken out of.

    name: as the file says it. folder: where it is. shapes: of its weights and states, by path. scope: what its program
    defines.
    """

    name: str
    folder: Path
    shapes: dict[str, tuple[int, ...]]
    scope: Scope = field(init=False)


@record
class Model:
    """A network: a model's definition with its parameters, under a name that is always the same weights.

    run: the run whose program defines it. source: for one that was taken out of there, its path there; its own is then
    where it was named here, "" until then. frozen: it never changes, and is applied as in evaluation.
    """

    definition: tree.Definition
    scope: Scope
    arguments: tuple[tuple[str, Argument], ...]
    path: str
    span: Span
    run: Run | None = None
    source: str = ""
    frozen: bool = False


@record
class StepPart:
    """A step inside a model (`Digits.features`) or what lies under it: a prefix of weight paths."""

    path: str
    span: Span


@record
class Optimizer:
    """An `optimizer` with its parameters; `arguments` is None for the bare name."""

    definition: tree.Definition
    scope: Scope
    arguments: tuple[tuple[str, Argument], ...] = ()

    @property
    def name(self) -> str:
        """As the definition says it."""
        return self.definition.name.name


@record
class Parts:
    """What applying a step or a model gives: its outputs (one or several, by name) and the labels inside."""

    outputs: tuple[tuple[str, Value], ...]
    labels: dict[str, Value] = field(default_factory=dict[str, "Value"])
    title: str = ""

    def member(self, name: str) -> Value | None:
        """An output or a label by name."""
        return dict(self.outputs).get(name, self.labels.get(name))


@record
class Looped:
    """A name of a scan, after it: what it was at every time. `sequence` and `last` read it.

    body, inputs, length: of the loop. position: among what the body stacks. carry: its number, for what is carried.
    """

    name: str
    body: Body
    inputs: tuple[Node, ...]
    length: int
    position: int
    carry: int | None


@record
class RawColumn:
    """A column of the data as it is in the file, before it is a number, a class or a category.

    key: unique name of the column's use in the program; inline: the rows, where they are written in the file.
    """

    key: str
    name: str
    kind: str
    shape: tuple[int, ...]
    span: Span
    dtype: DType
    fill: str | None = None


@record
class Scaling:
    """How a field was scaled by what was learnt: by "standardize" or "normalize".

    constants: what its mean and standard deviation, or its minimum and maximum, are called in what the data learnt.
    """

    name: str
    constants: tuple[tuple[str, str], tuple[str, str]]


@record
class FieldInfo:
    """What the data block says about a field: its type, its class names, how many ids it has, how it was scaled.

    data: the block's name.
    """

    name: str
    type: TensorType
    classes: tuple[str, ...] | None
    ids: int | None
    span: Span
    data: str = ""
    scaling: Scaling | None = None


@record
class DataSet:
    """A `data` block, for `digits.label.classes`."""

    name: str
    fields: dict[str, FieldInfo]


Number = bool | int | float
Value = (
    Number
    | str
    | tuple["Value", ...]
    | Node
    | Option
    | AllLeading
    | Broken
    | Function
    | Layer
    | Step
    | Model
    | StepPart
    | Optimizer
    | Parts
    | Looped
    | RawColumn
    | FieldInfo
    | DataSet
)

BROKEN = Broken()


class SilencedError(Exception):
    """A part depends on something whose mistake was already said."""


def is_number(value: Value) -> TypeGuard[int | float]:
    """A compile-time number (true and false are not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def describe(value: Value) -> str:
    """What a value is, for a message: "the number 3", "the layer Dense", "a value of shape [8, 8]"."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the text "{value}"'
        case tuple():
            return "a list"
        case Node():
            return f"a value of shape {value.type.shape_text}"
        case Option():
            return f"the option {value.name}"
        case AllLeading():
            return "`...`"
        case Function():
            return f"the function {value.name}"
        case Layer():
            return f"the layer {value.name}"
        case Step():
            return f"a step ({value.layer.name})"
        case Model():
            return f"the model {value.path}"
        case StepPart():
            return f"the step {value.path}"
        case Optimizer():
            return f"the optimizer {value.name}"
        case Parts():
            return "several values (" + ", ".join(name for name, _ in value.outputs) + ")"
        case Looped():
            return f"what `{value.name}` was at every time of a scan"
        case RawColumn():
            return f"the column {value.name}"
        case FieldInfo():
            return f"the field {value.name}"
        case DataSet():
            return f"the data {value.name}"
        case Broken():
            return "a broken value"
