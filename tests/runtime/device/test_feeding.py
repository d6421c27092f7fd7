"""How samples come to a device: gathered there out of data that it holds, or copied ahead. The host does not wait."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nndsl.runtime.devices import lacking, look
from nndsl.runtime.model import Model
from tests.cupy_standin import Machine, standin
from tests.runtime.device.training import events_of, model_of

STREAMED = "stream = true"
AWAY = "MOST_ROWS"
"""Set to 0, a device holds no data."""


def fitted(model: Model) -> tuple[list[dict[str, float]], np.ndarray[Any, Any]]:
    return model.fit(), model.memory.weights.copy()


def assert_alike(found: Any, expected: Any) -> None:
    (rows, weights), (wanted, numbers) = found, expected
    assert [row.keys() for row in rows] == [row.keys() for row in wanted]
    for row, other in zip(rows, wanted, strict=True):
        np.testing.assert_allclose([*row.values()], [*other.values()], rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(weights, numbers, rtol=0, atol=2e-4)


def counted_epochs(model: Model, machine: Machine) -> list[tuple[int, int, int, int]]:
    """For each epoch: waits, and copies to the host, to the device, and replays, while its steps were done."""
    found: list[tuple[int, int, int, int]] = []
    sums = [0, 0, 0, 0]
    machine.counters.clear()
    for event in events_of(model):
        kind = type(event).__name__
        if kind == "StepDone":
            now = machine.counters
            new = (now.synchronisations, now.copies_to_host, now.copies_to_device, now.replays)
            sums = [a + b for a, b in zip(sums, new, strict=True)]
        elif kind == "EpochDone":
            found.append(tuple(sums))
            sums = [0, 0, 0, 0]
        machine.counters.clear()
    return found


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("stream", ["", STREAMED])
def test_training_goes_through_the_samples_in_numpys_order(stream: str, tmp_path: Path) -> None:
    host, there = (fitted(model_of(tmp_path, device, settings=stream)) for device in ("cpu", "gpu"))
    assert_alike(there, host)


@pytest.mark.usefixtures("device")
def test_samples_come_in_their_own_order_without_shuffle(tmp_path: Path) -> None:
    host, there = (fitted(model_of(tmp_path, device, settings="shuffle = false")) for device in ("cpu", "gpu"))
    assert_alike(there, host)


def test_data_that_a_device_holds_is_sent_once_and_its_order_once_an_epoch(tmp_path: Path) -> None:
    with standin() as machine:
        epochs = counted_epochs(model_of(tmp_path, "gpu"), machine)
    steps = 8
    # The third full batch of an epoch is captured, and there are waits while it is compared; then all are replayed.
    assert epochs[0][3] > 0
    for waits, to_host, to_device, replays in epochs[3:]:
        assert waits == 0
        assert to_host <= 1  # the sums, now and then, without waiting for them
        assert to_device == steps + 1
        assert replays == steps


@pytest.mark.parametrize("stream", ["", STREAMED])
def test_the_host_does_not_wait_where_batches_are_copied_ahead(
    stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with standin() as machine:
        model = model_of(tmp_path, "gpu", settings=stream)
        monkeypatch.setitem(model.generated.names, AWAY, 0)
        epochs = counted_epochs(model, machine)
    waits, _, to_device, replays = epochs[3]
    assert (waits, to_device, replays) == (0, 8 * 3, 8)


@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("stream", ["", STREAMED])
def test_nothing_depends_on_how_far_the_host_is_ahead(
    away: bool, stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device that only works when it is waited for, samples and numbers are those of their own steps."""
    expected = fitted(model_of(tmp_path, "cpu", settings=stream, rows=1500))
    with standin(deferred=True):
        model = model_of(tmp_path, "gpu", settings=stream, rows=1500)
        if away:
            monkeypatch.setitem(model.generated.names, AWAY, 0)
        found = fitted(model)
    assert_alike(found, expected)


def test_what_is_asked_of_the_memory_between_steps_is_what_they_made(tmp_path: Path) -> None:
    """On a device that only works when it is waited for: copies to the host wait for the steps' own stream."""
    found: dict[str, list[Any]] = {}
    for device in ("cpu", "gpu"):
        with standin(deferred=True):
            model = model_of(tmp_path, device)
            events = events_of(model)
            kept = found[device] = []
            for step in range(12):
                next(events)
                if step % 3 == 0:
                    kept.append([model.memory.weights.copy(), model.memory.gradients.copy()])
                if step % 4 == 0:
                    kept.append([values.copy() for values in model.memory.slots.values()])
    for there, host in zip(found["gpu"], found["cpu"], strict=True):
        for values, expected in zip(there, host, strict=True):
            np.testing.assert_allclose(values, expected, rtol=0, atol=1e-4)


def test_a_part_that_does_not_fit_beside_the_steps_is_copied_ahead(tmp_path: Path) -> None:
    with standin(memory=(32 << 20) + (1 << 16)) as machine:
        model = model_of(tmp_path, "gpu", rows=4000)
        epochs = counted_epochs(model, machine)
        memory: Any = model.memory
        parts = model.parts(model.train_named(None))
        assert memory.held(parts["train"]) is None
        assert memory.held(parts["validation"]) is not None
    steps = 200
    waits, _, to_device, replays = epochs[2]
    assert (waits, to_device, replays) == (0, 3 * steps, steps)


@pytest.mark.usefixtures("device")
def test_a_moving_average_of_the_weights_is_that_of_numpy(tmp_path: Path) -> None:
    host, there = (fitted(model_of(tmp_path, each, settings="use_ema = true")) for each in ("cpu", "gpu"))
    assert_alike(there, host)


def test_the_moving_average_does_not_bring_the_weights_to_the_host(tmp_path: Path) -> None:
    with standin() as machine:
        waits, to_host, _, _ = counted_epochs(model_of(tmp_path, "gpu", settings="use_ema = true"), machine)[3]
    assert waits <= 2  # both go back to the device at the begin of an epoch
    assert to_host <= 1


def test_a_loss_that_is_lost_is_noticed_within_some_steps(tmp_path: Path) -> None:
    from nndsl.diagnostics import UserError

    with standin():
        model = model_of(tmp_path, "gpu", rows=6000, optimizer="SGD(learning_rate=3e38)")
        steps = 0
        with pytest.raises(UserError) as raised:
            for event in events_of(model):
                steps = event.step
    assert raised.value.diagnostics[0].code == "NN617"
    ahead = model.generated.names["STEPS_AHEAD"]
    assert ahead // 2 < steps <= 2 * ahead


@pytest.mark.gpu
@pytest.mark.skipif(lacking(look()) is not None, reason="there is no GPU that could be used")
@pytest.mark.parametrize("away", [False, True])
def test_on_a_gpu_cupy_sees_no_wait_in_a_step(away: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the steps that are replayed on; CuPy counts every copy to the host as a wait, so none is due in them."""
    import cupyx  # pyright: ignore[reportMissingImports]

    model = model_of(tmp_path, "gpu", rows=600)
    if away:
        monkeypatch.setitem(model.generated.names, AWAY, 0)
    events = events_of(model)
    for _ in range(8):
        next(events)
    with cupyx.allow_synchronize(False):
        for _ in range(16):
            assert type(next(events)).__name__ == "StepDone"
    assert not model.memory.notes
