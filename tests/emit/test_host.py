"""Numbers of the host: written as a person would, computed in float64."""

from __future__ import annotations

import pytest

from nndsl import ops
from nndsl.emit.host import HostLeaf, HostNumbers, tidy
from nndsl.emit.names import Names, NodeNames
from nndsl.ir import reachable
from tests.programs import Writer, digits_mlp, filled


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("((a * (b)) + (-1.0))", "a * b - 1.0"),
        ("host_divide(a, 2.0)", "a / 2.0"),
        ("host_divide(a, 0.0)", "host_divide(a, 0.0)"),
        ("host_divide(totals[0], totals[1])", "totals[0] / totals[1]"),
        ("host_divide(1.0, n)", "1.0 / n"),
        ("host_divide(a, b)", "host_divide(a, b)"),
        ("(0.9 ** (step))", "0.9 ** step"),
        ("columns['image']", 'columns["image"]'),
    ],
)
def test_expressions_are_written_plainly(written: str, plain: str) -> None:
    assert tidy(written) == plain


def host_text(make: object) -> list[str]:
    w = Writer("x\n")
    step = w.step_number("step", counts="train")
    root = make(w, step)
    host = HostNumbers(lambda _: HostLeaf("step"), Names({"step"}), NodeNames(digits_mlp()))
    nodes = reachable([root])
    host.survey(nodes, [root])
    lines = [line for node in nodes if not node.op.leaf and (line := host.compute(node)) is not None]
    return [*lines, tidy(host.text(root))]


def test_numbers_used_once_are_written_where_they_are_used() -> None:
    def decay(w: Writer, step: object) -> object:
        return ops.multiply(filled(step, 0.5), ops.subtract(filled(step, 1.0), ops.power(filled(step, 0.9), step)))

    assert host_text(decay) == ["0.5 * (1.0 - 0.9 ** step)"]


def test_named_numbers_and_those_used_twice_have_lines() -> None:
    def rate(w: Writer, step: object) -> object:
        share = ops.multiply(step, filled(step, 0.1))
        return ops.add(ops.sqrt(share).named("warm"), share)

    assert host_text(rate) == ["scale = step * 0.1", "warm = host_sqrt(scale)", "warm + scale"]
