"""The code table and the page that is made of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from nndsl.diagnostics import Code, UserError
from nndsl.diagnostics.codes import CODES, FAMILIES, syntax
from nndsl.diagnostics.document import page
from nndsl.source import SourceFile
from nndsl.syntax import parse

TOP = Path(__file__).parents[2]
PREFIXES = ("NN0", "NN1", "NN2", "NN3", "NN4", "NN5", "NN6", "NN9")


def test_codes_are_unique_and_of_their_family() -> None:
    assert [
        code for code, count in Counter(c.code for _, family in FAMILIES for c in family).items() if count > 1
    ] == []
    for (name, family), prefix in zip(FAMILIES, PREFIXES, strict=True):
        assert [code.code for code in family if not code.code.startswith(prefix)] == [], name
        assert [code.code for code in family] == sorted(code.code for code in family), name


def test_errors_page_is_up_to_date() -> None:
    written = (TOP / "docs" / "errors.md").read_text(encoding="utf-8")
    assert written == page(), "run: python -m nndsl.diagnostics.document docs/errors.md"


@pytest.mark.parametrize("code", syntax.CODES, ids=lambda code: code.code)
def test_syntax_example_gets_its_code_and_the_fix_parses(code: Code) -> None:
    with pytest.raises(UserError) as mistake:
        parse(SourceFile("example.nn", code.example))
    assert [diagnostic.code for diagnostic in mistake.value.diagnostics] == [code.code]
    assert code.fix is not None
    parse(SourceFile("fix.nn", code.fix))


def test_every_code_of_the_syntax_room_is_in_the_table() -> None:
    import re

    sources = "\n".join(path.read_text(encoding="utf-8") for path in (TOP / "nndsl" / "syntax").glob("*.py"))
    assert sorted(set(re.findall(r"NN\d\d\d", sources))) == [code.code for code in syntax.CODES]
    assert all(code.code in CODES for code in syntax.CODES)
