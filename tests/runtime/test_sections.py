"""A module that is executed section by section is the one that its whole text is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from nndsl.check import check
from nndsl.runtime.load import generate, read_program
from nndsl.runtime.sections import codes_of

EXAMPLES = Path(__file__).parents[2] / "examples"


def functions(code: CodeType) -> Iterator[tuple[Any, ...]]:
    """Of all that is defined in `code`: its name, file, flags, instructions, and the line of each of them."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            lines = [line for _, _, line in each.co_lines()]
            yield each.co_qualname, each.co_filename, each.co_firstlineno, each.co_flags, each.co_code, lines
            yield from functions(each)


@pytest.mark.parametrize("name", ["digits", "sunspots_rnn"])
def test_sections_have_the_code_and_the_lines_of_the_whole_text(name: str) -> None:
    source = generate(check(read_program(EXAMPLES / f"{name}.nn")))
    whole = list(functions(compile(source, "<net>", "exec", dont_inherit=True)))
    assert len(whole) > 500
    assert [each for code in codes_of(source, "<net>") for each in functions(code)] == whole


def test_a_text_without_a_runtime_is_one_section() -> None:
    names: dict[str, Any] = {}
    (code,) = codes_of("a = 1\n# ---- b\nb = 2\n", "<net>")
    exec(code, names)
    assert (names["a"], names["b"]) == (1, 2)


def test_what_is_not_python_is_said_with_its_line() -> None:
    with pytest.raises(SyntaxError) as raised:
        codes_of("a = 1\n\n)", "<net>")
    assert raised.value.lineno == 3
