"""Files that come back as they were written, and are there whole or not at all."""

import json

import numpy as np
import pytest
import tiny

from nndsl.runtime.standalone import files
from nndsl.runtime.weights import write_weights


def trained():
    program = tiny.program()
    memory = program.memory(3)
    memory.states[...] = [0.25, -0.5]
    memory.fitted["points"] = {"x.mean": np.array([1.5, 2.5]), "sex.names": np.array(["male", "weiblich é"])}
    return program, memory


def test_weights_come_back_bit_for_bit(tmp_path):
    program, memory = trained()
    files.write_weights(tmp_path / "w.npz", program, memory, {"seed": 3, "train": "line"})
    fresh = program.memory(9)
    about = files.read_weights(tmp_path / "w.npz", program, fresh)
    assert about == {"program": "line", "source_hash": "0" * 64, "seed": 3, "train": "line"}
    assert np.array_equal(fresh.weights, memory.weights)
    assert np.array_equal(fresh.states, memory.states)
    assert fresh.fitted.keys() == {"points"}
    assert np.array_equal(fresh.fitted["points"]["x.mean"], [1.5, 2.5])
    assert fresh.fitted["points"]["x.mean"].dtype == np.float64
    assert list(fresh.fitted["points"]["sex.names"]) == ["male", "weiblich é"]


def test_weights_of_nndsl_run_are_read(tmp_path):
    program, memory = trained()
    write_weights(tmp_path / "w.safetensors", program, memory, {"seed": 3, "train": "line"})
    fresh = program.memory(9)
    about = files.read_weights(tmp_path / "w.safetensors", program, fresh)
    assert about == {"program": "line", "seed": 3, "train": "line"}
    assert np.array_equal(fresh.weights, memory.weights)
    assert np.array_equal(fresh.states, memory.states)
    assert np.array_equal(fresh.fitted["points"]["x.mean"], [1.5, 2.5])
    assert list(fresh.fitted["points"]["sex.names"]) == ["male", "weiblich é"]


def damaged_safetensors():
    """Contents that are no `.safetensors` file of weights."""
    yield b""
    yield b"\x05\0\0"
    yield b"\xff" * 8
    for text in (b"[]", b"{", b"[" * 100_000, b'{"a": 1}', b'{"a": {}}', b'{"__metadata__": 3}'):
        yield len(text).to_bytes(8, "little") + text
    for kind, shape, offsets in (
        ("F32", [2], [0, 400]),
        ("F32", [2], [-8, 8]),
        ("F32", [-1], [0, 8]),
        ("F32", [3], [0, 8]),
        ("O", [1], [0, 8]),
        ("F32", [1], [0, 4]),
        ("F32", ["2"], [0, 8]),
        ("F32", [2], [8, 0]),
    ):
        entry = {"a": {"dtype": kind, "shape": shape, "data_offsets": offsets}}
        text = json.dumps(entry).encode()
        yield len(text).to_bytes(8, "little") + text + bytes(8)


@pytest.mark.parametrize("content", list(damaged_safetensors()))
def test_a_damaged_safetensors_file_is_said(tmp_path, content):
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(files.FileError, match=r"w\.safetensors"):
        files.read_safetensors_file(tmp_path / "w.safetensors")


@pytest.mark.parametrize("content", [b"", b"x,y\n1,2\n"])
def test_files_of_other_kinds_are_said_with_what_writes_the_right_one(tmp_path, content):
    program, memory = trained()
    path = tmp_path / "d.csv"
    path.write_bytes(content)
    with pytest.raises(files.FileError, match=r"is no .npz file; `nndsl build model.nn --data columns.npz` writes one"):
        files.read_columns(path)
    with pytest.raises(files.FileError, match=r"is no .npz file; train writes weights as .npz, `nndsl run` as"):
        files.read_weights(path, program, memory)


def test_a_pickle_is_never_opened_and_said_to_be_one(tmp_path):
    program, memory = trained()
    path = tmp_path / "weights.pt"
    path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")
    for read in (lambda: files.read_columns(path), lambda: files.read_weights(path, program, memory)):
        with pytest.raises(files.FileError, match=r"is a Python pickle, which runs whatever its author wrote"):
            read()


def test_restoring_fills_the_vectors_that_workspaces_hold(tmp_path):
    program, memory = trained()
    files.write_weights(tmp_path / "w.npz", program, memory, {})
    fresh = program.memory(9)
    view, vector = fresh.weight("Line/kernel"), fresh.weights
    files.read_weights(tmp_path / "w.npz", program, fresh)
    assert fresh.weights is vector
    assert np.array_equal(view, memory.weight("Line/kernel"))


def test_weights_are_plain_arrays_under_their_paths(tmp_path):
    program, memory = trained()
    files.write_weights(tmp_path / "w.npz", program, memory, {})
    with np.load(tmp_path / "w.npz", allow_pickle=False) as archive:
        assert {"Line/kernel", "Line/bias", "Line/mean", "fitted:points/x.mean"} < set(archive.files)
        assert np.array_equal(archive["Line/kernel"], memory.weight("Line/kernel"))


