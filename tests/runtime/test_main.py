"""The command line of a standalone file."""

import signal
from dataclasses import replace

import numpy as np
import pytest
import tiny

from nndsl.runtime.standalone import main as command_line
from nndsl.runtime.standalone.files import read_arrays, write_columns
from nndsl.runtime.standalone.main import Interruption, run_command


@pytest.fixture
def data(tmp_path):
    write_columns(tmp_path / "data.npz", {"all": tiny.rows(100)})
    return str(tmp_path / "data.npz")


def run(*arguments, **changes):
    return run_command(tiny.program(**changes), [str(argument) for argument in arguments])


def test_train_evaluate_and_predict_follow_one_another(tmp_path, data, capsys):
    weights, history, out = tmp_path / "w.npz", tmp_path / "h.csv", tmp_path / "p.csv"
    assert run("train", data, "--epochs", 30, "--seed", 5, "--weights", weights, "--history", history) == 0
    said = capsys.readouterr().out.splitlines()
    assert len([line for line in said if line.startswith("epoch ")]) == 30
    assert said[0].startswith("epoch  1/30  loss ")
    assert "validation: loss" in said[0]
    assert said[-1] == f"weights written to {weights}"
    lines = history.read_text().splitlines()
    assert lines[0] == "epoch,train.loss,train.mae,validation.loss,validation.mae"
    assert len(lines) == 31

    assert run("evaluate", data, "--weights", weights) == 0
    assert capsys.readouterr().out.strip() == next(line for line in said if line.startswith("test "))
    assert run("evaluate", data, "--weights", weights, "--part", "validation") == 0
    assert capsys.readouterr().out.startswith("validation  loss")

    write_columns(tmp_path / "new.npz", {"all": {"x": tiny.rows(7, 3)["x"]}})
    assert run("predict", tmp_path / "new.npz", "--weights", weights, "-o", out) == 0
    table = [line.split(",") for line in out.read_text().splitlines()]
    assert table[0] == ["value", "side"]
    expected = tiny.rows(7, 3)["y"]
    assert [float(row[0]) for row in table[1:]] == pytest.approx(expected, abs=0.3)
    assert [row[1] for row in table[1:]] == ["above" if float(row[0]) > 0 else "below" for row in table[1:]]


def test_training_can_go_on_from_weights(tmp_path, data):
    run("train", data, "--epochs", 3, "--weights", tmp_path / "a.npz")
    run("train", data, "--epochs", 1, "--start", tmp_path / "a.npz", "--weights", tmp_path / "b.npz")
    run("train", data, "--epochs", 1, "--weights", tmp_path / "c.npz")
    started, fresh = (read_arrays(tmp_path / name)["Line/kernel"] for name in ("b.npz", "c.npz"))
    assert np.abs(started - [2, -3]).max() < np.abs(fresh - [2, -3]).max()


def test_stopping_early_is_said(data, capsys):
    stopping = (("EarlyStopping", {"patience": 1, "min_delta": 100.0}),)
    assert run("train", data, callbacks=stopping) == 0
    said = capsys.readouterr().out
    assert "stopped after epoch 2: loss did not improve for 1 epoch" in said
    assert "the weights are those of epoch 1" in said


@pytest.mark.parametrize(("bound", "code"), [(1e-9, 1), (1e9, 0)])
def test_an_expectation_that_fails_ends_with_1(data, capsys, bound, code):
    assert run("train", data, expectations=(("test", "loss", "<", bound),)) == code
    assert ("expected < 1e-09" in capsys.readouterr().err) == (code == 1)


def test_check_gradients_with_and_without_data(data, capsys):
    assert run("check-gradients", data) == 0
    assert run("check-gradients") == 0
    said = capsys.readouterr().out
    assert said.count("Line/kernel") == 2
    assert "WRONG" not in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train"], "say which .npz file"),
        (["train", "nowhere.npz"], "can't read nowhere.npz"),
        (["train", "DATA", "--weights", "nowhere/w.npz", "--epochs", "1"], "can't write nowhere/w.npz"),
        (["evaluate", "DATA", "--weights", "DATA"], "these weights don't fit the network"),
        (["evaluate", "DATA", "--weights", "W", "--part", "exam"], "no part exam"),
        (["predict", "DATA", "--weights", "W", "-o", "p.xlsx"], "not as .xlsx"),
        (["predict", "W", "--weights", "W", "-o", "p.csv"], "no column 'x'"),
    ],
)
def test_a_users_mistake_is_one_line_and_1(tmp_path, data, capsys, arguments, message):
    weights = str(tmp_path / "w.npz")
    run("train", data, "--epochs", 1, "--weights", weights)
    capsys.readouterr()
    assert run(*({"DATA": data, "W": weights}.get(argument, argument) for argument in arguments)) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["dance"],
        ["train", "d.npz", "--epochs", "0"],
        ["train", "d.npz", "--batch-size", "x"],
        ["train", "--seed", "-1"],
        ["evaluate", "d.npz"],
        ["train", "--train", "circle"],
    ],
)
def test_a_wrong_command_line_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_ctrl_c_finishes_the_step_writes_the_weights_and_ends_with_130(tmp_path, data, capsys):
    pressed = []

    def pressing(n, memory, seed):
        workspace = tiny.line_training(n, memory, seed)

        def run_step(step, epoch, first):
            if step == 12 and not pressed:
                pressed.append(step)
                signal.raise_signal(signal.SIGINT)
            workspace.run(step, epoch, first)

        return replace(workspace, run=run_step)

    program = tiny.program()
    program = replace(program, trains={"line": replace(program.trains["line"], training=pressing)})
    weights, history = tmp_path / "w.npz", tmp_path / "h.csv"
    assert run_command(program, ["train", data, "--weights", str(weights), "--history", str(history)]) == 130
    assert pressed
    assert "interrupted" in capsys.readouterr().err
    assert len(history.read_text().splitlines()) == 2
    assert run("evaluate", data, "--weights", weights) == 0


def test_a_second_ctrl_c_interrupts_at_once():
    with pytest.raises(KeyboardInterrupt), Interruption() as interruption:
        signal.raise_signal(signal.SIGINT)
        assert interruption.asked
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_main_ends_the_process_with_the_exit_code(monkeypatch, data):
    monkeypatch.setattr("sys.argv", ["line.py", "train", data, "--epochs", "1"])
    with pytest.raises(SystemExit) as ended:
        command_line.main(tiny.program())
    assert ended.value.code == 0
