"""Checkpoint files: whole or not at all, checked when they are read, one always there."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from nndsl.runtime import checkpoints
from nndsl.runtime.checkpoints import FINISHED, PREVIOUS, UNFINISHED, CheckpointError, CheckpointFiles, read_checkpoint

ARRAYS = {
    "Net/dense/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
    "Net/scale": np.array(0.5, np.float64),
    "Net/nothing": np.zeros((0, 3), np.float32),
    "Net/turned": np.arange(6, dtype=np.float64).reshape(2, 3).T,
    "slot:Net/0.0/m": np.array([np.nan, np.inf, -0.0], np.float32),
    "state:ids": np.array([1, -2], np.int64),
    "state:bits": np.array([True, False]),
    "fitted:d/names": np.array(["rose", "lily", 'ürgh"'], np.str_),
    "history:rows": np.frombuffer(b"[]", np.uint8),
}


def about(step=7, **changes):
    empty = {name: {} for name in ("started", "sources", "versions")}
    layouts = {"weights": {}, "states": {}, "slots": {}}
    state = {"epoch": 2, "step": step, "samples": 3, "best": float("inf"), "stop": None}
    said = {"session": "s", "train": "Net", "state": state, "scalars": {"rate": 0.1}, "declared": layouts}
    return {**empty, **said, "seconds": 1.5, **changes}


def written(folder, *steps):
    files = CheckpointFiles(folder)
    for step in steps:
        files.write(ARRAYS, about(step))
    return files


def step_of(folder):
    found = CheckpointFiles(folder).read()
    return None if found is None else found.about["state"]["step"]


def test_what_is_written_is_read_bit_for_bit(tmp_path):
    written(tmp_path, 7)
    found = CheckpointFiles(tmp_path).read()
    assert found.arrays.keys() == ARRAYS.keys()
    for name, values in ARRAYS.items():
        assert found.arrays[name].dtype == values.dtype
        assert found.arrays[name].shape == values.shape
        assert found.arrays[name].tobytes() == values.tobytes(), name
    assert {**found.about, "format": 1} == {**about(), "format": 1}
    assert found.moment == "epoch 2, step 7"
    assert not found.finished


def test_anybody_can_take_the_weights_out(tmp_path):
    written(tmp_path, 7)
    found = load_file(tmp_path / UNFINISHED)
    assert np.array_equal(found["Net/dense/kernel"], ARRAYS["Net/dense/kernel"])


def test_the_one_before_is_kept(tmp_path):
    written(tmp_path, 1, 2, 3)
    assert step_of(tmp_path) == 3
    assert read_checkpoint(tmp_path / PREVIOUS)[1]["state"]["step"] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([UNFINISHED, PREVIOUS])


def test_a_finished_run_keeps_its_last_one(tmp_path):
    written(tmp_path, 1, 2).finish()
    assert [path.name for path in tmp_path.iterdir()] == [FINISHED]
    assert CheckpointFiles(tmp_path).read().finished


def damage(path, how):
    content = bytearray(path.read_bytes())
    match how:
        case "torn":
            content = content[: len(content) // 2]
        case "empty":
            content = b""
        case "cut":
            content = content[:-1]
        case "longer":
            content += b"x"
        case "flipped":
            content[-5] ^= 16
        case "flipped in the head":
            content[content.index(b"seconds") + 11] ^= 1
        case "other text":
            content = b"somebody's notes"
    path.write_bytes(content)


KINDS = ("torn", "empty", "cut", "longer", "flipped", "flipped in the head", "other text")


@pytest.mark.parametrize("how", KINDS)
def test_of_a_damaged_one_the_one_before_is_taken_and_the_damage_named(tmp_path, how):
    written(tmp_path, 1, 2)
    damage(tmp_path / UNFINISHED, how)
    found = CheckpointFiles(tmp_path).read()
    assert found.about["state"]["step"] == 1
    (problem,) = found.damaged
    assert str(tmp_path / UNFINISHED) in problem
    assert "damaged" in problem


def test_a_damaged_one_never_takes_the_place_of_the_one_before(tmp_path):
    written(tmp_path, 1, 2)
    damage(tmp_path / UNFINISHED, "flipped")
    files = CheckpointFiles(tmp_path)
    files.read()
    files.write(ARRAYS, about(3))
    assert read_checkpoint(tmp_path / PREVIOUS)[1]["state"]["step"] == 1
    files.write(ARRAYS, about(4))
    assert read_checkpoint(tmp_path / PREVIOUS)[1]["state"]["step"] == 3


def test_where_none_is_whole_all_are_named(tmp_path):
    written(tmp_path, 1, 2)
    damage(tmp_path / UNFINISHED, "torn")
    damage(tmp_path / PREVIOUS, "flipped")
    with pytest.raises(CheckpointError) as raised:
        CheckpointFiles(tmp_path).read()
    assert UNFINISHED in str(raised.value)
    assert PREVIOUS in str(raised.value)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_flipped_bit_goes_unseen(tmp_path_factory, data):
    folder = tmp_path_factory.getbasetemp() / "flipped"
    folder.mkdir(exist_ok=True)
    written(folder, 1)
    path = folder / UNFINISHED
    content = bytearray(path.read_bytes())
    head = 8 + int.from_bytes(content[:8], "little")
    place = data.draw(st.integers(0, len(content) * 8 - 1))
    byte = content[place // 8]
    content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    if place // 8 < head and byte == ord(" "):
        return  # padding, which says nothing
    try:
        arrays, said = read_checkpoint(path)
    except CheckpointError:
        return
    assert json.dumps(said, sort_keys=True) == json.dumps(about(1) | {"format": 1}, sort_keys=True)
    assert all(arrays[name].tobytes() == values.tobytes() for name, values in ARRAYS.items())


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300), st.booleans())
def test_bytes_of_anybodys_are_no_checkpoint(tmp_path_factory, content, headed):
    path = tmp_path_factory.getbasetemp() / "bytes.safetensors"
    path.write_bytes(len(content).to_bytes(8, "little") + content if headed else content)
    with pytest.raises(CheckpointError):
        read_checkpoint(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 2},
        {"session": 3},
        {"state": {"epoch": "two", "step": 1, "samples": 0}},
        {"state": {"epoch": 2}},
        {"scalars": {"rate": "fast"}},
        {"declared": {"weights": []}},
        {"texts": None},
        {"started": None},
    ],
)
def test_one_with_the_right_checksum_and_nonsense_in_it_is_refused(tmp_path, monkeypatch, changes):
    if "format" in changes:
        monkeypatch.setattr(checkpoints, "_FORMAT", changes["format"])
    written_about = about(**{name: value for name, value in changes.items() if name not in ("format", "texts")})
    if "texts" in changes:
        monkeypatch.setattr(checkpoints.json, "dumps", lambda value, **_: _dumps(value, changes))
    CheckpointFiles(tmp_path).write(ARRAYS, written_about)
    monkeypatch.undo()
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / UNFINISHED)


def _dumps(value, changes):
    return json.JSONEncoder(ensure_ascii=False).encode({**value, **changes} if "session" in value else value)


class Dead(BaseException):
    """The process is killed."""


def die_at(monkeypatch, number):
    """Dies at the file operation of that number; nothing is done after it, as in a killed process."""
    count = [0]

    def dying(original):
        def call(*arguments, **options):
            count[0] += 1
            if count[0] >= number:
                raise Dead
            return original(*arguments, **options)

        return call

    for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "open"), (os, "fsync"), (os, "open")):
        monkeypatch.setattr(owner, name, dying(getattr(owner, name)))
    return count


def test_whenever_a_process_dies_the_last_or_the_one_before_is_whole(tmp_path, monkeypatch):
    deaths = 0
    for number in range(1, 100):
        folder = tmp_path / str(number)
        folder.mkdir()
        files = written(folder, 1, 2)
        with monkeypatch.context() as dying:
            die_at(dying, number)
            try:
                files.write(ARRAYS, about(3))
                alive = True
            except Dead:
                alive = False
        assert step_of(folder) in ((3,) if alive else (2, 3))
        if alive:
            break
        deaths += 1
    assert deaths >= 6


def test_whenever_a_process_dies_while_it_finishes_a_whole_one_is_left(tmp_path, monkeypatch):
    for number in range(1, 100):
        folder = tmp_path / str(number)
        folder.mkdir()
        files = written(folder, 1, 2)
        with monkeypatch.context() as dying:
            die_at(dying, number)
            try:
                files.finish()
                break
            except Dead:
                pass
        assert step_of(folder) == 2
    assert number > 3


@pytest.mark.parametrize("where", ["fsync", "replace"])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, where):
    files = written(tmp_path, 1, 2)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os if where == "fsync" else Path, where, full)
        with pytest.raises(CheckpointError, match=r"can't write .*resume\.safetensors: no space left on device"):
            files.write(ARRAYS, about(3))
    assert step_of(tmp_path) == 2
    assert not list(tmp_path.glob(".*"))
    files.write(ARRAYS, about(4))
    assert step_of(tmp_path) == 4


def test_what_a_killed_process_left_half_written_is_cleared_away(tmp_path):
    files = written(tmp_path, 1)
    (tmp_path / ".resume.safetensors.123.part").write_bytes(b"half")
    (tmp_path / ".checkpoint-0035.safetensors.9.part").write_bytes(b"half")
    (tmp_path / "show").mkdir()
    (tmp_path / "show" / ".shown_1.npz.12.part").write_bytes(b"half")
    (tmp_path / ".mine.part").write_bytes(b"not ours")
    files.remove_parts()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.part", UNFINISHED, "show"]
    assert list((tmp_path / "show").iterdir()) == []
