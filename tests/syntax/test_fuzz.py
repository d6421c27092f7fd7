"""Any text is read or refused with diagnostics: never another exception, never a hang, never more than linear work."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from nndsl.diagnostics import UserError
from nndsl.diagnostics.render import render_all
from nndsl.source import SourceFile
from nndsl.syntax import parse
from nndsl.syntax.build import Builder
from nndsl.syntax.explain import explain
from nndsl.syntax.layout import DEEPEST, laid_out
from nndsl.syntax.lexer import GivenUpError, tokens_of
from nndsl.syntax.parser import Parser
from tests.fuzzing import SOURCES, cut_off, mutated, random_bytes, random_pieces


def outcome(text: str) -> str:
    """What nndsl prints for a text; anything but success and UserError is the test's failure."""
    try:
        parse(SourceFile("fuzz.nn", text))
    except UserError as mistake:
        assert mistake.diagnostics
        assert all(diagnostic.labels and diagnostic.message for diagnostic in mistake.diagnostics)
        return render_all(mistake.diagnostics)
    return ""


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("make", [random_bytes, random_pieces, cut_off, mutated], ids=lambda make: make.__name__)
def test_any_text_is_read_or_refused_with_diagnostics(make: object, seed: int) -> None:
    draw = random.Random(seed)
    assert callable(make)
    for _ in range(25):
        outcome(make(draw))


def test_every_beginning_of_a_file_is_read_or_refused() -> None:
    source = min((source for source in SOURCES if "minimize" in source), key=len)
    for end in range(len(source)):
        outcome(source[:end])


def deep() -> Iterator[tuple[str, str]]:
    many = 10_000
    yield "round brackets", f"let x = {'(' * many}1{')' * many}"
    yield "unclosed brackets", f"let x = {'[' * many}"
    yield "lists", f"let x = {'[' * many}{']' * many}"
    yield "blocks", "layer A {\n" + "if x {\n" * many + "}\n" * many + "}\n"
    yield "unclosed blocks", "layer A {\n" + "repeat 2 {" * many
    yield "else if", "layer A {\n" + "if x { } else " * many + "{ }\n}\n"
    yield "sum", f"let x = {' + '.join(['1'] * 5_000)}"
    yield "power", f"let x = {' ^ '.join(['1'] * 5_000)}"
    yield "minus", f"let x = {'-' * many} 1"
    yield "not", f"let x = {'not ' * many} true"
    yield "calls", f"let x = {'f(' * many}{')' * many}"
    yield "call of a call", f"let x = f{'()' * many}"
    yield "parts", f"let x = a{'.b' * many}"
    yield "indices", f"let x = a{'[0]' * many}"


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in deep()])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(UserError) as mistake:
        parse(SourceFile("deep.nn", text))
    assert [diagnostic.code for diagnostic in mistake.value.diagnostics] == ["NN006"]
    assert len(render_all(mistake.value.diagnostics)) < 2000


def test_nesting_below_the_limit_is_read() -> None:
    levels = DEEPEST - 2
    parse(SourceFile("deep.nn", f"let x = {'(' * levels}1{')' * levels}\nlet y = {' + '.join(['1'] * levels)}"))


def test_long_flat_files_are_read() -> None:
    steps = "model M {\n  input x: [3]\n" + "  Dense(3)\n" * 5_000 + "}\n"
    chain = f"layer L {{\n  input x: [d]\n  output x{' -> relu' * 5_000}\n}}\n"
    rows = f"data d {{\n  x = [{', '.join(['[0, 1]'] * 5_000)}]\n}}\n"
    definitions = "function f(x) = x\n" * 2_000
    assert outcome(steps + chain + rows + definitions) == ""


def steps_for(text: str) -> int:
    """How often the parser shifts or reduces; the lexer and the layout look at each character and token once."""
    file = SourceFile("steps.nn", text)

    def report(_: object) -> None:
        raise GivenUpError

    tokens = laid_out(file, tokens_of(file, 0, len(text), report), len(text), report)
    parser = Parser(file, tokens, Builder(file, report), report, explain)
    parser.parse()
    return parser.steps


@pytest.mark.parametrize(
    "unit",
    [
        "function f(x) = x + 1\n",
        "# comment\n\n",
        "model M { input x: [3]\n Dense(3) -> relu\n}\n",
        "let x = [1, 2, 3]\n",
    ],
)
def test_work_grows_linearly_with_the_file(unit: str) -> None:
    once, twice, many = (steps_for(unit * count) for count in (100, 200, 800))
    assert many - once == 7 * (twice - once)


@pytest.mark.parametrize("item", ["[0, 1]", "f(x)", "a"])
def test_work_grows_linearly_with_a_list(item: str) -> None:
    once, twice, many = (steps_for(f"let x = [{', '.join([item] * count)}]") for count in (100, 200, 800))
    assert many - once == 7 * (twice - once)


def test_growing_lists_are_not_copied() -> None:
    """A rule that grows by one item takes over its list; copying it each time would be quadratic."""
    from nndsl.syntax.parser import _arguments

    growing = [1, 2]
    assert _arguments([growing, "token", 3], (-2, 2)) is growing
    assert growing == [1, 2, 3]
