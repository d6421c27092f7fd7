from __future__ import annotations

from pathlib import Path

import pytest

from nndsl.check import check
from nndsl.diagnostics import UserError
from nndsl.ir.program import Program
from nndsl.passes import optimise, run_until
from nndsl.plan import plan_step, report, verify_plans
from nndsl.source import SourceFile

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.nn"))


def checked(path: Path) -> Program:
    try:
        return check(SourceFile(path.name, path.read_text(encoding="utf-8"), path))
    except UserError as error:
        if all(diagnostic.code == "NN401" for diagnostic in error.diagnostics):
            pytest.skip("its data is not shipped")
        raise


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_plans_of_examples_hold(path: Path) -> None:
    program = checked(path)
    verify_plans(run_until(program, "differentiate", verify=True))
    verify_plans(optimise(program, verify=True))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_optimised_examples_compute_no_more(path: Path) -> None:
    program = checked(path)
    plain, optimised = run_until(program, "differentiate"), optimise(program)
    for before, after in zip(plain.trains, optimised.trains, strict=True):
        costs = [report(p, t, plan_step(t.training), 32) for p, t in ((plain, before), (optimised, after))]
        assert costs[1].flops <= costs[0].flops
