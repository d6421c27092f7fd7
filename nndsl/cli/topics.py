"""Everything that `nndsl help` can explain, family by family, gathered from where each thing is defined."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """One thing to explain.

    kind: what it is, in a word or two ("layer"). signature: how it is written, with defaults; several forms stand
    on lines of their own. documentation: its first line is the summary. place: file and line of its definition,
    with its `source`.
    """

    name: str
    family: str
    kind: str
    signature: str
    documentation: str
    place: str | None = None
    source: str | None = None

    @property
    def summary(self) -> str:
        """The first sentence of the documentation."""
        return self.documentation.partition("\n")[0]


def topics() -> list[Topic]:
    """All topics, families together. A name may have two (a statement and a function)."""
    return [*_library(), *_statements()]


# ------------------------------------------------------------------------------------------------ the library


_FAMILIES = ("layers", "functions", "losses", "metrics", "optimizers", "initializers", "penalties", "schedules")


def _library() -> list[Topic]:
    """What the files of the standard library define. The folder of a file is the family of its items."""
    from nndsl.check.library import index

    found: list[Topic] = []
    for entry in index().values():
        comment, definition = _parted(entry.file.text[entry.start : entry.end])
        line, _ = entry.file.position(entry.file.text.index(definition, entry.start))
        found.append(
            Topic(
                name=entry.name,
                family=entry.file.name.split("/")[1],
                kind=entry.kind,
                signature=_signature(definition, entry.kind),
                documentation=comment,
                place=f"{entry.file.path or entry.file.name}:{line}",
                source=definition,
            )
        )
    order = {family: position for position, family in enumerate(_FAMILIES)}
    return sorted(found, key=lambda topic: (order.get(topic.family, len(order)), topic.family, topic.name.lower()))


def _parted(text: str) -> tuple[str, str]:
    """The comment above a definition, without its `#`, and the definition without what follows it."""
    comment: list[str] = []
    lines = text.splitlines()
    while lines and lines[0].startswith("#"):
        comment.append(lines.pop(0).removeprefix("#").removeprefix(" "))
    while lines and (not lines[-1].strip() or lines[-1].startswith("#")):
        lines.pop()
    return "\n".join(comment).strip(), "\n".join(lines)


def _signature(definition: str, kind: str) -> str:
    """Name and parameters of a definition, on one line: `Dense(units: int, activation = linear)`."""
    text = definition.removeprefix(kind).lstrip()
    depth = 0
    for position, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth == 0 and character in "{=":
            text = text[:position]
            break
    return " ".join(text.split()).replace("( ", "(").replace(" )", ")")


# ------------------------------------------------------------------------------------------------ the language


def _statements() -> list[Topic]:
    from nndsl.cli.statements import STATEMENTS

    return [
        Topic(s.name, "statements", "statement", s.forms, f"{s.summary[0].upper()}{s.summary[1:]}.\n\n{s.text}")
        for s in STATEMENTS
    ]
