"""Ids against the tables that they choose from: classes when a program is checked, numbers as limits of fields."""

from __future__ import annotations

import pytest

from nndsl.check import check
from nndsl.diagnostics import UserError
from nndsl.ir.program import Field
from nndsl.source import SourceFile

DATA = """\
data d {
  x = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
  kind = class(["a", "b", "c"])
  sort = category(["a", "b", "c"])
  number = [0, 1, 2]
  share = [0.5, 0.0, 1.0]
}
model M {
  input x
  Dense(4)
}
"""


def fields(loss: str, more: str = "") -> dict[str, Field]:
    text = f"{DATA}{more}train T on d {{\n  minimize {loss} using SGD(0.1)\n}}\n"
    return {field.name: field for field in check(SourceFile("a.nn", text)).data[0].fields}


def limits(loss: str, name: str, more: str = "") -> tuple[float, float] | None:
    found = fields(loss, more)[name].limits
    return None if found is None else (found.low, found.high)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("cross_entropy(M(x), number)", (0, 3)),
        ("cross_entropy(M(x), number - 1)", (1, 4)),
        ("cross_entropy(M(x), 1 + number)", (-1, 2)),
        ("norm(M(x) - one_hot(number, 4))", (0, 3)),
        ("norm(M(x) - one_hot(number, 7)[0:4])", (0, 6)),
        ("norm(M(x) + E(number))", (0, 8)),
        ("cross_entropy(M(x), number) + norm(E(number))", (0, 3)),
        ("binary_cross_entropy(sum(M(x)), number)", (0, 1)),
        ("mse(sum(M(x)), number)", None),
        ("norm(M(x)) * number", None),
    ],
)
def test_a_field_of_numbers_gets_the_limits_of_what_it_chooses_from(loss, expected):
    assert limits(loss, "number", "model E {\n  input number: int[]\n  Embedding(9, 4)\n}\n") == expected


def test_a_target_between_two_classes_may_lie_between():
    assert limits("binary_cross_entropy(sum(M(x)), share)", "share") == (0, 1)
    assert limits("hinge(sum(M(x)), share)", "share") == (0, 1)
    assert limits("mse(sum(M(x)), share)", "share") is None


def test_floats_whose_fractions_are_dropped_are_ids():
    assert limits("cross_entropy(M(x), int(share))", "share") == (0, 3)


@pytest.mark.parametrize(
    "loss",
    [
        "norm(M(x) + (kind -> Embedding(3, 4)))",
        "norm(M(x) + (sort -> Embedding(4, 4)))",
        "norm(M(x) - one_hot(kind, 4))",
    ],
)
def test_classes_that_fit_have_no_limits(loss):
    assert all(field.limits is None for field in fields(loss).values())


@pytest.mark.parametrize(
    ("loss", "code"),
    [
        ("norm(M(x) + (kind -> Embedding(2, 4)))", "NN518"),
        ("norm(M(x) + (sort -> Embedding(3, 4)))", "NN518"),
        ("norm(M(x)[0:2] - one_hot(kind, 2))", "NN518"),
        ("cross_entropy(M(x)[0:3], kind - 1)", "NN518"),
        ("cross_entropy(M(x)[0:3], sort)", "NN518"),
        ("cross_entropy(M(x), kind)", "NN504"),
        ("binary_cross_entropy(sum(M(x)), kind)", "NN504"),
        ("hinge(sum(M(x)), kind)", "NN504"),
    ],
)
def test_classes_that_do_not_fit_are_mistakes(loss, code):
    with pytest.raises(UserError) as mistake:
        fields(loss)
    assert [each.code for each in mistake.value.diagnostics] == [code]