def test_same_weights_give_the_same_bytes(tmp_path):
    program, memory = trained()
    for name in ("a.npz", "b.npz"):
        files.write_weights(tmp_path / name, program, memory, {"seed": 1})
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


def test_other_networks_weights_are_refused_by_name_and_change_nothing():
    program, memory = trained()
    arrays = files.collected(program, memory)
    arrays["Line/kernel"] = np.zeros((2, 4))
    del arrays["Line/mean"]
    arrays["Curve/kernel"] = np.zeros(3)
    fresh = program.memory(9)
    before = fresh.weights.copy()
    with pytest.raises(files.WeightsError) as raised:
        files.restore(program, fresh, arrays)
    assert raised.value.shapes == (("Line/kernel", (2,), (2, 4)),)
    assert raised.value.missing == ("Line/mean",)
    assert raised.value.unknown == ("Curve/kernel",)
    for said in ("Line/kernel is [2, 4] there and [2] here", "Line/mean is missing", "Curve/kernel is unknown here"):
        assert said in str(raised.value)
    assert np.array_equal(fresh.weights, before)


def test_many_misfits_are_counted_not_listed():
    error = files.WeightsError(missing=[f"Line/{number}" for number in range(20)])
    assert str(error).endswith("and 16 more")
    assert "\n" not in str(error)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 broken", b"\x93NUMPY", b"not an archive"])
def test_what_is_no_npz_file_is_said(tmp_path, content):
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    with pytest.raises(files.FileError, match=r"w\.npz"):
        files.read_arrays(path)


def test_a_single_array_is_no_npz_file(tmp_path):
    np.save(tmp_path / "w.npy", np.zeros(3))
    with pytest.raises(files.FileError, match="one array without a name"):
        files.read_arrays(tmp_path / "w.npy")


def test_pickled_objects_are_refused(tmp_path):
    np.savez(tmp_path / "w.npz", thing=np.array([{"a": 1}], object))
    with pytest.raises(files.FileError):
        files.read_arrays(tmp_path / "w.npz")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(files.FileError, match="no such file"):
        files.read_arrays(tmp_path / "w.npz")


def test_columns_of_parts_come_back_under_their_parts(tmp_path):
    tables = {
        "all": {"x": np.eye(2), "file": np.array(["a", "b"]), "width/height": np.ones(2)},
        "test": {"x": np.zeros((1, 2)), "file": np.array(["c"])},
    }
    files.write_columns(tmp_path / "d.npz", tables)
    found = files.read_columns(tmp_path / "d.npz")
    assert found.keys() == tables.keys()
    for table, columns in tables.items():
        assert found[table].keys() == columns.keys()
        assert all(np.array_equal(found[table][name], values) for name, values in columns.items())


def test_a_plain_savez_is_one_table(tmp_path):
    np.savez(tmp_path / "d.npz", x=np.eye(2))
    assert files.read_columns(tmp_path / "d.npz").keys() == {"all"}


def test_history_keeps_every_digit(tmp_path):
    rows = [{"epoch": 1, "train.loss": 0.1 + 0.2}, {"epoch": 2, "train.loss": float("nan")}]
    files.write_history(tmp_path / "h.csv", rows)
    assert (tmp_path / "h.csv").read_text() == "epoch,train.loss\n1,0.30000000000000004\n2,nan\n"


def test_predictions_as_table_have_a_column_for_each_element(tmp_path):
    predictions = {"digit": np.array(["3", "zwölf, 12"]), "score": np.array([[0.1, 0.25], [1, 0]], np.float32)}
    files.write_predictions(tmp_path / "p.csv", predictions)
    expected = 'digit,score[0],score[1]\n3,0.1,0.25\n"zwölf, 12",1.0,0.0\n'
    assert (tmp_path / "p.csv").read_text(encoding="utf-8") == expected


def test_a_prediction_of_one_element_is_a_column_of_its_name(tmp_path):
    predictions = {"quality": np.array([[1.5], [2]], np.float32), "other": np.ones((2, 1, 1), np.float32)}
    files.write_predictions(tmp_path / "p.csv", predictions)
    assert (tmp_path / "p.csv").read_text(encoding="utf-8") == "quality,other\n1.5,1.0\n2.0,1.0\n"


def test_predictions_as_npz_keep_their_shapes(tmp_path):
    files.write_predictions(tmp_path / "p.npz", {"score": np.ones((3, 2, 2))})
    assert files.read_arrays(tmp_path / "p.npz")["score"].shape == (3, 2, 2)


def test_predictions_of_another_kind_are_refused(tmp_path):
    with pytest.raises(files.FileError, match=r"not as \.xlsx"):
        files.write_predictions(tmp_path / "p.xlsx", {})


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "w.npz"
    path.write_text("old")

    def failing(file):
        file.write(b"half of it")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        files.write_whole(path, failing)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_writing_where_nothing_can_be_written_is_said(tmp_path):
    with pytest.raises(files.FileError, match="can't write"):
        files.write_arrays(tmp_path / "nowhere" / "w.npz", {})
