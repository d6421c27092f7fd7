"""Source that tells its own time: the very lines of a step, and a reading of the clock where another origin begins.

`mark(3)` says that from here on the time is spent on site 3; `mark(0)`, at the end, that it is spent elsewhere. Such
source is for `nndsl profile`, which gives it the function `clock` that makes `mark`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from nndsl.diagnostics.amounts import in_bytes
from nndsl.emit.headings import Heading, Headings
from nndsl.emit.text import one_line
from nndsl.ir.graph import reachable

if TYPE_CHECKING:
    from nndsl.emit.module import Module
    from nndsl.emit.steps import Part
    from nndsl.ir.graph import Node, Origin
    from nndsl.ir.program import TrainProgram, Update
    from nndsl.source import Span

Phase = Literal["forward", "backward", "update"]

CLOCK_NAMES = frozenset({"clock", "mark"})
"""What nothing else may be called in source that tells its time."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a text: a file's name, a line, and what stands there."""

    file: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Site:
    """What time is spent on: a line of the `.nn` file in one of the three phases.

    place: the user's line; None for what comes from no line. library: the line of the library behind it, where these
    are told apart. function: whose lines these are. every: an update acts on each `every`th step.
    """

    function: str
    place: Place | None
    library: Place | None
    phase: Phase
    every: int = 1


@dataclass(slots=True)
class Sites:
    """The sites of a train block's training step in the making, numbered from 1; site 0 is everything outside.

    library: whether lines of the library are told apart. work: (node, how often in one go) of all that is computed at
    each site.
    """

    train: str
    library: bool = False
    numbers: dict[Site, int] = field(default_factory=dict[Site, int])
    work: list[list[tuple[Node, int]]] = field(default_factory=lambda: [[]])

    def number(self, site: Site) -> int:
        """The number of a site."""
        if site not in self.numbers:
            self.numbers[site] = len(self.work)
            self.work.append([])
        return self.numbers[site]


def step_headings(module: Module, train: TrainProgram, part: Part) -> Headings:
    """The headings of the lines of a part; those of training steps read the clock where that is wanted."""
    if module.sites is not None and module.sites.train == train.name and part.trains:
        graph = part.graph
        roots = [*(total.node for total in graph.totals), *(node for _, node in graph.states)]
        roots += [minimize.loss for minimize in graph.minimizes]
        return ClockedHeadings(module.sites, part.name, frozenset(reachable(roots)))
    recomputing = train.recomputing
    saved = {} if recomputing is None else {path: in_bytes(count) for path, count in recomputing.saved}
    return Headings(two_ways=bool(part.graph.minimizes), saved=saved)


class ClockedHeadings(Headings):
    """Headings with a reading of the clock where the site changes; `sites` learns what is computed at each.

    forward: what losses, totals and states need; all else is of the way back. Lines that several origins share belong
    to the one that they stand under.
    """

    def __init__(self, sites: Sites, function: str, forward: frozenset[Node]) -> None:
        super().__init__(two_ways=True)
        self._sites = sites
        self._function = function
        self._forward = forward
        self._times = 1
        self._counted: set[Node] = set()
        self._origin: Origin | None = None
        self._number: int | None = None
        self._phase: Phase = "forward"

    def lines(self, node: Node) -> list[str]:
        """As for any headings, with `mark(3)` behind them where another site begins."""
        comments = super().lines(node)
        self._origin = next((o for o in node.origins if self._same(self.of(o))), self._origin)
        self._phase = self._phase_of(node)
        mark = self._mark(self._site())
        self._count(node)
        return [*comments, *mark]

    def inside(self, times: int) -> Headings:
        """The headings of a loop's lines. Each step of the loop reads the clock, and so does what comes after it."""
        self._number = None
        return _Inside(self, times)

    def update(self, update: Update, every: int) -> list[str]:
        """As for any headings, and the clock is read."""
        site = Site(self._function, _place_of(update.origin, whole_line=True), None, "update", every)
        mark = self._mark(site)
        computed = (node for node in reachable([*update.new_slots, update.new_weight]) if not _is_free(node))
        self._sites.work[self._sites.number(site)] += [(node, 1) for node in computed]
        return [*super().update(update, every), *mark]

    def pause(self) -> list[str]:
        """Until it goes on, the time is spent elsewhere."""
        self._number = None
        return [*super().pause(), "mark(0)"]

    def before_step(self) -> list[str]:
        """The clock of this workspace: several may be running, on threads of their own."""
        return ["mark = clock(n)", ""]

    def after_step(self) -> list[str]:
        """The step is over."""
        return ["mark(0)"]

    def _same(self, heading: Heading) -> bool:
        current = self.current
        return current is not None and (heading.title, heading.place) == (current.title, current.place)

    def _site(self) -> Site:
        origin = self._origin
        if origin is None:
            return Site(self._function, None, None, self._phase)
        library = None
        if self._sites.library and origin.library is not None:
            library = _line_of(origin.library)
        return Site(self._function, _place_of(origin), library, self._phase)

    def _phase_of(self, node: Node) -> Phase:
        return "forward" if node in self._forward else "backward"

    def _mark(self, site: Site) -> list[str]:
        number = self._sites.number(site)
        if number == self._number:
            return []
        self._number = number
        return [f"mark({number})"]

    def _count(self, node: Node) -> None:
        """The work of `node` and of its operands that were written into its line belongs to the site."""
        assert self._number is not None  # a line stands at a site
        work = self._sites.work[self._number]
        waiting = [node]
        while waiting:
            each = waiting.pop()
            if each not in self._counted:
                self._counted.add(each)
                if each is node or not _is_free(each):
                    work.append((each, self._times))
                waiting += each.inputs


class _Inside(ClockedHeadings):
    """The headings of a loop's lines, which are all of the loop's phase. times: how many steps the loop takes."""

    def __init__(self, around: ClockedHeadings, times: int) -> None:
        super().__init__(around._sites, around._function, around._forward)
        self._two_ways = False
        self._times = around._times * times
        self._phase = around._phase
        self.current, self._origin = around.current, around._origin

    def _phase_of(self, node: Node) -> Phase:
        return self._phase


def _is_free(node: Node) -> bool:
    """Is it there without a line of its own?"""
    return node.op.leaf or node.op.numpy.view


def _place_of(origin: Origin, *, whole_line: bool = False) -> Place:
    """The user's line behind an origin: of a line with several steps the one that it is, the whole line otherwise."""
    title = "" if whole_line else one_line(origin.title.partition("\n")[0])
    line = _line_of(origin.span)
    return Place(line.file, line.line, title) if title and title in line.text else line


def _line_of(span: Span) -> Place:
    return Place(one_line(span.file.name), span.line, one_line(span.file.line(span.line).partition("#")[0]))
