"""A training that leaves the finite numbers says which value did so first, in which layer, at which step."""

import pytest

import nndsl
from nndsl.diagnostics import UserError

DATA = """
data d {
  x = [[0.5, 1.0], [0.25, 2.0], [0.1, 3.0], [0.0, 0.0], [0.3, 0.5], [0.6, 0.7]]
  y = [1.0, 2.0, 3.0, 1.0, 2.0, 2.5]
  w = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
}
"""
MODEL = """
model M {
  input x
  hidden: Dense(3, use_bias=false)
  MIDDLE
  Dense(1)
}
"""
TRAIN = """
train M on d {
  epochs = 4
  batch_size = 2
  shuffle = false
  LINES
}
"""
GROW = """
layer Grow {
  input v: [d]
  scan t in zeros([3]) with h = v {
    h = h * 1e16
  }
  output last(h)
}
"""


@pytest.fixture
def said(tmp_path):
    """`said(lines, middle="", before="")`: the diagnostic of a training that does not stay finite."""

    def run(*lines, middle="", before="", level=1):
        path = tmp_path / "model.nn"
        text = before + DATA + MODEL.replace("MIDDLE", middle) + TRAIN.replace("LINES", "\n  ".join(lines))
        path.write_text(text, encoding="utf-8")
        with pytest.raises(UserError) as raised:
            nndsl.load(path, level=level).fit()
        (found,) = raised.value.diagnostics
        assert found.code == "NN617"
        return found

    return run


def primary(found):
    return found.labels[0].span.text


@pytest.mark.parametrize("level", [0, 1])
def test_a_logarithm_of_zero_is_pointed_at(said, level):
    found = said("minimize mse(M(x) + log(x[0]), y) using SGD(learning_rate=0.01)", level=level)
    assert found.message == "the loss became inf at epoch 1, step 2"
    assert primary(found) == "log(x[0])"
    assert found.notes[0] == "epoch 1, step 2: 1 of 2 numbers are not finite, first -inf in sample 2 of the batch"
    assert found.notes[1] == "computed by `log` of x from 0 to 0.1"
    assert found.help == "keep it away from 0: `log(x + 1e-7)`"


@pytest.mark.parametrize("function", ["log", "sqrt"])
def test_a_function_of_negative_numbers_gets_advice_that_helps(said, function):
    found = said(f"minimize mse(M(x) + {function}(x[0] - 1), y) using SGD(learning_rate=0.01)")
    assert primary(found) == f"{function}(x[0] - 1)"
    assert found.help is not None and f"`{function}(maximum(x, 1e-7))`" in found.help


def test_numbers_that_grew_are_traced_to_the_layer_that_overflowed(said):
    found = said("minimize mse(M(x), y) using SGD(learning_rate=1e20)")
    assert found.labels[0].span.text.startswith(("hidden: Dense", "Dense"))
    assert any("in M/" in note for note in found.notes)
    assert any("std/layers/dense.nn" in note for note in found.notes)
    assert "clip_global_norm" in found.help


def test_an_infinite_slope_is_found_in_the_step_before_the_loss_shows_it(said):
    found = said(
        "minimize mse(M(x), y) using SGD(learning_rate=0.01)", middle="h = sum(abs(hidden)) ^ 0.5\n  hidden * h -> tanh"
    )
    assert found.message == "the loss became nan at epoch 1, step 3"
    assert found.labels[0].message.endswith("in the gradient of this")
    assert primary(found) == "sum(abs(hidden)) ^ 0.5"
    assert found.notes[0].startswith("epoch 1, step 2, 1 step before: ")


def test_an_infinity_that_the_program_writes_is_not_blamed(said):
    middle = "chosen: softmax(where(x[0] > 0, hidden, full([3], -1e39)))"
    found = said("minimize mse(M(x), y) using SGD(learning_rate=0.01)", middle=middle)
    assert f"chosen: {primary(found)}" == middle
    assert "first nan" in found.notes[0]


