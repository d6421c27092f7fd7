"""Products in blocks: where BLAS gains by them, and that they are the product of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nndsl.check import check
from nndsl.cli.files import open_program
from nndsl.plan import PlanOptions
from nndsl.runtime.load import generate
from nndsl.runtime.modules import Generated
from nndsl.runtime.standalone import products
from nndsl.runtime.standalone.products import column_blocks, row_blocks


@pytest.fixture(autouse=True)
def with_small_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose BLAS has kernels for small products."""
    monkeypatch.setattr(products, "small_products", lambda: 1_000_000)


def drawn(rows: int, columns: int, dtype: str = "float32") -> np.ndarray:
    return np.random.default_rng(rows * columns).standard_normal((rows, columns)).astype(dtype)


@pytest.mark.parametrize(
    ("rows", "each", "blocks"),
    [
        (32, 784 * 256, (8, 4)),
        (64, 128 * 512, (8, 8)),
        (100, 288 * 64, (5, 20)),
        (12, 100_000, (3, 4)),  # of 8 rows there would be one and a half
        (64, 10_000, None),  # the whole is small
        (64, 784 * 512, None),  # no four rows are
        (30, 128 * 512, None),  # not a multiple of four
        (1, 784 * 512, None),
    ],
)
def test_rows_are_taken_so_many_at_a_time_that_a_product_is_small(
    rows: int, each: int, blocks: tuple[int, int] | None
) -> None:
    matrix = drawn(rows, 6)
    found = row_blocks(matrix, each)
    assert found.shape == ((rows, 6) if blocks is None else (*blocks, 6))
    assert np.shares_memory(found, matrix)


def test_a_gradient_has_more_rows_in_a_block() -> None:
    assert row_blocks(drawn(32, 784).T, 32 * 256, least=32).shape == (7, 112, 32)
    assert row_blocks(drawn(64, 784).T, 64 * 512, least=32).shape == (784, 64)


def test_columns_are_taken_sixteen_at_a_time_where_rows_are_few() -> None:
    kernel = drawn(784, 256)
    assert column_blocks(kernel.T, drawn(32, 256)).shape == (49, 256, 16)
    assert column_blocks(kernel.T, drawn(128, 256)).shape == (256, 784)
    assert column_blocks(kernel[:, :10].T, drawn(32, 10)).shape == (10, 784)


def test_other_floats_are_left_alone() -> None:
    assert row_blocks(drawn(32, 784, "float64"), 784 * 256).ndim == 2
    assert column_blocks(drawn(784, 256, "float64").T, drawn(32, 256)).ndim == 2


def test_where_blas_has_no_kernels_for_small_products_nothing_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "small_products", lambda: 0)
    assert row_blocks(drawn(32, 784), 784 * 256).ndim == 2
    assert column_blocks(drawn(784, 256).T, drawn(32, 256)).ndim == 2


def test_a_stack_gives_the_product_of_the_whole() -> None:
    x, kernel, y = drawn(32, 784), drawn(784, 256), np.zeros((32, 256), np.float32)
    np.matmul(row_blocks(x, kernel.size), kernel, out=row_blocks(y, kernel.size))
    np.testing.assert_allclose(y, x @ kernel, rtol=1e-4, atol=1e-4)
    back = np.zeros_like(x)
    np.matmul(y, column_blocks(kernel.T, y), out=column_blocks(back, y))
    np.testing.assert_allclose(back, y @ kernel.T, rtol=1e-4, atol=1e-2)
    gradient = np.zeros_like(kernel)
    np.matmul(row_blocks(x.T, y.size, least=32), y, out=row_blocks(gradient, y.size, least=32))
    np.testing.assert_allclose(gradient, x.T @ y, rtol=1e-4, atol=1e-2)


PROGRAM = """data d from npz("d.npz") {{
  x = column("x")
  y = class(column("y"))
}}

model Net {{
  input x
  {layers}
}}

train Net on d {{
  batch_size = {n}
  scores = Net(x)
  minimize cross_entropy(scores, y) using SGD(0.1)
}}
"""


@pytest.mark.parametrize(
    ("layers", "shape"),
    [
        ("Dense(256, activation=tanh)\n  Dense(64)\n  Dense(3)", (784,)),
        ("LSTM(128)\n  Dense(3)", (4, 128)),
        ("Conv2D(64, 3, activation=tanh)\n  Conv2D(64, 3)\n  GlobalAveragePooling2D\n  Dense(3)", (14, 14, 32)),
    ],
    ids=["dense", "recurrent", "convolutional"],
)
@pytest.mark.parametrize("n", [1, 6, 32])
def test_a_network_learns_in_blocks_what_it_learns_without(
    layers: str, shape: tuple[int, ...], n: int, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    rows = {"x": random.standard_normal((32, *shape)).astype(np.float32), "y": np.arange(32) % 3}
    np.savez(tmp_path / "d.npz", **rows)  # pyright: ignore[reportArgumentType]
    (tmp_path / "net.nn").write_text(PROGRAM.format(layers=layers, n=n))
    program = check(open_program(tmp_path / "net.nn"))
    with_blocks = generate(program, plan=PlanOptions())
    assert "row_blocks(" in with_blocks.partition("def row_blocks")[0]
    learnt: list[np.ndarray] = []
    for source in (with_blocks, with_blocks, generate(program, plan=PlanOptions(without=("blocks",)))):
        generated = Generated(source, "<blocks>", {})
        sizes: list[int] = []

        def small(sizes: list[int] = sizes) -> int:
            sizes.append(1)
            return 1_000_000 if not learnt else 0

        def of_matrices(a: np.ndarray, b: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
            assert max(a.ndim, b.ndim) <= 2  # of stacks NumPy's `dot` does without BLAS
            return np.dot(a, b, out=out)

        generated.names.update(small_products=small, dot=of_matrices)  # pyright: ignore[reportAttributeAccessIssue]
        train = generated.program.trains["Net"]
        memory = generated.memory(seed=0)
        memory.begin(train)
        step = train.training(n, memory, 0)
        for name, buffer in step.inputs.items():
            buffer[...] = rows[name][:n]
        for number in range(1, 4):
            step.run(number, 1, 0)
        assert bool(sizes) == (len(learnt) < 2)
        learnt.append(memory.weights.copy())
    for other in learnt[1:]:
        np.testing.assert_allclose(learnt[0], other, rtol=1e-3, atol=1e-4)
