"""`--set NAME=VALUE`: other values for the `let`s of a file, and the mistakes that they lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from nndsl.check.expressions.evaluate import evaluate
from nndsl.check.values import Value, describe
from nndsl.diagnostics import Diagnostic, UserError, did_you_mean, error
from nndsl.source import SourceFile
from nndsl.syntax import parse, tree

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.check.scope import Scope


def set_value(context: Context, scope: Scope, item: tree.Let, value: Value, text: str) -> Value:
    """The text of `--set name=text` as a value of the same kind as the one in the file."""
    if isinstance(value, str) and not text.startswith('"'):
        return text
    source = SourceFile(f"--set {item.name.name}", f"let {item.name.name} = {text}\n")
    try:
        parsed = parse(source).items
    except UserError:
        parsed = ()
    if len(parsed) != 1 or not isinstance(parsed[0], tree.Let):
        raise UserError(_bad_set(item.name.name, text, value))
    given = evaluate(context, scope, parsed[0].value)
    numbers = isinstance(value, int | float) and isinstance(given, int | float)
    same = isinstance(value, bool) == isinstance(given, bool) if numbers else type(value) is type(given)
    if not same:
        raise UserError(_bad_set(item.name.name, text, value))
    return given


def unknown_sets(program: tree.Program, sets: Iterable[str]) -> Iterator[Diagnostic]:
    """The mistakes of `--set`s that the program has no `let` for."""
    known = [item.name.name for item in program.items if isinstance(item, tree.Let)]
    for name in sets:
        if name not in known:
            close = did_you_mean(name, known)
            listed = f"it has: {', '.join(known)}" if known else "it has none"
            help = f"did you mean `--set {close}=...`?" if close else listed
            yield error("NN106", f"--set {name}: {program.file.name} has no `let {name}`", help=help)


def because_of_sets(
    mistake: UserError, sets: dict[str, str], mistakes_with: Callable[[dict[str, str]], list[Diagnostic]]
) -> UserError:
    """The mistakes of a check; where the file is right without its `--set`s, the first that each of them leads to."""
    if not sets or mistakes_with({}):
        return mistake
    alone = [({name: text}, mistakes_with({name: text})) for name, text in sets.items()]
    guilty = [(given, found) for given, found in alone if found] or [(sets, list(mistake.diagnostics))]
    return UserError(*(_blamed(given, found) for given, found in guilty))


def _blamed(sets: Mapping[str, str], found: list[Diagnostic]) -> Diagnostic:
    """The first of several mistakes, with what led to all of them."""
    first, *others = found
    if not first.labels:
        return first  # it is about the `--set` itself
    said = " ".join(f"--set {name}={text}" for name, text in sets.items())
    more = f", and to {len(others)} other {'mistakes' if len(others) > 1 else 'mistake'}" if others else ""
    return replace(first, notes=(*first.notes, f"`{said}` leads to this{more}; without it the file is right"))


def _bad_set(name: str, text: str, value: Value) -> Diagnostic:
    return error("NN106", f"--set {name}={text}: this must be like the value in the file, which is {describe(value)}")
