"""What is allowed by the rules and never meant: probabilities for a loss that wants scores, classes for one of two."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from nndsl.check.limits import limit_targets
from nndsl.check.values import Argument, Function, Value
from nndsl.diagnostics import Label
from nndsl.ir import Node
from nndsl.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nndsl.check.context import Context
    from nndsl.source import Span

_GIVES_PROBABILITIES = {"softmax": "softmax", "sigmoid": "sigmoid", "log_softmax": "log_softmax"}
_OF_TWO_CLASSES = ("binary_cross_entropy", "hinge")
_WANTS_SCORES = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}


def unused_lets(program: tree.Program) -> list[Span]:
    """The names of `let`s that nothing in the file reads, not even a layer that nothing applies.

    A file of layers and functions alone may be there for others to import its `let`s, too.
    """
    lets = {item.name.name: item.name.span for item in program.items if isinstance(item, tree.Let)}
    if not lets or not any(map(_is_network, program.items)):
        return []
    read: set[str] = set()
    for item in program.items:
        read.update(_names_read(item.value if isinstance(item, tree.Let) else item))
    return [span for name, span in lets.items() if name not in read]


def _is_network(item: tree.Node) -> bool:
    return isinstance(item, tree.Train) or (isinstance(item, tree.Definition) and item.kind == "model")


def _names_read(node: tree.Node) -> Iterator[str]:
    match node:
        case tree.Name(name=name):
            yield name
        case tree.String(value=text):
            yield from re.findall(r"\{(\w+)", text)
        case _:
            for part in node.__dict__.values():
                children = cast("tuple[object, ...]", part) if isinstance(part, tuple) else (part,)
                for child in children:
                    if isinstance(child, tree.Node):
                        yield from _names_read(child)


def _library_name(function: Function) -> str | None:
    definition = function.definition
    if isinstance(definition, tree.Definition) and definition.span.file.library:
        return function.name
    return None


def remember_probabilities(context: Context, function: Function, result: Value, span: Span) -> None:
    """Keep in mind that `result` came out of softmax or sigmoid."""
    if _library_name(function) in _GIVES_PROBABILITIES and isinstance(result, Node):
        context.probabilities[result.id] = context.user_place(span)


def refuse_classes(context: Context, function: Function, given: dict[str, Argument]) -> None:
    """A loss between two classes whose target is one of more, or some other number."""
    name, target = _library_name(function), given.get("target")
    if name in _OF_TWO_CLASSES and target is not None and isinstance(target.value, Node):
        limit_targets(context, name, target.value, target.span)


def refuse_probabilities(context: Context, function: Function, given: dict[str, Argument], span: Span) -> None:
    """A loss that takes scores applied to what came out of softmax or sigmoid is a mistake."""
    name = _library_name(function)
    if name not in _WANTS_SCORES or not given:
        return
    first = next(iter(given.values()))
    value = first.value
    while not isinstance(value, Node):
        outputs = getattr(value, "outputs", None)
        if not outputs or len(outputs) != 1:
            return
        value = outputs[0][1]
    place = context.probabilities.get(value.id)
    if place is not None:
        inner = _WANTS_SCORES[name]
        raise context.mistake(
            "NN503",
            f"{name} takes scores, and these went through {inner} already",
            first.span,
            more=[Label(place, "here they become probabilities")],
            help=f"leave the {inner} out of the network: {name} applies it itself, with better rounding; use "
            f"`{inner}(scores)` in `predict`",
        )
