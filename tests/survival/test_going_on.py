"""Runs that were left go on where they were left: whatever is in the program, and whatever has changed in it since."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from nndsl.diagnostics import UserError
from nndsl.runs.trainer import run
from nndsl.runtime.checkpoints import FINISHED, PREVIOUS, UNFINISHED, CheckpointError, CheckpointFiles
from tests.survival.kill import differences
from tests.survival.programs import POINTS, Leaving, gone_on, left, model_of


def whole(text: str, folder: Path, **options: Any) -> Path:
    """The folder of a run that is not left."""
    folder.mkdir()
    run(model_of(text), out=folder / "run", **options)
    return folder / "run"


SOLVED = POINTS.replace("Dropout(0.2)", "").replace("BatchNormalization", "").replace("batch_size = 2", "")
WITHOUT_DATA = """\
model Gap {
  input x
  Dense(4, activation=tanh)
  Dense(1)
}

train Gap {
  steps = 40
  batch_size = 8
  x = uniform([1], low=-1, high=1)
  minimize mse(Gap(x), x * x) using RMSprop(learning_rate=cosine_decay(step, 0.01, 40))
}
"""
PROGRAMS = {
    "batches": POINTS,
    "no order drawn": POINTS.replace("batch_size = 2", "batch_size = 2\n  shuffle = false"),
    "several batches a step": POINTS.replace("batch_size = 2", "batch_size = 1\n  gradient_accumulation_steps = 2"),
    "averaged weights": POINTS.replace("batch_size = 2", "batch_size = 2\n  use_ema = true\n  ema_momentum = 0.8"),
    "plateaus": POINTS.replace("EarlyStopping(patience=50)", "ReduceLROnPlateau(patience=0, factor=0.5, min_delta=9)"),
    "stopping early": POINTS.replace("patience=50", "patience=2, min_delta=0.01"),
    "a number of the optimizer": POINTS.replace("Adam(", "Nadam("),
    "LBFGS": SOLVED.replace("Adam(learning_rate=rate)", "LBFGS"),
    "Newton": SOLVED.replace("Adam(learning_rate=rate)", "Newton"),
    "LevenbergMarquardt": SOLVED.replace(
        "mse(Net(x)[0], y) using Adam(learning_rate=rate)", "least_squares(Net(x)[0] - y) using LevenbergMarquardt"
    ),
    "no data": WITHOUT_DATA,
}


@pytest.mark.parametrize("text", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_run_that_was_left_ends_like_one_that_was_not(text: str, tmp_path: Path) -> None:
    reference = whole(text, tmp_path / "whole")
    for step in (1, 2, 3, 5):
        folder = tmp_path / f"left-{step}"
        folder.mkdir()
        left(text, folder, step)
        (outcome,), told = gone_on(text, folder)
        assert any(f"step {step}" in line for line in told)
        assert not outcome.interrupted
        assert differences(reference, folder / "run") == [], step


@pytest.mark.parametrize("names", [(UNFINISHED,), (PREVIOUS,), (UNFINISHED, PREVIOUS)], ids=str)
def test_a_run_that_died_after_its_last_step_ends_all_the_same(names: tuple[str, ...], tmp_path: Path) -> None:
    reference = whole(POINTS, tmp_path / "whole")
    run(model_of(POINTS), out=tmp_path / "run")
    last = (tmp_path / "run" / FINISHED).read_bytes()
    (tmp_path / "run" / FINISHED).unlink()
    (tmp_path / "run" / "weights.safetensors").unlink()
    for name in names:
        (tmp_path / "run" / name).write_bytes(last)
    if len(names) == 2:
        (tmp_path / "run" / UNFINISHED).write_bytes(last[:-7])
    gone_on(POINTS, tmp_path)
    assert differences(reference, tmp_path / "run") == []


def test_a_run_can_be_left_again_and_again(tmp_path: Path) -> None:
    reference = whole(POINTS, tmp_path / "whole")
    left(POINTS, tmp_path, 1)
    for step in range(2, 10):
        left(POINTS, tmp_path, step, resume=True)
    gone_on(POINTS, tmp_path)
    assert differences(reference, tmp_path / "run") == []


def test_a_finished_run_goes_on_with_more_epochs(tmp_path: Path) -> None:
    reference = whole(POINTS.replace("epochs = 6", "epochs = 9"), tmp_path / "whole")
    run(model_of(POINTS), out=tmp_path / "run")
    _, told = gone_on(POINTS, tmp_path)
    assert told == ["Net is finished already; with more `epochs` it would go on"]
    gone_on(POINTS.replace("epochs = 6", "epochs = 9"), tmp_path)
    # The weights that a callback saved before say that they are of the program before.
    found = [name for name in differences(reference, tmp_path / "run") if not name.startswith("checkpoint-")]
    assert found == []


def test_a_run_that_was_stopped_early_says_so_and_goes_on_with_more_patience(tmp_path: Path) -> None:
    impatient = POINTS.replace("EarlyStopping(patience=50)", "EarlyStopping(patience=1, min_delta=100)")
    run(model_of(impatient), out=tmp_path / "run")
    (outcome,), told = gone_on(impatient, tmp_path, epochs=9)
    assert told == ["Net is finished already: loss did not improve for 1 epoch; with another `patience` it would go on"]
    (outcome,), told = gone_on(impatient.replace("patience=1", "patience=3"), tmp_path)
    assert any("going on from" in line for line in told)
    assert outcome.epochs == 4


def test_epochs_of_the_command_line_count_too(tmp_path: Path) -> None:
    reference = whole(POINTS, tmp_path / "whole", epochs=4)
    left(POINTS, tmp_path, 3, epochs=9)
    gone_on(POINTS, tmp_path, epochs=4)
    found = [name for name in differences(reference, tmp_path / "run") if name != "finished.safetensors"]
    assert found == []


TWO = (
    POINTS
    + """
