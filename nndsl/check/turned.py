"""Texts that read otherwise than they are: characters that turn the direction of what stands behind them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nndsl.diagnostics import warning
from nndsl.source import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nndsl.diagnostics import Diagnostic
    from nndsl.source import SourceFile

_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def turned_texts(sources: Iterable[SourceFile]) -> Iterator[Diagnostic]:
    """A warning for each file that holds such a character, at the first (Boucher & Anderson 2021, Trojan Source)."""
    for file in sources:
        found = None if file.library or file.text.isascii() else _TURNING.search(file.text)
        if found is not None:
            yield warning(
                "NN907",
                f"the character U+{ord(found[0]):04X} turns the direction of the text behind it",
                Span(file, found.start(), found.end()),
                "what is read here may not be what is meant",
                help="leave it out; letters that are written from right to left need none",
            )
