"""The syntax tree: what a `.nn` file says, with the place of every part, and no meaning yet.

Every node is frozen and carries its `span`. Layers, losses and options do not appear here: `Dense(10)` is a
`Call` of a `Name`, and the library decides what it means.
"""

from __future__ import annotations

from dataclasses import dataclass

from nndsl.source import SourceFile, Span

# ---------------------------------------------------------------------------------------------- expressions


@dataclass(frozen=True, slots=True)
class Number:
    """`3`, `0.5`, `1e-3`; `80%` is 0.8 (percent=True). `value` is an int where the text is one."""

    span: Span
    value: int | float
    percent: bool = False


@dataclass(frozen=True, slots=True)
class String:
    """`"text"`: double quotes, escapes resolved in `value`."""

    span: Span
    value: str


@dataclass(frozen=True, slots=True)
class Boolean:
    """`true` or `false`."""

    span: Span
    value: bool


@dataclass(frozen=True, slots=True)
class Dots:
    """`...`: all leading axes."""

    span: Span


@dataclass(frozen=True, slots=True)
class Name:
    """A name on its own."""

    span: Span
    name: str


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`: a list, a shape or inline data."""

    span: Span
    items: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`; `operator` is "-" or "not"."""

    span: Span
    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """`left operator right`: + - * / // % ^ @ == != < <= > >= and or | (`|` joins the options of a parameter)."""

    span: Span
    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call, by position (`name` is None) or by name."""

    span: Span
    name: str | None
    value: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`."""

    span: Span
    function: Expression
    arguments: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class Slice:
    """`1:4` inside an index; either end may be missing."""

    span: Span
    start: Expression | None
    stop: Expression | None


