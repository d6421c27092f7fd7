"""Runs on a device: with every setting, callback and solver they report what runs on the host do, and can be left."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nndsl.runtime.generation import Writer
from nndsl.runtime.landscape import survey
from nndsl.runtime.load import compiled
from nndsl.runtime.model import Model
from nndsl.source import SourceFile
from tests.cupy_standin import standin
from tests.survival import programs
from tests.survival.kill import differences
from tests.survival.programs import gone_on, left
from tests.survival.test_going_on import PROGRAMS as LEFT
from tests.survival.test_going_on import whole

DATA = """
data rows from builtin("digits") {{
  image = column("image") / 16
  label = class(column("label"))
  row_weight = class_weight(label, balanced)
  split train 10%, validation 5%, test 85%
}}
"""

MODEL = """
model Net {{
  input image
  Flatten
  hidden: Dense(6, activation=tanh)
  {middle}
  Dense(10)
}}
"""

TRAIN = """
train Net on rows {{
  epochs = 3
  {settings}
  scores = Net(image)
  minimize {loss} {using}
  metric accuracy(scores, label)
  predict digit = argmax(scores)
  {lines}
}}
"""


def text_of(
    settings: str = "batch_size = 40",
    lines: str = "",
    using: str = "using Adam()",
    loss: str = "cross_entropy(scores, label)",
    middle: str = "",
) -> str:
    return (DATA + MODEL + TRAIN).format(settings=settings, lines=lines, using=using, loss=loss, middle=middle)


SQUARES = "least_squares(scores - one_hot(label, 10))"
PROGRAMS = {
    "draws and moving averages": text_of(middle="Dropout(0.2)\n  BatchNormalization()"),
    "several batches a step": text_of("batch_size = 16\n  gradient_accumulation_steps = 3"),
    "weighted batches a step": text_of(
        "batch_size = 16\n  gradient_accumulation_steps = 3", using="weighted by row_weight using Adam()"
    ),
    "averaged weights": text_of("batch_size = 40\n  use_ema = true\n  ema_momentum = 0.8"),
    "weights of classes": text_of(using="weighted by row_weight using Adam()"),
    "plateaus": text_of(lines="ReduceLROnPlateau(monitor=loss, patience=0, factor=0.5, min_delta=10)"),
    "stopping early": text_of(lines="EarlyStopping(monitor=loss, patience=0, min_delta=10)"),
    "gradients of each weight clipped": text_of(using="using Adam() clip_norm=0.1"),
    "gradients clipped together": text_of(using="using Adam() clip_global_norm=0.1"),
    "numbers clipped": text_of(using="using SGD(learning_rate=0.1) clip_value=0.01"),
    "a part of the weights": text_of(using="over Net.hidden using SGD(learning_rate=0.1)"),
    "Newton": text_of("", using="using Newton"),
    "LBFGS": text_of("", using="using LBFGS"),
    "LevenbergMarquardt": text_of("", using="using LevenbergMarquardt(cg_iterations=8)", loss=SQUARES),
    "shown values": text_of(lines="show scores every 1 epochs"),
    "several blocks": text_of()
    + """
