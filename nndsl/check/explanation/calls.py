"""Calls with every argument: those that are left out are filled in from the defaults of what is called."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from nndsl.check.explanation.values import written
from nndsl.check.library import definition as library_definition
from nndsl.check.values import Builtin, Function, Layer, Model, Optimizer
from nndsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nndsl.check.blocks.settings import Setting
    from nndsl.check.explanation.page import Page
    from nndsl.check.record import Call, Record
    from nndsl.check.scope import Scope
    from nndsl.check.values import Value
    from nndsl.ir import Attribute

_NAMED = ("layer", "optimizer", "model")
"""Kinds of definitions whose arguments are settings rather than values: those by position get their names."""


@dataclass(slots=True)
class Filled:
    """What there is to say of a call.

    defaults: arguments that were filled in, by where their defaults stand. kept: defaults that can't be written here.
    worth: what arguments are worth that are no plain numbers.
    """

    name: str
    defaults: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    kept: list[str] = field(default_factory=list[str])
    worth: list[str] = field(default_factory=list[str])

    def note(self) -> str:
        """In one line; empty for nothing."""
        parts = [*self.worth]
        parts += [f"default {', '.join(names)} ({place})" for place, names in self.defaults.items()]
        parts += self.kept
        return f"{self.name}: {'; '.join(parts)}" if parts else ""


def fill_call(
    page: Page, record: Record, expression: tree.Call | tree.Name, source: Callable[[tree.Node], str]
) -> Filled | None:
    """Fill in a call, or a bare name that stands for one. None for what is not known, or no call of its own.

    source: where the value of an expression comes from, if that is worth saying.
    """
    call = record.calls.get(expression.span)
    if call is None:
        return None
    name = _name(call)
    if isinstance(expression, tree.Name) and expression.name != name:
        return None
    given = _given(call, expression)
    filled = Filled(name)
    for parameter, argument in given.items():
        worth = _worth(call, parameter, argument.value)
        if worth:
            filled.worth.append(f"{parameter} = {worth}{source(argument.value)}")
    missing = _missing_of_builtin(call.definition, given) if isinstance(call.definition, Builtin) else None
    if missing is None:
        missing = _missing(call, given, filled)
    else:
        filled.defaults = {"built in": [parameter for parameter, _ in missing]} if missing else {}
    if not isinstance(call.definition, Builtin) and call.definition.kind in _NAMED:
        name_arguments(page, expression, list(given))
    append_arguments(page, expression, missing)
    return filled


def fill_settings(
    page: Page,
    expression: tree.Expression,
    name: str,
    parameters: Sequence[Setting],
    values: Sequence[tuple[str, Attribute]],
) -> Filled:
    """Fill in a callback or a solver, which the checker has filled in already: `values`."""
    arguments = expression.arguments if isinstance(expression, tree.Call) else ()
    order = [parameter.name for parameter in parameters]
    given = [item.name or order[position] for position, item in enumerate(arguments)]
    kinds = {parameter.name: parameter.kind for parameter in parameters}
    missing: list[tuple[str, str]] = []
    for parameter, value in values:
        bare = isinstance(value, str) and (kinds[parameter] == "metric" or isinstance(kinds[parameter], tuple))
        text = str(value) if bare else written(value)
        if parameter not in given and text is not None:
            missing.append((parameter, text))
    if isinstance(expression, tree.Call | tree.Name):
        name_arguments(page, expression, given)
        append_arguments(page, expression, missing)
    return Filled(name, {"built in": [parameter for parameter, _ in missing]} if missing else {})


def name_arguments(page: Page, expression: tree.Call | tree.Name, names: Sequence[str]) -> None:
    """Give every argument by position the name of its parameter; `names` are in the order of the arguments."""
    if isinstance(expression, tree.Call):
        for item, name in zip(expression.arguments, names, strict=True):
            if item.name is None:
                page.insert(item.span.start, f"{name}=")


def append_arguments(page: Page, expression: tree.Call | tree.Name, missing: Sequence[tuple[str, str]]) -> None:
    """Write arguments behind those that are there; a bare name becomes a call."""
    items = [f"{name}={value}" for name, value in missing]
    if not items:
        return
    if isinstance(expression, tree.Name):
        page.insert(expression.span.end, f"({', '.join(items)})", -expression.span.start)
    else:
        end = expression.arguments[-1].span.end if expression.arguments else expression.span.end - 1
        page.insert_items(end, items, expression.span)


# ------------------------------------------------------------------------------------------------ what is given


def _name(call: Call) -> str:
    return call.definition.name if isinstance(call.definition, Builtin) else call.definition.name.name


def _given(call: Call, expression: tree.Call | tree.Name) -> dict[str, tree.Argument]:
    """The arguments by parameter, in the order in which they are written."""
    if isinstance(expression, tree.Name):
        return {}
    if isinstance(call.definition, Builtin):
        order = [parameter.name for parameter in call.definition.parameters]
    else:
        order = [parameter.name.name for parameter in call.definition.parameters]
    given: dict[str, tree.Argument] = {}
    for position, item in enumerate(expression.arguments):
        given[item.name or order[min(position, len(order) - 1)]] = item
    return given


def _worth(call: Call, parameter: str, expression: tree.Expression) -> str:
    """What an argument was worth each time, where that is a number or a text and is not plain to see."""
    if isinstance(expression, tree.Number | tree.String | tree.Boolean | tree.ListOf | tree.Unary):
        return ""
    values = [written(value) for value in call.given.get(parameter, ())]
    if any(value is None or value == expression.span.text for value in values):
        return ""
    return ", ".join(dict.fromkeys(value for value in values if value is not None))


def _missing_of_builtin(definition: Builtin, given: dict[str, tree.Argument]) -> list[tuple[str, str]]:
    found = [(parameter.name, written(parameter.default)) for parameter in definition.parameters]
    return [(name, text) for name, text in found if text is not None and name not in given]


# ------------------------------------------------------------------------------------------------ defaults


def _missing(call: Call, given: dict[str, tree.Argument], filled: Filled) -> list[tuple[str, str]]:
    """The parameters that are left out, with their defaults as they are written where the call is."""
    assert isinstance(call.definition, tree.Definition)
    missing: list[tuple[str, str]] = []
    for parameter in call.definition.parameters:
        name = parameter.name.name
        if name in given or parameter.default is None:
            continue
        place = f"{parameter.span.file.name}:{parameter.span.line}"
        hidden = _hidden(call, parameter)
        if hidden is not None:
            default = parameter.default.span.text
            filled.kept.append(f"{name} is {default} ({place}), and `{hidden}` is another thing here")
            continue
        missing.append((name, _default(call, parameter, given)))
        filled.defaults.setdefault(place, []).append(name)
    lines = {place: place.rpartition(":") for place in filled.defaults}
    if len(lines) > 1:  # one parameter a line: say where they begin and end
        (file, _, first), *_, (_, _, last) = lines.values()
        filled.defaults = {f"{file}:{first}-{last}": [name for names in filled.defaults.values() for name in names]}
    return missing


def _default(call: Call, parameter: tree.Parameter, given: dict[str, tree.Argument]) -> str:
    """A default as text; parameters in it are what they are given, or their own defaults."""
    assert parameter.default is not None and isinstance(call.definition, tree.Definition)
    others = {other.name.name: other for other in call.definition.parameters}
    if isinstance(parameter.default, tree.Name) and parameter.default.name not in others:
        return _applied(call, parameter.default)
    text, start = parameter.default.span.text, parameter.default.span.start
    for name in sorted(names_in(parameter.default), key=lambda name: -name.span.start):
        if name.name not in others or name.name in _options(parameter):
            continue
        if name.name in given:
            value = given[name.name].value
            inner = value.span.text if _is_atom(value) else f"({value.span.text})"
        else:
            inner = f"({_default(call, others[name.name], given)})"
        whole = name.span == parameter.default.span
        inner = inner[1:-1] if whole and inner.startswith("(") else inner
        text = text[: name.span.start - start] + inner + text[name.span.end - start :]
    return text


def _applied(call: Call, name: tree.Name) -> str:
    """A function that is a default, with its own defaults: `random_uniform(minval=-0.05, maxval=0.05)`."""
    found = library_definition(name.name) if name.span.file.library else None
    if found is None or found.kind != "function" or not isinstance(_looked_up(call.outer, name.name), Function):
        return name.name
    rest = [p for p in found.parameters[1:] if p.default is not None]
    plain = all(isinstance(p.default, tree.Number | tree.Boolean | tree.Unary) for p in rest)
    arguments = ", ".join(f"{p.name.name}={p.default.span.text}" for p in rest if p.default is not None)
    return f"{name.name}({arguments})" if arguments and plain else name.name


def _is_atom(expression: tree.Expression) -> bool:
    return isinstance(
        expression,
        tree.Number | tree.String | tree.Boolean | tree.Name | tree.ListOf | tree.Call | tree.Member | tree.Index,
    )


def _options(parameter: tree.Parameter) -> set[str]:
    """The words that a parameter offers: `valid | same`."""
    if not isinstance(parameter.type, tree.Binary):
        return set()
    return {name.name for name in names_in(parameter.type)}


def _hidden(call: Call, parameter: tree.Parameter) -> str | None:
    """A name in a default that is something else where the call is written; None where all mean the same."""
    assert parameter.default is not None and isinstance(call.definition, tree.Definition)
    own = {other.name.name for other in call.definition.parameters} | _options(parameter)
    for name in names_in(parameter.default):
        if name.name in own:
            continue
        if not _same(_looked_up(call.outer, name.name), _looked_up(call.scope, name.name)):
            return name.name
    return None


def _looked_up(scope: Scope | None, name: str) -> Value | None:
    """As `Scope.lookup`, without counting as a use."""
    while scope is not None:
        value = scope.find(name)
        if value is not None:
            return value
        scope = scope.parent
    return None


def _same(one: Value | None, other: Value | None) -> bool:
    applied = (Function, Layer, Optimizer, Model)
    if isinstance(one, applied) and isinstance(other, applied):
        return one.definition is other.definition
    return one is other or (written(one) is not None and written(one) == written(other))


def names_in(node: tree.Node) -> Iterator[tree.Name]:
    """The names that an expression reads."""
    if isinstance(node, tree.Name):
        yield node
    for child in children(node):
        yield from names_in(child)


def children(node: tree.Node) -> Iterator[tree.Node]:
    """The parts of a node, without the statements of its blocks."""
    for name, value in node.__dict__.items():
        if isinstance(value, tree.Node):
            yield value
        elif isinstance(value, tuple) and name not in ("body", "otherwise"):
            yield from (item for item in cast("tuple[object, ...]", value) if isinstance(item, tree.Node))
