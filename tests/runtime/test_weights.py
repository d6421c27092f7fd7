"""Weights files: what was learnt comes back, and what does not fit is named."""

import json

import numpy as np
import pytest
import tiny
from safetensors.numpy import load_file, save_file

from nndsl.diagnostics import UserError
from nndsl.runtime import weights


def trained():
    program = tiny.program()
    memory = program.memory(3)
    memory.states[...] = [0.25, -0.5]
    memory.fitted["points"] = {"x.mean": np.array([1.5, 2.5]), "sex.names": np.array(["male", "weiblich é"])}
    return program, memory


def written(tmp_path, name="weights.safetensors", **about):
    program, memory = trained()
    path = tmp_path / name
    weights.write_weights(path, program, memory, about)
    return path, program, memory


def diagnostic_of(path, program=None):
    program = program or tiny.program()
    memory = program.memory(9)
    before = memory.weights.copy()
    with pytest.raises(UserError) as raised:
        weights.read_weights(path, program, memory)
    assert np.array_equal(memory.weights, before)
    return raised.value.diagnostics[0]


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.npz", "mine.bin"])
def test_everything_comes_back_bit_for_bit(tmp_path, name):
    path, program, memory = written(tmp_path, name, seed=3)
    fresh = program.memory(9)
    about = weights.read_weights(path, program, fresh)
    assert about["seed"] == 3
    assert about["program"] == "line"
    assert np.array_equal(fresh.weights, memory.weights)
    assert np.array_equal(fresh.states, memory.states)
    assert fresh.fitted["points"]["x.mean"].dtype == np.float64
    assert np.array_equal(fresh.fitted["points"]["x.mean"], [1.5, 2.5])
    assert list(fresh.fitted["points"]["sex.names"]) == ["male", "weiblich é"]


def test_a_run_folder_stands_for_its_weights(tmp_path):
    _, program, memory = written(tmp_path)
    fresh = program.memory(9)
    weights.read_weights(tmp_path, program, fresh)
    assert np.array_equal(fresh.weights, memory.weights)


def test_other_programs_read_the_file_as_plain_safetensors(tmp_path):
    path, _, memory = written(tmp_path)
    arrays = load_file(path)
    assert np.array_equal(arrays["Line/kernel"], memory.weight("Line/kernel"))
    assert arrays["Line/bias"].shape == ()


def test_same_weights_give_the_same_bytes(tmp_path):
    first, second = (written(tmp_path, name, seed=1, train="line")[0].read_bytes() for name in ("a.st", "b.st"))
    assert first == second


def test_misfits_are_named_with_what_may_have_been_meant(tmp_path):
    path = tmp_path / "w.safetensors"
    arrays = {"Line/kernel": np.zeros((2, 4), np.float32), "Line/biases": np.zeros(1), "Line/mean": np.zeros(2)}
    save_file(arrays, path, {"nndsl": json.dumps({"sets": {"hidden": "128"}})})
    diagnostic = diagnostic_of(path)
    assert diagnostic.code == "NN604"
    assert diagnostic.notes == (
        "Line/kernel is [2, 4] there and [2] here",
        "Line/bias is missing there (it has Line/biases)",
        "Line/biases is there and unknown here",
    )
    assert diagnostic.help == "they were trained with `--set hidden=128`"


def test_another_programs_weights_are_said_to_be(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"Digits/kernel": np.zeros(2)}, path, {"nndsl": json.dumps({"program": "digits"})})
    assert diagnostic_of(path).help == "they belong to the program digits, this one is line"


def test_many_misfits_are_counted(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({f"Other/{number}": np.zeros(2) for number in range(30)}, path)
    notes = diagnostic_of(path).notes
    assert len(notes) == 9
    assert notes[-1] == "and 25 more"


@pytest.mark.parametrize("content", [b"", b"epoch,loss\n1,0.5\n", b"\xff" * 40, b"\x02\0\0\0\0\0\0\0{}extra"])
@pytest.mark.parametrize("name", ["w.safetensors", "w.npz", "w.csv"])
def test_what_is_no_weights_file_is_said(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert diagnostic_of(path).code == "NN605"


def test_a_file_cut_short_is_damaged(tmp_path):
    path, program, _ = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-3])
    assert diagnostic_of(path, program).code == "NN605"


def test_a_file_with_broken_metadata_is_damaged(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"Line/kernel": np.zeros(2)}, path, {"nndsl": "{"})
    assert diagnostic_of(path).code == "NN605"


def test_nothing_there_is_said(tmp_path):
    assert diagnostic_of(tmp_path / "nowhere").code == "NN601"


def test_a_folder_that_is_no_run_is_said_with_the_runs_in_it(tmp_path):
    run = tmp_path / "Digits"
    run.mkdir()
    written(run)
    diagnostic = diagnostic_of(tmp_path)
    assert diagnostic.code == "NN603"
    assert diagnostic.help == f"did you mean {run}?"


def test_writing_where_nothing_can_be_written_is_said(tmp_path):
    program, memory = trained()
    with pytest.raises(UserError) as raised:
        weights.write_weights(tmp_path / "nowhere" / "w.safetensors", program, memory, {})
    assert raised.value.diagnostics[0].code == "NN608"