train Again on rows {
  epochs = 2
  minimize cross_entropy(Net(image), label) using SGD(learning_rate=0.01, momentum=0.9)
}
""",
}


def model_of(text: str, device: str) -> Model:
    return compiled(SourceFile("net.nn", text), sets={}, precision="float64", device=device)


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_runs_on_a_device_report_what_runs_on_the_host_do(text: str) -> None:
    host, there = model_of(text, "cpu"), model_of(text, "gpu")
    expected, found = host.fit(), there.fit()
    assert [row.keys() for row in found] == [row.keys() for row in expected]
    for row, wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose([*row.values()], [*wanted.values()], rtol=1e-8, atol=1e-9)
    assert there.evaluate() == pytest.approx(host.evaluate(), rel=1e-8)
    for path, values in host.weights.items():
        np.testing.assert_allclose(there.weights[path], values, rtol=1e-6, atol=1e-8)
    for train in host.checked.trains:
        shown, wanted = _last_shown(there, train), _last_shown(host, train)
        np.testing.assert_allclose(shown, wanted, rtol=1e-6, atol=1e-8)


def _last_shown(model: Model, train: Any) -> Any:
    after = model.shows(train)
    last: Any = []
    for event in model.training(train, epochs=1):
        for each in after(event):
            last = each.values
    return last


@cache
def _compiled(text: str, precision: str) -> tuple[Any, Any]:
    model = compiled(SourceFile("net.nn", text), sets={}, precision=precision, device="gpu")
    return model.checked, model.generated


@pytest.mark.parametrize("text", LEFT.values(), ids=LEFT.keys())
def test_a_run_on_a_device_that_was_left_ends_bit_for_bit_like_one_that_was_not(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "_compiled", _compiled)
    with standin():
        reference = whole(text, tmp_path / "whole")
        for step in (1, 5):
            folder = tmp_path / f"left-{step}"
            folder.mkdir()
            left(text, folder, step)
            (outcome,), _ = gone_on(text, folder)
            assert not outcome.interrupted
            assert differences(reference, folder / "run") == [], step


@pytest.mark.usefixtures("device")
def test_a_network_trained_on_a_device_answers_every_question_as_on_the_host(tmp_path: Path) -> None:
    there, host = model_of(text_of(), "gpu"), model_of(text_of(), "cpu")
    there.fit(epochs=1)
    there.save(tmp_path / "weights.safetensors")
    host.load_weights(tmp_path / "weights.safetensors")
    rows = {"image": np.random.default_rng(0).uniform(0, 16, (5, 8, 8))}
    _assert_alike(there.predict(rows), host.predict(rows))
    inputs = {"image": rows["image"] / 16}
    _assert_alike(there.predict(inputs, model="Net"), host.predict(inputs, model="Net"))
    _assert_alike(there.features("hidden", rows), host.features("hidden", rows))
    (flow,), (wanted,) = there.gradient_flows(), host.gradient_flows()
    assert flow.loss == pytest.approx(wanted.loss, rel=1e-9)
    assert [each.gradient for each in flow.weights] == pytest.approx([each.gradient for each in wanted.weights])
    train = there.checked.trains[0]
    surveys = [survey(model, train, points=3, epochs=2, trained=True) for model in (there, host)]
    np.testing.assert_allclose(surveys[0].losses, surveys[1].losses, rtol=1e-7)


def _assert_alike(found: Any, wanted: Any) -> None:
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-12)
        else:
            np.testing.assert_array_equal(found[name], values)


TEXT = """
data letters from text("letters.txt") {
  part = category(column("character"))
  past = window(part, 6, stride=1)
  following = next(past)
  split train 90%, validation 10% in order
}
model Writes {
  input past
  Embedding(letters.past.classes, 4)
  GRU(8, return_sequences=true)
  Dense(letters.following.classes)
}
train Writes on letters {
  epochs = 3
  batch_size = 64
  scores = Writes(past)
  minimize cross_entropy(scores, following) using Adam(learning_rate=0.03)
  predict next = scores
}
"""


@pytest.mark.usefixtures("device")
@pytest.mark.parametrize("by_window", [False, True], ids=["one after another", "by windows"])
def test_a_network_trained_on_a_device_writes_on_as_on_the_host(by_window: bool, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("abcdef" * 40)
    source = SourceFile(str(tmp_path / "net.nn"), TEXT, tmp_path / "net.nn")
    written: list[str] = []
    for device in ("cpu", "gpu"):
        model = compiled(source, sets={}, precision="float64", device=device)
        model.fit()
        writer = Writer(model, model.checked.trains[0], by_window=by_window)
        written.append("".join(writer.write(list("abcdef"), 12, 0.5, None, 0)))
    assert written[0] == written[1]
