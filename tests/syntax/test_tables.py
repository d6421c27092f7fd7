"""The prebuilt tables are those of the grammar."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nndsl.syntax.build import Builder
from nndsl.syntax.generate import grammar_path, tables_of, written
from nndsl.syntax.tables import TABLES, tables


def test_tables_are_up_to_date_with_the_grammar() -> None:
    made = written(tables_of(grammar_path().read_text(encoding="utf-8")))
    assert made == TABLES.read_text(encoding="utf-8"), "run: python -m nndsl.syntax.generate"


def test_same_tables_whatever_the_hash_seed() -> None:
    code = "from nndsl.syntax.generate import *; print(written(tables_of(grammar_path().read_text('utf-8'))))"
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path.cwd())},
            capture_output=True, text=True, check=True, cwd=TABLES.parents[2],
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(runs) == 1


def test_grammar_with_a_conflict_is_refused() -> None:
    from lark import GrammarError

    grammar = 'program: list\nlist: _some [","]\n_some: NAME ("," NAME)*\nNAME: /[a-z]+/\n'
    with pytest.raises(GrammarError, match="COMMA"):
        tables_of(grammar)


def test_every_rule_has_its_method() -> None:
    actions = {action for action, _, _, recipe in tables()["rules"] if action is not None and isinstance(recipe, list)}
    assert sorted(action for action in actions if not hasattr(Builder, action)) == []


def test_no_layer_loss_or_optimizer_is_in_the_grammar() -> None:
    words = set(tables()["words"])
    library = TABLES.parents[1] / "std"
    names = {line.split()[1].split("(")[0] for path in library.rglob("*.nn") for line in _definitions(path)}
    assert names
    assert words & names == set()


def _definitions(path: Path) -> list[str]:
    kinds = ("layer ", "function ", "metric ", "optimizer ")
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(kinds)]


def test_parsing_needs_no_lark() -> None:
    code = (
        "import sys; from nndsl.source import SourceFile; from nndsl.syntax import parse;"
        "parse(SourceFile('a.nn', 'let a = 1')); print(sorted({'lark', 'numpy'} & sys.modules.keys()))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=TABLES.parents[2]
    )
    assert run.stdout.strip() == "[]"
