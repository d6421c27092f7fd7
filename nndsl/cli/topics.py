"""Everything that `nndsl help` can explain, family by family, gathered from where each thing is defined."""

from __future__ import annotations

from dataclasses import dataclass
from re import split
from textwrap import fill
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from nndsl.check.blocks.settings import CallbackKind, Setting
    from nndsl.check.blocks.solvers import SolverKind
    from nndsl.check.values import Builtin
    from nndsl.data import Parameter

WIDTH = 100
"""Columns that texts are broken to."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing to explain.

    kind: what it is, in a word or two ("layer"). signature: how it is written, with defaults; several forms stand
    on lines of their own. documentation: its first line is the summary. place: file and line of its definition,
    with its `source`.
    """

    name: str
    family: str
    kind: str
    signature: str
    documentation: str
    place: str | None = None
    source: str | None = None

    @property
    def summary(self) -> str:
        """The first sentence of the documentation, as far as its first line goes."""
        return split(r"(?<=\.)\s", self.documentation.partition("\n")[0])[0]


def topics() -> list[Topic]:
    """All topics, families together. A name may have two (a statement and a function)."""
    return [*_library(), *_builtins(), *_readers(), *_solvers(), *_callbacks(), *_settings(), *_statements()]


# ------------------------------------------------------------------------------------------------ the library


_FAMILIES = ("layers", "functions", "losses", "metrics", "optimizers", "initializers", "penalties", "schedules")


def _library() -> list[Topic]:
    """What the files of the standard library define. The folder of a file is the family of its items."""
    from nndsl.check.library import index

    found: list[Topic] = []
    for entry in index().values():
        comment, definition = _parted(entry.file.text[entry.start : entry.end])
        line, _ = entry.file.position(entry.file.text.index(definition, entry.start))
        found.append(
            Topic(
                name=entry.name,
                family=entry.file.name.split("/")[1],
                kind=entry.kind,
                signature=_signature(definition, entry.kind),
                documentation=comment,
                place=f"{entry.file.path or entry.file.name}:{line}",
                source=definition,
            )
        )
    order = {family: position for position, family in enumerate(_FAMILIES)}
    return sorted(found, key=lambda topic: (order.get(topic.family, len(order)), topic.family, topic.name.lower()))


def _parted(text: str) -> tuple[str, str]:
    """The comment above a definition, without its `#`, and the definition without what follows it."""
    comment: list[str] = []
    lines = text.splitlines()
    while lines and lines[0].startswith("#"):
        comment.append(lines.pop(0).removeprefix("#").removeprefix(" "))
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return "\n".join(comment).strip(), "\n".join(lines)


def _signature(definition: str, kind: str) -> str:
    """Name and parameters of a definition, on one line: `Dense(units: int, activation = linear)`."""
    text = definition.removeprefix(kind).lstrip()
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character in "{=":
            text = text[:position]
            break
    return " ".join(text.split()).replace("( ", "(").replace(" )", ")")


# ------------------------------------------------------------------------------------------------ the language


def _statements() -> list[Topic]:
    from nndsl.cli.statements import STATEMENTS
    from nndsl.cli.words import WORDS

    families = {"statements": ("statement", STATEMENTS), "words": ("word", WORDS)}
    return [
        Topic(each.name, family, kind, each.forms, f"{each.summary}\n\n{fill(each.text, WIDTH)}")
        for family, (kind, statements) in families.items()
        for each in statements
    ]


def _builtins() -> list[Topic]:
    """The functions that the compiler provides, with the documentation of their operations."""
    from nndsl.check.blocks.data import DATA_BUILTINS
    from nndsl.check.builtins import BUILTINS

    families = {"built-in functions": BUILTINS, "functions of columns": DATA_BUILTINS}
    return [
        Topic(name, family, "built-in function", f"{name}({_parameters(found)})", fill(found.documentation, WIDTH))
        for family, builtins in families.items()
        for name, found in sorted(builtins.items())
    ]


def _parameters(builtin: Builtin) -> str:
    written: list[str] = []
    for parameter in builtin.parameters:
        if parameter.many:
            written.append(f"{parameter.name}, ...")
        elif parameter.required and parameter.default is None:
            written.append(parameter.name)
        else:
            written.append(f"{parameter.name} = {_literal(parameter.default)}")
    return ", ".join(written)


def _readers() -> list[Topic]:
    from nndsl.data import READERS

    found: list[Topic] = []
    for reader in READERS.values():
        parameters = ", ".join(
            parameter.name if parameter.required else f"{parameter.name} = {_reader_default(parameter)}"
            for parameter in reader.parameters
        )
        rows = [(parameter.name, parameter.documentation) for parameter in reader.parameters]
        text = f"{reader.documentation}\n\n{_table(rows)}"
        found.append(Topic(reader.name, "readers", "reader", f"data NAME from {reader.name}({parameters})", text))
    return found


def _reader_default(parameter: Parameter) -> str:
    if parameter.kind == "option" and parameter.default is not None:
        return str(parameter.default)
    return _literal(parameter.default)


def _solvers() -> list[Topic]:
    from nndsl.check.blocks.solvers import SOLVERS

    return [_of_the_runtime(each, "solver") for each in SOLVERS.values()]


def _callbacks() -> list[Topic]:
    from nndsl.check.blocks.settings import CALLBACKS

    return [_of_the_runtime(each, "callback") for each in CALLBACKS.values()]


def _of_the_runtime(each: SolverKind | CallbackKind, kind: str) -> Topic:
    """A solver or a callback, with a table of its arguments."""
    signature = ", ".join(f"{argument.name} = {_setting_default(argument)}" for argument in each.arguments)
    table = _table([(argument.name, argument.documentation) for argument in each.arguments])
    text = f"{fill(each.documentation, WIDTH)}\n\n{table}"
    return Topic(each.name, f"{kind}s", kind, f"{each.name}({signature})", text)


def _settings() -> list[Topic]:
    from nndsl.check.blocks.settings import SETTINGS

    return [
        Topic(each.name, "settings", "setting", f"{each.name} = {_setting_default(each)}", each.documentation)
        for each in SETTINGS
    ]


def _setting_default(setting: Setting) -> str:
    """The default of a setting; words to choose from, and names of metrics, stand without quotes."""
    if isinstance(setting.default, str):
        return setting.default
    return "COUNT" if setting.default is None else _literal(setting.default)


def _table(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows) + 3
    return "\n".join(f"{name:<{width}}{text}" for name, text in rows)


def _literal(value: object) -> str:
    """A default as a `.nn` file writes it; None is what stands for "left out"."""
    from nndsl.check.values import Option

    match value:
        case None:
            return "..."
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case Option(name=name):
            return name
        case tuple():
            return f"[{', '.join(map(_literal, cast('tuple[object, ...]', value)))}]"
        case _:
            return str(value)
