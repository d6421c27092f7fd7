"""How networks that were trained on texts go about writing, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nndsl.ir.program import Generation, Program


def writers(program: Program) -> dict[str, Generation]:
    """How each train block writes on from a text, by name; those that don't are left out."""
    if not any(data.reader is not None and data.reader.reader == "text" for data in program.data):
        return {}
    from nndsl.passes.generation import with_generation

    trains = with_generation(program).trains
    return {train.name: train.generation for train in trains if train.generation is not None}


def way_of_writing(how: Generation, *, by_window: bool = False) -> str:
    """How a network goes about writing, in a sentence, and why not in another way."""
    each = f"each of the {how.level}"
    if how.one_time is not None and not by_window:
        if not how.one_time.carries:
            return f"{each} follows from the one before it alone"
        return f"{each} is read once, with {', '.join(how.one_time.carries)} carried on"
    way = f"{each} follows from a window of the last {how.window}"
    if how.crossing is None or by_window:
        return way
    span = how.crossing.span
    place = "" if span is None else f" ({span.file.name.rpartition('/')[2]}:{span.line})"
    return f"{way}: {how.crossing.step}{place} {how.crossing.why}"


def writing_data(how: Generation) -> dict[str, Any]:
    """The same for programs."""
    carries = None if how.one_time is None else list(how.one_time.carries)
    crossing = None if how.crossing is None else {"step": how.crossing.step, "why": how.crossing.why}
    by = "window" if how.one_time is None else "state"
    return {"by": by, "level": how.level, "window": how.window, "carries": carries, "crossing": crossing}