@dataclass(frozen=True, slots=True)
class Index:
    """`x[0]`, `x[1:4]`, `x[..., 0]`; also the type `int[time]` (a Name indexed by dimensions)."""

    span: Span
    value: Expression
    items: tuple[Expression | Slice, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """`value.name`: a part of something (an output, a label, a weight, a field)."""

    span: Span
    value: Expression
    name: str
    name_span: Span


@dataclass(frozen=True, slots=True)
class Chain:
    """`start -> step -> step`: values flow through steps. `steps` has at least one."""

    span: Span
    start: Expression
    steps: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Trained:
    """`Digits from "runs/Digits" frozen`: a model with an earlier run's weights. After `=`, `label:`, `output` only."""

    span: Span
    model: Expression
    run: String
    frozen: bool


Expression = Number | String | Boolean | Dots | Name | ListOf | Unary | Binary | Call | Index | Member | Chain | Trained

# ---------------------------------------------------------------------------------------------- statements


@dataclass(frozen=True, slots=True)
class Binding:
    """`name = value`, or `a, b = value` for several outputs. At the top level only as `Let`."""

    span: Span
    names: tuple[Name, ...]
    value: Expression


@dataclass(frozen=True, slots=True)
class Apply:
    """A bare line: a step applied to the line before, or a chain that says where it starts. `label: ...` names it."""

    span: Span
    label: Name | None
    value: Expression


@dataclass(frozen=True, slots=True)
class Input:
    """`input image: [8, 8] = default`; `type` and `default` may be missing."""

    span: Span
    name: Name
    type: Expression | None
    default: Expression | None


@dataclass(frozen=True, slots=True)
class Output:
    """`output value` or `output name = value`."""

    span: Span
    name: Name | None
    value: Expression


@dataclass(frozen=True, slots=True)
class WeightStatement:
    """`weight kernel: [d, units] = initializer`."""

    span: Span
    name: Name
    type: Expression
    value: Expression


@dataclass(frozen=True, slots=True)
class StateStatement:
    """`state moving_mean: [d] = zeros`; in an optimizer the type is missing (the weight's) or `[]`."""

    span: Span
    name: Name
    type: Expression | None
    value: Expression


@dataclass(frozen=True, slots=True)
class AssertStatement:
    """`assert condition, "message with {names}"`; the message may be missing."""

    span: Span
    condition: Expression
    message: String | None


@dataclass(frozen=True, slots=True)
class If:
    """`if condition { } else { }`; `else if` is an If as the only statement of `otherwise`."""

    span: Span
    condition: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class For:
    """`for name in values { }`, run at compile time."""

    span: Span
    name: Name
    values: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """`repeat count { }`, run at compile time."""

    span: Span
    count: Expression
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class ScanSequence:
    """`x_t in x` of a scan: the name of one time's value, and the sequence."""

    span: Span
    name: Name
    values: Expression


@dataclass(frozen=True, slots=True)
class Scan:
    """`scan x_t in x, keep in mask with h = zeros([units]) { }`: the loop over time; `carries` bind one name each."""

    span: Span
    sequences: tuple[ScanSequence, ...]
    carries: tuple[Binding, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One `80%` share of a split: `train 80%`."""

    span: Span
    name: Name
    share: Expression


@dataclass(frozen=True, slots=True)
class Split:
    """`split train 80%, test 20%, stratify=label` or `split ... in order`, in a data block."""

    span: Span
    parts: tuple[Part, ...]
    options: tuple[Argument, ...]
    in_order: bool


@dataclass(frozen=True, slots=True)
class PartFrom:
    """`test from csv("t.csv")`, in a data block: a file of its own for one part."""

    span: Span
    name: Name
    reader: Expression


@dataclass(frozen=True, slots=True)
class OverUsing:
    """One `over Generator, Encoder using Adam(1e-3)` of a minimize; `targets` is empty where `over` is missing."""

    span: Span
    targets: tuple[Expression, ...]
    optimizer: Expression
    clips: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class MinimizeStatement:
    """`minimize loss [weighted by w] {[over ...] using optimizer [clip_norm=1.0]} [every 5]`."""

    span: Span
    loss: Expression
    weighted_by: Expression | None
    groups: tuple[OverUsing, ...]
    every: Expression | None


@dataclass(frozen=True, slots=True)
class MetricStatement:
    """`metric accuracy(scores, label)` or `metric name = expression`."""

    span: Span
    name: Name | None
    value: Expression


@dataclass(frozen=True, slots=True)
class PredictStatement:
    """`predict digit = argmax(scores), confidence = ...`."""

    span: Span
    values: tuple[Argument, ...]


@dataclass(frozen=True, slots=True)
class ExpectStatement:
    """`expect test accuracy >= 0.9`."""

    span: Span
    part: Name
    metric: Name
    operator: str
    bound: Expression


@dataclass(frozen=True, slots=True)
class Show:
    """`show Generator(noise) every 10 epochs`; `every` and its `unit` may be missing."""

    span: Span
    values: tuple[Argument, ...]
    every: Expression | None
    unit: Name | None


Statement = (
    Binding
    | Apply
    | Input
    | Output
    | WeightStatement
    | StateStatement
    | AssertStatement
    | If
    | For
    | Repeat
    | Scan
    | Split
    | PartFrom
    | MinimizeStatement
    | MetricStatement
    | PredictStatement
    | ExpectStatement
    | Show
)

# ---------------------------------------------------------------------------------------------- definitions


@dataclass(frozen=True, slots=True)
class Parameter:
    """`units: int = 3`, `scores: [..., n]`, `padding: valid | same = valid`."""

    span: Span
    name: Name
    type: Expression | None
    default: Expression | None


@dataclass(frozen=True, slots=True)
class Let:
    """`let hidden = 64`: a compile-time value that `--set` may override."""

    span: Span
    name: Name
    value: Expression


@dataclass(frozen=True, slots=True)
class Import:
    """`import Residual, Block from "blocks.nn"`."""

    span: Span
    names: tuple[Name, ...]
    path: String


@dataclass(frozen=True, slots=True)
class Definition:
    """`layer`, `function`, `metric`, `model` or `optimizer`, by `kind`.

    A body written `= expression` is one `Output`. `documentation` is the comment right above, without its `#`.
    """

    span: Span
    kind: str
    name: Name
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    documentation: str


@dataclass(frozen=True, slots=True)
class Alias:
    """`model Deep = ResNet(depth=9)`: a network of its own, made from a model's definition."""

    span: Span
    name: Name
    value: Expression
    documentation: str


@dataclass(frozen=True, slots=True)
class Data:
    """`data digits from builtin("digits") { ... }`; `reader` is None where the rows are written in the block."""

    span: Span
    name: Name
    reader: Expression | None
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Train:
    """`train Digits on digits { ... }`; `data` is None for fresh draws instead of data."""

    span: Span
    name: Name
    data: Name | None
    body: tuple[Statement, ...]


TopLevel = Let | Import | Definition | Alias | Data | Train


@dataclass(frozen=True, slots=True)
class Program:
    """A whole file, in its order."""

    file: SourceFile
    items: tuple[TopLevel, ...]
