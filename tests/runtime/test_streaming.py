"""Programs whose data stays in files give, bit for bit, what they give with their data in memory."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest

import nndsl
from nndsl.diagnostics import UserError
from nndsl.runs.progress import Lines
from nndsl.runs.trainer import run
from nndsl.runtime import machine, sources
from nndsl.runtime.machine import FreeMemory

FIELDS = """\
  x = standardize(column("value"))
  label = class(column("label"))
  split train 70%, validation 15%, test 15%, stratify=label"""

TABLE = """\
  x = standardize(fill(columns("age", "height"), median))
  ward = one_hot(category(column("ward")))
  label = class(column("label"))
  split train 70%, validation 15%, test 15%"""

PROGRAM = """\
data d from READER {
FIELDS
}

model M {
  input x
  hidden: Dense(8, activation=tanh)
  Dropout(0.2)
  BatchNormalization
  Dense(2)
}

train M on d {
  epochs = 3
  batch_size = 32
  stream = STREAM
  scores = M(x)
  minimize cross_entropy(scores, label) using Adam(0.01)
  metric accuracy(scores, label)
  predict answer = argmax(scores), sure = max(softmax(scores))
}
"""


def arrays(folder, rows=700):
    generator = np.random.default_rng(0)
    values = generator.normal(2, 3, (rows, 6)).astype(np.float32)
    return values, (values[:, 0] > 2).astype(np.uint8)


def npy(folder):
    values, labels = arrays(folder)
    np.save(folder / "x.npy", values)
    np.save(folder / "y.npy", labels)
    return 'npy("x.npy", labels="y.npy")', FIELDS, "x.npy"


def npz(folder):
    values, labels = arrays(folder)
    np.savez_compressed(folder / "d.npz", value=values, label=labels)
    return 'npz("d.npz")', FIELDS, "d.npz"


def parquet(folder):
    pyarrow = pytest.importorskip("pyarrow")
    files = pytest.importorskip("pyarrow.parquet")
    values, labels = arrays(folder)
    files.write_table(pyarrow.table({"value": list(values), "label": labels}), folder / "d.parquet", row_group_size=99)
    return 'parquet("d.parquet")', FIELDS, "d.parquet"


def csv(folder):
    generator = np.random.default_rng(0)
    lines = ["age,height,ward,label"]
    for row in range(700):
        age, height = generator.normal(40, 9), generator.normal(170, 9)
        lines.append(f"{'' if row % 9 == 0 else age},{height},{'abc'[row % 3] * 4},{'yes' if age > 40 else 'no'}")
    (folder / "d.csv").write_text("\n".join(lines) + "\n")
    return 'csv("d.csv")', TABLE, "d.csv"


@pytest.fixture(autouse=True)
def nothing_held(tmp_path_factory, monkeypatch):
    """No column of streamed data is held in memory, however small; the cache is the test's own."""
    monkeypatch.setattr(sources, "HELD_SHARE", 0.0)
    monkeypatch.setattr(sources, "HELD_BYTES", 0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def program(folder, reader, fields, stream="true", name="m.nn"):
    path = folder / name
    text = PROGRAM.replace("READER", reader).replace("FIELDS", fields)
    path.write_text(text.replace("  stream = STREAM\n", "" if stream is None else f"  stream = {stream}\n"))
    return path


def learnt(model):
    return {path: values.tobytes() for path, values in (model.weights | model.states).items()}


def is_streamed(model):
    return not any(isinstance(part, dict) for part in model.parts(model.checked.trains[0]).values())


@pytest.mark.parametrize("make", [npy, npz, parquet, csv])
def test_streamed_training_ends_bit_for_bit_like_training_in_memory(make, tmp_path):
    reader, fields, new = make(tmp_path)
    held, streamed = (nndsl.load(program(tmp_path, reader, fields, stream), seed=3) for stream in ("false", "true"))
    assert held.fit() == streamed.fit()
    assert (is_streamed(held), is_streamed(streamed)) == (False, True)
    assert learnt(held) == learnt(streamed)
    fitted = held.memory.fitted["d"]
    assert {name: value.tobytes() for name, value in fitted.items()} == {
        name: value.tobytes() for name, value in streamed.memory.fitted["d"].items()
    }
    for part in ("train", "validation", "test"):
        assert held.evaluate(part=part) == streamed.evaluate(part=part)
    if make is not npy:  # a single array has no labels
        assert held.evaluate(tmp_path / new) == streamed.evaluate(tmp_path / new)
    ours, theirs = streamed.predict(tmp_path / new), held.predict(tmp_path / new)
    assert {name: values.tolist() for name, values in ours.items()} == {n: v.tolist() for n, v in theirs.items()}
    assert not [thread.name for thread in threading.enumerate() if "read-ahead" in thread.name]


def test_everything_that_looks_at_samples_does_so_on_streamed_data(tmp_path):
    held, streamed = (nndsl.load(program(tmp_path, *npy(tmp_path)[:2], stream)) for stream in ("false", "true"))
    ours, theirs = streamed.features("hidden", part="test"), held.features("hidden", part="test")
    assert list(ours) == ["M/hidden", "label"]
    assert all(np.array_equal(values, theirs[name]) for name, values in ours.items())
    assert streamed.gradient_flows() == held.gradient_flows()
    assert streamed.gradient_flows(samples=10_000) == held.gradient_flows(samples=10_000)


def test_a_solver_takes_streamed_samples(tmp_path):
    reader, fields, _ = npy(tmp_path)
    found = []
    for stream in ("false", "true"):
        path = program(tmp_path, reader, fields, stream)
        text = path.read_text().replace("Adam(0.01)", "LBFGS()").replace("  batch_size = 32\n", "")
        path.write_text(text.replace("  Dropout(0.2)\n  BatchNormalization\n", ""))
        model = nndsl.load(path)
        found.append((model.fit(), learnt(model)))
    assert found[0] == found[1]


def test_data_is_streamed_where_memory_would_not_hold_it(tmp_path, monkeypatch):
    path = program(tmp_path, *npy(tmp_path)[:2], stream=None)
    for free, expected in ((None, False), (1 << 30, False), (60_000, True)):
        found = None if free is None else FreeMemory(free, "a test leaves")
        monkeypatch.setattr(machine, "free_memory", lambda found=found: found)
        assert is_streamed(nndsl.load(path)) is expected


def test_small_columns_of_streamed_data_are_held(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "HELD_SHARE", 1 / 16)
    monkeypatch.setattr(machine, "free_memory", lambda: FreeMemory(16 * 1000, "a test leaves"))
    model = nndsl.load(program(tmp_path, *npy(tmp_path)[:2], stream=None))
    assert model.data_notes(model.checked.trains[0]) == ["streams 16.8 kB from x.npy"]
    assert is_streamed(model)


def test_a_summary_says_what_will_be_streamed(tmp_path):
    model = nndsl.load(program(tmp_path, *npy(tmp_path)[:2]))
    told = sources.reading_told(model.checked, model.checked.trains[0], 4)
    assert told == "700 rows: streams 17.5 kB from x.npy"


def test_a_run_says_what_it_streams(tmp_path, capsys):
    import sys

    model = nndsl.load(program(tmp_path, *npy(tmp_path)[:2]))
    run(model, out=tmp_path / "out", epochs=1, progress=Lines(sys.stdout))
    assert "streams 17.5 kB from x.npy" in capsys.readouterr().out


def test_training_that_is_left_ends_its_thread(tmp_path):
    model = nndsl.load(program(tmp_path, *npy(tmp_path)[:2]))
    events = model.training(model.checked.trains[0])
    next(events)
    events.close()
    assert not [thread.name for thread in threading.enumerate() if "read-ahead" in thread.name]


def test_a_wrong_row_of_streamed_data_is_said_with_its_place(tmp_path):
    values, labels = arrays(tmp_path)
    np.save(tmp_path / "y.npy", labels)
    np.save(tmp_path / "x.npy", values)
    path = program(tmp_path, 'npy("x.npy", labels="y.npy")', FIELDS.replace("standardize(", "(2 * "))
    model = nndsl.load(path)
    values[456, 3] = np.inf
    np.save(tmp_path / "x.npy", values)
    with pytest.raises(UserError) as caught:
        model.fit()
    (found,) = caught.value.diagnostics
    assert found.code == "NN414"
    assert "x.npy, row 456" in found.message


def test_rows_that_look_at_others_are_not_streamed(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(90.0))
    fields = (
        '  series = column("value")\n  x = window(series, 5)\n  y = next(series)\n  split train 80%, test 20% in order'
    )
    text = PROGRAM.replace("READER", 'npy("x.npy")').replace("FIELDS", fields)
    text = text[: text.index("  scores")] + "  minimize mse(M(x), y) using Adam(0.01)\n}\n"
    path = tmp_path / "m.nn"
    path.write_text(
        text.replace("Dense(2)", "Dense(1)")
        .replace("STREAM", "true")
        .replace("series = ", "s = ")
        .replace("(series", "(s")
    )
    with pytest.raises(UserError) as caught:
        nndsl.load(path).fit()
    (found,) = caught.value.diagnostics
    assert found.code == "NN616"
    assert "stream" in found.help


def test_a_standalone_file_streams_its_columns_bit_for_bit(tmp_path, monkeypatch, capsys):
    from nndsl.data import open_tables, read_tables

    results = []
    for stream in ("false", "true"):
        model = nndsl.load(program(tmp_path, *npy(tmp_path)[:2], stream))
        names = model.generated.names
        monkeypatch.setitem(names, "LEFT_FROM_BYTES", 1000)
        data = model.checked.data[0]
        columns, weights, answers = (tmp_path / f"{stream}-{name}.npz" for name in ("columns", "weights", "answers"))
        names["write_columns"](columns, read_tables(data, open_tables(data)))
        left = names["read_columns"](columns, stream == "true")["all"]
        assert [type(left[name]).__name__ for name in ("value", "label")] == [
            *(["StoredColumn"] if stream == "true" else ["ndarray"]),
            "ndarray",
        ]
        run_command = names["run_command"]
        assert run_command(names["PROGRAM"], ["train", str(columns), "--weights", str(weights)]) == 0
        printed = capsys.readouterr().out.replace(stream, "")
        predicting = ["predict", str(columns), "--weights", str(weights), "-o", str(answers)]
        assert run_command(names["PROGRAM"], predicting) == 0
        capsys.readouterr()
        with np.load(weights) as found, np.load(answers) as answered:
            arrays = {name: found[name].tobytes() for name in found.files if name != ":about"}
            results.append((printed, arrays, {name: answered[name].tolist() for name in answered.files}))
    assert results[0] == results[1]


def test_streamed_training_that_is_left_in_an_epoch_goes_on_bit_for_bit(tmp_path):
    path = program(tmp_path, *npy(tmp_path)[:2])
    whole, left, gone_on = (nndsl.load(path, seed=3) for _ in range(3))
    history = whole.fit()
    first, second = (model.fitting(model.checked.trains[0]) for model in (left, gone_on))
    events = first.events()
    for _ in range(20):  # of 16 steps an epoch
        next(events)
    memory, other = left.memory, gone_on.memory
    other.weights[...], other.states[...] = memory.weights, memory.states
    for name, values in memory.slots.items():
        other.slots[name][...] = values
    other.scalars.update(memory.scalars)
    second.restore(copy.deepcopy(first.state()))
    events.close()
    rows = [event.row() for event in second.events() if type(event).__name__ == "EpochDone"]
    assert rows == history[1:]
    assert learnt(gone_on) == learnt(whole)
