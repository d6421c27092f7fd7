"""Comments that say where lines come from: the step's title and its place in the `.nn` file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from nndsl.emit.text import comment, one_line, ruled

if TYPE_CHECKING:
    from nndsl.ir.graph import Node, Origin


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands over a group of lines."""

    title: str
    place: str
    backward: bool

    @property
    def text(self) -> str:
        """`features: Dense(hidden)`, with "backward through" in front on the way back."""
        return f"{'backward through ' if self.backward else ''}{self.title}"


class Headings:
    """Gives the heading of each node, and remembers which one the lines stand under.

    two_ways: the lines go forward and then backward, and say so.
    """

    def __init__(self, *, two_ways: bool = False) -> None:
        self._of_origin: dict[Origin, Heading] = {}
        self._two_ways = two_ways
        self.current: Heading | None = None

    def lines(self, node: Node) -> list[str]:
        """Comments that `node`'s lines need over them, none where they may stand under the current heading.

        What the way back computes for itself stands with it, whatever it was in the `.nn` file.
        """
        if not node.origins:
            return []
        before = self.current
        headings = [self.of(origin) for origin in node.origins]
        if before is not None and before.backward:
            headings = [replace(heading, backward=True) for heading in headings]
        if before in headings:
            return []
        self.current = headings[0]
        ruling: list[str] = []
        if self._two_ways and (before is None or before.backward is not self.current.backward):
            ruling = ["", ruled("backward" if self.current.backward else "forward", inset=8)]
        return [*ruling, "", heading_line(self.current, "")]

    def of(self, origin: Origin) -> Heading:
        """The heading of what came from `origin`."""
        found = self._of_origin.get(origin)
        if found is None:
            line = origin.span.line
            title = one_line(origin.title.partition("\n")[0] or origin.span.file.line(line).partition("#")[0])
            step = one_line(origin.scope.rpartition("/")[2]) if "/" in origin.scope else ""
            if step and not title.startswith(f"{step}:"):
                title = f"{step}: {title}"
            found = Heading(title, f"{one_line(origin.span.file.name)}:{line}", origin.backward)
            self._of_origin[origin] = found
        return found


def heading_line(heading: Heading, indent: str) -> str:
    """The heading as a comment."""
    return f"{comment(heading.text, indent)}  ({heading.place})"
