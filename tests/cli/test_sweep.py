"""`nndsl run --set hidden=16,64`: a run for each value, side by side at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nndsl.cli.sweep import values_of

PROGRAM = """\
let width = 4
let sizes = [3]
let name = "plain"
data d {
  x = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
  y = class([0, 1, 1, 0])
}
model M {
  input x
  for size in sizes { Dense(size, activation=relu) }
  Dense(width, activation=relu)
  Dense(2)
}
train T on d {
  epochs = 2
  assert name != "bad", "{name} is bad"
  minimize cross_entropy(M(x), y) using SGD(0.1)
}
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "a.nn"
    path.write_text(PROGRAM)
    return path


def folders(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "runs").iterdir())


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("16", ["16"]),
        ("16,64, 256", ["16", "64", "256"]),
        ("[16, 32]", ["[16, 32]"]),
        ("[16, 32],[64]", ["[16, 32]", "[64]"]),
        ("LSTM(16, use_bias=false),GRU(8)", ["LSTM(16, use_bias=false)", "GRU(8)"]),
        ('"a,b",c', ['"a,b"', "c"]),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ("a,,b", ["a", "", "b"]),
    ],
)
def test_commas_part_values_but_not_inside_of_brackets_and_quotes(text, values):
    assert values_of(text) == values


def test_each_value_gets_its_own_run_and_all_are_compared(nndsl, program, tmp_path):
    result = nndsl("run", program, "--set", "width=2,5")
    assert result.exit_code == 0, result.stderr
    assert folders(tmp_path) == ["a-width=2", "a-width=5"]
    rows = [line.split() for line in result.stdout.splitlines() if line.strip()]
    assert ["a-width=2", "a-width=5"] in rows
    assert ["width", "2", "5"] in rows


def test_a_run_of_a_sweep_is_what_it_would_be_alone(nndsl, program, tmp_path):
    assert nndsl("run", program, "--set", "width=2,5", "--out", "swept").exit_code == 0
    assert nndsl("run", program, "--set", "width=5", "--out", "alone").exit_code == 0
    for name in ("history.csv", "weights.safetensors"):
        assert (tmp_path / "swept/width=5" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_several_sets_are_combined_and_single_ones_hold_for_all(nndsl, program, tmp_path):
    result = nndsl("run", program, "--set", "width=2,5", "--set", "sizes=[3],[3, 4]", "--set", "name=x")
    assert result.exit_code == 0, result.stderr
    assert folders(tmp_path) == [
        "a-width=2-sizes=3",
        "a-width=2-sizes=3__4",
        "a-width=5-sizes=3",
        "a-width=5-sizes=3__4",
    ]
    start = json.loads((tmp_path / "runs/a-width=5-sizes=3__4/run.json").read_text())
    assert start["sets"] == {"width": "5", "sizes": "[3, 4]", "name": "x"}


def test_a_list_that_the_file_wants_is_one_value(nndsl, program, tmp_path):
    assert nndsl("run", program, "--set", "sizes=[3, 4]").exit_code == 0
    assert folders(tmp_path) == ["T"]


def test_a_text_with_a_comma_is_written_in_quotes(nndsl, program, tmp_path):
    assert nndsl("run", program, "--set", 'name="a, b"', "--out", "quoted").exit_code == 0
    result = nndsl("run", program, "--set", 'name="bad"', "--out", "bad")
    assert "bad is bad" in result.stderr


def test_values_that_look_alike_in_a_path_get_different_folders(nndsl, program, tmp_path):
    assert nndsl("run", program, "--set", "name=a/b,a?b,../b").exit_code == 0
    assert folders(tmp_path) == ["a-name=.._b", "a-name=a_b", "a-name=a_b~2"]


def test_a_wrong_value_is_said_before_anything_runs_and_the_others_run(nndsl, program, tmp_path):
    result = nndsl("run", program, "--set", "width=2,0,5")
    assert result.exit_code == 1
    assert folders(tmp_path) == ["a-width=2", "a-width=5"]
    assert "width=0:\nerror[NN308]" in result.stderr
    assert "ended early or with mistakes: width=0" in result.stderr
    assert "run 2 of 3" not in result.stdout


def test_a_run_that_fails_does_not_lose_the_others(nndsl, program, tmp_path):
    program.write_text(
        PROGRAM.replace("SGD(0.1)", "SGD(rate)").replace("let width = 4", "let width = 4\nlet rate = 0.1")
    )
    result = nndsl("run", program, "--set", "rate=1e30,0.1")
    assert result.exit_code == 1
    assert "NN617" in result.stderr
    assert (tmp_path / "runs/a-rate=0.1/summary.json").exists()
    assert "a-rate=0.1" in result.stdout


def test_an_expectation_that_fails_in_one_run_ends_with_1_and_compares_all(nndsl, program, tmp_path):
    program.write_text(PROGRAM.replace("epochs = 2", "epochs = 2\n  expect train loss < width - 3"))
    result = nndsl("run", program, "--set", "width=3,9")
    assert result.exit_code == 1
    assert "NN615" in result.stderr
    assert ["width", "3", "9"] in [line.split() for line in result.stdout.splitlines()]


@pytest.mark.parametrize("given", ["width=2,", "width=,2", "width=2,2"])
def test_missing_and_repeated_values_are_refused(nndsl, program, tmp_path, given):
    result = nndsl("run", program, "--set", given)
    assert result.exit_code == 1
    assert "NN616" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_json_is_one_document(nndsl, program):
    result = nndsl("run", program, "--set", "width=2,0,5", "--json")
    assert result.exit_code == 1
    answer = json.loads(result.stdout)
    assert [trial["ok"] for trial in answer["trials"]] == [True, False, True]
    assert answer["trials"][1]["diagnostics"][0]["code"] == "NN308"
    assert answer["trials"][2]["runs"][0]["train"] == "T"
    assert answer["comparison"]["differing"] == {"width": ["2", "5"]}


def test_ctrl_c_ends_the_sweep_and_keeps_what_ran(program, tmp_path):
    program.write_text(PROGRAM.replace("epochs = 2", "epochs = 2 + 1000000 * (width - 2)"))
    with subprocess.Popen(
        [sys.executable, "-m", "nndsl", "run", "a.nn", "--set", "width=2,3,4"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        deadline = time.monotonic() + 60
        seen = ""
        while "run 2 of 3" not in seen or "epoch" not in seen.partition("run 2 of 3")[2]:
            assert time.monotonic() < deadline
            seen += process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=60)
    assert process.returncode == 130, complaints
    assert "a-width=2" in rest
    assert "run 3 of 3" not in rest
    assert "1 of 3 were not begun" in complaints
    assert (tmp_path / "runs/a-width=2/summary.json").exists()


def test_resume_goes_on_with_what_is_left_and_keeps_what_is_finished(nndsl, program, tmp_path):
    assert nndsl("run", program, "--set", "width=2", "--out", "swept/width=2").exit_code == 0
    before = (tmp_path / "swept/width=2/weights.safetensors").stat().st_mtime_ns
    result = nndsl("run", program, "--set", "width=2,5", "--out", "swept", "--resume")
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "swept/width=2/weights.safetensors").stat().st_mtime_ns == before
    assert (tmp_path / "swept/width=5/summary.json").exists()
    assert ["width", "2", "5"] in [line.split() for line in result.stdout.splitlines()]
