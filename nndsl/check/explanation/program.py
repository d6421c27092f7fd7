"""A whole program, explained: block by block, statement by statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nndsl import ops
from nndsl.check.blocks.settings import CALLBACKS, SETTINGS
from nndsl.check.blocks.solvers import SOLVERS
from nndsl.check.explanation.calls import Filled, append_arguments, children, fill_call, fill_settings, names_in
from nndsl.check.explanation.page import Page
from nndsl.check.explanation.values import listed, written, written_type
from nndsl.check.program import check_and_record
from nndsl.check.values import Builtin
from nndsl.ir import reachable
from nndsl.syntax import parse, tree
from nndsl.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from nndsl.ir.program import DataProgram, Field, LayerInfo, Program, TrainProgram
    from nndsl.source import SourceFile, Span

_PLAIN = (tree.Number, tree.String, tree.Boolean, tree.Unary, tree.ListOf)
_OF_SOLVERS = ("epochs", "steps")
"""The settings that mean something to a block that a solver trains."""


def explained(file: SourceFile, sets: Mapping[str, str]) -> tuple[Program, str]:
    """The checked program and its text with everything filled in, which means the same. Raises UserError."""
    explanation = _Explanation(file, sets)
    return explanation.program, explanation.text()


class _Explanation:
    """One program being explained. `statement` is the one that notes are about."""

    def __init__(self, file: SourceFile, sets: Mapping[str, str]) -> None:
        self.sets = sets
        self.program, self.record = check_and_record(file, sets)
        self.page = Page(file)
        self.tree = parse(file)
        self.lets = {item.name.name: item for item in self.tree.items if isinstance(item, tree.Let)}
        self.statement: Span | None = None
        self.layers = _layers_by_place(self.program)

    def text(self) -> str:
        """The explained text."""
        for item in self.tree.items:
            match item:
                case tree.Let():
                    self.let(item)
                case tree.Data():
                    self.data(item)
                case tree.Train():
                    self.train(item)
                case tree.Definition():
                    self.about(item.span, item.parameters)
                    self.statements(item.body)
                case tree.Alias():
                    self.about(item.span, [item.value])
                case tree.Import():
                    pass
        return _heading(self.program) + self.page.text()

    def note(self, text: str) -> None:
        """Say something of the statement at hand."""
        if self.statement is not None:
            self.page.note(self.statement, text)

    def about(self, statement: Span, parts: Iterable[tree.Node]) -> None:
        """Explain the parts of a statement."""
        self.statement = statement
        for part in parts:
            self.visit(part)

    # -------------------------------------------------------------------------------------- expressions

    def visit(self, node: tree.Node, *, bare: bool = False) -> None:
        """Explain what is called in an expression. bare: a name on its own is applied here, so it may be filled in."""
        match node:
            case tree.Name() if bare:
                self.call(node)
            case tree.Call():
                known = self.call(node)
                self.visit(node.function)
                for item in node.arguments:
                    self.visit(item.value, bare=known)
            case tree.Chain():
                self.visit(node.start)
                for step in node.steps:
                    self.visit(step, bare=True)
            case tree.Apply():
                self.visit(node.value, bare=True)
            case tree.OverUsing():
                self.visit(node.optimizer, bare=True)
            case _:
                for child in children(node):
                    self.visit(child)

    def call(self, expression: tree.Call | tree.Name) -> bool:
        """Fill in a call. Whether it is one of the library, whose arguments are only ever applied.

        Not so a built-in one: the `mean` of `fill(x, mean)` is a word.
        """
        filled = fill_call(self.page, self.record, expression, self.source)
        gives = self.gives(expression.span)
        if filled is None:
            if gives:
                self.note(f"{self.layers[expression.span][0].kind}: {gives}")
            return False
        if gives:
            filled.kept.append(gives)
        self.note(filled.note())
        call = self.record.calls[expression.span]
        return call is not None and not isinstance(call.definition, Builtin) and call.definition.span.file.library

    def source(self, expression: tree.Node) -> str:
        """Where the value of an expression comes from: ` (hidden, --set)`, ` (data digits)`."""
        found: list[str] = []
        data = {data.name for data in self.program.data}
        for name in dict.fromkeys(name.name for name in names_in(expression)):
            if name in self.lets:
                found.append(f"{name}, --set" if name in self.sets else f"{name}, line {self.lets[name].span.line}")
            elif name in data:
                found.append(f"data {name}")
        return f" ({'; '.join(found)})" if found else ""

    def gives(self, span: Span) -> str:
        """What a step of a model gives, and its weights."""
        layers = self.layers.get(span, [])
        shapes = list(dict.fromkeys(layer.output.shape_text for layer in layers))
        if not shapes:
            return ""
        sizes = {weight.path: weight.type.shape_text for weight in self.program.weights}
        weights = [(path.removeprefix(f"{layer.path}/"), sizes[path]) for layer in layers[:1] for path in layer.weights]
        what = ", ".join(f"{name} {shape}" for name, shape in weights if len(layers) == 1)
        return f"gives {listed(shapes)}{' with ' if what else ''}{what}"

    # -------------------------------------------------------------------------------------- blocks

    def let(self, item: tree.Let) -> None:
        """`let hidden = 64`."""
        name = item.name.name
        self.about(item.span, [] if name in self.sets else [item.value])
        value = written(self.record.lets.get(name))
        if name in self.sets:
            self.page.replace(item.value.span, value or self.sets[name])
            self.note(f"--set {name}={self.sets[name]}; the file says {' '.join(item.value.span.text.split())}")
        elif value is not None and not isinstance(item.value, _PLAIN):
            self.note(f"= {value}{self.source(item.value)}")

    def statements(self, statements: Iterable[tree.Statement]) -> None:
        """The lines of a layer, a model, a function."""
        for statement in statements:
            if isinstance(statement, tree.Input):
                self.input(statement)
            else:
                self.about(_head(statement), [statement] if isinstance(statement, tree.Apply) else children(statement))
            for block in _blocks(statement):
                self.statements(block)

    def input(self, statement: tree.Input) -> None:
        """`input image`: its type, where it has been only one."""
        self.statement = statement.span
        types = list(dict.fromkeys(written_type(type) for type in self.record.inputs.get(statement.span, ())))
        if not types or statement.default is not None:
            return
        if statement.type is None and len(types) == 1:
            self.page.insert(statement.name.span.end, f": {types[0]}")
            self.note("the type of what it is applied to")
        elif statement.type is None or any(True for _ in names_in(statement.type)):
            self.note(f"is {listed(types)}")

    def data(self, block: tree.Data) -> None:
        """A data block: its reader's arguments, its fields' types."""
        data = next((data for data in self.program.data if data.name == block.name.name), None)
        if block.reader is not None:
            self.reader(block.span, block.reader)
        self.data_lines(block.body, data)

    def data_lines(self, statements: Iterable[tree.Statement], data: DataProgram | None) -> None:
        """The lines of a data block."""
        fields = {field.name: field for field in data.fields} if data is not None else {}
        for statement in statements:
            match statement:
                case tree.Binding(names=(name,)) if data is not None and name.name in fields:
                    self.about(_head(statement), [statement.value])
                    self.note(_field_text(fields[name.name]))
                case tree.PartFrom(reader=reader):
                    self.reader(statement.span, reader)
                case tree.Split():
                    self.about(statement.span, ())
                    self.note("in the order of the rows" if statement.in_order else "drawn by --seed")
                case _:
                    self.about(_head(statement), children(statement))
            for block in _blocks(statement):
                self.data_lines(block, data)

    def reader(self, statement: Span, expression: tree.Expression) -> None:
        """`csv("a.csv")`, with the other arguments of the reader."""
        from nndsl.data import READERS

        self.statement = Page.first_line(statement)
        if not isinstance(expression, tree.Call) or not isinstance(expression.function, tree.Name):
            return
        reader = READERS[expression.function.name]
        order = [parameter.name for parameter in reader.parameters]
        given = [item.name or order[position] for position, item in enumerate(expression.arguments)]
        missing: list[tuple[str, str]] = []
        for parameter in reader.parameters:
            bare = parameter.kind == "option" and isinstance(parameter.default, str)
            text = str(parameter.default) if bare else written(parameter.default)
            if not parameter.required and parameter.name not in given and text is not None:
                missing.append((parameter.name, text))
        append_arguments(self.page, expression, missing)
        self.note(Filled(reader.name, {"built in": [name for name, _ in missing]} if missing else {}).note())

    # -------------------------------------------------------------------------------------- training

    def train(self, block: tree.Train) -> None:
        """A train block: its settings, its callbacks, what its optimizers change."""
        train = next(train for train in self.program.trains if train.name == block.name.name)
        self.settings(block, train)
        self.train_lines(block.body, train)

    def train_lines(self, statements: Iterable[tree.Statement], train: TrainProgram) -> None:
        """The lines of a train block."""
        for statement in statements:
            self.statement = _head(statement)
            callback = next((each for each in train.callbacks if each.span == statement.span), None)
            if callback is not None and isinstance(statement, tree.Apply):
                kind = CALLBACKS[callback.name]
                filled = fill_settings(self.page, statement.value, kind.name, kind.arguments, callback.arguments)
                self.note(filled.note())
            elif isinstance(statement, tree.MinimizeStatement):
                self.minimize(statement, train)
            else:
                self.about(_head(statement), [statement] if isinstance(statement, tree.Apply) else children(statement))
            for block in _blocks(statement):
                self.train_lines(block, train)

    def minimize(self, statement: tree.MinimizeStatement, train: TrainProgram) -> None:
        """`minimize loss using Adam`: the optimizer's arguments, and which weights it changes."""
        minimize = next((each for each in train.training.minimizes if each.span == statement.span), None)
        solver = minimize.solver if minimize is not None else None
        if solver is not None:
            self.visit(statement.loss)
            kind = SOLVERS[solver.name]
            expression = statement.groups[0].optimizer
            self.note(fill_settings(self.page, expression, kind.name, kind.arguments, solver.arguments).note())
        else:
            self.about(statement.span, children(statement))
        groups = [each.weights for each in minimize.updates] if minimize is not None and solver is None else []
        for group, weights in zip(statement.groups, groups, strict=False):
            if not group.targets:
                roots = list(dict.fromkeys(path.partition("/")[0] for path in weights))
                self.note(f"changes {len(weights)} weights, of {listed(roots)}")

    def settings(self, block: tree.Train, train: TrainProgram) -> None:
        """The settings that are left out go behind the last that is there, or to the beginning of the block."""
        given = {name for statement in _all(block.body) for name in _setting_names(statement)}
        own = [statement for statement in block.body if _setting_names(statement)]
        solved = any(minimize.solver is not None for minimize in train.training.minimizes)
        lines: list[str] = []
        for name, value in train.settings:
            text = str(value) if isinstance(value, str) else written(value)
            beside = name == ("steps" if train.data is not None else "epochs")
            beside = beside or (name == "ema_momentum" and not dict(train.settings)["use_ema"])
            if name in given or text is None or beside or (solved and name not in _OF_SOLVERS):
                continue
            lines.append(f"{name} = {text}  # default")
        if not lines or not block.body:
            return
        first = block.body[0].span
        if own:
            end = own[-1].span.end
            line = self.page.line_end(end)
            indent = self.page.indent(own[-1].span.start)
            behind = self.page.file.text[end:line].split("#")[0].strip()
            text = "".join(f"\n{indent}{each}" for each in lines)
            self.page.insert(end if behind else line, f"{text}\n" if behind else text, rank=2)
        elif self.page.file.text[self.page.line_start(first.start) : first.start].strip():
            self.page.insert(first.start, "".join(f"\n  {each}" for each in lines) + "\n  ")
        else:
            indent = self.page.indent(first.start)
            self.page.insert(self.page.line_start(first.start), "".join(f"{indent}{each}\n" for each in lines))


