"""The code table and the page that is made of it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from nndsl.check import check
from nndsl.diagnostics import Code, UserError
from nndsl.diagnostics.codes import CODES, FAMILIES, syntax
from nndsl.diagnostics.document import page
from nndsl.source import SourceFile
from nndsl.syntax import parse

TOP = Path(__file__).parents[2]


def test_codes_are_unique_and_of_their_family() -> None:
    assert [
        code for code, count in Counter(c.code for _, family in FAMILIES for c in family).items() if count > 1
    ] == []
    for name, family in FAMILIES:
        assert len({code.code[:3] for code in family}) == 1, name
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


def said_about(text: str, folder: Path) -> list[str]:
    try:
        return [warning.code for warning in check(SourceFile("example.nn", text, folder / "example.nn")).warnings]
    except UserError as mistake:
        return [diagnostic.code for diagnostic in mistake.diagnostics]


@pytest.mark.parametrize("code", [code for code in CODES.values() if code.fix is not None], ids=lambda code: code.code)
def test_example_gets_its_code_and_the_fix_does_not(code: Code, tmp_path: Path) -> None:
    assert code.code in said_about(code.example, tmp_path)
    assert code.fix is not None
    assert code.code not in said_about(code.fix, tmp_path)


def test_every_code_of_the_syntax_room_is_in_the_table() -> None:
    import re

    sources = "\n".join(path.read_text(encoding="utf-8") for path in (TOP / "nndsl" / "syntax").glob("*.py"))
    assert sorted(set(re.findall(r"NN\d\d\d", sources))) == [code.code for code in syntax.CODES]
    assert all(code.code in CODES for code in syntax.CODES)
