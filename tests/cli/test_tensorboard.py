"""`nndsl run --tensorboard`: what TensorBoard finds in the run folder."""

import importlib.util
import json
import struct

import pytest

PROGRAM = """
data points {
  x = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [0.5, 0.5]]
  y = [1.0, 2.0, 3.0, 4.0, 5.0]
  split train 60%, validation 40%
}
model Line {
  input x
  Dense(1)
}
train Line on points {
  epochs = EPOCHS
  minimize mse(Line(x), y) using SGD(exponential_decay(initial_learning_rate=0.1, decay_steps=1, decay_rate=0.5))
}
"""


def points(folder):
    """(epoch, name, value) of the files in a folder, in their order, without those that a later file took back."""
    event_pb2 = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*"), key=lambda path: path.stat().st_mtime_ns):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack("<Q", data[place : place + 8])
            event = event_pb2.Event()
            event.ParseFromString(data[place + 12 : place + 12 + length])
            place += 16 + length
            if event.session_log.status == event.session_log.START:
                found = [point for point in found if point[0] < event.step]
            found += [(event.step, value.tag, value.simple_value) for value in event.summary.value]
    return found


@pytest.fixture
def run(nndsl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(epochs, *options):
        (tmp_path / "line.nn").write_text(PROGRAM.replace("EPOCHS", str(epochs)), encoding="utf-8")
        result = nndsl("run", "line.nn", "--tensorboard", *options)
        return result, tmp_path / "runs" / "Line"

    return invoke


def test_every_epochs_numbers_are_there_for_both_parts(run):
    pytest.importorskip("tensorboardX")
    result, folder = run(3)
    assert result.exit_code == 0, result.stderr
    train = points(folder / "tensorboard" / "train")
    assert [point[:2] for point in train] == [(e, n) for e in (1, 2, 3) for n in ("loss", "learning_rate")]
    assert [value for _, name, value in train if name == "learning_rate"] == pytest.approx([0.1, 0.05, 0.025])
    validation = points(folder / "tensorboard" / "validation")
    assert [point[:2] for point in validation] == [(1, "loss"), (2, "loss"), (3, "loss")]
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert validation[-1][2] == pytest.approx(summary["validation"]["loss"])


def test_a_run_that_goes_on_goes_on_there_and_a_new_one_begins_anew(run):
    pytest.importorskip("tensorboardX")
    run(2)
    result, folder = run(4, "--resume")
    assert result.exit_code == 0, result.stderr
    assert [epoch for epoch, name, _ in points(folder / "tensorboard" / "train") if name == "loss"] == [1, 2, 3, 4]
    run(1)
    assert [epoch for epoch, name, _ in points(folder / "tensorboard" / "train") if name == "loss"] == [1]


def test_a_missing_writer_is_named_before_training(run, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "nndsl.runs.tensorboard.find_spec", lambda name: None if name == "tensorboardX" else find_spec(name)
    )
    result, folder = run(1)
    assert result.exit_code == 1
    assert "NN612" in result.stderr
    assert 'pip install "nndsl[tensorboard]"' in result.stderr
    assert not folder.exists()
