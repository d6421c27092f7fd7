"""`nndsl profile`: the table, what it gives to programs, and what it says of mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nndsl.runtime.profiling import Peaks

TEXT = """model Net {
  input x: [6]
  hidden: Dense(4, activation=tanh)
  Dense(2)
}

train Net {
  steps = 4
  batch_size = 3
  x = normal([6])
  minimize mse(Net(x), [1, 2]) using Adam
}
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path(tmp_path, "net.nn").write_text(TEXT, encoding="utf-8")
    peaks = Peaks(flops=100e9, copying=((1 << 19, 100e9), (1 << 27, 20e9)), call=3e-7, threads=1)
    monkeypatch.setattr("nndsl.runtime.profiling.measuring.measured_peaks", lambda dtype, threads: peaks)


def rows(output: str) -> list[list[str]]:
    return [line.split() for line in output.splitlines()]


def test_the_table_has_each_line_in_its_phases_and_adds_up(nndsl):
    done = nndsl("profile", "net.nn", "--steps", "8")
    assert done.exit_code == 0, done.output
    assert "training Net, a step of 3 samples in float32, matrix products on one thread" in done.output
    assert "peaks: products 100 GFLOP/s; copies 100 (up to 524 kB), 20.0 (beyond) GB/s" in done.output
    printed = rows(done.output)
    for start in (
        ["3", "hidden:", "Dense(4,", "activation=tanh)", "forward"],
        ["4", "Dense(2)", "forward"],
        ["all", "lines", "forward"],
        ["gathering", "the", "batch"],
        ["the", "training", "loop"],
        ["not", "told", "apart"],
    ):
        assert any(row[: len(start)] == start for row in printed), start
    assert sum(row[:1] == ["update"] for row in printed) == 2  # of the line, and of all lines
    (whole,) = [row for row in printed if row[:2] == ["a", "step"]]
    assert whole[-1] == "100.0%"
    assert "means over the quicker half of 8 steps" in done.output
    assert max(map(len, done.output.splitlines())) <= 120


def test_lines_of_the_library_stand_under_the_line_that_they_are_for(nndsl):
    done = nndsl("profile", "net.nn", "--steps", "4", "--library")
    assert done.exit_code == 0, done.output
    lines = [line.strip() for line in done.output.splitlines()]
    first = lines.index("3  hidden: Dense(4, activation=tanh)")
    assert lines[first + 1].startswith("dense.nn:22  y = x @ kernel")


def test_programs_get_every_number(nndsl):
    done = nndsl("profile", "net.nn", "--steps", "4", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["ok"]
    assert found["train"] == "Net"
    assert (found["samples"], found["steps"], found["threads"]) == (3, 4, 1)
    first = found["lines"][0]
    assert first["place"] == {"file": "net.nn", "line": 3, "text": "hidden: Dense(4, activation=tanh)"}
    assert set(first["forward"]) == {"seconds", "flops", "bytes", "calls", "best", "bound"}
    phases = ("forward", "backward", "update")
    told = sum(line[phase]["seconds"] for line in found["lines"] for phase in phases if phase in line)
    assert told + found["gathering"] + found["trainer"] + found["rest"] == pytest.approx(found["step"])
    assert found["peaks"]["copying"][0] == {"bytes": 1 << 19, "rate": 100e9}


def test_times_of_threads_are_said_to_be_added_up(nndsl):
    done = nndsl("profile", "net.nn", "--steps", "4", "--threads", "2")
    assert done.exit_code == 0, done.output
    assert "shared out over 2 threads" in done.output
    assert "threads: waiting, adding up" in done.output
    assert "the times of all threads are added up" in done.output


def test_nothing_is_saved(nndsl, tmp_path):
    assert nndsl("profile", "net.nn", "--steps", "4").exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == ["net.nn"]


@pytest.mark.parametrize("arguments", [["--train", "Other"], ["--set", "width=3"], ["--threads", "2", "-O0"]])
def test_mistakes_are_answered_as_run_answers_them(nndsl, arguments):
    profiled, ran = nndsl("profile", "net.nn", *arguments), nndsl("run", "net.nn", *arguments)
    assert profiled.exit_code == ran.exit_code == 1
    assert profiled.stderr == ran.stderr


def test_a_file_without_a_train_block_is_answered(nndsl, tmp_path):
    Path(tmp_path, "model.nn").write_text("model Net {\n  input x: [6]\n  Dense(4)\n}\n", encoding="utf-8")
    done = nndsl("profile", "model.nn")
    assert done.exit_code == 1
    assert "error[NN606]: model.nn has no train block" in done.stderr


def test_training_that_diverges_is_explained(nndsl, tmp_path):
    Path(tmp_path, "net.nn").write_text(TEXT.replace("Adam", "SGD(1e25)"), encoding="utf-8")
    done = nndsl("profile", "net.nn")
    assert done.exit_code == 1
    assert "error[NN617]" in done.stderr
