"""The syntax tree: what a `.nn` file says, with the place of every part, and no meaning yet.

Every node is frozen and carries its `span`. Layers, losses and options do not appear here: `Dense(10)` is a
`Call` of a `Name`, and the library decides what it means.
"""

from __future__ import annotations

from nndsl.source import SourceFile, Span
from nndsl.syntax.node import Node

# ---------------------------------------------------------------------------------------------- expressions


class Number(Node):
    """`3`, `0.5`, `1e-3`; `80%` is 0.8 (percent=True). `value` is an int where the text is one."""

    span: Span
    value: int | float
    percent: bool = False


class String(Node):
    """`"text"`: double quotes, escapes resolved in `value`."""

    span: Span
    value: str


class Boolean(Node):
    """`true` or `false`."""

    span: Span
    value: bool


class Dots(Node):
    """`...`: all leading axes."""

    span: Span


class Name(Node):
    """A name on its own."""

    span: Span
    name: str


class ListOf(Node):
    """`[a, b]`: a list, a shape or inline data."""

    span: Span
    items: tuple[Expression, ...]


class Unary(Node):
    """`-x` or `not x`; `operator` is "-" or "not"."""

    span: Span
    operator: str
    operand: Expression


class Binary(Node):
    """`left operator right`: + - * / // % ^ @ == != < <= > >= and or | (`|` joins the options of a parameter)."""

    span: Span
    operator: str
    left: Expression
    right: Expression


class Argument(Node):
    """One argument of a call, by position (`name` is None) or by name."""

    span: Span
    name: str | None
    value: Expression


class Call(Node):
    """`function(arguments)`."""

    span: Span
    function: Expression
    arguments: tuple[Argument, ...]


class Slice(Node):
    """`1:4` inside an index; either end may be missing."""

    span: Span
    start: Expression | None
    stop: Expression | None


class Index(Node):
    """`x[0]`, `x[1:4]`, `x[..., 0]`; also the type `int[time]` (a Name indexed by dimensions)."""

    span: Span
    value: Expression
    items: tuple[Expression | Slice, ...]


class Member(Node):
    """`value.name`: a part of something (an output, a label, a weight, a field)."""

    span: Span
    value: Expression
    name: str
    name_span: Span


class Chain(Node):
    """`start -> step -> step`: values flow through steps. `steps` has at least one."""

    span: Span
    start: Expression
    steps: tuple[Expression, ...]


class Trained(Node):
    """`Digits from "runs/Digits" frozen`: a model with an earlier run's weights. After `=`, `label:`, `output` only."""

    span: Span
    model: Expression
    run: String
    frozen: bool


Expression = Number | String | Boolean | Dots | Name | ListOf | Unary | Binary | Call | Index | Member | Chain | Trained

# ---------------------------------------------------------------------------------------------- statements


class Binding(Node):
    """`name = value`, or `a, b = value` for several outputs. At the top level only as `Let`."""

    span: Span
    names: tuple[Name, ...]
    value: Expression


class Apply(Node):
    """A bare line: a step applied to the line before, or a chain that says where it starts. `label: ...` names it."""

    span: Span
    label: Name | None
    value: Expression


class Input(Node):
    """`input image: [8, 8] = default`; `type` and `default` may be missing."""

    span: Span
    name: Name
    type: Expression | None
    default: Expression | None


class Output(Node):
    """`output value` or `output name = value`."""

    span: Span
    name: Name | None
    value: Expression


class WeightStatement(Node):
    """`weight kernel: [d, units] = initializer`."""

    span: Span
    name: Name
    type: Expression
    value: Expression


class StateStatement(Node):
    """`state moving_mean: [d] = zeros`; in an optimizer the type is missing (the weight's) or `[]`."""

    span: Span
    name: Name
    type: Expression | None
    value: Expression


class AssertStatement(Node):
    """`assert condition, "message with {names}"`; the message may be missing."""

    span: Span
    condition: Expression
    message: String | None