# ------------------------------------------------------------------------------------------------ parts of it


def _heading(program: Program) -> str:
    others = [file.name for file in program.sources[1:] if not file.library]
    imported = f" It imports {', '.join(others)}." if others else ""
    return (
        f"# {program.file.name}, explained by nndsl {__version__}: what it leaves out is filled in, and comments say "
        "where each came from.\n"
        f"# What no comment speaks of is written in the file.{imported}\n"
        "# `nndsl run` adds `--seed 0` and `--precision float32` where the command line says nothing else.\n\n"
    )


def _layers_by_place(program: Program) -> dict[Span, list[LayerInfo]]:
    found: dict[Span, list[LayerInfo]] = {}
    for model in program.models:
        for layer in model.layers:
            found.setdefault(layer.span, []).append(layer)
    return found


def _field_text(field: Field) -> str:
    """`float [8, 8]`, `one of 10 classes: 0, 1, ...`, and what is learnt for it from the training rows."""
    text = f"{field.node.type.dtype.value} {field.node.type.shape_text}"
    if field.classes is not None:
        text += f", one of {len(field.classes)} classes: {listed(field.classes)}"
    learnt = [str(node["name"]) for node in reachable([field.node]) if node.op is ops.fitted]
    statistics = dict.fromkeys(name.rpartition(".")[2] for name in learnt)
    return f"{text}; learnt from the training rows: {', '.join(statistics)}" if statistics else text


def _blocks(statement: tree.Statement) -> tuple[tuple[tree.Statement, ...], ...]:
    match statement:
        case tree.If(body=body, otherwise=otherwise):
            return body, otherwise
        case tree.For(body=body) | tree.Repeat(body=body) | tree.Scan(body=body):
            return (body,)
        case _:
            return ()


def _all(statements: Iterable[tree.Statement]) -> Iterator[tree.Statement]:
    """Statements, and those inside of them."""
    for statement in statements:
        yield statement
        for block in _blocks(statement):
            yield from _all(block)


def _setting_names(statement: tree.Statement) -> tuple[str, ...]:
    known = {setting.name for setting in SETTINGS}
    names = statement.names if isinstance(statement, tree.Binding) else ()
    return tuple(name.name for name in names if name.name in known)


def _head(statement: tree.Statement) -> Span:
    """The statement's place; of one with blocks its first line."""
    return Page.first_line(statement.span) if _blocks(statement) else statement.span
