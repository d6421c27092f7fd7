"""Comments that say where lines come from: the step's title and its place in the `.nn` file.

They are all that is written where lines of another origin begin. In source that tells its own time (`clocked.py`) a
reading of the clock stands there, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nndsl.emit.text import comment, one_line, ruled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nndsl.ir.graph import Node, Origin
    from nndsl.ir.program import Update
    from nndsl.source import SourceFile


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over a group of lines."""

    title: str
    place: str
    backward: bool
    again: str = ""

    @property
    def text(self) -> str:
        """`features: Dense(hidden)`, with "backward through" or "computed again" in front on the way back."""
        return f"{self.again or ('backward through ' if self.backward else '')}{self.title}"


class Headings:
    """Gives the heading of each node, and remembers which one the lines stand under.

    two_ways: the lines go forward and then backward, and say so. saved: the memory that a step of a model spares, as
    people write it, by its path, where its values are computed again on the way back.
    """

    def __init__(self, *, two_ways: bool = False, saved: Mapping[str, str] | None = None) -> None:
        self._known: dict[tuple[SourceFile, int, str, str, bool], Heading] = {}
        self._two_ways = two_ways
        self._saved = saved or {}
        self.current: Heading | None = None

    def lines(self, node: Node) -> list[str]:
        """Comments that `node`'s lines need over them, none where they may stand under the current heading.

        What the way back computes for itself stands with it, whatever it was in the `.nn` file.
        """
        if not node.origins:
            return []
        before = self.current
        back = node.turn > 0 or (before is not None and before.backward)
        headings = [self._heading(origin, back=back or origin.backward) for origin in node.origins]
        if node.turn:
            again = [self._again(origin) for origin in node.origins]
            headings = [replace(each, again=text) for each, text in zip(headings, again, strict=True)]
        if before in headings:
            return []
        self.current = headings[0]
        ruling: list[str] = []
        if self._two_ways and (before is None or before.backward is not self.current.backward):
            ruling = ["", ruled("backward" if self.current.backward else "forward", inset=8)]
        return [*ruling, "", heading_line(self.current, "")]

    def inside(self, times: int) -> Headings:
        """The headings of a loop's lines, which go one way. times: how many steps the loop takes."""
        del times  # only a clock asks for them
        inside = Headings()
        inside.current = self.current
        return inside

    def update(self, update: Update, every: int) -> list[str]:
        """The comment over an update: what it is, and where it is written. every: it acts on each `every`th step.

        What follows goes forward again.
        """
        del every  # only a clock asks for it
        self.current = None
        span = update.origin.span
        return [f"{comment(update.optimizer)}  ({one_line(span.file.name)}:{span.line})"]

    def pause(self) -> list[str]:
        """Lines where the step waits for what is done elsewhere. What follows goes forward again."""
        self.current = None
        return []

    def before_step(self) -> list[str]:
        """Lines before the function whose lines stand under these headings."""
        return []

    def after_step(self) -> list[str]:
        """Lines at that function's end."""
        return []

    def _again(self, origin: Origin) -> str:
        """What stands before the title of what is computed again."""
        saved = self._saved.get(origin.scope)
        return f"computed again, to save {saved}: " if saved is not None else "computed again: "

    def of(self, origin: Origin) -> Heading:
        """The heading of what came from `origin`."""
        return self._heading(origin, back=origin.backward)

    def _heading(self, origin: Origin, *, back: bool) -> Heading:
        # What a step's nodes came from differs by the library's line, which no heading says.
        key = (origin.span.file, origin.span.start, origin.scope, origin.title, back)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _heading_of(origin, back=back)
        return found


def _heading_of(origin: Origin, *, back: bool) -> Heading:
    line = origin.span.line
    title = one_line(origin.title.partition("\n")[0] or origin.span.file.line(line).partition("#")[0])
    step = one_line(origin.scope.rpartition("/")[2]) if "/" in origin.scope else ""
    if step and not title.startswith(f"{step}:"):
        title = f"{step}: {title}"
    return Heading(title, f"{one_line(origin.span.file.name)}:{line}", back)


def heading_line(heading: Heading, indent: str) -> str:
    """The heading as a comment."""
    return f"{comment(heading.text, indent)}  ({heading.place})"
