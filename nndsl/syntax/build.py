"""The tree's nodes from the grammar's rules: a method a rule (or alias), named as in grammars/nn.lark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nndsl.diagnostics.model import Diagnostic, error
from nndsl.source import SourceFile, Span
from nndsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.syntax.lexer import Token
    from nndsl.syntax.tree import Expression, Statement, TopLevel

LARGEST_WHOLE = 2**63 - 1
ESCAPE = re.compile(r"\\(.)")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}


COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
PARTS = ("train", "validation", "test")


class Builder:
    """Makes nodes. Each method takes the span of the rule and the values of its parts; a missing `[...]` is None."""

    def __init__(self, file: SourceFile, report: Callable[[Diagnostic], None]) -> None:
        self.file = file
        self.report = report

    def _text(self, token: Token) -> str:
        return self.file.text[token.start : token.end]

    # ------------------------------------------------------------------------------------------ the file

    def program(self, span: Span, *items: TopLevel | None) -> tree.Program:
        """All items; None stands for one that could not be read."""
        return tree.Program(self.file, tuple(item for item in items if item is not None))

    def let(self, span: Span, name: tree.Name, value: Expression) -> tree.Let:
        """`let name = value`."""
        return tree.Let(span, name, value)

    def imports(self, span: Span, names: tuple[tree.Name, ...], path: tree.String) -> tree.Import:
        """`import names from path`."""
        return tree.Import(span, names, path)

    def kind(self, span: Span, word: Token) -> str:
        """The word that a definition begins with."""
        return self._text(word)

    def definition(
        self,
        span: Span,
        kind: str,
        name: tree.Name,
        parameters: tuple[tree.Parameter, ...] | None,
        body: tuple[Statement, ...],
    ) -> tree.Definition:
        """A layer, function, metric or optimizer with a block."""
        return tree.Definition(span, kind, name, parameters or (), body, self._documentation(span))

    def short_definition(
        self,
        span: Span,
        kind: str,
        name: tree.Name,
        parameters: tuple[tree.Parameter, ...] | None,
        value: Expression,
    ) -> tree.Definition:
        """`function gelu(x) = ...`: its body is one output."""
        output = tree.Output(value.span, None, value)
        return tree.Definition(span, kind, name, parameters or (), (output,), self._documentation(span))

    def model(
        self, span: Span, name: tree.Name, parameters: tuple[tree.Parameter, ...] | None, body: tuple[Statement, ...]
    ) -> tree.Definition:
        """`model name(parameters) { }`."""
        return tree.Definition(span, "model", name, parameters or (), body, self._documentation(span))

    def alias(self, span: Span, name: tree.Name, value: Expression) -> tree.Alias:
        """`model Deep = ResNet(depth=9)`."""
        return tree.Alias(span, name, value, self._documentation(span))

    def data(self, span: Span, name: tree.Name, reader: Expression | None, body: tuple[Statement, ...]) -> tree.Data:
        """`data name from reader { }`."""
        return tree.Data(span, name, reader, body)

    def train(self, span: Span, name: tree.Name, data: tree.Name | None, body: tuple[Statement, ...]) -> tree.Train:
        """`train name on data { }`."""
        return tree.Train(span, name, data, body)

    def parameters(self, span: Span, *parameters: tree.Parameter) -> tuple[tree.Parameter, ...]:
        """The parameters of a definition."""
        return parameters

    def parameter(
        self, span: Span, name: tree.Name, type: Expression | None, default: Expression | None
    ) -> tree.Parameter:
        """`name: type = default`."""
        return tree.Parameter(span, name, type, default)

    def _documentation(self, span: Span) -> str:
        """The comment lines right above a definition, without their `#`."""
        text = self.file.text
        lines: list[str] = []
        end = text.rfind("\n", 0, span.start)
        while end > 0:
            start = text.rfind("\n", 0, end) + 1
            line = text[start:end].strip()
            if not line.startswith("#"):
                break
            lines.append(line[1:].removeprefix(" "))
            end = start - 1
        return "\n".join(reversed(lines))

    # ------------------------------------------------------------------------------------------ statements

    def block(self, span: Span, *statements: Statement | None) -> tuple[Statement, ...]:
        """The statements in braces; None stands for one that could not be read."""
        return tuple(statement for statement in statements if statement is not None)

    def apply(self, span: Span, value: Expression) -> tree.Apply:
        """A bare line."""
        if isinstance(value, tree.Binary) and value.operator in COMPARISONS:
            help = f"`{value.left.span.text} = ...` gives a name its value"
            self.report(error("NN018", "a comparison on a line of its own does nothing", span, help=help))
        return tree.Apply(span, None, value)

    def labelled(self, span: Span, label: tree.Name, value: Expression) -> tree.Apply:
        """`label: value`."""
        return tree.Apply(span, label, value)

    def binding(self, span: Span, names: tuple[tree.Name, ...], value: Expression) -> tree.Binding:
        """`a, b = value`."""
        return tree.Binding(span, names, value)

    def binding_of_one(self, span: Span, name: tree.Name, value: Expression) -> tree.Binding:
        """`h = zeros([units])` of a scan."""
        return tree.Binding(span, (name,), value)

    def weight_binding(self, span: Span, value: Expression) -> tree.Binding:
        """`weight = value` of an optimizer: there, `weight` is a name."""
        name = tree.Name(Span(self.file, span.start, span.start + len("weight")), "weight")
        return tree.Binding(span, (name,), value)

    def input(self, span: Span, name: tree.Name, type: Expression | None, default: Expression | None) -> tree.Input:
        """`input name: type = default`."""
        return tree.Input(span, name, type, default)

    def output(self, span: Span, value: Expression) -> tree.Output:
        """`output value`."""
        return tree.Output(span, None, value)

    def named_output(self, span: Span, name: tree.Name, value: Expression) -> tree.Output:
        """`output name = value`."""
        return tree.Output(span, name, value)

    def weight(self, span: Span, name: tree.Name, type: Expression, value: Expression) -> tree.WeightStatement:
        """`weight name: type = value`."""
        return tree.WeightStatement(span, name, type, value)

    def state(self, span: Span, name: tree.Name, type: Expression | None, value: Expression) -> tree.StateStatement:
        """`state name: type = value`."""
        return tree.StateStatement(span, name, type, value)

    def assertion(self, span: Span, condition: Expression, message: tree.String | None) -> tree.AssertStatement:
        """`assert condition, message`."""
        return tree.AssertStatement(span, condition, message)

    def condition(
        self, span: Span, condition: Expression, body: tuple[Statement, ...], otherwise: tuple[Statement, ...] | None
    ) -> tree.If:
        """`if condition { } else { }`."""
        return tree.If(span, condition, body, otherwise or ())

    def otherwise(self, span: Span, body: tuple[Statement, ...] | tree.If) -> tuple[Statement, ...]:
        """What follows `else`."""
        return (body,) if isinstance(body, tree.If) else body

    def for_loop(self, span: Span, name: tree.Name, values: Expression, body: tuple[Statement, ...]) -> tree.For:
        """`for name in values { }`."""
        return tree.For(span, name, values, body)

    def repeat(self, span: Span, count: Expression, body: tuple[Statement, ...]) -> tree.Repeat:
        """`repeat count { }`."""
        return tree.Repeat(span, count, body)

    def scan(
        self, span: Span, *parts: tree.ScanSequence | tuple[tree.Binding, ...] | tuple[Statement, ...] | None
    ) -> tree.Scan:
        """`scan x_t in x with h = zeros([units]) { }`: sequences, then the carries (or None), then the body."""
        sequences = tuple(part for part in parts if isinstance(part, tree.ScanSequence))
        carries, body = parts[-2], parts[-1]
        assert isinstance(body, tuple)
        bindings = carries if isinstance(carries, tuple) else ()
        return tree.Scan(span, sequences, tuple(b for b in bindings if isinstance(b, tree.Binding)), body)

    def sequence(self, span: Span, name: tree.Name, values: Expression) -> tree.ScanSequence:
        """`x_t in x`."""
        return tree.ScanSequence(span, name, values)

    def carries(self, span: Span, *bindings: tree.Binding) -> tuple[tree.Binding, ...]:
        """The state of a scan and what it starts from."""
        return bindings

    # ------------------------------------------------------------------------------------------ data and training

    def split(self, span: Span, *shares: tree.Part | tree.Argument | bool | None) -> tree.Split:
        """`split train 80%, test 20%, stratify=label in order`; the last of `shares` is `in order` (or None)."""
        parts = tuple(share for share in shares if isinstance(share, tree.Part))
        options = tuple(share for share in shares if isinstance(share, tree.Argument))
        for option in options:
            if option.name in PARTS:
                help = f"write `{option.name} {option.value.span.text}`"
                self.report(error("NN019", "a part's share stands without `=`", option.span, help=help))
        return tree.Split(span, parts, options, shares[-1] is not None)

    def part(self, span: Span, name: tree.Name, share: Expression) -> tree.Part:
        """`train 80%`."""
        return tree.Part(span, name, share)

    def in_order(self, span: Span) -> bool:
        """`in order`."""
        return True

    def part_from(self, span: Span, name: tree.Name, reader: Expression) -> tree.PartFrom:
        """`test from csv("t.csv")`."""
        return tree.PartFrom(span, name, reader)

    def minimize(
        self,
        span: Span,
        loss: Expression,
        weighted_by: Expression | None,
        groups: tuple[tree.OverUsing, ...],
        every: Expression | None,
    ) -> tree.MinimizeStatement:
        """`minimize loss weighted by w over G using A every n`."""
        if not groups:
            label = "no `using` after this"
            help = f"write `minimize {loss.span.text} using Adam(1e-3)`" if "\n" not in loss.span.text else None
            self.report(error("NN019", "`minimize` does not say how", span, label, help=help))
        return tree.MinimizeStatement(span, loss, weighted_by, groups, every)

    def groups(self, span: Span, *groups: tree.OverUsing) -> tuple[tree.OverUsing, ...]:
        """All `over ... using ...` of a minimize."""
        return groups

    def group(
        self, span: Span, targets: tuple[Expression, ...] | None, optimizer: Expression, *clips: tree.Argument
    ) -> tree.OverUsing:
        """`over targets using optimizer clip_norm=1.0`."""
        return tree.OverUsing(span, targets or (), optimizer, clips)

    def targets(self, span: Span, *targets: Expression) -> tuple[Expression, ...]:
        """The networks whose weights may change."""
        return targets

    def metric(self, span: Span, value: Expression) -> tree.MetricStatement:
        """`metric accuracy(scores, label)`."""
        return tree.MetricStatement(span, None, value)

    def named_metric(self, span: Span, name: tree.Name, value: Expression) -> tree.MetricStatement:
        """`metric name = expression`."""
        return tree.MetricStatement(span, name, value)

    def predict(self, span: Span, values: tuple[tree.Argument, ...]) -> tree.PredictStatement:
        """`predict digit = argmax(scores)`."""
        return tree.PredictStatement(span, values)

    def expect(
        self, span: Span, part: tree.Name, metric: tree.Name, operator: Token, bound: Expression
    ) -> tree.ExpectStatement:
        """`expect test accuracy >= 0.9`."""
        return tree.ExpectStatement(span, part, metric, self._text(operator), bound)

    def show(
        self, span: Span, values: tuple[tree.Argument, ...], every: Expression | None, unit: tree.Name | None = None
    ) -> tree.Show:
        """`show values every 10 epochs`."""
        return tree.Show(span, values, every, unit)

    # ------------------------------------------------------------------------------------------ expressions

    def trained(self, span: Span, model: Expression, run: tree.String, frozen: Token | None) -> tree.Trained:
        """`Digits from "runs/Digits" frozen`."""
        return tree.Trained(span, model, run, frozen is not None)

    def chain(self, span: Span, start: Expression, *steps: Expression) -> tree.Chain:
        """`x -> A -> B`."""
        return tree.Chain(span, start, steps)

    def binary(self, span: Span, left: Expression, operator: Token, right: Expression) -> tree.Binary:
        """`left operator right`."""
        text = self._text(operator)
        return tree.Binary(span, MEANT.get(operator.kind, text), left, right)

    def unary(self, span: Span, operator: Token, operand: Expression) -> tree.Unary:
        """`-x`, `not x`."""
        return tree.Unary(span, MEANT[operator.kind], operand)

    def call(self, span: Span, function: Expression, arguments: tuple[tree.Argument, ...] = ()) -> tree.Call:
        """`function(arguments)`."""
        return tree.Call(span, function, arguments)

    def arguments(self, span: Span, *arguments: tree.Argument) -> tuple[tree.Argument, ...]:
        """Arguments of a call, or the values of a statement."""
        return arguments

    def positional_argument(self, span: Span, value: Expression) -> tree.Argument:
        """An argument by position."""
        return tree.Argument(span, None, value)

    def named_argument(self, span: Span, name: tree.Name, value: Expression) -> tree.Argument:
        """An argument by name."""
        return tree.Argument(span, name.name, value)

    def index(
        self, span: Span, value: Expression, items: tuple[Expression | tree.Slice, ...] | None = None
    ) -> tree.Index:
        """`value[items]`; `int[]` is a type."""
        return tree.Index(span, value, items or ())

    def indices(self, span: Span, *items: Expression | tree.Slice) -> tuple[Expression | tree.Slice, ...]:
        """What stands inside the brackets of an index."""
        return items

    def slice(self, span: Span, start: Expression | None, stop: Expression | None) -> tree.Slice:
        """`start:stop`."""
        return tree.Slice(span, start, stop)

    def member(self, span: Span, value: Expression, name: Token) -> tree.Member:
        """`value.name`."""
        return tree.Member(span, value, self._name(name), Span(self.file, name.start, name.end))

    def list_of(self, span: Span, *items: Expression) -> tree.ListOf:
        """`[a, b]`."""
        return tree.ListOf(span, items)

    def boolean(self, span: Span, word: Token) -> tree.Boolean:
        """`true` or `false`."""
        return tree.Boolean(span, word.kind == "TRUE")

    def dots(self, span: Span) -> tree.Dots:
        """`...`."""
        return tree.Dots(span)

    def names(self, span: Span, *names: tree.Name) -> tuple[tree.Name, ...]:
        """Names with commas between."""
        return names

    def name(self, span: Span, token: Token) -> tree.Name:
        """A name, in Unicode's compatible form: what looks the same is the same."""
        return tree.Name(span, self._name(token))

    def _name(self, token: Token) -> str:
        text = self._text(token)
        if text.isascii():
            return text
        from unicodedata import normalize

        return normalize("NFKC", text)

    def number(self, span: Span, token: Token) -> tree.Number:
        """`3`, `0.5`, `1e-3`, `1_000`."""
        text = self._text(token)
        if "_" in text:
            text = text.replace("_", "")
        if text.isdecimal():
            value = int(text) if len(text) < 25 else LARGEST_WHOLE + 1
            too_large = value > LARGEST_WHOLE
        else:
            value = float(text)
            too_large = value == float("inf")
        if too_large:
            self.report(error("NN007", "this number is too large", span))
            value = 1
        return tree.Number(span, value)

    def percent(self, span: Span, token: Token) -> tree.Number:
        """`80%`."""
        digits = self._text(token)[:-1].replace("_", "")
        if len(digits) > 100:
            self.report(error("NN007", "this number is too large", span))
            digits = "1"
        return tree.Number(span, float(digits) / 100, percent=True)

    def string(self, span: Span, token: Token) -> tree.String:
        """`"text"`, its escapes resolved."""
        inner = self.file.text[token.start + 1 : token.end - 1]
        if "\\" not in inner:
            return tree.String(span, inner)
        unknown = next((found for found in ESCAPE.finditer(inner) if found.group(1) not in ESCAPES), None)
        if unknown is not None:
            place = token.start + 1 + unknown.start()
            message = f"`{unknown.group()}` stands for nothing in a text"
            help = "a backslash is written `\\\\`; paths may use `/` everywhere"
            self.report(error("NN009", message, Span(self.file, place, place + 2), help=help))
        return tree.String(span, ESCAPE.sub(lambda found: ESCAPES.get(found.group(1), found.group(1)), inner))


MEANT = {
    "AND": "and",
    "OR": "or",
    "NOT": "not",
    "MINUS": "-",
    "STAR": "*",
    "SLASH": "/",
    "CARET": "^",
    "EQUALS": "==",
    "DIFFERS": "!=",
    "LESS_OR_EQUAL": "<=",
    "MORE_OR_EQUAL": ">=",
}
"""Operators that may have been written in another language's way."""
