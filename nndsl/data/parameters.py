"""What readers are made of: their parameters, and what these take."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard, cast

from nndsl.data.table import Table
from nndsl.diagnostics import UserError, did_you_mean, error
from nndsl.records import record

if TYPE_CHECKING:
    from nndsl.ir.op import Attribute
    from nndsl.source import Span

KINDS = {
    "text": "a text",
    "bool": "true or false",
    "texts": "a list of texts",
    "option": "one of its words",
    "size": "a height and a width: [32, 32]",
}
"""Kinds of parameters, and how messages call them."""


MOST_PIXELS = 1 << 14
"""How high or wide a picture may be made."""


@record
class Parameter:
    """A parameter of a reader. kind: one of `KINDS` (lists are tuples); default None: it may be left out.

    options: the words that a parameter of the kind "option" may be.
    """

    name: str
    kind: str
    documentation: str
    default: Attribute = None
    required: bool = False
    options: tuple[str, ...] = ()


@record
class Reader:
    """A reader by name.

    documentation: its first line is the summary.
    open: (arguments by name, every parameter filled in; folder that paths start from; place of the call) -> table.
    """

    name: str
    documentation: str
    parameters: tuple[Parameter, ...]
    open: Callable[[Arguments, Path, Span | None], Table]

    def parameter(self, name: str, span: Span | None = None) -> Parameter:
        """The parameter called `name`. Raises UserError NN402 where there is none."""
        found = {parameter.name: parameter for parameter in self.parameters}
        if name in found:
            return found[name]
        close = did_you_mean(name, found)
        help = f"did you mean `{close}`?" if close else f"its parameters are: {', '.join(found)}"
        raise UserError(error("NN402", f"{self.name} has no parameter `{name}`", span, help=help))


Arguments = Mapping[str, "Attribute"]


def is_size(value: object) -> TypeGuard[tuple[int, int]]:
    """Whether a value says a height and a width that a picture may have."""
    if not isinstance(value, tuple):
        return False
    lengths = cast("tuple[object, ...]", value)
    return len(lengths) == 2 and all(type(length) is int and 0 < length <= MOST_PIXELS for length in lengths)


def check_kind(reader: Reader, parameter: Parameter, value: Attribute, span: Span | None) -> None:
    """Raises UserError NN402 for a value that the parameter does not take."""
    if value is None and not parameter.required:
        return
    match parameter.kind:
        case "text":
            fits = isinstance(value, str)
        case "bool":
            fits = isinstance(value, bool)
        case "option":
            fits = value in parameter.options
        case "size":
            fits = is_size(value)
        case _:
            fits = isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    if not fits:
        problem = "is missing" if value is None else f"is {KINDS[parameter.kind]}, not {value!r}"
        raise UserError(error("NN402", f"`{parameter.name}` of {reader.name} {problem}", span))
