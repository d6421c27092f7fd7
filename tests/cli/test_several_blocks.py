"""Files with several train blocks, and blocks without data."""

from __future__ import annotations

import json
import re

import pytest

PROGRAM = """\
data d {
  x = [[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]
  y = class([0, 1, 1, 0])
  split train 50%, test 50%
}
model M {
  input x
  Dense(2)
}
train First on d {
  epochs = 3
  minimize cross_entropy(M(x), y) using SGD(0.1)
}
train Drawn {
  steps = 240
  minimize mean(M(normal([2])) ^ 2) using SGD(0.001)
}
train Second on d {
  epochs = 2
  minimize cross_entropy(M(x), y) using SGD(0.1)
  metric accuracy(M(x), y)
}
"""


@pytest.fixture
def trained(nndsl, tmp_path):
    (tmp_path / "a.nn").write_text(PROGRAM)
    result = nndsl("run", "a.nn")
    assert result.exit_code == 0, result.stderr
    return result


def test_evaluating_a_file_evaluates_each_block_that_has_data_and_says_which(nndsl, trained):
    lines = [line.split() for line in nndsl("evaluate", "a.nn").stdout.splitlines()]
    assert [line[:2] for line in lines] == [["First", "loss"], ["Second", "loss"]]
    for name, line in zip(("First", "Second"), lines, strict=True):
        ended = next(each for each in trained.stdout.splitlines() if each.startswith(f"{name} test"))
        assert line[2] == ended.split()[3]


def test_json_has_a_list_of_several_blocks_and_the_numbers_of_one(nndsl, trained):
    several = json.loads(nndsl("evaluate", "a.nn", "--json").stdout)
    assert [each["train"] for each in several["trains"]] == ["First", "Second"]
    one = json.loads(nndsl("evaluate", "a.nn", "--train", "Second", "--json").stdout)
    assert one["numbers"] == several["trains"][1]["numbers"]


def test_one_block_and_a_run_are_evaluated_alone(nndsl, trained):
    assert len(nndsl("evaluate", "a.nn", "--train", "First").stdout.splitlines()) == 1
    assert len(nndsl("evaluate", "runs/Second").stdout.splitlines()) == 1


def test_a_block_without_data_counts_steps(trained):
    block = trained.stdout.partition("training Drawn")[2].partition("training Second")[0]
    told = re.findall(r"^(step|epoch) +(\d+)/(\d+)", block, re.MULTILINE)
    assert {(word, of) for word, _, of in told} == {("step", "240")}
    assert told[-1][1] == "240"


def test_a_block_with_data_counts_epochs(trained):
    assert re.findall(r"^epoch (\d)/3 ", trained.stdout, re.MULTILINE) == ["1", "2", "3"]
