"""What the checker knows while it walks a program: the weights so far, where it is, what has gone wrong."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.endless import MOST_STATEMENTS, EndlessError, endless
from nndsl.check.values import SilencedError
from nndsl.diagnostics import Diagnostic, InternalError, Label, Severity, UserError, error
from nndsl.ir import Builder, Node, NodeAttribute, Op, Origin, RuleError
from nndsl.ir.program import LayerInfo, ModelInfo, State, Total, Weight

if TYPE_CHECKING:
    from pathlib import Path

    from nndsl.check.blocks.columns import DataNotes
    from nndsl.check.bodies.repeats import Walk
    from nndsl.check.record import Call
    from nndsl.check.scope import Scope
    from nndsl.check.values import DataSet, FieldInfo, Model, Run, Value
    from nndsl.ir import TensorType
    from nndsl.ir.program import KnownTable, Limits
    from nndsl.source import SourceFile, Span
    from nndsl.syntax import tree


@dataclass(slots=True)
class Mode:
    """One walk through a train block (or a model on its own): in training or not.

    versions: how many minimizes have updated each weight so far. state_values: what each state holds by now.
    totals: sums over the split that reported numbers need. draws: random draws so far, by path. steps: what each step
    and label of a user's model first gave.
    """

    training: bool
    versions: dict[str, int] = field(default_factory=dict[str, int])
    state_values: dict[str, Node] = field(default_factory=dict[str, Node])
    totals: list[Total] = field(default_factory=list[Total])
    draws: dict[str, int] = field(default_factory=dict[str, int])
    steps: dict[str, Node] = field(default_factory=dict[str, "Node"])


@dataclass(slots=True)
class Frame:
    """A body being walked: a layer, model, function, train or data block.

    call: where it was called from. path: prefix of the names of its weights. title: the step as the user wrote it.
    given: arguments for its `input` statements. defaulted: inputs that were left out. line: the value of the line
    before; None where the next line must say its start, for the reason `why`. library: the body is the library's.
    """

    kind: str
    name: str
    call: Span | None
    path: str
    title: str
    given: dict[str, Value] = field(default_factory=dict[str, "Value"])
    positional: list[tuple[Value, Span]] = field(default_factory=list[tuple["Value", "Span"]])
    line: Value | None = None
    why: str = "nothing comes before it"
    inputs: list[tuple[str, Node]] = field(default_factory=list[tuple[str, Node]])
    defaulted: set[str] = field(default_factory=set[str])
    outputs: list[tuple[str, Value]] = field(default_factory=list[tuple[str, "Value"]])
    labels: dict[str, Value] = field(default_factory=dict[str, "Value"])
    counters: dict[str, int] = field(default_factory=dict[str, int])
    loops: list[int] = field(default_factory=list[int])
    states: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    weights: dict[str, Span] = field(default_factory=dict[str, "Span"])
    broken: bool = False
    model: Model | None = None
    library: bool = False
    root: str = ""
    """Of a model that a model out of a run applies: the path of that one."""
    declare_state: Callable[[Scope, tree.StateStatement], None] | None = None
    """What `state` means here, where it is not a layer's (an optimizer's slots)."""


class Context:
    """The state of one check. Nodes are made by `apply` and `leaf`, so that each knows where it came from."""

    def __init__(self) -> None:
        self.builder = Builder()
        self.diagnostics: list[Diagnostic] = []
        self.weights: dict[str, Weight] = {}
        self.states: dict[str, State] = {}
        self.models: dict[str, ModelInfo] = {}
        self.layers: dict[str, dict[str, LayerInfo]] = {}
        self.runs: dict[Path, Run] = {}
        self.known_tables: Mapping[str, KnownTable] = {}
        self.main: SourceFile | None = None
        self.frozen: set[str] = set()
        self.open_program: Callable[[SourceFile, dict[str, str], Run, dict[str, dict[str, FieldInfo]]], Scope] = (
            _nothing_to_open
        )
        self.applied: dict[str, tuple[tuple[str, Node], ...]] = {}
        self.mode = Mode(training=False)
        self.frames: list[Frame] = []
        self.initializing: str | None = None
        self.field_classes: dict[str, tuple[str, ...]] = {}
        self.reading: DataSet | None = None
        self.limits: dict[tuple[str, str], Limits] = {}
        self.data_fields: dict[str, dict[str, FieldInfo]] = {}
        self.data_name: str | None = None
        self.score_classes: dict[int, tuple[str, ...]] = {}
        self.probabilities: dict[int, Span] = {}
        self.bound: set[Span] = set()
        self.calls: dict[Span, Call | None] = {}
        self.inputs: dict[Span, list[TensorType]] = {}
        self.data: DataNotes | None = None
        self.walks: dict[Hashable, list[Walk] | None] = {}
        self._loops = 0
        self._statements = 0
        self._reported: set[tuple[str, Span | None]] = set()

    # -------------------------------------------------------------------------------------- mistakes

    def report(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic, once for each place (a layer may be walked several times)."""
        key = (diagnostic.code, diagnostic.labels[0].span if diagnostic.labels else None)
        if key not in self._reported or not diagnostic.labels:
            self._reported.add(key)
            self.diagnostics.append(diagnostic)

    @property
    def failed(self) -> bool:
        """Whether any error (not just warnings) was reported."""
        return any(d.severity is Severity.ERROR for d in self.diagnostics)

    @contextmanager
    def surviving(self) -> Generator[list[bool]]:
        """Mistakes inside are reported and end the block, not the check; the list is then non-empty."""
        hurt: list[bool] = []
        try:
            yield hurt
        except EndlessError:
            raise
        except UserError as mistake:
            for diagnostic in mistake.diagnostics:
                self.report(diagnostic)
            hurt.append(True)
        except SilencedError:
            hurt.append(True)

    def mistake(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        more: Sequence[Label] = (),
        help: str | None = None,
    ) -> UserError:
        """An error at `span`. Inside the library the place is the user's call, with the library's line as a note."""
        place = self.user_place(span)
        if place is not span:
            note = f"in {span.file.name}, line {span.line}: {span.file.line(span.line).strip()}"
            return UserError(error(code, message, place, more=_outside_library(more), help=help, notes=[note]))
        return UserError(error(code, message, span, label, more=_outside_library(more), help=help))

    def user_place(self, span: Span) -> Span:
        """The user's line behind `span`: itself, or the call that led into the library."""
        if not span.file.library:
            return span
        for frame in reversed(self.frames):
            if frame.call is not None and not frame.call.file.library:
                return frame.call
        return span

    # -------------------------------------------------------------------------------------- making nodes

    @property
    def frame(self) -> Frame:
        """The innermost body."""
        return self.frames[-1]

    @property
    def path(self) -> str:
        """Path of the innermost step, "" outside any."""
        return self.frames[-1].path if self.frames else ""

    def origin(self, span: Span) -> Origin:
        """Where a node made at `span` comes from."""
        place = self.user_place(span)
        return Origin(place, self.path, self.title, span if span is not place else None)

    @property
    def title(self) -> str:
        """The step that is being walked, as the user wrote it; "" outside any."""
        for frame in reversed(self.frames):
            if frame.title:
                return frame.title
        return ""

    def apply(
        self, op: Op, inputs: Sequence[Node], span: Span, spans: Sequence[Span] = (), **attributes: NodeAttribute
    ) -> Node:
        """The node of `op` over `inputs`, written at `span`. A RuleError labels the operands at `spans`."""
        with self.builder.at(self.origin(span)):
            try:
                return op(*inputs, **attributes)
            except RuleError as failure:
                raise self._operand_mistake(failure, inputs, span, spans) from None

    def _operand_mistake(
        self, failure: RuleError, inputs: Sequence[Node], span: Span, spans: Sequence[Span]
    ) -> UserError:
        more = [
            Label(spans[position], f"{inputs[position].type.shape_text}")
            for position in failure.operands
            if position < len(spans) and spans[position] != span
        ]
        return self.mistake("NN202", failure.message, span, more=more, help=failure.help)

    def leaf(self, op: Op, type: TensorType, span: Span | None = None, **attributes: NodeAttribute) -> Node:
        """A leaf node of the given type."""
        if span is None:
            return op.make(self.builder, type, **attributes)
        with self.builder.at(self.origin(span)):
            return op.make(self.builder, type, **attributes)

    def constant(self, value: float | bool, type: TensorType) -> Node:
        """A number as a node of the given type, the same everywhere in it."""
        return ops.constant.make(self.builder, type, value=value)

    def next_loop(self) -> int:
        """A number for the next loop's parameters."""
        self._loops += 1
        return self._loops

    def count_statement(self, span: Span) -> None:
        """Count one more statement that is walked. Raises EndlessError for a program that would never end."""
        self._statements += 1
        if self._statements > MOST_STATEMENTS:
            raise endless(self.user_place(span))

    def draw_site(self) -> str:
        """A name for the next random draw here: the step's path and how many it has drawn in this walk."""
        return self.next_site(self.path if self.initializing is None else f"initial {self.initializing}")

    def next_site(self, base: str) -> str:
        """A name for the next random draw of the path `base` (or "initial " and a weight's)."""
        count = self.mode.draws.get(base, 0)
        self.mode.draws[base] = count + 1
        return f"{base}#{count}"

    # -------------------------------------------------------------------------------------- bodies

    @contextmanager
    def inside(self, frame: Frame) -> Generator[Frame]:
        """Walk a body; refuses one that is inside itself too deeply (a layer that applies itself)."""
        if len(self.frames) >= 64:
            place = self.user_place(frame.call) if frame.call is not None else None
            raise UserError(error("NN304", f"{frame.name} applies itself without an end", place, "64 levels deep here"))
        self.frames.append(frame)
        try:
            yield frame
        finally:
            self.frames.pop()

    def library_layers(self) -> tuple[str, ...]:
        """The library's layers that the innermost body stands in, itself last; none in a body of the user's."""
        found: list[str] = []
        for frame in reversed(self.frames):
            if frame.kind != "layer" or not frame.library:
                break
            found.append(frame.name)
        return tuple(reversed(found))

    def step_name(self, base: str) -> str:
        """A name for an unlabelled step of the innermost named body: "dense", then "dense_1", ..."""
        frame = self.naming_frame()
        count = frame.counters.get(base, 0)
        frame.counters[base] = count + 1
        return base if count == 0 else f"{base}_{count}"

    def naming_frame(self) -> Frame:
        """The body that names its steps: functions have no names of their own."""
        for frame in reversed(self.frames):
            if frame.kind != "function":
                return frame
        return self.frames[-1]

    def joined(self, name: str) -> str:
        """`name` under the current path."""
        return f"{self.path}/{name}" if self.path else name


def _nothing_to_open(
    file: SourceFile, sets: dict[str, str], run: Run, fields: dict[str, dict[str, FieldInfo]]
) -> Scope:
    raise InternalError(f"check: nobody opens {file.name}")


def _outside_library(labels: Sequence[Label]) -> list[Label]:
    return [label for label in labels if not label.span.file.library]


@cache
def snake_case(name: str) -> str:
    """`LayerNormalization` -> `layer_normalization`; `Conv2D` -> `conv2d`; `LSTM` -> `lstm`."""
    letters: list[str] = []
    for position, letter in enumerate(name):
        before = name[position - 1] if position else ""
        after = name[position + 1] if position + 1 < len(name) else ""
        if letter.isupper() and position and (before.islower() or (before.isupper() and after.islower())):
            letters.append("_")
        letters.append(letter.lower())
    return "".join(letters)
