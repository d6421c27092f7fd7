"""Comments that say where lines come from: the step's title and its place in the `.nn` file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nndsl.emit.text import comment, one_line

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
        """`features: Dense(hidden)  (digits.nn:14)`, with "backward through" in front on the way back."""
        return f"{'backward through ' if self.backward else ''}{self.title}"


class Headings:
    """Gives the heading of each node, and remembers which one the lines stand under."""

    def __init__(self) -> None:
        self._of_origin: dict[Origin, Heading] = {}
        self.current: Heading | None = None

    def change(self, node: Node) -> Heading | None:
        """The heading that `node`'s lines need, None where they may stand under the current one."""
        if not node.origins:
            return None
        headings = [self.of(origin) for origin in node.origins]
        if self.current in headings:
            return None
        self.current = headings[0]
        return self.current

    def of(self, origin: Origin) -> Heading:
        """The heading of what came from `origin`."""
        found = self._of_origin.get(origin)
        if found is None:
            line = origin.span.line
            title = origin.title.partition("\n")[0] or origin.span.file.line(line).partition("#")[0]
            found = Heading(one_line(title), f"{one_line(origin.span.file.name)}:{line}", origin.backward)
            self._of_origin[origin] = found
        return found


def heading_line(heading: Heading, indent: str) -> str:
    """The heading as a comment."""
    return f"{comment(heading.text, indent)}  ({heading.place})"
