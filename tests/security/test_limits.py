"""A short text that asks for more than any machine has gets a diagnostic, soon and in little memory."""

from __future__ import annotations

import re

import pytest

from nndsl.check import check
from nndsl.check.endless import LONGEST_LIST, MOST_STATEMENTS
from nndsl.diagnostics import UserError
from nndsl.diagnostics.render import render_all
from nndsl.source import SourceFile

DEEP = 20_000


def model(*lines: str) -> str:
    return "model M {\n  input x: [3]\n" + "".join(f"  {line}\n" for line in lines) + "}\n"


def doubled(name: str, line: str) -> str:
    return model(f"{name} = [0]", f"repeat 60 {{ {line} }}", f"output x + length({name})")


CASES = {
    "a number of very many digits": ("let x = 2^10^10", "NN208"),
    "a tower of powers": ("let x = 9^9^9^9", "NN208"),
    "a literal without an end": ("let x = " + "1" * 200_000, "NN007"),
    "a large exponent": ("let x = 1e" + "9" * 1000, "NN007"),
    "squares of squares": (model("s = 3", "repeat 100 { s = s * s }", "output x * s"), "NN208"),
    "a long range": ("let x = range(10^12)", "NN217"),
    "the largest of a long range": ("let x = max(range(10^9))", "NN217"),
    "a loop over a long range": (model("for i in range(10^9) { Dense(3) }"), "NN217"),
    "a long repeat": (model("repeat 10^9 { Dense(3) }"), "NN209"),
    "repeats of repeats": (model("repeat 100000 { repeat 100000 { repeat 100000 { } } }"), "NN217"),
    "a list that doubles": (doubled("l", "l = l + l"), "NN217"),
    "lists of lists": (doubled("l", "l = [l, l]"), "NN217"),
    "calls of calls": (
        "".join(f"function f{n}(x) = {f'f{n + 1}(' * 8}x{')' * 8}\n" for n in range(9))
        + "function f9(x) = x\nlet y = f0(3)\n",
        "NN217",
    ),
    "a function of itself": ("function f(x) = f(x) + f(x)\nlet y = f(3)\n", "NN304"),
    "a layer of itself": ("layer L {\n  input x: [d]\n  output x -> L\n}\n" + model("L"), "NN304"),
    "a value larger than all memory": (model("output sum(x + zeros([10^12, 3]))"), None),
    "a shape that overflows": (
        "model M {\n  input x: [10^10, 10^10, 10^10, 10^10]\n  Flatten\n  Dense(2)\n}\n",
        "NN208",
    ),
    "brackets in brackets": ("let x = " + "(" * DEEP + "1" + ")" * DEEP, "NN006"),
    "lists in lists": ("let x = " + "[" * DEEP + "]" * DEEP, "NN006"),
    "blocks in blocks": ("model M " + "{" * DEEP, "NN006"),
    "signs of signs": ("let x = " + "-" * DEEP + "1", "NN006"),
    "a sum of very many": ("let x = " + "1+" * DEEP + "1", "NN006"),
    "calls in calls": ("let x = " + "abs(" * DEEP + "1" + ")" * DEEP, "NN006"),
    "parts of parts": ("let x = a" + ".b" * DEEP, "NN006"),
}


@pytest.mark.parametrize(("text", "code"), CASES.values(), ids=CASES)
def test_what_asks_for_too_much_is_refused(monkeypatch: pytest.MonkeyPatch, text: str, code: str | None) -> None:
    monkeypatch.setattr("nndsl.check.context.MOST_STATEMENTS", 20_000)  # the same, sooner
    monkeypatch.setattr("nndsl.check.endless.LONGEST_LIST", 50_000)
    try:
        check(SourceFile("much.nn", text))
    except UserError as mistake:
        assert code is None or code in [diagnostic.code for diagnostic in mistake.diagnostics]
        assert len(render_all(mistake.diagnostics)) < 100_000
    else:
        assert code is None


def test_the_same_as_a_process_in_little_memory(tmp_path, process) -> None:
    """Those that would take all memory, at once; `process` has a bound on memory and one on time."""
    names = ("a tower of powers", "a long range", "a loop over a long range", "repeats of repeats", "lists of lists")
    for number, name in enumerate(names):
        (tmp_path / f"{number}.nn").write_text(CASES[name][0], encoding="utf-8")
    done = process("check", *(f"{number}.nn" for number in range(len(names))))
    assert done.returncode == 1, done.stderr[-2000:]
    assert re.findall(r"error\[(NN\d+)\]", done.stderr)[:4] == ["NN208", "NN217", "NN217", "NN217"]


def test_a_large_honest_program_is_far_from_the_limits() -> None:
    """A network of 300 layers, and a list of as many numbers as a short sound has."""
    layers = model("repeat 300 { Dense(3, activation=tanh) }", "output x")
    program = check(SourceFile("large.nn", "let sound = range(100000)\n" + layers))
    assert len(program.weights) == 600
    assert LONGEST_LIST > 9 * 100_000
    assert MOST_STATEMENTS > 100 * 300 * 9
