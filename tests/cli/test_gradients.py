"""`nndsl gradients`: what it prints, draws, and gives to programs."""

from __future__ import annotations

import json

import pytest

TEXT = """model Sum {
  input x
  x -> SimpleRNN(4, activation=sigmoid) -> Dense(1) -> Reshape([])
}
train Sum {
  steps = 3
  batch_size = 8
  x = uniform([40, 1])
  minimize mse(Sum(x), sum(x)) using SGD(learning_rate=0.01)
}
"""


@pytest.fixture
def said(nndsl, tmp_path):
    """`said("gradients", "sum.nn")`: what a command prints."""
    (tmp_path / "sum.nn").write_text(TEXT, encoding="utf-8")

    def output(*arguments):
        done = nndsl(*arguments)
        assert done.exit_code == 0, done.output
        return done.output

    return output


def test_it_lists_steps_weights_and_times_and_says_where_the_gradient_dies(said):
    output = said("gradients", "sum.nn")
    assert "over 8 samples" in output
    assert "Sum/simple_rnn/recurrent_kernel" in output
    rows = output[output.index("steps back") :].splitlines()
    assert [row.split()[0] for row in rows[1:4]] == ["0", "1", "2"]
    assert any(row.startswith("        39  ") for row in rows)
    assert "Sum/simple_rnn/h: the gradient dies" in output


def test_it_gives_programs_every_time(said):
    (found,) = json.loads(said("gradients", "sum.nn", "--json", "--samples", 2))["minimizes"]
    assert found["samples"] == 2
    assert len(found["states"][0]["sizes"]) == 40
    assert found["verdicts"]


def test_it_takes_the_weights_of_a_run(said):
    said("run", "sum.nn")
    fresh, trained = said("gradients", "sum.nn"), said("gradients", "runs/Sum")
    assert fresh != trained
    assert said("gradients", "sum.nn", "--weights", "runs/Sum") == trained


def test_it_draws_a_picture(said, tmp_path):
    pytest.importorskip("matplotlib")
    assert "wrote picture.png" in said("gradients", "sum.nn", "--picture", "picture.png")
    assert (tmp_path / "picture.png").stat().st_size > 5000


def test_a_picture_of_another_kind_is_a_mistake(nndsl):
    done = nndsl("gradients", "sum.nn", "--picture", "picture.txt")
    assert done.exit_code == 1
    assert "NN609" in done.output
