"""Texts as their characters or words, and back."""

from __future__ import annotations

import re
from collections.abc import Sequence

WORD = re.compile(r"\w+(?:['\u2019]\w+)*|[^\w\s]")


def text_parts(text: str, level: str) -> list[str]:
    """A text's characters, or its words: runs of letters and digits, and single marks; spaces are none."""
    return list(text) if level == "characters" else WORD.findall(text)


def joined_text(parts: Sequence[str], level: str) -> str:
    """A text of these characters or words."""
    return "".join(space_before(part, level) + part for part in parts).removeprefix(" " if level == "words" else "")


def space_before(part: str, level: str) -> str:
    """What stands between a word and the one before: nothing before marks that end something."""
    return "" if level == "characters" or part in ".,;:!?)]}\u2019" else " "
