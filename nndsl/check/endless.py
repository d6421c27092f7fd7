"""How much a program may ask to be worked out before it runs: one line can ask for more than any machine has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nndsl.diagnostics import UserError, error

if TYPE_CHECKING:
    from nndsl.check.context import Context
    from nndsl.check.values import Value
    from nndsl.source import Span

LONGEST_LIST = 1_000_000
"""Items, those of lists in it included."""

MOST_STATEMENTS = 300_000
"""Statements that are walked, each as often as it is: those of a library layer wherever it is used, and every turn."""


class EndlessError(UserError):
    """The program asks for too much. Nothing of it is looked at any further."""


def refuse_long(context: Context, items: Sequence[Value], span: Span) -> None:
    """A mistake where a list has too many items, those of lists in it included."""
    count = 0
    waiting: list[Sequence[Value]] = [items]
    while waiting:
        each = waiting.pop()
        count += len(each)
        if count > LONGEST_LIST:
            raise too_long(context, span)
        waiting += [item for item in each if isinstance(item, tuple)]


def too_long(context: Context, span: Span) -> UserError:
    """The mistake of a list with too many items."""
    return context.mistake(
        "NN217",
        f"this list has more than {LONGEST_LIST:,} items",
        span,
        help='values of a network are no lists: `zeros([1000, 1000])`; rows of data come from files: `npz("rows.npz")`',
    )


def endless(place: Span | None) -> EndlessError:
    """What ends a check that would not end."""
    message = f"this program has more than {MOST_STATEMENTS:,} steps, each turn of a loop and each call counted"
    return EndlessError(error("NN217", message, place, help="fewer turns of `repeat` and `for`, or smaller functions"))
