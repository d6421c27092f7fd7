"""Operands that ops refuse: the message a learner reads, and which operands are at fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from nndsl import ops
from nndsl.diagnostics import InternalError
from nndsl.ir import Builder, DType, Kind, Op, RuleError, TensorType
from tests.evaluation import field


def a(*shape: int, dtype: DType = DType.FLOAT, kind: Kind = Kind.SAMPLE) -> TensorType:
    return TensorType(dtype, shape, kind)


INT, BOOL = DType.INT, DType.BOOL
SHARED, STEP = Kind.SHARED, Kind.STEP

REFUSED: list[tuple[Op, tuple[TensorType, ...], Mapping[str, Any], str, tuple[int, ...]]] = [
    (ops.add, (a(2), a(3)), {}, "[2] is not [3]", (0, 1)),
    (ops.add, (a(2), a(2, dtype=INT)), {}, "`add` can't mix float and int", (0, 1)),
    (ops.add, (a(2, dtype=BOOL),) * 2, {}, "`add` works on float or int values, and this one is bool", (0,)),
    (ops.divide, (a(), a(dtype=INT)), {}, "`divide` works on float values, and this one is int", (1,)),
    (ops.exp, (a(dtype=INT),), {}, "`exp` works on float values, and this one is int", (0,)),
    (ops.logical_not, (a(),), {}, "`logical_not` works on bool values, and this one is float", (0,)),
    (ops.where, (a(), a(), a()), {}, "`where` works on bool values, and this one is float", (0,)),
    (ops.where, (a(2, dtype=BOOL), a(3), a(3)), {}, "[2] is not [3]", (0, 1)),
    (ops.from_step, (a(),), {}, "`from_step` takes a number of the step", (0,)),
    (ops.stop_gradient, (a(dtype=INT),), {}, "`stop_gradient` works on float values, and this one is int", (0,)),
    (ops.broadcast, (a(3),), {"shape": (4,), "kind": "sample"}, "3 is not 4", (0,)),
    (ops.broadcast, (a(2, 3),), {"shape": (3,), "kind": "sample"}, "[2, 3] has more axes than [3]", (0,)),
    (
        ops.broadcast,
        (a(3),),
        {"shape": (3,), "kind": "shared"},
        "a value of each sample can't be shared by all of them; sum or average it first",
        (0,),
    ),
    (ops.sum, (a(3),), {"axes": (1,)}, "[3] has no axis 1", (0,)),
    (ops.sum, (a(3),), {"axes": ()}, "`sum` can't reduce the axes []", (0,)),
    (ops.max, (a(3, 2),), {"axes": (1, 0)}, "`max` can't reduce the axes [1, 0]", (0,)),
    (
        ops.sum,
        (a(kind=STEP),),
        {"axes": (0,)},
        "`sum` works on values of the network, and this is a number of the step",
        (0,),
    ),
    (ops.argmax, (a(),), {"axis": 0}, "[] has no axis 0", (0,)),
    (
        ops.batch_sum,
        (a(3, kind=SHARED),),
        {},
        "this value is the same for all samples: there is nothing to sum over the batch",
        (0,),
    ),
    (ops.reshape, (a(2, 3),), {"shape": (4,)}, "[2, 3] has 6 elements and [4] has 4", (0,)),
    (ops.transpose, (a(2, 3),), {"permutation": (0,)}, "[0] is not an order of the 2 axes of [2, 3]", (0,)),
    (
        ops.slice,
        (a(3),),
        {"starts": (1,), "stops": (5,), "steps": (1,)},
        "the part 1:5 does not lie within an axis of 3",
        (0,),
    ),
    (
        ops.slice,
        (a(3, 3),),
        {"starts": (1,), "stops": (2,), "steps": (1,)},
        "`slice` wants a number for each axis of [3, 3], not 1",
        (0,),
    ),
    (ops.pad, (a(3),), {"before": (-1,), "after": (0,)}, "`pad` can't add fewer than 0 zeros", (0,)),
    (ops.concatenate, (a(2, 3), a(2, 4)), {"axis": 0}, "3 is not 4", (0, 1)),
    (ops.concatenate, (a(2), a(2, 4)), {"axis": 0}, "[2] has 1 axes and [2, 4] has 2", (0, 1)),
    (
        ops.concatenate,
        (a(2), a(2, kind=SHARED)),
        {"axis": 0},
        "can't join float[2] per sample and float[2] shared",
        (0, 1),
    ),
    (ops.gather, (a(), a(dtype=INT)), {}, "`gather` looks up rows of a table, and this is a single number", (0,)),
    (ops.gather, (a(3), a()), {}, "`gather` works on int values, and this one is float", (1,)),
    (ops.pick, (a(2, 3), a(3, dtype=INT)), {}, "[2] is not [3]", (0, 1)),
    (ops.pick, (a(), a(dtype=INT)), {}, "`pick` takes one of several values, and this is a single number", (0,)),
    (ops.place, (a(2), a(3, dtype=INT)), {"size": 4}, "[2] is not [3]", (0, 1)),
    (ops.scatter_add, (a(2), a(3, dtype=INT)), {"rows": 4, "kind": "sample"}, "[2] does not start with [3]", (0, 1)),
    (
        ops.orthogonalize,
        (a(3, 3),),
        {},
        "`orthogonalize` takes one matrix, shared by all samples, not float[3, 3] per sample",
        (0,),
    ),
    (ops.grad, (a(2), a(2)), {}, "`grad` differentiates one number, and this is [2]", (0,)),
    (ops.grad, (a(), a(dtype=INT)), {}, "`grad` works on float values, and this one is int", (1,)),
    (ops.clip_by_norm, (a(2, kind=SHARED),), {"sizes": (2,), "limit": 0.0}, "a norm can't be limited to 0.0", (0,)),
    (
        ops.clip_by_norm,
        (a(5, kind=SHARED),),
        {"sizes": (2, 2), "limit": 1.0},
        "parts of [2, 2] elements do not make up float[5] shared",
        (0,),
    ),
]


@pytest.mark.parametrize(
    ("op", "types", "attributes", "message", "operands"), REFUSED, ids=lambda v: getattr(v, "name", None)
)
def test_refused_operands_are_named(
    op: Op, types: tuple[TensorType, ...], attributes: Mapping[str, Any], message: str, operands: tuple[int, ...]
) -> None:
    builder = Builder()
    inputs = [field(builder, type, f"x{i}") for i, type in enumerate(types)]
    with pytest.raises(RuleError) as caught:
        op(*inputs, **attributes)
    assert caught.value.message == message
    assert caught.value.operands == operands


@pytest.mark.parametrize(
    ("op", "count", "attributes"),
    [
        (ops.add, 1, {}),
        (ops.exp, 2, {}),
        (ops.sum, 1, {}),
        (ops.sum, 1, {"axes": 0}),
        (ops.argmax, 1, {"axis": (0,)}),
        (ops.broadcast, 1, {"shape": (3,), "kind": "batch"}),
        (ops.broadcast, 1, {"shape": (3,), "kind": 2}),
        (ops.clip_by_norm, 1, {"sizes": (3,), "limit": "1"}),
        (ops.einsum, 2, {"equation": "a,a", "kind": "sample"}),
    ],
)
def test_wrong_use_of_an_op_is_a_bug_of_ours(op: Op, count: int, attributes: Mapping[str, Any]) -> None:
    builder = Builder()
    with pytest.raises(InternalError):
        op(*[field(builder, a(3), f"x{i}") for i in range(count)], **attributes)


def test_types_follow_from_operands() -> None:
    builder = Builder()
    table, ids = field(builder, a(5, 2, kind=SHARED), "t"), field(builder, a(3, 4, dtype=INT), "i")
    assert str(ops.gather(table, ids).type) == "float[3, 4, 2] per sample"
    x = field(builder, a(3, 4, 5), "x")
    assert str(ops.sum(x, axes=(0, 2)).type) == "float[4] per sample"
    assert str(ops.argmax(x, axis=1).type) == "int[3, 5] per sample"
    assert str(ops.batch_sum(x).type) == "float[3, 4, 5] shared"
    assert str(ops.less(x, x).type) == "bool[3, 4, 5] per sample"
    assert str(ops.transpose(x, permutation=(2, 0, 1)).type) == "float[5, 3, 4] per sample"
    assert str(ops.slice(x, starts=(0, 1, 0), stops=(3, 2, 5), steps=(2, 1, 3)).type) == "float[2, 1, 2] per sample"
    assert str(ops.pad(x, before=(1, 0, 0), after=(0, 0, 2)).type) == "float[4, 4, 7] per sample"
    assert str(ops.concatenate(x, x, axis=1).type) == "float[3, 8, 5] per sample"
    assert str(ops.place(x, ops.cast(x, to="int"), size=7).type) == "float[3, 4, 5, 7] per sample"


def test_elements_cost_what_their_functions_cost() -> None:
    builder = Builder()
    x = field(builder, a(8, 8), "x")
    assert ops.add.flops(ops.add(x, x)) == 64
    assert ops.exp.flops(ops.exp(x)) == 640
    assert ops.sum.flops(ops.sum(x, axes=(0, 1))) == 64
    assert ops.reshape.flops(ops.reshape(x, shape=(64,))) == 0
    assert ops.broadcast.flops(ops.broadcast(x, shape=(2, 8, 8), kind="sample")) == 0
