"""What nndsl says to its user: one `Diagnostic` for each mistake, with a code, places and help."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from nndsl.records import record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.source import Span


class Severity(Enum):
    """An error stops the command; a warning is said and the work goes on."""

    ERROR = "error"
    WARNING = "warning"


@record
class Code:
    """One entry of the code table, as `docs/errors.md` shows it.

    `example` is a whole `.nn` text that produces the code; `fix` is the same text put right (or None where the
    mistake is not in a `.nn` file: then `example` is the command line or a description of the situation).
    """

    code: str
    title: str
    explanation: str
    example: str
    fix: str | None


@record
class Label:
    """A place and what is said about it. The primary label (`^^^`) is the mistake's place; others (`---`) explain."""

    span: Span
    message: str = ""
    primary: bool = False


@record
class Diagnostic:
    """A mistake or a doubt: `message` in a line, labelled places (the primary first), notes and the help that mends it.

    `labels` is empty where no file can be pointed at (a flag, a missing file).
    """

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    help: str | None = None
    notes: tuple[str, ...] = ()
    severity: Severity = Severity.ERROR


def error(
    code: str,
    message: str,
    span: Span | None = None,
    label: str = "",
    *,
    more: Iterable[Label] = (),
    help: str | None = None,
    notes: Iterable[str] = (),
) -> Diagnostic:
    """An error at `span` (None: nowhere in a file), with `more` labelled places."""
    primary = () if span is None else (Label(span, label, primary=True),)
    return Diagnostic(code, message, (*primary, *more), help, tuple(notes))


def warning(
    code: str,
    message: str,
    span: Span | None = None,
    label: str = "",
    *,
    more: Iterable[Label] = (),
    help: str | None = None,
    notes: Iterable[str] = (),
) -> Diagnostic:
    """As `error`, for what is allowed and probably not meant."""
    primary = () if span is None else (Label(span, label, primary=True),)
    return Diagnostic(code, message, (*primary, *more), help, tuple(notes), Severity.WARNING)


class UserError(Exception):
    """The user's files or values are at fault. Carries at least one diagnostic; commands print them and exit with 1."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__("\n".join(f"{d.code}: {d.message}" for d in diagnostics))
        self.diagnostics = diagnostics


class InternalError(Exception):
    """nndsl itself is at fault: names the pass and the node. Commands print a report text and exit with 3."""


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to `name`, or None where nothing is close: other case, a letter more, less or swapped."""
    from difflib import get_close_matches

    known = sorted(set(known))
    lowered = {candidate.lower(): candidate for candidate in reversed(known)}
    folded = name.lower()
    if folded in lowered:
        return lowered[folded]
    if folded.replace("_", "") in (flat := {c.lower().replace("_", ""): c for c in known}):
        return flat[folded.replace("_", "")]
    close = get_close_matches(folded, lowered, n=1, cutoff=0.7)
    return lowered[close[0]] if close else None
