"""From grammars/nn.lark to tables.json: `python -m nndsl.syntax.generate [GRAMMAR]`.

Lark's LALR(1) construction takes a fifth of a second and importing Lark a tenth, more than `nndsl check` may take in
all. So both happen here, before packaging, and the parser reads plain tables.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nndsl.syntax.tables import TABLES, Tables

if TYPE_CHECKING:
    from lark.grammar import Rule

HERE = Path(__file__).parent
START = "program"
END = "$END"


def grammar_path() -> Path:
    """The grammar beside this file, where a wheel puts it, or at the top of a checkout."""
    packaged = HERE / "nn.lark"
    return packaged if packaged.exists() else HERE.parents[1] / "grammars" / "nn.lark"


def tables_of(grammar: str) -> Tables:
    """All that the lexer and the parser need of a grammar in Lark's notation; the same text gives the same tables.

    Raises lark.GrammarError where the grammar is not LALR(1): no conflict is resolved in silence.
    """
    from lark import GrammarError, Lark, logger

    conflicts: list[str] = []
    watch = logging.Handler()
    watch.emit = lambda record: conflicts.append(record.getMessage())
    logger.addHandler(watch)
    logger.setLevel(logging.WARNING)
    lark: Any = Lark(grammar, parser="lalr", start=START, maybe_placeholders=True, debug=True)
    logger.removeHandler(watch)
    if conflicts:
        raise GrammarError("\n".join(conflicts))
    table = lark.parser.parser._parse_table
    rules: list[Rule] = sorted(lark.rules, key=_rule_key)
    number_of_rule = {rule: index for index, rule in enumerate(rules)}
    number_of_state, order = _numbered_states(table.states, table.start_states[START])

    actions: list[dict[str, int]] = []
    gotos: list[dict[str, int]] = []
    nonterminals = {rule.origin.name for rule in rules}
    for state in order:
        reached: dict[str, int] = {}
        acted: dict[str, int] = {}
        for symbol, (action, target) in sorted(table.states[state].items()):
            if action.name != "Shift":
                acted[symbol] = -1 - number_of_rule[target]
            elif symbol in nonterminals:
                reached[symbol] = number_of_state[target]
            else:
                acted[symbol] = number_of_state[target]
        actions.append(acted)
        gotos.append(reached)

    patterns: dict[str, str] = {}
    signs: dict[str, str] = {}
    words: dict[str, str] = {}
    for terminal in sorted(lark.terminals, key=lambda terminal: terminal.name):
        if terminal.pattern.type == "re":
            patterns[terminal.name] = terminal.pattern.value
        elif terminal.pattern.value.isidentifier():
            words[terminal.pattern.value] = terminal.name
        else:
            signs[terminal.pattern.value] = terminal.name
    return {
        "patterns": patterns,
        "signs": signs,
        "words": words,
        "rules": [(_action(rule), rule.origin.name, len(rule.expansion), _recipe(rule)) for rule in rules],
        "actions": actions,
        "gotos": gotos,
        "end_state": number_of_state[table.end_states[START]],
    }


def _rule_key(rule: Rule) -> tuple[str, list[str], str]:
    return rule.origin.name, [symbol.name for symbol in rule.expansion], rule.alias or ""


def _numbered_states(states: dict[Any, dict[str, Any]], start: Any) -> tuple[dict[Any, int], list[Any]]:
    """States in the order in which a walk from the start by symbols' names finds them: Lark's own order may vary."""
    order = [start]
    number = {start: 0}
    for state in order:
        for _, (action, target) in sorted(states[state].items(), key=lambda entry: entry[0]):
            if action.name == "Shift" and target not in number:
                number[target] = len(order)
                order.append(target)
    return number, order


def _action(rule: Rule) -> str | None:
    """The method of `build.Builder` that makes the node; None where the rule passes on what it holds."""
    name = rule.alias or rule.origin.name
    return None if name.startswith("_") else name


def _recipe(rule: Rule) -> list[int] | int:
    """Which parts of a rule become arguments of its action; a number where the rule only passes on that part.

    In a list, n >= 0 is part n, -1 a None for a missing `[...]`, and -2 - n all values of part n, which is a list.
    """
    parts = _parts(rule)
    if rule.options.expand1 and not rule.alias and len(parts) == 1 and parts[0] >= 0:
        return parts[0]
    return parts


def _parts(rule: Rule) -> list[int]:
    missing = [0] * (len(rule.expansion) + 1)
    if rule.options.empty_indices:
        runs = "".join(str(int(absent)) for absent in rule.options.empty_indices).split("0")
        missing = [len(run) for run in runs]
    parts: list[int] = []
    for index, symbol in enumerate(rule.expansion):
        parts += [-1] * missing[index]
        if not symbol.is_term and symbol.name.startswith("_"):
            parts.append(-2 - index)
        elif not symbol.is_term or rule.options.keep_all_tokens or not getattr(symbol, "filter_out", False):
            parts.append(index)
    return parts + [-1] * missing[-1]


def written(tables: Tables) -> str:
    """The text of tables.json: a line for each rule and state, so that a change of the grammar is a readable change."""
    lines: list[str] = []
    for key, value in tables.items():
        if isinstance(value, list):
            rows = cast("list[object]", value)
            items = ",\n".join(" " + json.dumps(row, separators=(",", ":")) for row in rows)
            lines.append(f"{json.dumps(key)}:[\n{items}\n]")
        else:
            lines.append(f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else grammar_path()
    TABLES.write_text(written(tables_of(source.read_text(encoding="utf-8"))), encoding="utf-8")