class If(Node):
    """`if condition { } else { }`; `else if` is an If as the only statement of `otherwise`."""

    span: Span
    condition: Expression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


class For(Node):
    """`for name in values { }`, run at compile time."""

    span: Span
    name: Name
    values: Expression
    body: tuple[Statement, ...]


class Repeat(Node):
    """`repeat count { }`, run at compile time."""

    span: Span
    count: Expression
    body: tuple[Statement, ...]


class ScanSequence(Node):
    """`x_t in x` of a scan: the name of one time's value, and the sequence."""

    span: Span
    name: Name
    values: Expression


class Scan(Node):
    """`scan x_t in x, keep in mask with h = zeros([units]) { }`: the loop over time; `carries` bind one name each."""

    span: Span
    sequences: tuple[ScanSequence, ...]
    carries: tuple[Binding, ...]
    body: tuple[Statement, ...]


class Part(Node):
    """One `80%` share of a split: `train 80%`."""

    span: Span
    name: Name
    share: Expression


class Split(Node):
    """`split train 80%, test 20%, stratify=label` or `split ... in order`, in a data block."""

    span: Span
    parts: tuple[Part, ...]
    options: tuple[Argument, ...]
    in_order: bool


class PartFrom(Node):
    """`test from csv("t.csv")`, in a data block: a file of its own for one part."""

    span: Span
    name: Name
    reader: Expression


class OverUsing(Node):
    """One `over Generator, Encoder using Adam(1e-3)` of a minimize; `targets` is empty where `over` is missing."""

    span: Span
    targets: tuple[Expression, ...]
    optimizer: Expression
    clips: tuple[Argument, ...]


class MinimizeStatement(Node):
    """`minimize loss [weighted by w] {[over ...] using optimizer [clip_norm=1.0]} [every 5]`."""

    span: Span
    loss: Expression
    weighted_by: Expression | None
    groups: tuple[OverUsing, ...]
    every: Expression | None


class MetricStatement(Node):
    """`metric accuracy(scores, label)` or `metric name = expression`."""

    span: Span
    name: Name | None
    value: Expression


class PredictStatement(Node):
    """`predict digit = argmax(scores), confidence = ...`."""

    span: Span
    values: tuple[Argument, ...]


class ExpectStatement(Node):
    """`expect test accuracy >= 0.9`."""

    span: Span
    part: Name
    metric: Name
    operator: str
    bound: Expression


class Show(Node):
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


class Parameter(Node):
    """`units: int = 3`, `scores: [..., n]`, `padding: valid | same = valid`."""

    span: Span
    name: Name
    type: Expression | None
    default: Expression | None


class Let(Node):
    """`let hidden = 64`: a compile-time value that `--set` may override."""

    span: Span
    name: Name
    value: Expression


class Import(Node):
    """`import Residual, Block from "blocks.nn"`."""

    span: Span
    names: tuple[Name, ...]
    path: String


class Definition(Node):
    """`layer`, `function`, `metric`, `model` or `optimizer`, by `kind`.

    A body written `= expression` is one `Output`. `documentation` is the comment right above, without its `#`.
    """

    span: Span
    kind: str
    name: Name
    parameters: tuple[Parameter, ...]
    body: tuple[Statement, ...]
    documentation: str


class Alias(Node):
    """`model Deep = ResNet(depth=9)`: a network of its own, made from a model's definition."""

    span: Span
    name: Name
    value: Expression
    documentation: str


class Data(Node):
    """`data digits from builtin("digits") { ... }`; `reader` is None where the rows are written in the block."""

    span: Span
    name: Name
    reader: Expression | None
    body: tuple[Statement, ...]


class Train(Node):
    """`train Digits on digits { ... }`; `data` is None for fresh draws instead of data."""

    span: Span
    name: Name
    data: Name | None
    body: tuple[Statement, ...]


TopLevel = Let | Import | Definition | Alias | Data | Train


class Program(Node):
    """A whole file, in its order."""

    file: SourceFile
    items: tuple[TopLevel, ...]
