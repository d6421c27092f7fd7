"""Steps are captured as graphs if a graph does what the step does, bit for bit; else they go on piece by piece."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cupy_standin import standin
from tests.runtime.device.training import events_of, model_of


def weights_after_training(folder: Path, **given: Any) -> tuple[Any, np.ndarray[Any, Any]]:
    model = model_of(folder, "gpu", **given)
    model.fit()
    return model, model.memory.weights.copy()


@pytest.mark.usefixtures("device")
def test_captured_steps_end_bit_for_bit_as_eager_ones(tmp_path: Path) -> None:
    model, captured = weights_after_training(tmp_path)
    assert not model.memory.notes
    eager = model_of(tmp_path, "gpu")
    eager.memory.machine.products.capturable = False  # pyright: ignore[reportAttributeAccessIssue]
    list(eager.generated.fit(*_fitting(eager)))
    np.testing.assert_array_equal(eager.memory.weights, captured)


def _fitting(model: Any) -> tuple[Any, ...]:
    train = model.train_named(None)
    return model.generated.program.trains["Net"], model.memory, model.parts(train), model.seed


def test_every_kind_of_step_is_captured_once_it_comes_again(tmp_path: Path) -> None:
    """Of training and of validation, whole batches and the smaller last ones."""
    with standin() as machine:
        model = model_of(tmp_path, "gpu", rows=150)  # 120 rows to train on and 30 to validate with, 16 to a batch
        model.fit()
        assert machine.counters.captures == 4
        machine.counters.clear()
        model.evaluate(part="validation")
        assert machine.counters.replays == 0  # of a step that comes once or twice


def test_without_nvmath_steps_run_piece_by_piece(tmp_path: Path) -> None:
    with standin() as machine:
        _, captured = weights_after_training(tmp_path)
    with standin(nvmath=False) as machine:
        model, eager = weights_after_training(tmp_path)
        assert machine.counters.captures == machine.counters.replays == 0
    assert not model.memory.notes
    np.testing.assert_allclose(eager, captured, rtol=0, atol=1e-5)


def test_a_graph_that_does_something_else_is_not_used_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with standin() as machine:
        _, expected = weights_after_training(tmp_path)
        graph: Any = __import__("cupy").cuda.Graph
        whole = graph._replay

        def all_but_the_last(self: Any) -> None:
            self.work = self.work[:-1]
            whole(self)

        monkeypatch.setattr(graph, "_replay", all_but_the_last)
        machine.counters.clear()
        model, found = weights_after_training(tmp_path)
        assert machine.counters.replays == machine.counters.captures == 4
    reason = "one that was did not do what the step does"
    sizes = (16, 8, 14)  # of whole batches, and the last ones to train on and to validate with
    assert sorted(model.memory.notes) == sorted(
        f"steps of {n} samples are not captured as a CUDA graph: {reason}" for n in sizes
    )
    np.testing.assert_array_equal(found, expected)


def test_what_a_library_refuses_while_a_graph_is_captured_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standin() as machine:
        _, expected = weights_after_training(tmp_path)
        cublas: Any = __import__("nvmath.bindings.cublas").bindings.cublas
        gemm = cublas.gemm_ex

        def refusing(*given: Any) -> None:
            if machine.capturing():
                raise cublas.cuBLASError("CUBLAS_STATUS_NOT_SUPPORTED")
            gemm(*given)

        monkeypatch.setattr(cublas, "gemm_ex", refusing)
        model, found = weights_after_training(tmp_path)
    assert "CUBLAS_STATUS_NOT_SUPPORTED" in model.memory.notes[0]
    np.testing.assert_array_equal(found, expected)


def test_memory_of_graphs_is_that_of_their_workspaces(tmp_path: Path) -> None:
    """A second training on the same memory captures anew, and the first one's graphs are let go of."""
    with standin() as machine:
        model = model_of(tmp_path, "gpu")
        for _ in range(2):
            list(events_of(model))
        before = machine.used
        list(events_of(model))
        assert machine.used <= before * 1.5
