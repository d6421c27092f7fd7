"""Executing generated source."""

import sys
import traceback

import pytest

from nndsl.diagnostics import InternalError
from nndsl.runtime.modules import Generated


def test_tracebacks_show_the_generated_lines():
    generated = Generated("def broken(x):\n    return 1 / x  # here\n", "<compiled x.nn>")
    try:
        generated.names["broken"](0)
    except ZeroDivisionError as failure:
        text = "".join(traceback.format_exception(failure))
    assert 'File "<compiled x.nn>", line 2, in broken' in text
    assert "return 1 / x  # here" in text


def test_dataclasses_can_be_made_and_no_module_stays_behind():
    before = set(sys.modules)
    text = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    text += "@dataclass(frozen=True, slots=True)\nclass A:\n    x: int\n"
    assert Generated(text, "<a>").names["A"](3).x == 3
    assert {name for name in set(sys.modules) - before if name.startswith("nndsl_generated")} == set()


def test_source_that_is_not_python_is_our_bug():
    with pytest.raises(InternalError, match="line 1 of the generated source"):
        Generated("def (:\n", "<b>")


def test_two_modules_do_not_share_names():
    first, second = Generated("x = 1", "<c>"), Generated("x = 2", "<c>")
    assert (first.names["x"], second.names["x"]) == (1, 2)
