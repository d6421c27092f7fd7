"""Mistakes that `--set` leads to: one for each, with its name; and `let`s that nothing reads."""

from __future__ import annotations

import pytest

from nndsl.check import check
from nndsl.diagnostics import Diagnostic, UserError
from nndsl.source import SourceFile

PROGRAM = """\
let width = 4
let rate = 0.1
data d {
  x = [[0.0, 0.0], [0.0, 1.0]]
  y = class([0, 1])
}
model M {
  input x
  x -> Dense(width) -> Dropout(rate) -> Dense(2)
}
model N {
  input x
  x -> Dense(width) -> Dense(2)
}
train T on d {
  one = M(x)
  other = N(x)
  minimize cross_entropy(one + other, y) using SGD(rate)
}
"""


def mistakes(text: str = PROGRAM, **sets: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(UserError) as mistake:
        check(SourceFile("a.nn", text), sets=sets)
    return mistake.value.diagnostics


def test_a_value_that_leads_to_several_mistakes_is_one_mistake():
    (found,) = mistakes(width="0")
    assert found.code == "NN308"
    assert found.notes[-1] == "`--set width=0` leads to this, and to 1 other mistake; without it the file is right"


def test_each_value_that_does_not_fit_has_a_mistake():
    first, second = mistakes(width="0", rate="7")
    assert "`--set width=0`" in first.notes[-1]
    assert "`--set rate=7`" in second.notes[-1]


def test_values_that_only_together_do_not_fit_are_named_together():
    text = PROGRAM.replace(
        "  input x\n  x -> Dense(width) -> Dropout",
        '  input x\n  assert width * rate < 10, "no"\n  x -> Dense(width) -> Dropout',
    )
    (found,) = mistakes(text.replace("Dropout(rate)", "Dropout(0.1)"), width="9", rate="2")
    assert found.notes[-1].startswith("`--set width=9 --set rate=2` leads to this")


def test_a_value_of_the_wrong_kind_says_so_itself():
    (found,) = mistakes(width="true")
    assert found.code == "NN106"
    assert not found.notes


def test_mistakes_of_the_file_itself_are_all_said():
    text = PROGRAM.replace("SGD(", "SGDD(")
    assert len(mistakes(text, width="0")) >= 2


def warned(text: str) -> list[str]:
    return [each.message for each in check(SourceFile("a.nn", text)).warnings]


@pytest.mark.parametrize(
    ("line", "warnings"),
    [
        ("let unused = 3", ["`unused` is never used"]),
        ("let _unused = 3", []),
        ("let a = 3\nlet b = a", ["`b` is never used"]),
        ("let a = 3\nlayer L {\n  input x: [a]\n  output x\n}", []),
        ('let a = 3\nlayer L {\n  input x: [2]\n  assert true, "{a}"\n  output x\n}', []),
    ],
)
def test_a_let_that_nothing_reads_is_warned_about(line, warnings):
    assert warned(f"{line}\n{PROGRAM}") == warnings
