"""Checking gradients: right ones pass, wrong ones are found and named."""

from dataclasses import replace

import numpy as np
import pytest
import tiny

from nndsl.runtime.load import load
from nndsl.runtime.standalone.gradient_check import check_gradients, gradient_table
from nndsl.runtime.standalone.main import run_command


def spoilt(change):
    """The training workspace with its gradients changed before they are left."""

    def training(n, memory, seed):
        workspace = tiny.line_training(n, memory, seed)

        def run(step, epoch, first):
            workspace.run(step, epoch, first)
            change(memory)

        return replace(workspace, run=run)

    return replace(tiny.line(), training=training)


@pytest.mark.parametrize("fields", [tiny.fields(30), None])
def test_right_gradients_agree_with_and_without_data(fields):
    errors = check_gradients(tiny.program(), tiny.line(), fields, 0)
    assert [error.path for error in errors] == ["Line/kernel", "Line/bias"]
    assert all(error.agrees and error.error < 1e-7 for error in errors)
    assert all(error.largest > 0 for error in errors)


def test_a_wrong_gradient_is_found_and_named():
    def change(memory):
        memory.gradient("Line/kernel")[1] *= 1.001

    errors = check_gradients(tiny.program(), spoilt(change), tiny.fields(30), 0)
    assert [(error.path, error.agrees) for error in errors] == [("Line/kernel", False), ("Line/bias", True)]
    lines = gradient_table(errors).splitlines()
    assert lines[1].endswith("WRONG")
    assert lines[2].endswith("ok")


def test_a_gradient_that_was_forgotten_is_found():
    def change(memory):
        memory.gradient("Line/bias").fill(0)

    errors = check_gradients(tiny.program(), spoilt(change), tiny.fields(30), 0)
    assert [error.agrees for error in errors] == [True, False]


def test_only_trained_weights_are_checked():
    train = replace(tiny.line(), trained=("Line/bias",))
    assert [error.path for error in check_gradients(tiny.program(), train, None, 0)] == ["Line/bias"]


def test_weights_that_are_not_trained_are_said_to_be_so(tmp_path, capsys):
    (tmp_path / "two.nn").write_text(
        """
data numbers {
  x = [[0.5, 1], [1, -1], [2, 0.3]]
}
model First {
  input x
  Dense(2)
}
model Second {
  input y: [2]
  Dense(1)
}
train Second on numbers {
  epochs = 1
  minimize batch_mean(sum(Second(First(x)) ^ 2, axis=0)) over Second using SGD(0.1)
}
"""
    )
    program = load(tmp_path / "two.nn").generated.program
    assert program.trains["Second"].trained == ("Second/dense/kernel", "Second/dense/bias")
    assert run_command(program, ["check-gradients"]) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["First/dense/kernel"].endswith("not trained")
    assert lines["Second/dense/kernel"].endswith("ok")


def test_large_weights_are_sampled():
    errors = check_gradients(tiny.program(), tiny.line(), None, 0)
    assert [(error.checked, error.size) for error in errors] == [(2, 2), (1, 1)]


def test_checking_is_done_in_float64():
    seen = []

    def training(n, memory, seed):
        seen.append(memory.dtype)
        return tiny.line_training(n, memory, seed)

    check_gradients(tiny.program(), replace(tiny.line(), training=training), None, 0)
    assert seen == [np.float64]


def test_each_minimize_is_checked_with_its_own_loss(tmp_path):
    text = """
data numbers {
  x = [[0.5, 1], [1, -1], [2, 0.3]]
}
model A {
  input x
  Dense(16, activation=tanh)
}
model B {
  input x
  Dropout(0.5)
  Dense(1)
}
train Both on numbers {
  epochs = 1
  y = A(x)
  minimize mse(B(y), 1) over B using SGD(learning_rate=0.5)
  minimize mse(B(y), -1) over A using SGD(learning_rate=0.5) every 2
}
"""
    path = tmp_path / "both.nn"
    path.write_text(text)
    for level in (0, 1):
        program = load(path, level=level).generated.program
        fields = {"x": np.array([[0.5, 1], [1, -1], [2, 0.3]])}
        errors = check_gradients(program, program.trains["Both"], fields, 0)
        assert all(error.agrees and error.largest > 0 for error in errors)
        wrong = replace(program.trains["Both"], losses={})
        assert not all(error.agrees for error in check_gradients(program, wrong, fields, 0))
