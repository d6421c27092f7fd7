"""A whole file: its definitions by name, its compile-time values, its data and train blocks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from nndsl import ops
from nndsl.check import hints
from nndsl.check.blocks.data import check_data
from nndsl.check.blocks.train import check_train
from nndsl.check.bodies.steps import apply_model
from nndsl.check.context import Context, Frame, Mode
from nndsl.check.expressions.binding import Signature, bind, input_names
from nndsl.check.expressions.evaluate import evaluate
from nndsl.check.expressions.patterns import declared_type, resolve_shape
from nndsl.check.files import defined, library_scope
from nndsl.check.imports import imported_path, read_import, refuse_place
from nndsl.check.limits import limited
from nndsl.check.lints import unused_lets
from nndsl.check.networks import networks
from nndsl.check.record import Record, record_call
from nndsl.check.scope import Scope
from nndsl.check.sets import because_of_sets, set_value, unknown_sets
from nndsl.check.turned import turned_texts
from nndsl.check.values import BROKEN, Argument, DataSet, FieldInfo, Model, Run, SilencedError, Value, describe
from nndsl.collector import without_collecting
from nndsl.diagnostics import Diagnostic, Label, Severity, UserError, did_you_mean, error, warning
from nndsl.ir import DType, Kind, Node, TensorType
from nndsl.ir.program import DataProgram, KnownTable, Network, Program, TrainProgram
from nndsl.source import SourceFile
from nndsl.syntax import parse, tree


@without_collecting
def check(
    file: SourceFile,
    *,
    sets: Mapping[str, str] | None = None,
    only: str | None = None,
    alone: bool = False,
    known_tables: Mapping[str, KnownTable] | None = None,
) -> Program:
    """A `.nn` file as a checked program.

    sets: values of `let` names, as texts (`--set`). only: the one train block wanted (`--train`), or all. alone: each
    model on its own is wanted (`Program.networks`), too; where there are several they always are. known_tables: what
    stands for data files that are not there, by `nndsl.data.reader_key`.
    Raises UserError with every mistake that could be told apart. Warnings are in `Program.warnings`.
    """
    checker = _Checker(file, dict(sets or {}), only, alone)
    checker.context.known_tables = known_tables or {}
    try:
        return checker.run()
    except UserError as mistake:
        raise because_of_sets(mistake, checker.sets, checker.mistakes_with) from None


def check_and_record(file: SourceFile, sets: Mapping[str, str]) -> tuple[Program, Record]:
    """As `check`, with what the names and calls of the file turned out to be."""
    checker = _Checker(file, dict(sets), None)
    try:
        program = checker.run()
    except UserError as mistake:
        raise because_of_sets(mistake, checker.sets, checker.mistakes_with) from None
    return program, Record(checker.context.calls, checker.context.inputs, checker.lets)


@dataclass
class _Checker:
    """One check of one file."""

    file: SourceFile
    sets: dict[str, str]
    only: str | None
    alone: bool = False
    of_run: Run | None = None
    known_data: Mapping[str, dict[str, FieldInfo]] = field(default_factory=dict[str, dict[str, FieldInfo]])
    context: Context = field(default_factory=Context)
    sources: list[SourceFile] = field(default_factory=list[SourceFile])
    data: dict[str, DataProgram] = field(default_factory=dict[str, DataProgram])
    broken_data: set[str] = field(default_factory=set[str])
    trains: list[TrainProgram] = field(default_factory=list[TrainProgram])
    applied: dict[str, Model] = field(default_factory=dict[str, Model])
    first_data: dict[str, str | None] = field(default_factory=dict[str, "str | None"])
    lets: dict[str, Value] = field(default_factory=dict[str, Value])

    def run(self) -> Program:
        """Everything in the file, in order; definitions first, wherever they stand."""
        context = self.context
        context.main = self.file
        context.open_program = self._open_program
        program = parse(self.file)
        self.sources.append(self.file)
        scope = Scope(library_scope())
        self._define(program, scope, opened=(self.file.path,))
        for unknown in unknown_sets(program, self.sets):
            self.context.report(unknown)
        self._trains(program, scope)
        found = self._networks()
        self._models_alone()
        if context.failed:
            raise UserError(*_in_order(context.diagnostics))
        for turned in turned_texts(self.sources):
            context.report(turned)
        self._warn_unused(program)
        return Program(
            file=self.file,
            sources=tuple(self.sources),
            builder=context.builder,
            weights=tuple(context.weights.values()),
            states=tuple(context.states.values()),
            data=tuple(limited(data, context.limits) for data in self.data.values()),
            models=tuple(context.models.values()),
            trains=tuple(self.trains),
            warnings=tuple(d for d in _in_order(context.diagnostics) if d.severity is Severity.WARNING),
            networks=found,
        )

    def mistakes_with(self, sets: dict[str, str]) -> list[Diagnostic]:
        """The mistakes of the same file with other `--set`s."""
        try:
            _Checker(self.file, sets, self.only).run()
        except UserError as mistake:
            return list(mistake.diagnostics)
        return []

    # -------------------------------------------------------------------------------------- definitions

    def _define(self, program: tree.Program, scope: Scope, opened: tuple[Path | None, ...]) -> None:
        """Bind every definition of a file; then, in order, its compile-time values and (of the main file) its data."""
        context = self.context
        seen: dict[str, tree.Name] = {}
        for item in program.items:
            if isinstance(item, tree.Definition | tree.Alias | tree.Let | tree.Data):
                self._refuse_twice(item.name, seen)
            with context.surviving():
                match item:
                    case tree.Import():
                        self._import(item, scope, opened)
                    case tree.Definition(kind="model", name=name):
                        self._refuse_without_input(item)
                        scope.bind(name.name, self._network(Model(item, scope, (), name.name, name.span)))
                    case tree.Definition(name=name):
                        scope.bind(name.name, defined(item, scope))
                    case _:
                        pass
        for item in program.items:
            match item:
                case tree.Let(name=name):
                    with context.surviving() as hurt:
                        scope.bind(name.name, self._let_value(item, scope))
                        if item.span.file is self.file:
                            self.lets[name.name] = scope.names[name.name]
                    if hurt:
                        scope.bind(name.name, BROKEN)
                case tree.Data() if item.span.file is self.file:
                    self._data(item, scope)
                case tree.Alias(name=name):
                    with context.surviving() as hurt:
                        scope.bind(name.name, self._alias(item, scope))
                    if hurt:
                        scope.bind(name.name, BROKEN)
                case _:
                    pass

    def _refuse_without_input(self, item: tree.Definition) -> None:
        if not input_names(item):
            self.context.report(
                error(
                    "NN307", f"the model {item.name.name} has no input", item.name.span, help="it begins with `input x`"
                )
            )

    def _network(self, model: Model) -> Model:
        if self.of_run is not None:
            model = replace(model, run=self.of_run)
        self.applied[model.path] = model
        return model

    def _open_program(
        self, file: SourceFile, sets: dict[str, str], run: Run, fields: dict[str, dict[str, FieldInfo]]
    ) -> Scope:
        """The definitions of a run's program; its data blocks are as they were then, as far as that is known."""
        context = self.context
        before = (context.mode, context.frames, context.data, context.field_classes)
        context.frames = []
        inner = _Checker(file, sets, None, context=context, of_run=run, known_data=fields)
        scope = Scope(library_scope())
        try:
            inner._define(parse(file), scope, opened=(file.path,))
        finally:
            context.mode, context.frames, context.data, context.field_classes = before
        self.sources += [file, *inner.sources]
        return scope

    def _refuse_twice(self, name: tree.Name, seen: dict[str, tree.Name]) -> None:
        if name.name in seen:
            first = Label(seen[name.name].span, "first here")
            self.context.report(
                error(
                    "NN104",
                    f"`{name.name}` is defined twice",
                    name.span,
                    more=[first],
                    help="give one of them another name",
                )
            )
        seen.setdefault(name.name, name)

    def _let_value(self, item: tree.Let, scope: Scope) -> Value:
        value = evaluate(self.context, scope, item.value)
        if isinstance(value, Node):
            raise self.context.mistake("NN105", "`let` names a compile-time value", item.value.span)
        text = self.sets.get(item.name.name) if item.span.file is self.file else None
        return value if text is None else set_value(self.context, scope, item, value, text)

    def _alias(self, item: tree.Alias, scope: Scope) -> Model:
        """`model Deep = ResNet(depth=9)`."""
        value = item.value
        callee = value.function if isinstance(value, tree.Call) else value
        model = evaluate(self.context, scope, callee)
        if not isinstance(model, Model):
            raise self.context.mistake(
                "NN315", f"a network is made from a model, and this is {describe(model)}", callee.span,
                help="`model Deep = ResNet(depth=9)`, where ResNet is a `model`",
            )  # fmt: skip
        arguments = value.arguments if isinstance(value, tree.Call) else ()
        signature = Signature(model.definition.name.name, model.definition.parameters)
        given = bind(self.context, scope, signature, arguments, value.span)
        if not model.arguments:
            record_call(self.context, scope, model, given, value.span)
        both = {**dict(model.arguments), **given}
        return self._network(Model(model.definition, model.scope, tuple(both.items()), item.name.name, item.name.span))

    # -------------------------------------------------------------------------------------- imports

    def _import(self, item: tree.Import, scope: Scope, opened: tuple[Path | None, ...]) -> None:
        """`import Residual, Block from "blocks.nn"`: definitions of another file, which sees its own names only."""
        path = imported_path(item, self.of_run)
        refuse_place(self.context, item, path, self.of_run)
        if path in opened:
            raise self.context.mistake(
                "NN108", f"{item.path.value} imports itself, by way of {len(opened)} file(s)", item.span
            )
        source = read_import(self.context, item, path)
        self.sources.append(source)
        program = parse(source)
        inner = Scope(library_scope())
        self._define(program, inner, (*opened, path))
        known = [i.name.name for i in program.items if isinstance(i, tree.Definition | tree.Alias | tree.Let)]
        for name in item.names:
            value = inner.find(name.name)
            if value is None or name.name not in known:
                close = did_you_mean(name.name, known)
                help = f"did you mean `{close}`?" if close else f"it defines: {', '.join(known) or 'nothing'}"
                if any(isinstance(i, tree.Data | tree.Train) and i.name.name == name.name for i in program.items):
                    help = "data and train blocks belong to their own file: they can't be imported"
                raise self.context.mistake(
                    "NN107", f"{item.path.value} does not define `{name.name}`", name.span, help=help
                )
            scope.bind(name.name, value)

    # -------------------------------------------------------------------------------------- blocks

    def _data(self, block: tree.Data, scope: Scope) -> None:
        known = self.known_data.get(block.name.name)
        if self.of_run is not None:
            # Its data are not read: they are elsewhere by now, or were never any of this user's.
            scope.bind(block.name.name, BROKEN if known is None else DataSet(block.name.name, known))
            if known is None:
                message = f"{self.of_run.name} is not a run: its run.json says nothing of the data {block.name.name}"
                self.context.report(error("NN316", message))
            return
        checked = None
        with self.context.surviving():
            checked = check_data(self.context, scope, block)
        if checked is None:
            self.broken_data.add(block.name.name)
            scope.bind(block.name.name, BROKEN)
            return
        program, dataset = checked
        self.data[block.name.name] = program
        scope.bind(block.name.name, dataset)

    def _trains(self, program: tree.Program, scope: Scope) -> None:
        blocks = [item for item in program.items if isinstance(item, tree.Train)]
        names: dict[str, tree.Name] = {}
        if self.only is not None and self.only not in [block.name.name for block in blocks]:
            listed = ", ".join(block.name.name for block in blocks) or "none"
            self.context.report(
                error("NN109", f"{self.file.name} has no train block `{self.only}`", help=f"it has: {listed}")
            )
        for block in blocks:
            self._refuse_twice(block.name, names)
            with self.context.surviving():
                checked = self._train(block, scope)
                data = block.data.name if block.data is not None else None
                for path in self.context.applied:
                    self.first_data.setdefault(path, data)
                if checked is not None and self.only in (None, block.name.name):
                    self.trains.append(checked)

    def _train(self, block: tree.Train, scope: Scope) -> TrainProgram | None:
        if block.data is None:
            return check_train(self.context, scope, block, None)
        name = block.data.name
        if name in self.broken_data:
            raise SilencedError
        if name not in self.data:
            close = did_you_mean(name, self.data)
            listed = f"the data blocks are {', '.join(self.data)}" if self.data else "write a `data` block"
            help = f"did you mean `{close}`?" if close else hints.for_name(name) or listed
            raise self.context.mistake("NN110", f"there is no data called `{name}`", block.data.span, help=help)
        dataset = scope.find(name)
        self.context.reading = dataset if isinstance(dataset, DataSet) else None
        try:
            return check_train(self.context, scope, block, self.data[name])
        finally:
            self.context.reading = None

    # -------------------------------------------------------------------------------------- what is not trained

    def _networks(self) -> tuple[Network, ...]:
        """The models of the train blocks on their own, where they are wanted."""
        models = [model for path, model in self.applied.items() if path in self.first_data]
        if self.context.failed or not (self.alone or len(models) > 1):
            return ()
        return networks(self.context, models, self.first_data)

    def _models_alone(self) -> None:
        """Check the models that no train block applies, where their inputs say their shapes."""
        context = self.context
        if context.failed:
            return
        for model in self.applied.values():
            if model.path in context.models or model.definition.span.file is not self.file:
                continue
            if not _complete(model):
                self._warn_unchecked(model)
                continue
            for training in (True, False):
                context.mode = Mode(training=training)
                with context.surviving():
                    self._apply_alone(model)

    def _warn_unchecked(self, model: Model) -> None:
        if self.only is not None:
            return
        message = f"`{model.path}` is not checked: nothing applies it, and its input has no shape"
        self.context.report(
            warning("NN902", message, model.span, help="say the shape: `input x: [8, 8]`, or apply it in a train block")
        )

    def _apply_alone(self, model: Model) -> None:
        context = self.context
        scope = Scope(model.scope)
        values: list[Argument] = []
        with context.inside(Frame("train", model.path, model.span, "", "")):
            for item in model.definition.body:
                if isinstance(item, tree.Input) and item.type is not None and item.default is None:
                    pattern = declared_type(context, item.type, scope)
                    for name, given in model.arguments:
                        scope.bind(name, given.value)
                    for parameter in model.definition.parameters:
                        if scope.find(parameter.name.name) is None and parameter.default is not None:
                            scope.bind(parameter.name.name, evaluate(context, scope, parameter.default))
                    shape = resolve_shape(context, pattern, scope)
                    type = TensorType(pattern.dtype or DType.FLOAT, shape, Kind.SAMPLE)
                    values.append(Argument(context.leaf(ops.field, type, item.span, name=item.name.name), item.span))
            apply_model(context, model, values, {}, model.span)

    def _warn_unused(self, program: tree.Program) -> None:
        self.context.bound.update(unused_lets(program))
        for span in sorted(self.context.bound, key=lambda span: (span.file.name, span.start)):
            if not span.text.startswith("_"):
                self.context.report(
                    warning("NN901", f"`{span.text}` is never used", span, help=f"remove it, or call it `_{span.text}`")
                )


def _complete(model: Model) -> bool:
    """Whether a model can be applied without being told more: parameters all given, shapes all said."""
    given = dict(model.arguments)
    if any(p.default is None and p.name.name not in given for p in model.definition.parameters):
        return False
    inputs = [item for item in model.definition.body if isinstance(item, tree.Input) and item.default is None]
    return bool(input_names(model.definition)) and all(
        item.type is not None and not _has_open_size(item.type, model) for item in inputs
    )


def _has_open_size(type: tree.Expression, model: Model) -> bool:
    """Whether a shape leaves something open: `...`, or a name that nothing says."""
    items = type.items if isinstance(type, tree.ListOf | tree.Index) else ()
    parameters = {parameter.name.name for parameter in model.definition.parameters}
    for item in items:
        if isinstance(item, tree.Dots):
            return True
        if isinstance(item, tree.Name) and item.name not in parameters and model.scope.lookup(item.name) is None:
            return True
    return False


def _in_order(diagnostics: list[Diagnostic]) -> list[Diagnostic]:
    return sorted(
        diagnostics, key=lambda d: (d.labels[0].span.file.name, d.labels[0].span.start) if d.labels else ("", -1)
    )
