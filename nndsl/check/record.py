"""What each call in a user's file turned out to be: kept for `nndsl explain`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.check.values import Argument, Builtin, Function, Layer, Model, Optimizer, Value
from nndsl.records import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nndsl.check.context import Context
    from nndsl.check.scope import Scope
    from nndsl.ir import TensorType
    from nndsl.source import Span
    from nndsl.syntax import tree


@dataclass(slots=True)
class Call:
    """A call, or a name that stands for one with no arguments.

    scope: where it is written. outer: where its definition is, None for a builtin. given: for each parameter that is
    given an argument, what it was worth each time.
    """

    definition: tree.Definition | Builtin
    scope: Scope
    outer: Scope | None
    given: dict[str, list[Value]] = field(default_factory=dict[str, "list[Value]"])


@record
class Record:
    """What a check learnt of a file.

    calls: by place; None for one that differs. inputs: what went into each `input` statement. lets: values by name.
    """

    calls: Mapping[Span, Call | None]
    inputs: Mapping[Span, list[TensorType]]
    lets: Mapping[str, Value]


def record_call(
    context: Context,
    scope: Scope,
    callee: Function | Layer | Model | Optimizer,
    given: Mapping[str, Argument],
    span: Span,
) -> None:
    """Remember a call at `span`. One that is another thing each time it is walked is none to explain."""
    if span.file.library:
        return
    known = context.calls.setdefault(span, Call(callee.definition, scope, callee.scope))
    if known is None:
        return
    if known.definition is not callee.definition:
        context.calls[span] = None
        return
    for name, argument in given.items():
        known.given.setdefault(name, []).append(argument.value)
