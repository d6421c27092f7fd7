"""What computing a node takes of memory's bandwidth, at the least."""

from __future__ import annotations

from nndsl import ops
from nndsl.ir import Builder
from nndsl.ir.types import DType, Kind, TensorType
from nndsl.plan import flops_of, traffic_of

N = 10


def value(builder: Builder, name: str, *shape: int, kind: Kind = Kind.SAMPLE, dtype: DType = DType.FLOAT):
    if kind is Kind.SHARED:
        return ops.weight.make(builder, TensorType(dtype, shape, kind), path=name, version=0)
    return ops.field.make(builder, TensorType(dtype, shape, kind), name=name)


def test_a_product_reads_both_operands_and_writes_its_result() -> None:
    builder = Builder()
    x, kernel = value(builder, "x", 64), value(builder, "kernel", 64, 32, kind=Kind.SHARED)
    product = ops.einsum(x, kernel, equation="y,yz->z", kind="sample")
    assert flops_of(product, N) == N * 2 * 64 * 32
    assert traffic_of(product, N, 4) == 4 * (N * 64 + 64 * 32 + N * 32)
    assert traffic_of(product, N, 8) == 2 * traffic_of(product, N, 4)


def test_what_broadcasting_repeats_is_read_once() -> None:
    builder = Builder()
    x, bias = value(builder, "x", 32), value(builder, "bias", 32, kind=Kind.SHARED)
    total = ops.add(x, ops.broadcast(bias, shape=(32,), kind="sample"))
    assert traffic_of(total, N, 4) == 4 * (N * 32 + 32 + N * 32)


def test_an_operand_that_is_read_twice_and_numbers_in_the_line_are_no_traffic() -> None:
    builder = Builder()
    x = value(builder, "x", 32)
    assert traffic_of(ops.multiply(x, x), N, 4) == 4 * N * (32 + 32)
    assert traffic_of(ops.multiply(x, ops.splat(x, 2.0)), N, 4) == 4 * N * (32 + 32)


def test_of_a_table_only_the_rows_that_are_looked_up_are_read() -> None:
    builder = Builder()
    table = value(builder, "table", 10_000, 8, kind=Kind.SHARED)
    ids = value(builder, "ids", 5, dtype=DType.INT)
    found = ops.gather(table, ids)
    assert traffic_of(found, N, 4) == 4 * N * (5 * 8 + 5 + 5 * 8)