def test_a_loop_that_overflows_is_named(said):
    found = said("minimize mse(M(x), y) using SGD(learning_rate=0.01)", middle="Grow", before=GROW)
    assert "in M/grow" in found.notes[0]
    assert "`scan`" in found.notes[1]


def test_a_loss_of_samples_that_weigh_nothing_ends_training(said):
    found = said("minimize mse(M(x), y) weighted by w using SGD(learning_rate=0.01)")
    assert found.message == "the loss became nan at epoch 1, step 3"
    assert found.labels[0].message == "its samples weigh nothing"


def test_an_update_that_is_too_large_is_named(said):
    before = "optimizer Wild(learning_rate = 1) {\n  weight = weight - learning_rate * 1e30 * (1e30 * gradient)\n}\n"
    found = said("minimize mse(M(x), y) using Wild", before=before)
    assert "the update made weights that are not finite" in found.notes[0]
    assert primary(found) == "Wild"


def test_the_first_bad_batch_of_an_accumulated_step_is_looked_into(said):
    found = said("gradient_accumulation_steps = 3", "minimize mse(M(x) + log(x[0]), y) using SGD(learning_rate=0.01)")
    assert found.notes[0] == "epoch 1, step 1: 1 of 2 numbers are not finite, first -inf in sample 2 of the batch"


def test_a_training_without_data_is_looked_into(tmp_path):
    path = tmp_path / "draws.nn"
    path.write_text(
        "model M {\n  input x: [2]\n  Dense(1)\n}\n"
        "train M {\n  steps = 9\n  x = normal([2])\n"
        "  minimize mse(M(x), 0) + log(step - 3) using SGD(learning_rate=0.01)\n}\n",
        encoding="utf-8",
    )
    with pytest.raises(UserError) as raised:
        nndsl.load(path).fit()
    assert raised.value.diagnostics[0].code == "NN617"


def test_training_that_went_on_from_other_weights_is_run_again_from_those(tmp_path):
    text = DATA + MODEL.replace("MIDDLE", "") + TRAIN.replace("LINES", "minimize mse(M(x) + log(x[0]), y) using SGD")
    path = tmp_path / "model.nn"
    path.write_text(text, encoding="utf-8")
    model = nndsl.load(path)
    model.set_weights({name: values + 1 for name, values in model.weights.items()})
    with pytest.raises(UserError) as raised:
        model.fit()
    assert raised.value.diagnostics[0].notes[1] == "computed by `log` of x from 0 to 0.1"


def test_the_second_loss_of_a_block_is_watched_too(said):
    other = "model Other {\n  input x\n  Dense(1)\n}\n"
    found = said(
        "minimize mse(M(x), y) over M using SGD(learning_rate=0.01)",
        "minimize mse(Other(x) + log(x[0]), y) over Other using SGD(learning_rate=0.01)",
        before=other,
    )
    assert found.message == "loss_2 became inf at epoch 1, step 2"
    assert primary(found) == "log(x[0])"


def test_a_training_that_reads_files_as_it_goes_is_looked_into(tmp_path):
    rows = "".join(f"{number / 10},{number}\n" for number in (5, 3, 2, 0, 4, 1))
    (tmp_path / "rows.csv").write_text("a,y\n" + rows, encoding="utf-8")
    path = tmp_path / "model.nn"
    path.write_text(
        'data d from csv("rows.csv") {\n  x = columns("a")\n  y = column("y")\n}\n'
        + MODEL.replace("MIDDLE", "")
        + TRAIN.replace("LINES", "stream = true\n  minimize mse(M(x) + log(x[0]), y) using SGD(learning_rate=0.01)"),
        encoding="utf-8",
    )
    with pytest.raises(UserError) as raised:
        nndsl.load(path).fit()
    (found,) = raised.value.diagnostics
    assert found.notes[0] == "epoch 1, step 2: 1 of 2 numbers are not finite, first -inf in sample 2 of the batch"
