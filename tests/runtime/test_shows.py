"""`show` while a network is trained: when its pictures come, what is in them, and that standalone files do the same."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nndsl.pictures.values import draw_values
from nndsl.runs.progress import Silence
from nndsl.runs.trainer import run
from nndsl.runtime.load import load
from nndsl.runtime.standalone.files import read_arrays, write_columns

PROGRAM = """
data digits from builtin("digits") {
  image = column("image") / 16
  split train 10%, validation 10%, test 80%
}

model Generator {
  input noise: [4]
  Dense(64, activation=sigmoid)
  Reshape([8, 8])
}

train Generator on digits {
  epochs = 5
  batch_size = 64
  noise = normal([4])
  minimize mse(Generator(noise), image) using Adam(learning_rate=0.01)
  show Generator(normal([4])) every 2 epochs
  show image, ink = mean(image) every 4 steps
  show Generator.dense.kernel
}
"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "generator.nn"
    path.write_text(PROGRAM)
    return load(path)


def shown(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "show").iterdir())


STEMS = [
    *(f"Generator_{epoch}" for epoch in (2, 4, 5)),
    *(f"image_step_{step:06d}" for step in (4, 8, 12, 15)),
    *(f"ink_step_{step:06d}" for step in (4, 8, 12, 15)),
    "kernel_5",
]


def test_pictures_come_when_they_are_due_and_at_the_end(model, tmp_path):
    pytest.importorskip("matplotlib")
    (outcome,) = run(model, out=tmp_path / "run", draw=draw_values)
    assert shown(outcome.folder) == [f"{stem}.png" for stem in STEMS]
    for path in outcome.shown:
        assert path.read_bytes().startswith(b"\x89PNG")


def test_where_nothing_draws_the_values_are_written(model, tmp_path):
    notes = []

    class Noted(Silence):
        def note(self, text):
            notes.append(text)

    (outcome,) = run(model, out=tmp_path / "run", progress=Noted())
    assert shown(outcome.folder) == [f"{stem}.npz" for stem in STEMS]
    assert any("pip install 'nndsl[plot]'" in note for note in notes)
    values = {path.stem: read_arrays(path) for path in outcome.shown}
    assert values["Generator_2"]["Generator"].shape == (64, 8, 8)
    assert values["kernel_5"]["kernel"].shape == (1, 4, 64)
    assert values["ink_step_000004"]["ink"].shape == (64,)
    validation = model.parts(model.train_named(None))["validation"]["image"]
    np.testing.assert_array_equal(values["image_step_000004"]["image"], validation[:64])
    np.testing.assert_array_equal(values["image_step_000004"]["image"], values["image_step_000015"]["image"])
    np.testing.assert_array_equal(values["kernel_5"]["kernel"][0], model.weights["Generator/dense/kernel"])


def test_every_picture_is_of_the_same_draws(model):
    train = model.train_named(None)
    after = model.shows(train)
    kept = {}
    for event in model.training(train):
        for each in after(event):
            if each.show.name == "Generator":
                kept[each.when] = (each.values.copy(), model.memory.weights.copy())
    assert list(kept) == ["epoch 2", "epoch 4", "epoch 5"]
    first, weights = kept["epoch 2"]
    assert not np.allclose(first, kept["epoch 4"][0])
    # With the weights of the first picture the same draws give the first picture again.
    model.memory.weights[...] = weights
    program = model.generated.program.trains["Generator"]
    step = program.shows[0].workspace(64, model.memory, model.seed)
    step.run(0, 0, 0)
    np.testing.assert_array_equal(step.outputs["Generator"], first)


def test_a_show_changes_no_number_of_the_training(model, tmp_path):
    without = tmp_path / "without.nn"
    without.write_text("\n".join(line for line in PROGRAM.splitlines() if "show" not in line))
    assert model.fit() == load(without).fit()


def test_the_standalone_file_writes_the_same_values(model, tmp_path):
    from nndsl.data import open_tables, read_tables

    (outcome,) = run(model, out=tmp_path / "run")
    (tmp_path / "generator.py").write_text(model.source)
    data = model.checked.data[0]
    write_columns(tmp_path / "columns.npz", read_tables(data, open_tables(data)))
    command = [sys.executable, "generator.py", "train", "columns.npz", "--show", "shown"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    assert sorted(path.name for path in (tmp_path / "shown").iterdir()) == shown(outcome.folder)
    for path in outcome.shown:
        for name, values in read_arrays(tmp_path / "shown" / path.name).items():
            np.testing.assert_array_equal(values, read_arrays(path)[name])
