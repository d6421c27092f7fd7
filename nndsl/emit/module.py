"""What all parts of one generated module share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nndsl.emit.names import identifier
from nndsl.emit.text import Spelling

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nndsl.emit.clocked import Sites
    from nndsl.emit.layout import Layout
    from nndsl.emit.names import Names, NodeNames
    from nndsl.ir.program import Program
    from nndsl.plan import Sharing


@dataclass(slots=True)
class Module:
    """A module in the making.

    rooms: what steps take on a device, by the names of their functions: bytes always, and for each sample.
    precision: the program's floats. products: what they are narrowed to in matrix products, None where these are exact.
    sharings: how each train block uses the processor, by name. sites: where training steps spend their time, where they
    are to tell. names: those of its functions and constants. functions: what was written so far that others may call,
    by its text without its name, so that two alike are one.
    """

    program: Program
    precision: str
    layout: Layout
    names: Names
    node_names: NodeNames
    spelling: Spelling
    reserved: frozenset[str]
    sharings: dict[str, Sharing] = field(default_factory=dict[str, "Sharing"])
    sites: Sites | None = None
    products: str | None = None
    rooms: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    blocks: list[str] = field(default_factory=list[str])
    functions: dict[str, str] = field(default_factory=dict[str, str])

    def function(self, wish: str, signature: str, body: Iterable[str]) -> str:
        """Write `def <name><signature>:` with these lines in it, or find the function that is alike; its name."""
        text = f"{signature}:\n" + "\n".join(indented(line for part in body for line in part.split("\n")))
        name = self.functions.get(text)
        if name is None:
            name = self.functions[text] = self.names.unique(wish)
            self.blocks.append(f"def {name}{text}\n")
        return name

    def take(self) -> list[str]:
        """The functions written since the last call."""
        taken, self.blocks = self.blocks, []
        return taken


def indented(lines: Iterable[str], by: str = "    ") -> list[str]:
    """The lines further in; empty ones stay empty."""
    return [f"{by}{line}" if line else "" for line in lines]


def snake_case(name: str) -> str:
    """An identifier for functions: `AdamW` -> `adamw`, `SparseAutoencoder` -> `sparse_autoencoder`."""
    name = identifier(name)
    letters: list[str] = []
    for position, letter in enumerate(name):
        if (
            position
            and letter.isupper()
            and name[position - 1].islower()
            and name[position + 1 : position + 2].islower()
        ):
            letters.append("_")
        letters.append(letter.lower())
    return "".join(letters)
