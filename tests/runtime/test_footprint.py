"""What is said of the memory that training takes is what it takes."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

import nndsl
from nndsl.diagnostics import UserError
from nndsl.diagnostics.amounts import in_bytes
from nndsl.plan import PlanOptions
from nndsl.runtime import footprint as footprints
from nndsl.runtime.footprint import footprint, refuse_training, refuse_weights
from nndsl.runtime.load import compiled, read_program
from nndsl.runtime.machine import FreeMemory

DENSE = """\
model M {
  input x: [100]
  Dense(400, activation=relu)
  Dense(1)
}
"""
CONVOLUTIONS = """\
model M {
  input x: [16, 16, 3]
  Conv2D(16, 3, padding=same, activation=relu)
  Conv2D(16, 3, activation=relu)
  Flatten
  Dense(1)
}
"""
RECURRENT = """\
model M {
  input x: [20, 8]
  LSTM(32)
  Dense(1)
}
"""


def program(folder: Path, model: str, shape: str, batch: int = 256) -> Path:
    path = folder / "program.nn"
    training = f"steps = 2\n  batch_size = {batch}\n  minimize mean(M(normal({shape})) ^ 2) using Adam"
    path.write_text(f"{model}train T {{\n  {training}\n}}\n")
    return path


@pytest.mark.parametrize(
    ("text", "shape"),
    [(DENSE, "[100]"), (CONVOLUTIONS, "[16, 16, 3]"), (RECURRENT, "[20, 8]")],
    ids=["dense", "convolutions", "recurrent"],
)
def test_the_plan_says_what_numpy_allocates(tmp_path, text, shape):
    model = nndsl.load(program(tmp_path, text, shape))
    train = model.checked.trains[0]
    said = footprint(model.checked, train, 4, 256, tiling=model.sharings["T"].tiling)
    tracemalloc.start()
    try:
        model.fit()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    needed = said.bytes - said.weights  # no data, so nothing is evaluated: the buffers for that are not made
    assert 0.5 * needed < peak < 1.5 * needed


def test_the_plan_says_what_shares_that_meet_allocate(tmp_path):
    """Buffers of each share, gradients and states of their own, and what they bring to each meeting."""
    text = CONVOLUTIONS.replace("  Flatten", "  BatchNormalization\n  Flatten")
    file = read_program(program(tmp_path, text, "[16, 16, 3]"), ())
    model = compiled(file, sets={}, plan=PlanOptions(threads=2))
    said = footprint(model.checked, model.checked.trains[0], 4, 256, tiling=model.sharings["T"].tiling)
    tracemalloc.start()
    try:
        model.fit()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert "Shares(" in model.generated.source
    needed = said.bytes - said.weights
    assert 0.5 * needed < peak < 1.5 * needed


@pytest.mark.parametrize("batch", [1, 64, 1024])
def test_the_bound_that_spares_the_plan_is_no_lower_than_what_the_share_allows(tmp_path, batch):
    for text, shape in ((DENSE, "[100]"), (CONVOLUTIONS, "[16, 16, 3]"), (RECURRENT, "[20, 8]")):
        model = nndsl.load(program(tmp_path, text, shape, batch))
        train = model.checked.trains[0]
        bound = footprints._bound(model.checked, train, 4, batch)
        assert footprint(model.checked, train, 4, batch).bytes * footprints.LOOK_CLOSER <= bound


def test_training_that_fits_in_what_is_free_is_not_refused(tmp_path, monkeypatch):
    model = nndsl.load(program(tmp_path, DENSE, "[100]"))
    train = model.checked.trains[0]
    needed = footprint(model.checked, train, 4, 256).bytes
    monkeypatch.setattr(footprints, "free_memory", lambda: FreeMemory(needed + 1, "the test has"))
    refuse_training(model.checked, train, 4, 256, 0, 0)
    monkeypatch.setattr(footprints, "free_memory", lambda: FreeMemory(needed - 1, "the test has"))
    with pytest.raises(UserError) as mistake:
        refuse_training(model.checked, train, 4, 256, 0, 0)
    assert [each.code for each in mistake.value.diagnostics] == ["NN640"]
    refuse_training(model.checked, train, 4, 256, 0, 2)  # two bytes of it are there already


WIDE = DENSE.replace("Dense(400, activation=relu)", "Dense(20000, activation=relu)")


def least_for_weights(model: nndsl.Model, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str]:
    """The bytes with which the weights' making is not refused, found by halving; and what is said one byte below."""
    said = ""

    def refused(free: int) -> bool:
        nonlocal said
        monkeypatch.setattr(footprints, "free_memory", lambda: FreeMemory(free, "the test has"))
        try:
            refuse_weights(model.checked, 4)
        except UserError as mistake:
            said = mistake.diagnostics[0].message
            return True
        return False

    low, high = 0, 1 << 40
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if refused(middle) else (low, middle)
    assert refused(low)
    return high, said


def test_what_drawing_the_weights_takes_is_known_before(tmp_path, monkeypatch):
    model = nndsl.load(program(tmp_path, WIDE, "[100]", batch=1))
    least, said = least_for_weights(model, monkeypatch)
    tracemalloc.start()
    try:
        model.generated.memory(seed=1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak <= 1.01 * least
    assert peak > 0.9 * least
    assert said.startswith(("training T takes ", "making the weights takes "))


def test_a_system_that_says_nothing_refuses_nothing(tmp_path, monkeypatch):
    model = nndsl.load(program(tmp_path, DENSE, "[100]"))
    monkeypatch.setattr(footprints, "free_memory", lambda: None)
    refuse_training(model.checked, model.checked.trains[0], 4, 256, 1 << 60, 0)


@pytest.mark.parametrize(
    ("extra", "copies"),
    [("", 0), ("EarlyStopping(loss)", 1), ("use_ema = true", 1), ("gradient_accumulation_steps = 2", 1)],
)
def test_copies_of_the_weights_count(tmp_path, extra, copies):
    path = program(tmp_path, DENSE, "[100]")
    path.write_text(path.read_text().replace("steps = 2", f"steps = 2\n  {extra}"))
    model = nndsl.load(path)
    said = footprint(model.checked, model.checked.trains[0], 4, 256)
    assert said.kept == copies * said.weights


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (25_600_000, "25.6 MB"), (2.4e12, "2.4 TB")]
)
def test_sizes_are_short(count, text):
    assert in_bytes(count) == text
