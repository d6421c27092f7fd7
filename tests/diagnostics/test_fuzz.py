"""The whole check of any text ends in a program or in diagnostics: never another exception, never a hang."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from nndsl.check import check
from nndsl.diagnostics import UserError
from nndsl.diagnostics.render import render_all
from nndsl.source import SourceFile
from tests.fuzzing import TOP, cut_off, meant_otherwise, mutated

BESIDE_THE_EXAMPLES = TOP / "examples" / "fuzz.nn"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("make", [meant_otherwise, cut_off, mutated], ids=lambda make: make.__name__)
def test_any_text_is_checked_or_refused_with_diagnostics(make: Callable[[random.Random], str], seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(30 if make is meant_otherwise else 10):
        try:
            check(SourceFile("fuzz.nn", make(draw), BESIDE_THE_EXAMPLES))
        except UserError as mistake:
            assert mistake.diagnostics
            render_all(mistake.diagnostics)
