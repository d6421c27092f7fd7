from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nndsl.passes.algebra import ALGEBRA
from nndsl.passes.choices import CHOICES
from nndsl.passes.fold import FOLD
from nndsl.passes.movement import MOVEMENT
from nndsl.passes.numerics import NUMERICS
from nndsl.passes.reductions import REDUCTIONS, SPARING
from nndsl.passes.rewrite import joined, rewrite
from nndsl.passes.spreading import SPREADING
from tests.executor import evaluate
from tests.passes.equations import NUMERIC, SIMPLIFYING
from tests.passes.graphs import SAMPLES, Graph, values

if TYPE_CHECKING:
    from collections.abc import Callable

    from nndsl.ir import Node

SIMPLIFY = joined(FOLD, ALGEBRA, CHOICES, SPREADING, MOVEMENT, REDUCTIONS)
CASES = [pytest.param(rule, before, after, id=equation) for rule, equation, before, after in [*NUMERIC, *SIMPLIFYING]]
SPARING_RULES = {rule for rules in SPARING.values() for rule in rules}


def same(a: Node, b: Node) -> bool:
    x, y = evaluate([a, b], values, SAMPLES)
    return np.allclose(x, y, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("rule", "before", "after"), CASES)
def test_rule_is_its_equation(
    rule: Callable[..., Node | None], before: Callable[[Graph], Node], after: Callable[[Graph], Node]
) -> None:
    graph = Graph()
    given, expected = before(graph), after(graph)
    rules = {given.op: (rule,)}
    (made,) = rewrite([given], {}, rules) if rule in SPARING_RULES else rewrite([given], rules)
    assert made is expected
    assert same(given, expected)


@pytest.mark.parametrize(("rule", "before", "after"), CASES)
def test_all_rules_together_keep_values(
    rule: Callable[..., Node | None], before: Callable[[Graph], Node], after: Callable[[Graph], Node]
) -> None:
    graph = Graph()
    given = before(graph)
    (made,) = rewrite(rewrite([given], NUMERICS), SIMPLIFY, SPARING)
    assert same(given, made)
    assert rewrite(rewrite([after(graph)], NUMERICS), SIMPLIFY, SPARING) == (made,)


def test_every_rule_has_its_equation_here() -> None:
    tested = {rule for rule, *_ in [*NUMERIC, *SIMPLIFYING]}
    known = {rule for table in (NUMERICS, SIMPLIFY, SPARING) for rules in table.values() for rule in rules}
    assert {rule.__name__ for rule in known - tested} == set()


def test_every_rule_says_its_equation() -> None:
    rules = {rule for table in (NUMERICS, SIMPLIFY, SPARING) for rules in table.values() for rule in rules}
    assert [rule.__name__ for rule in rules if "->" not in (rule.__doc__ or "")] == []
