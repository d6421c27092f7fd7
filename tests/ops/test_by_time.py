"""Rules over sequences that lie as [time, samples, ...] compute what the plain ones do."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nndsl import ops
from nndsl.ir import DType, Emission, Kind, Op, Sample, TensorType
from tests.evaluation import SAMPLES, applied, draws, garbage, scope, shape_of, textbook

CASES = [(op, sample) for op in (ops.einsum, ops.sum) for sample in op.samples]


@pytest.mark.parametrize(("op", "sample"), CASES, ids=lambda part: getattr(part, "name", None))
def test_a_rule_for_other_layouts_computes_the_same(op: Op, sample: Sample) -> None:
    node = applied(op, sample)
    types = [*sample.types, node.type]
    operands = draws(op, sample)
    expected = textbook(node, operands)
    can_lie = [type.kind is Kind.SAMPLE and type.rank > 0 for type in types]
    for flags in product(*([False, True] if can else [False] for can in can_lie)):
        assert op.numpy.by_time is not None
        rule = op.numpy.by_time(node, flags)
        if rule is None or not any(flags):
            continue
        laid = [array.swapaxes(0, 1).copy() if flag else array for array, flag in zip(operands, flags, strict=False)]
        out = garbage(node.type)
        names = scope() | {f"x{i}": array for i, array in enumerate(laid)}
        names["out"] = out.swapaxes(0, 1).copy() if flags[-1] else out
        scratch = {}
        for shape, dtype, per_sample in rule.scratch(node) if rule.scratch is not None else ():
            type = TensorType(DType(dtype), shape, Kind.SAMPLE if per_sample else Kind.SHARED)
            scratch[f"scratch{len(scratch)}"] = garbage(type)
        names |= scratch
        emission = Emission(node, tuple(f"x{i}" for i in range(len(laid))), "out", tuple(scratch), dtype="float64")
        prepared = []
        for name, text in rule.prepare(emission) if rule.prepare is not None else ():
            prepared.append(name)
            names[name] = eval(text, names)
        assert rule.statements is not None
        emission = Emission(node, emission.operands, "out", tuple(scratch), tuple(prepared), dtype="float64")
        exec("\n".join(rule.statements(emission)), names)
        found = names["out"].swapaxes(0, 1) if flags[-1] else names["out"]
        assert found.shape == shape_of(node.type, SAMPLES)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12, err_msg=f"{flags}")


def test_products_of_many_sequences_have_such_rules_and_stacks_of_products_have_none() -> None:
    def rules(equation: str) -> bool:
        sample = next(s for s in ops.einsum.samples if s.attributes["equation"] == equation)
        node = applied(ops.einsum, sample)
        assert ops.einsum.numpy.by_time is not None
        return ops.einsum.numpy.by_time(node, (True, False, False)) is not None

    assert rules("ta,ab->tb")
    assert rules("ta,tb->ab")
    assert not rules("hab,hcb->hac")
