"""The grammar's tables, as `generate.py` made them of grammars/nn.lark."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TypedDict

TABLES = Path(__file__).parent / "tables.json"

RuleRow = tuple[str | None, str, int, list[int] | int]
"""Action (a method of the builder, or None), what the rule defines, number of parts, which parts become arguments."""


class Tables(TypedDict):
    """What tables.json holds.

    patterns: the regular expression of each terminal that has one. signs, words: the terminal of each sign and keyword.
    actions[state][terminal] is the next state, or -1 - rule to reduce by; gotos[state][rule's name] the state after it.
    """

    patterns: dict[str, str]
    signs: dict[str, str]
    words: dict[str, str]
    rules: list[RuleRow]
    actions: list[dict[str, int]]
    gotos: list[dict[str, int]]
    end_state: int


@cache
def tables() -> Tables:
    """The tables, read once."""
    return json.loads(TABLES.read_text(encoding="utf-8"))