train Again on points {
  epochs = 4
  batch_size = 2
  minimize mse(Net(x)[0], y) using SGD(learning_rate=rate, momentum=0.9)
}
"""
)


@pytest.mark.parametrize(("train", "step"), [(0, 4), (1, 1), (1, 5)])
def test_of_several_train_blocks_those_that_are_done_are_left_alone(train: int, step: int, tmp_path: Path) -> None:
    reference = whole(TWO, tmp_path / "whole")

    class InBlock(Leaving):
        blocks = -1

        def begin(self, train: str, epochs: int) -> None:
            self.blocks += 1

        def step(self, done: Any) -> None:
            if self.blocks == train:
                super().step(done)

    outcomes = run(model_of(TWO), out=tmp_path / "run", progress=InBlock(step))
    assert [outcome.interrupted for outcome in outcomes] == [False] * train + [True]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "Net").iterdir()} if train else {}
    outcomes, _ = gone_on(TWO, tmp_path)
    assert [outcome.before is not None for outcome in outcomes] == [train == 1, False]
    assert all(path.stat().st_mtime_ns == written for path, written in before.items())
    for name in ("Net", "Again"):
        assert differences(reference / name, tmp_path / "run" / name) == [], name


def test_a_run_that_died_between_two_blocks_goes_on_with_the_second(tmp_path: Path) -> None:
    reference = whole(TWO, tmp_path / "whole")
    run(model_of(TWO), out=tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "Again")
    gone_on(TWO, tmp_path)
    for name in ("Net", "Again"):
        assert differences(reference / name, tmp_path / "run" / name) == [], name


def test_of_an_older_runs_blocks_none_counts_as_done(tmp_path: Path) -> None:
    reference = whole(TWO, tmp_path / "whole")
    run(model_of(TWO), out=tmp_path / "run", epochs=1)  # both blocks, an older run
    shutil.copytree(tmp_path / "run" / "Again", tmp_path / "older")
    run(model_of(TWO), out=tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "Again")
    shutil.copytree(tmp_path / "older", tmp_path / "run" / "Again")
    outcomes, _ = gone_on(TWO, tmp_path)
    assert [outcome.before is not None for outcome in outcomes] == [True, False]
    assert differences(reference / "Again", tmp_path / "run" / "Again") == []


def test_without_a_checkpoint_training_begins_and_says_so(tmp_path: Path) -> None:
    reference = whole(POINTS, tmp_path / "whole")
    _, told = gone_on(POINTS, tmp_path)
    assert told[0] == f"there is no checkpoint in {tmp_path / 'run'}: training begins"
    assert differences(reference, tmp_path / "run") == []


# ------------------------------------------------------------------------------------------------ changed programs

GOOD = {
    "epochs = 8": ("epochs = 6", "epochs = 8"),
    "let rate = 0.5": ("let rate = 0.01", "let rate = 0.5"),
    "EarlyStopping(patience=1)": ("EarlyStopping(patience=50)", "EarlyStopping(patience=1)"),
    "batch_size = 3": ("batch_size = 2", "batch_size = 3"),
    "Dropout(0.5)": ("Dropout(0.2)", "Dropout(0.5)"),
    "expect train gap < 100": ("  ModelCheckpoint(every=2)", "  expect train gap < 100"),
}


@pytest.mark.parametrize(("line", "change"), GOOD.items(), ids=GOOD.keys())
def test_a_run_goes_on_with_what_may_change_and_says_what_has(
    line: str, change: tuple[str, str], tmp_path: Path
) -> None:
    left(POINTS, tmp_path, 3)
    (outcome,), told = gone_on(POINTS.replace(*change), tmp_path)
    assert f"  - {change[0].strip()}" in told
    assert f"  + {line}" in told
    assert outcome.epochs == (8 if line == "epochs = 8" else 6) or outcome.stopped


BAD = {
    "shape": ("let hidden = 8", "let hidden = 9", "Net/dense/kernel is [2, 9] now and [2, 8] in the run"),
    "name": ("  Dense(1)", "  last: Dense(1)", "Net/last/kernel is new: the run has no such weight"),
    "gone": ("  BatchNormalization\n", "", "Net/batch_normalization/gamma is gone: the run has trained it"),
    "optimizer": ("Adam(", "SGD(momentum=0.9, ", "another optimizer, which remembers other things"),
    "split": ("train 60%, validation 20%", "train 40%, validation 40%", "the data points are split in another way"),
    "rows": ("[0.2, 0.7]]", "[0.2, 0.7], [0.5, 0.5]]", "the data points have other rows"),
    "numbers": ("y = [1.0, 0.6", "y = [2.0, 0.6", "the data points have changed: their numbers are others"),
    "metric": ("metric gap", "metric distance", "it reports loss, distance, and the run did loss, gap"),
    "order": ("batch_size = 2", "shuffle = false\n  batch_size = 2", "`shuffle` changes the order of the samples"),
}


@pytest.mark.parametrize(("old", "new", "reason"), BAD.values(), ids=BAD.keys())
def test_a_run_does_not_go_on_with_what_does_not_fit(old: str, new: str, reason: str, tmp_path: Path) -> None:
    left(POINTS, tmp_path, 2)
    before = (tmp_path / "run" / UNFINISHED).read_bytes()
    text = POINTS.replace(old, new)
    if "[0.5, 0.5]" in new:
        text = text.replace("1.3, 0.9]", "1.3, 0.9, 1.0]")
    with pytest.raises(UserError) as raised:
        gone_on(text, tmp_path)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "NN633"
    assert any(note.startswith(reason) for note in diagnostic.notes), diagnostic.notes
    assert any(new.split("\n")[0].strip() in note for note in diagnostic.notes) or not new
    assert (tmp_path / "run" / UNFINISHED).read_bytes() == before
    gone_on(POINTS, tmp_path)  # nothing is lost


def test_a_run_does_not_go_on_in_another_precision(tmp_path: Path) -> None:
    left(POINTS, tmp_path, 2)
    with pytest.raises(UserError) as raised:
        run(model_of(POINTS, precision="float64"), out=tmp_path / "run", resume=True)
    assert raised.value.diagnostics[0].code == "NN633"


# ------------------------------------------------------------------------------------------------ folders


def test_an_unfinished_run_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nndsl.runs.sessions.WORTH_KEEPING", 0.0)
    left(POINTS, tmp_path, 2)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    with pytest.raises(UserError) as raised:
        run(model_of(POINTS), out=tmp_path / "run")
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "NN630"
    assert "epoch 1, step 2" in diagnostic.message
    assert "--resume" in (diagnostic.help or "")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    run(model_of(POINTS), out=tmp_path / "run", restart=True)
    assert differences(whole(POINTS, tmp_path / "whole"), tmp_path / "run") == []


def test_one_that_was_left_within_a_minute_makes_way_and_that_is_said(tmp_path: Path) -> None:
    left(POINTS, tmp_path, 2)
    progress = Leaving(0)
    run(model_of(POINTS), out=tmp_path / "run", progress=progress)
    assert "makes way for this one" in progress.told[0]
    assert not (tmp_path / "run" / UNFINISHED).exists()


def test_a_new_run_leaves_no_picture_of_a_longer_one(tmp_path: Path) -> None:
    text = POINTS.replace("  ModelCheckpoint(every=2)", "  show shown = x every 1 epochs")
    run(model_of(text), out=tmp_path / "run")
    mine = tmp_path / "run" / "show" / "mine.png"
    mine.write_bytes(b"somebody's")
    names = {path.name for path in mine.parent.iterdir()}
    run(model_of(text), out=tmp_path / "run", epochs=2)
    left_over = {path.name for path in mine.parent.iterdir()}
    assert left_over < names
    assert left_over == {"mine.png", "shown_1.npz", "shown_2.npz"}


def test_the_history_is_there_while_training_goes_on(tmp_path: Path) -> None:
    seen: list[int] = []

    class Looking(Leaving):
        def step(self, done: Any) -> None:
            path = tmp_path / "run" / "history.csv"
            seen.append(len(path.read_text().splitlines()) - 1 if path.exists() else 0)

    run(model_of(POINTS), out=tmp_path / "run", progress=Looking(0))
    steps = len(seen) // 6
    assert seen == [epoch for epoch in range(6) for _ in range(steps)]


def test_a_killed_runs_folder_is_known_for_one_that_can_go_on(tmp_path: Path) -> None:
    left(POINTS, tmp_path, 2)
    (tmp_path / "run" / "weights.safetensors").unlink()  # a killed run has written none yet
    with pytest.raises(UserError) as raised:
        model_of(POINTS).load_weights(tmp_path / "run")
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "NN603"
    assert "is not finished" in diagnostic.message
    assert "--resume" in (diagnostic.help or "")


def test_a_run_whose_last_checkpoint_finds_no_room_is_finished_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = whole(POINTS, tmp_path / "whole")
    written = [0]
    write = CheckpointFiles.write

    def full(files: CheckpointFiles, *arguments: Any) -> Path:
        written[0] += 1
        if written[0] > 3:
            raise CheckpointError("can't write it: no space left on device")
        return write(files, *arguments)

    monkeypatch.setattr(CheckpointFiles, "write", full)
    progress = Leaving(0)
    run(model_of(POINTS), out=tmp_path / "run", progress=progress, checkpoint_every=0)
    assert [line for line in progress.told if "tries again later" in line] == [
        "can't write it: no space left on device; training goes on, and tries again later"
    ]
    assert differences(reference, tmp_path / "run") == ["finished.safetensors is in one of them only"]


@pytest.mark.parametrize(
    ("writing", "given", "moments"),
    [
        (0.0, None, [5, 65, 125, 185]),
        (0.5, None, [5, 65.5, 126, 186.5]),
        (2.0, None, [5, 207, 409, 611]),  # a hundredth of the time at most
        (2.0, 10.0, [10, 22, 34, 46]),  # as it was asked for
    ],
)
def test_checkpoints_are_a_minute_apart_or_so_that_they_cost_little(
    writing: float, given: float | None, moments: list[float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    found: list[float] = []
    write = CheckpointFiles.write

    def slow(files: CheckpointFiles, *arguments: Any) -> Path:
        found.append(clock[0])
        clock[0] += writing
        return write(files, *arguments)

    class Ticking(Leaving):
        def step(self, done: Any) -> None:
            clock[0] += 0.5

    monkeypatch.setattr("nndsl.runs.trainer.perf_counter", lambda: clock[0])
    monkeypatch.setattr(CheckpointFiles, "write", slow)
    text = POINTS.replace("epochs = 6", "epochs = 700").replace("patience=50", "patience=5000")
    text = text.replace("  ModelCheckpoint(every=2)\n", "")
    run(model_of(text), out=tmp_path / "run", progress=Ticking(0), checkpoint_every=given)
    assert found[:4] == moments


def test_every_value_of_the_memory_is_known_to_checkpoints() -> None:
    """A new one has to be saved, or to be known as one that no step hands on to the next."""
    from nndsl.runtime.standalone.program import Memory, Program

    empty = Program("p", "p.nn", "", "", "float32", (), (), lambda memory, seed: None, {}, {})
    saved = {"weights", "states", "slots", "scalars", "fitted"}
    of_one_step = {"assumed", "gradients", "directions", "updating", "last_of_step", "_sums", "_summed", "_batches"}
    of_one_step |= {"_scratch", "notes"}
    layout = {"dtype", "shared", "_weight_places", "_state_places"}
    assert set(vars(Memory(empty, "float32"))) == saved | of_one_step | layout
